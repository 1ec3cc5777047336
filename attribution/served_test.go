package attribution_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
)

// production is a server's hour in intervals of 10 s: 90 W, 0.02 J a computed prompt
// token, 0.05 J an output token and 0.4 J a step, and what the meters are off by.
func production(seed uint64, steps bool, noise float64) []attribution.Served {
	random := rand.New(rand.NewPCG(seed, 1))
	var all []attribution.Served
	for range 360 {
		x := attribution.Served{Length: 10 * time.Second, Steps: math.NaN()}
		busy := float64(random.IntN(4))
		x.Computed, x.Output = float64(random.IntN(4000))*busy, float64(random.IntN(2000))*busy
		e := 900 + 0.02*x.Computed + 0.05*x.Output
		if steps {
			x.Steps = float64(random.IntN(400)) * min(busy, 1)
			e += 0.4 * x.Steps
		}
		x.Energy = meter.Energy((e + noise*random.NormFloat64()) * 1e6)
		all = append(all, x)
	}
	return all
}

// TestFitServedHoldsTheTruth fits hours of a known server: each cost lies in its 95 %
// interval about as often as that says.
func TestFitServedHoldsTheTruth(t *testing.T) {
	const hours = 400
	for _, steps := range []bool{false, true} {
		held := [4]int{}
		for seed := range uint64(hours) {
			intervals := production(seed, steps, 20)
			costs, reason := attribution.FitServed(intervals)
			if reason != "" {
				t.Fatalf("seed %d: %s", seed, reason)
			}
			var prompt, output, passes float64
			for _, x := range intervals {
				prompt, output = prompt+x.Computed, output+x.Output
				if steps {
					passes += x.Steps
				}
			}
			decode := (0.05*output + 0.4*passes) / output
			prefill := 0.02 * prompt
			for i, f := range []struct {
				of    attribution.Fitted
				truth float64
			}{{costs.Prefill, 0.02}, {costs.Decode, decode}, {costs.Base, 90}, {costs.Share, prefill / (prefill + decode*output)}} {
				if f.of.Lo <= f.truth && f.truth <= f.of.Hi {
					held[i]++
				}
			}
		}
		for i, n := range held {
			if n < hours*92/100 || n > hours*98/100 {
				t.Errorf("steps %v, figure %d: %d of %d intervals hold the truth, want about 95 %%", steps, i, n, hours)
			}
		}
	}
}

// TestFitServedRefuses: what the totals cannot tell has a reason and not a figure.
func TestFitServedRefuses(t *testing.T) {
	each := func(change func(i int, x *attribution.Served)) []attribution.Served {
		all := production(1, false, 20)
		for i := range all {
			change(i, &all[i])
		}
		return all
	}
	for _, tt := range []struct {
		name      string
		intervals []attribution.Served
		want      string
	}{
		{"a few minutes", production(1, false, 20)[:20], "too few"},
		{"an embedding server", each(func(_ int, x *attribution.Served) { x.Output = 0 }), "no output token"},
		{"every prompt from the cache", each(func(_ int, x *attribution.Served) { x.Computed = 0 }), "no prompt token"},
		{"requests of one shape under a steady load", each(func(_ int, x *attribution.Served) { x.Output = x.Computed / 2 }), "together"},
		{"meters that see something else", each(func(i int, x *attribution.Served) { x.Energy = meter.Energy(1+i%2) * 900 * meter.Joule }), "energy"},
		{"meters so noisy that the share is anything", production(2, false, 1500), "%"},
		{"an idle hour", each(func(_ int, x *attribution.Served) { x.Computed, x.Output = 0, 0 }), "too few"},
		{"nothing at all", nil, "too few"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if costs, reason := attribution.FitServed(tt.intervals); !strings.Contains(reason, tt.want) {
				t.Errorf("got %+v, reason %q, want %q", costs, reason, tt.want)
			}
		})
	}
}
