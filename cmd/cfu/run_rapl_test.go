package main

import (
	"path/filepath"
	"strings"
	"testing"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/meter/rapl/powercaptest"
	"cfubench/results/runfolder"
)

// TestRunWithRAPL meters a powercap tree whose registers count a known power:
// the energy of the window must lie in the bracket, wherever its ends fall
// between two updates, and also when a register wraps meanwhile.
func TestRunWithRAPL(t *testing.T) {
	t.Parallel()
	zones := []powercaptest.Zone{
		{Dir: "intel-rapl:0", Name: "package-0", Power: 80 * meter.Watt, Range: 262_143_328_850 * meter.Microjoule, Limit: 250 * meter.Watt},
		{Dir: "intel-rapl:0:0", Name: "dram", Power: 12 * meter.Watt, Range: 65_712_999_613 * meter.Microjoule},
		// Wraps every second: within the window.
		{Dir: "intel-rapl:1", Name: "package-1", Power: 60 * meter.Watt, Range: 60 * meter.Joule, Start: 50 * meter.Joule, Limit: 250 * meter.Watt},
	}
	powers := map[string]meter.Power{}
	for _, z := range zones {
		powers[z.Dir] = z.Power
	}
	tree := powercaptest.New(t, zones...)
	e := newEndpoint(t, slow)
	out := filepath.Join(t.TempDir(), "out")
	code, stdout, stderr := cfu(t, t.Context(), nil, quick(e, out, "--meter", "rapl", "--sysfs", tree.Root, "--convention", "equal,token,residency")...)
	mustFinish(t, code, stderr)
	run := closed(t, out)
	if len(run.Domains) != len(zones) {
		t.Fatalf("got domains %+v, want one for each of the %d zones", run.Domains, len(zones))
	}
	if !strings.Contains(stdout, "counter (measured)") || strings.Contains(stdout, "model)") {
		t.Errorf("the summary does not call counted joules measured:\n%s", stdout)
	}
	for _, c := range run.Cells {
		readings, err := runfolder.ReadReadings(filepath.Join(runfolder.CellDir(out, c.ID), runfolder.ReadingsFile))
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range readings.Domains {
			if d.Kind != meter.KindCounter {
				t.Errorf("%s: got kind %s, want a counter", d.Name, d.Kind)
			}
			curve, _ := attribution.NewCurve(d.Domain, readings.ByDomain[i])
			got := curve.Energy(c.Window)
			// The tree's own writer comes late now and then.
			late := tree.Late()
			power, ok := powers[filepath.Base(filepath.Dir(d.Device))]
			if !ok {
				t.Fatalf("%s: got device %s, want one of the tree's zones", d.Name, d.Device)
			}
			truth, slack := meter.EnergyOf(power, c.Window.Length()), meter.EnergyOf(power, late)
			if truth < got.Lo-slack || truth > got.Hi+slack {
				t.Errorf("%s: the true %d µJ are outside the bracket [%d, %d] and the %d µJ that the tree may be late",
					d.Name, truth, got.Lo, got.Hi, slack)
			}
			wraps := 0
			for _, r := range readings.ByDomain[i] {
				if r.Status == meter.StatusWrap {
					wraps++
				}
			}
			if d.Range < 100*meter.Joule && wraps == 0 {
				t.Errorf("%s: got no reading that says it wrapped, want one a second", d.Name)
			}
			if width := got.Hi - got.Lo; width > truth/2 {
				t.Logf("%s: a busy machine: the bracket is %d µJ wide for %d µJ", d.Name, width, truth)
			}
		}
	}
}
