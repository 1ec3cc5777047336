package decision

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestDecide(t *testing.T) {
	for _, row := range []struct {
		why        string
		candidates []Candidate
		o          Options
		first      string
		sure       bool
		warning    string
	}{
		{"a clear difference is sure", []Candidate{{Name: "a", Values: []float64{10, 10.1, 9.9}}, {Name: "b", Values: []float64{8, 8.1, 7.9}}}, Options{}, "b", true, ""},
		{"one within the noise is not", []Candidate{{Name: "a", Values: []float64{10, 12, 8}}, {Name: "b", Values: []float64{9.5, 11, 8.5}}}, Options{}, "b", false, ""},
		{"one value each says nothing of sureness", []Candidate{{Name: "a", Values: []float64{10}}, {Name: "b", Values: []float64{9}}}, Options{}, "b", false, "each candidate has one value"},
		{"the cheapest of those that keep the objective is chosen", []Candidate{{Name: "a", Values: []float64{10, 10.1}}, {Name: "b", Values: []float64{5, 5.1}, Rejected: "misses ttft=1s"}}, Options{}, "a", true, ""},
		{"nothing may be chosen", []Candidate{{Name: "a", Values: []float64{10, 10.1}, Rejected: "misses ttft=1s"}}, Options{}, "a", false, "no candidate may be chosen"},
		{"what rounds have in common cancels where values are paired", []Candidate{{Name: "a", Values: []float64{10, 20, 40}}, {Name: "b", Values: []float64{9.0, 18.1, 35.8}}}, Options{Paired: true}, "b", true, ""},
		{"who is said to cost less is before who only has the lesser geometric mean", []Candidate{{Name: "a", Values: []float64{9, 9, 12.5}, Figure: 10.17}, {Name: "b", Values: []float64{10, 10, 10.1}, Figure: 10.03}}, Options{}, "b", false, ""},
		{"and hides the difference where they are not", []Candidate{{Name: "a", Values: []float64{10, 20, 40}}, {Name: "b", Values: []float64{9.0, 18.1, 35.8}}}, Options{}, "b", false, ""},
	} {
		d, err := Decide(row.candidates, row.o)
		if err != nil {
			t.Errorf("%s: %v", row.why, err)
			continue
		}
		if d.Rows[0].Name != row.first || d.Sure != row.sure {
			t.Errorf("%s: got %s, sure %t (P = %.3f), want %s, sure %t", row.why, d.Rows[0].Name, d.Sure, d.Rows[0].Best, row.first, row.sure)
		}
		if got := strings.Join(d.Warnings, "; "); !strings.HasPrefix(got, row.warning) || (row.warning == "") != (got == "") {
			t.Errorf("%s: warnings %q, want %q", row.why, got, row.warning)
		}
	}
}

// A row's figure is the one that was given, to the last bit, its ratio is that of
// the figures, and rows stand in the order of what they say.
func TestRowsSayTheGivenFigures(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(1, 2), 3, 3)
		var candidates []Candidate
		figures := map[string]float64{}
		for i := range rapid.IntRange(2, 6).Draw(t, "candidates") {
			c := Candidate{Name: string(rune('a' + i)), Values: values.Draw(t, "values")}
			for _, v := range c.Values {
				c.Figure += v / 3
			}
			figures[c.Name] = c.Figure
			candidates = append(candidates, c)
		}
		d, err := Decide(candidates, Options{Draws: 200})
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range d.Rows {
			if r.Estimate != figures[r.Name] || math.Abs(r.Ratio-r.Estimate/figures["a"]) > 1e-12 {
				t.Errorf("%s: %v, a ratio of %v; want %v over %v", r.Name, r.Estimate, r.Ratio, figures[r.Name], figures["a"])
			}
			if i > 0 && d.Rows[i-1].Estimate > r.Estimate {
				t.Errorf("%s at %v stands after %v", r.Name, r.Estimate, d.Rows[i-1].Estimate)
			}
			if !(r.Lo <= r.Estimate && r.Estimate <= r.Hi) {
				t.Errorf("%s: %v is outside [%v, %v]", r.Name, r.Estimate, r.Lo, r.Hi)
			}
		}
	})
}

