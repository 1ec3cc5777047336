//go:build linux && cgo && (amd64 || arm64)

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"cfubench/meter/nvml/fakenvml"
	"cfubench/results/runfolder"
)

// What held a GPU back during a cell is a warning in run.json.
func TestRunSaysThatAGPUWasThrottled(t *testing.T) {
	t.Parallel()
	library := fakenvml.Build(t, "PERIOD_MS=20", "THROTTLED=0x40")
	out := filepath.Join(t.TempDir(), "out")
	p := start(t, nil, quick(newEndpoint(t, healthy), out, "--meter", "nvml", "--nvml-library", library)...)
	if code := p.wait(t); code != 0 && code != 1 {
		t.Fatalf("exit %d:\n%s", code, &p.stderr)
	}
	run, err := runfolder.ReadRun(out)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(run.Cells[0].Devices); !strings.Contains(got, `"sm_clock_max_mhz": 1980`) && !strings.Contains(got, `"sm_clock_max_mhz":1980`) {
		t.Errorf("the cell does not tell the GPU's clock: %s", got)
	}
	if all := strings.Join(run.Warnings, "\n"); !strings.Contains(all, "clocks were held back (hw_thermal_slowdown)") {
		t.Errorf("warnings do not name the throttling:\n%s", all)
	}
}
