package lca

import (
	"math"
	"runtime"
	"slices"
	"testing"
)

// A pedigree is the spread of a figure without one, by ecoinvent's factors: the
// square of its GSD is the factor of the 95 % interval.
func TestPedigreeGivesTheSpread(t *testing.T) {
	tests := []struct {
		what   string
		scores Pedigree
		square float64
	}{
		{"the best figure has the basic uncertainty", Pedigree{1, 1, 1, 1, 1}, 1.05},
		{"a poor one: exp of the root of the sum of squared logarithms", Pedigree{4, 5, 5, 5, 4}, 1.892},
		{"old data alone", Pedigree{1, 1, 5, 1, 1}, math.Exp(math.Hypot(math.Log(1.05), math.Log(1.5)))},
	}
	for _, test := range tests {
		if got := math.Pow(test.scores.GSD(), 2); math.Abs(got/test.square-1) > 5e-4 {
			t.Errorf("%s: GSD² is %.4f, want %.4f", test.what, got, test.square)
		}
	}
	d := Datum{Value: 2, Unit: "1", Quality: Measured, Pedigree: &Pedigree{4, 5, 5, 5, 4}, canonical: 2, dimension: "ratio", limits: notNegative}
	if spread := distributionOf(&d); math.Abs(spread.at(1.96)/2/math.Pow(1.892, 0.98)-1) > 1e-3 {
		t.Errorf("at 1.96 standard deviations the figure is %g of its median, want its pedigree's %g", spread.at(1.96)/2, math.Pow(1.892, 0.98))
	}
}

// The parts of the variance are ranked, and of a sum of independent inputs they
// are the shares of the inputs' variances.
func TestVarianceIsRanked(t *testing.T) {
	inv, err := Load("olmo2-7b", nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Assess(inv, served(), Options{Draws: 20000, Seed: 3, Categories: []Category{GWP}, MixBoundaries: true})
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, v := range a.Variance {
		sum += v.Share
	}
	if !slices.IsSortedFunc(a.Variance, func(x, y Variance) int { return int(math.Copysign(1, y.Share-x.Share)) }) || len(a.Variance) < 3 || sum > 1.05 || sum < 0.5 {
		t.Errorf("parts of the variance sum to %g: %+v", sum, a.Variance)
	}
}

// A scenario is the assessment under one other choice.
func TestScenarios(t *testing.T) {
	inv, err := Load("olmo2-7b", nil)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Categories: []Category{GWP}, MixBoundaries: true}
	a, err := Assess(inv, served(), o)
	if err != nil {
		t.Fatal(err)
	}
	total, _ := a.Outcome(GWP, Total)
	upfront := 0.0
	for _, kind := range UpfrontKinds() {
		k, _ := a.Outcome(GWP, kind)
		upfront += k.Value
	}
	want := map[string]float64{"lifetime × 3": total.Value - upfront*2/3, "lifetime × 0.33": total.Value + upfront*2}
	for _, s := range a.Scenarios() {
		if v, ok := want[s.Choice]; ok {
			delete(want, s.Choice)
			if s.Base != total.Value || math.Abs(s.Value/v-1) > 1e-9 {
				t.Errorf("%s: %g of %g, want %g", s.Choice, s.Value, s.Base, v)
			}
		}
	}
	for choice := range want {
		t.Errorf("no scenario %q", choice)
	}
}

// Memory does not grow with the draws.
func TestDrawsNeedNoMemory(t *testing.T) {
	inv, err := Load("olmo2-7b", nil)
	if err != nil {
		t.Fatal(err)
	}
	allocated := func(draws int) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := Assess(inv, served(), Options{Draws: draws, Categories: []Category{GWP}, MixBoundaries: true}); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	few := allocated(1000)
	if many := allocated(50000); many > few+4<<20 {
		t.Errorf("50,000 draws allocated %d bytes, 1,000 draws %d: want no more", many, few)
	}
}