func TestWrongCandidates(t *testing.T) {
	for _, row := range []struct {
		why        string
		candidates []Candidate
		o          Options
		want       string
	}{
		{"none", nil, Options{}, "there is nothing to choose from"},
		{"without values", []Candidate{{Name: "a"}}, Options{}, "a has no value"},
		{"a negative one", []Candidate{{Name: "a", Values: []float64{-1}}}, Options{}, "a: value -1: want a number above zero"},
		{"a figure that is none", []Candidate{{Name: "a", Values: []float64{1}, Figure: -3}}, Options{}, "a: figure -3: want a number above zero"},
		{"uneven pairs", []Candidate{{Name: "a", Values: []float64{1, 2}}, {Name: "b", Values: []float64{1}}}, Options{Paired: true}, "paired values: b has 1, a has 2"},
	} {
		if _, err := Decide(row.candidates, row.o); err == nil || err.Error() != "decide: "+row.want {
			t.Errorf("%s: error %v, want %q", row.why, err, row.want)
		}
	}
}

// The stated probability of being best is right as often as it says: over many
// sweeps, whose differences and noise are drawn anew, the choice made with a
// probability in a bin is truly the best in that share of them.
func TestProbabilityIsCalibrated(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	type bin struct{ stated, right, n float64 }
	bins := map[int]*bin{}
	const sweeps = 1500
	for s := range sweeps {
		k, repeats := 2+rng.IntN(5), 3+rng.IntN(3)
		width, noise := 0.02+0.08*rng.Float64(), 0.03
		truth := make([]float64, k)
		candidates := make([]Candidate, k)
		for i := range k {
			truth[i] = math.Exp(width * rng.NormFloat64())
			candidates[i].Name = fmt.Sprint(i)
			for range repeats {
				candidates[i].Values = append(candidates[i].Values, truth[i]*math.Exp(noise*rng.NormFloat64()))
			}
		}
		d, err := Decide(candidates, Options{Draws: 2000, Seed: uint64(s)})
		if err != nil {
			t.Fatal(err)
		}
		// The best may not be the row with the least estimate, so its own probability.
		first := d.Rows[0]
		b := bins[int(first.Best*10)]
		if b == nil {
			b = &bin{}
			bins[int(first.Best*10)] = b
		}
		b.n++
		b.stated += first.Best
		if fmt.Sprint(slices.Index(truth, slices.Min(truth))) == first.Name {
			b.right++
		}
	}
	for k, b := range bins {
		if b.n < 100 {
			continue
		}
		stated, right := b.stated/b.n, b.right/b.n
		if off := math.Abs(stated - right); off > 0.03+2*math.Sqrt(right*(1-right)/b.n) {
			t.Errorf("%d0 %% bin: stated %.3f, right in %.3f of %g sweeps", k, stated, right, b.n)
		}
		t.Logf("stated %.3f, right in %.3f of %g sweeps", stated, right, b.n)
	}
}

// Among equals, a difference is found in no more than the stated share of sweeps.
func TestFalseDifferencesAreAsRareAsStated(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const sweeps = 1500
	found := 0
	for range sweeps {
		candidates := make([]Candidate, 6)
		for i := range candidates {
			candidates[i].Name = fmt.Sprint(i)
			for range 4 {
				candidates[i].Values = append(candidates[i].Values, math.Exp(0.03*rng.NormFloat64()))
			}
		}
		d, err := Decide(candidates, Options{Draws: 200})
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(d.Rows, func(r Row) bool { return r.Different }) {
			found++
		}
	}
	if share := float64(found) / sweeps; share > 0.05+2*math.Sqrt(0.05*0.95/sweeps) {
		t.Errorf("a difference among equals in %.3f of the sweeps, want 0.05 at most", share)
	}
}

// A paired design finds a small difference under a common drift; an unpaired one
// does not.
func TestPairedDesignHasMorePower(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	sure := map[bool]int{}
	const sweeps = 300
	for range sweeps {
		var a, b Candidate
		a.Name, b.Name = "a", "b"
		for range 5 {
			drift := math.Exp(0.1 * rng.NormFloat64())
			a.Values = append(a.Values, drift*math.Exp(0.01*rng.NormFloat64()))
			b.Values = append(b.Values, 0.96*drift*math.Exp(0.01*rng.NormFloat64()))
		}
		for _, paired := range []bool{false, true} {
			d, err := Decide([]Candidate{a, b}, Options{Paired: paired, Draws: 2000})
			if err != nil {
				t.Fatal(err)
			}
			if d.Sure && d.Rows[0].Name == "b" {
				sure[paired]++
			}
		}
	}
	t.Logf("sure of a 4 %% saving in %d %% of sweeps paired, %d %% unpaired", 100*sure[true]/sweeps, 100*sure[false]/sweeps)
	if sure[true] < sweeps*8/10 || sure[false] > sweeps/3 {
		t.Errorf("sure in %d of %d sweeps paired and %d unpaired: want at least 80 %% and at most a third", sure[true], sweeps, sure[false])
	}
}
