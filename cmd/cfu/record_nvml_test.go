//go:build linux && cgo && (amd64 || arm64)

package main

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"cfubench/attribution/lca"
	"cfubench/meter"
	"cfubench/meter/nvml/fakenvml"
)

// TestRecordNVML meters a command on two GPUs of a stand-in library: their energies
// and their times add.
func TestRecordNVML(t *testing.T) {
	t.Parallel()
	library := fakenvml.Build(t, "GPUS=2", "POWER_MW=300000", "PERIOD_MS=20")
	out := filepath.Join(t.TempDir(), "rec")
	text, err := exec.Command("cfu", "record", "--out", out, "--meter", "nvml", "--nvml-library", library, "--idle", "200ms",
		"--gpus", "all", "--expect-devices", "2", "--", "sleep", "1").CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	r := recorded(t, out)
	if r.DeviceTime < 2*time.Second || r.DeviceTime > 10*time.Second || r.Metered != lca.Device || r.Kind != meter.KindCounter || len(r.Products) != 1 {
		t.Errorf("got %+v, want two devices of one product for a second and a little", r)
	}
	if truth := meter.EnergyOf(300*meter.Watt, r.DeviceTime); truth < r.EnergyLo || r.EnergyHi > 0 && truth > r.EnergyHi {
		t.Errorf("the true %v are outside [%v, %v]", truth, r.EnergyLo, r.EnergyHi)
	}
}
