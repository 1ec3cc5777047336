package summary

import (
	"math"
	"testing"

	"cfubench/attribution/lca"
)

// What a request takes of electricity follows the stated energy, what it takes of
// hardware the device time; what comes to each request whatever happens stays.
func TestFootprintOfTheStatedWindow(t *testing.T) {
	measures := func(seconds, joules float64, completed int, tokens float64) Measures {
		m := Measures{Seconds: seconds, Completed: completed, OutputTokens: tokens}
		m.Energy = energyMeasures("counter", m, estimate{Figure(joules), Unknown(), Unknown()}, idleWatts{Unknown(), Unknown()})
		return m
	}
	whole := measures(100, 1000, 50, 500)     // 20 J and 2 s a request, 2 J and 0.2 s a token
	steady := measures(60, 600, 40, 300)      // 15 J and 1.5 s a request, 2 J and 0.2 s a token
	dark := measures(60, math.NaN(), 40, 300) // no energy
	table := func() *footprint {
		stages := map[string]float64{"inference": 4, "idle": 8, "embodied": 16, "service": 32, "training": 64, "experimentation": 128, "total": 252}
		f := &footprint{money: noCost(), tokens: true}
		f.categories = []CategoryFootprint{{Category: string(lca.GWP), Stages: stages, Lo: 126, Hi: 504}}
		f.money.Power, f.money.Hardware = 3, 5
		return f
	}
	for _, tt := range []struct {
		name                   string
		steady                 *Measures
		inference, idle, total float64
		hi, power, hardware    float64
	}{
		{"without a steady window all of the cell", nil, 4, 8, 252, 504, 3, 5},
		{"three quarters of the energy and the time of a request", &steady, 3, 6, 245, 490, 3, 5},
		{"a window without energy has none to state", &dark, math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN(), 5},
	} {
		c := CellSummary{Whole: whole, Steady: tt.steady}
		c.amortized(table())
		got := []float64{float64(c.Carbon("inference")) / 1000, float64(c.Carbon("idle")) / 1000, float64(c.Carbon("total")) / 1000, math.NaN(), float64(c.Cost.Power), float64(c.Cost.Hardware)}
		if len(c.Footprint) > 0 {
			got[3] = float64(c.Footprint[0].Hi)
			if f := c.Footprint[0]; f.Stages["service"] != 32 || f.Stages["training"] != 64 || f.Stages["experimentation"] != 128 {
				t.Errorf("%s: got %v, want the stages that are per request as they were", tt.name, f.Stages)
			}
		}
		for i, want := range []float64{tt.inference, tt.idle, tt.total, tt.hi, tt.power, tt.hardware} {
			if !(math.Abs(got[i]-want) < 1e-9 || math.IsNaN(got[i]) && math.IsNaN(want)) {
				t.Errorf("%s: figure %d is %v, want %v", tt.name, i, got[i], want)
			}
		}
		if missing := len(c.Cost.Missing) > 0; missing != math.IsNaN(tt.power) {
			t.Errorf("%s: got the reasons %q", tt.name, c.Cost.Missing)
		}
		if v := c.wholeFootprint[0].Stages["inference"]; v != 4 {
			t.Errorf("%s: the whole cell's inference is %v, want 4 as it was", tt.name, v)
		}
	}
}
