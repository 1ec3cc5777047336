package derivation

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

func TestCrossChecks(t *testing.T) {
	type register struct {
		name   string
		scope  meter.Scope
		joules meter.Energy // −1 for none over the window
		summed bool
	}
	for _, row := range []struct {
		why       string
		registers []register
		want      []string
		doubts    int
	}{
		{"a chassis meter holds all that is read within it", []register{{"node0", meter.ScopeNode, 1000, false}, {"gpu0", meter.ScopeGPU, 500, true}, {"package-0", meter.ScopePackage, 200, true}},
			[]string{"node0: 1.00 kJ, of which gpu0 + package-0 0.700 kJ (70 %)"}, 0},
		{"parts that use more than their whole are a doubt", []register{{"node0", meter.ScopeNode, 1000, false}, {"gpu0", meter.ScopeGPU, 1200, true}},
			[]string{"node0: 1.00 kJ, of which gpu0 1.20 kJ (120 %)"}, 1},
		{"but for the sensors' gain", []register{{"node0", meter.ScopeNode, 1000, false}, {"gpu0", meter.ScopeGPU, 1090, true}},
			[]string{"node0: 1.00 kJ, of which gpu0 1.09 kJ (109 %)"}, 0},
		{"the platform register covers processors; of GPUs that is not known", []register{{"psys", meter.ScopePsys, 300, false}, {"package-0", meter.ScopePackage, 200, true}, {"gpu0", meter.ScopeGPU, 500, true}},
			[]string{"psys: 300 J, of which package-0 200 J (67 %)"}, 0},
		{"a part without energy leaves nothing to hold", []register{{"node0", meter.ScopeNode, 1000, false}, {"gpu0", meter.ScopeGPU, -1, true}}, nil, 0},
		{"a whole without energy does too", []register{{"node0", meter.ScopeNode, -1, false}, {"gpu0", meter.ScopeGPU, 500, true}}, nil, 0},
		{"what is summed is no check", []register{{"node0", meter.ScopeNode, 1000, true}}, nil, 0},
		{"what is within a part is none either", []register{{"gpu0", meter.ScopeGPU, 500, true}, {"gpu0-hbm", meter.ScopeHBM, 90, false}}, nil, 0},
	} {
		var domains []runfolder.DomainInfo
		var windows []DomainWindow
		for _, r := range row.registers {
			d := runfolder.DomainInfo{Domain: meter.Domain{Name: r.name, Scope: r.scope, Kind: meter.KindCounter}}
			if !r.summed {
				d.NotSummed = "others are"
			}
			domains = append(domains, d)
			windows = append(windows, DomainWindow{Domain: r.name, Energy: attribution.Interval{Energy: r.joules * meter.Joule, HasEnergy: r.joules >= 0}})
		}
		var got []string
		doubts := 0
		for _, c := range crossChecks(domains, windows) {
			got = append(got, c.String())
			if c.Doubt() != "" {
				doubts++
			}
		}
		if diff := cmp.Diff(row.want, got); diff != "" || doubts != row.doubts {
			t.Errorf("%s: got %d doubts, want %d; checks (-want +got):\n%s", row.why, doubts, row.doubts, diff)
		}
	}
}
