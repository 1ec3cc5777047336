//go:build linux && cgo && (amd64 || arm64)

package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cfubench/attribution/lca"
	"cfubench/meter"
	"cfubench/meter/nvml/fakenvml"
	"cfubench/results/runfolder"
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
	// What explains the figures stands beside them, as of a run.
	rows, _, err := runfolder.DeviceStates().Read(runfolder.CellFile(out, runfolder.RecordCell, runfolder.DevicesFile))
	looks, samples := map[string]int{}, 0
	for _, row := range rows {
		looks[row.Domain]++
		samples += len(row.SampleAt)
	}
	if err != nil || looks["gpu0"] < 2 || looks["gpu1"] < 2 || samples == 0 || rows[0].Cell != runfolder.RecordCell {
		t.Errorf("%s: looks %v at the GPUs, %d of the driver's own samples, error %v; want some of both", runfolder.DevicesFile, looks, samples, err)
	}
	if text, err := exec.Command("cfu", "check", out).CombinedOutput(); err != nil {
		t.Errorf("check: %v:\n%s", err, text)
	}
	if text, err := exec.Command("cfu", "export", out, "--table", "devices").CombinedOutput(); err != nil || strings.Count(string(text), "\n") != len(rows)+1 {
		t.Errorf("export: %v, want a line of each of %d looks:\n%s", err, len(rows), text)
	}
}
