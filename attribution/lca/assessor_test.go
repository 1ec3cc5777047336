package lca

import (
	"reflect"
	"sync"
	"testing"

	"cfubench/meter"
)

// What cells are drawn together, side by side, or each for itself, makes no
// difference to a bit; neither does it whether the draws are kept.
func TestAssessorDrawsAsOneAlone(t *testing.T) {
	inv, err := Load("olmo2-7b", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		does  string
		draws int
	}{
		{"draws that are kept", 2500},
		{"too many to be kept", 60_000},
	} {
		o := Options{Draws: tt.draws, Seed: 3, MixBoundaries: true, Categories: []Category{GWP}}
		s, err := NewAssessor(inv, o)
		if err != nil {
			t.Fatal(err)
		}
		var usages []Usage
		for i := range 4 {
			u := served()
			u.Energy += meter.Energy(i) * meter.Joule
			u.EnergyLo, u.EnergyHi = u.Energy-10*meter.Joule, u.Energy+50*meter.Joule
			if i == 3 {
				u.Counts, u.Cores = Hosts, 8 // another system than the others'
			}
			usages = append(usages, u)
		}
		together := make([]Assessment, len(usages))
		var group sync.WaitGroup
		for i, u := range usages {
			group.Go(func() {
				var err error
				if together[i], err = s.Assess(t.Context(), u); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		for i, u := range usages {
			alone, err := Assess(inv, u, o)
			if err != nil {
				t.Fatal(err)
			}
			got := together[i]
			if !reflect.DeepEqual(got.Rows, alone.Rows) || !reflect.DeepEqual(got.Kinds, alone.Kinds) || !reflect.DeepEqual(got.Variance, alone.Variance) {
				t.Errorf("%s, cell %d: assessed with the others it differs from itself alone", tt.does, i)
			}
			for k, b := range alone.BreakEven {
				if got.BreakEven[k].Lo != b.Lo || got.BreakEven[k].Hi != b.Hi {
					t.Errorf("%s, cell %d: break-even %g to %g, alone %g to %g", tt.does, i, got.BreakEven[k].Lo, got.BreakEven[k].Hi, b.Lo, b.Hi)
				}
			}
			if row := alone.Rows[0]; row.Lo >= row.Hi {
				t.Errorf("%s, cell %d: no interval to compare: %g to %g", tt.does, i, row.Lo, row.Hi)
			}
		}
	}
}
