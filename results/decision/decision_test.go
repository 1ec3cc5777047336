package decision

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cfubench/internal/stats"
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
		{"a clear difference is sure", []Candidate{{Name: "a", Sample: stats.Sample{Values: []float64{10, 10.1, 9.9}}}, {Name: "b", Sample: stats.Sample{Values: []float64{8, 8.1, 7.9}}}}, Options{}, "b", true, ""},
		{"one within the noise is not", []Candidate{{Name: "a", Sample: stats.Sample{Values: []float64{10, 12, 8}}}, {Name: "b", Sample: stats.Sample{Values: []float64{9.5, 11, 8.5}}}}, Options{}, "b", false, ""},
		{"one value each says nothing of sureness", []Candidate{{Name: "a", Sample: stats.Sample{Values: []float64{10}}}, {Name: "b", Sample: stats.Sample{Values: []float64{9}}}}, Options{}, "b", false, "each candidate has one value"},
		{"the cheapest of those that keep the objective is chosen", []Candidate{{Name: "a", Sample: stats.Sample{Values: []float64{10, 10.1}}}, {Name: "b", Sample: stats.Sample{Values: []float64{5, 5.1}}, Rejected: "misses ttft=1s"}}, Options{}, "a", true, ""},
		{"nothing may be chosen", []Candidate{{Name: "a", Sample: stats.Sample{Values: []float64{10, 10.1}}, Rejected: "misses ttft=1s"}}, Options{}, "a", false, ""},
		{"what rounds have in common cancels where values are paired", []Candidate{{Name: "a", Sample: stats.Sample{Values: []float64{10, 20, 40}}, Rounds: []int{1, 2, 3}}, {Name: "b", Sample: stats.Sample{Values: []float64{9.0, 18.1, 35.8}}, Rounds: []int{1, 2, 3}}}, Options{Paired: true}, "b", true, ""},
		{"who is said to cost less is before who only has the lesser geometric mean", []Candidate{{Name: "a", Sample: stats.Sample{Values: []float64{9, 9, 12.5}}, Figure: 10.17}, {Name: "b", Sample: stats.Sample{Values: []float64{10, 10, 10.1}}, Figure: 10.03}}, Options{}, "b", false, ""},
		{"and hides the difference where they are not", []Candidate{{Name: "a", Sample: stats.Sample{Values: []float64{10, 20, 40}}}, {Name: "b", Sample: stats.Sample{Values: []float64{9.0, 18.1, 35.8}}}}, Options{}, "b", false, ""},
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
			c := Candidate{Name: string(rune('a' + i)), Sample: stats.Sample{Values: values.Draw(t, "values")}}
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
			if r.Name != "a" && !(r.RatioLo <= r.Ratio && r.Ratio <= r.RatioHi) {
				t.Errorf("%s: %v is outside [%v, %v]", r.Name, r.Ratio, r.RatioLo, r.RatioHi)
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
		{"a negative one", []Candidate{{Name: "a", Sample: stats.Sample{Values: []float64{-1}}}}, Options{}, "a: value -1: want a number above zero"},
		{"a figure that is none", []Candidate{{Name: "a", Sample: stats.Sample{Values: []float64{1}}, Figure: -3}}, Options{}, "a: figure -3: want a number above zero"},
		{"pairs without rounds", []Candidate{{Name: "a", Sample: stats.Sample{Values: []float64{1, 2}}}, {Name: "b", Sample: stats.Sample{Values: []float64{1}}}}, Options{Paired: true}, "a has 2 values and the rounds of 0: paired values need one each"},
		{"one round in common", []Candidate{{Name: "a", Sample: stats.Sample{Values: []float64{1, 2}}, Rounds: []int{1, 2}}, {Name: "b", Sample: stats.Sample{Values: []float64{1, 2}}, Rounds: []int{2, 3}}}, Options{Paired: true}, "pairs need two rounds that all candidates have, and there is one: measure more repeats, or do not pair"},
	} {
		if _, err := Decide(row.candidates, row.o); err == nil || err.Error() != "decide: "+row.want {
			t.Errorf("%s: error %v, want %q", row.why, err, row.want)
		}
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
		for r := range 5 {
			drift := math.Exp(0.1 * rng.NormFloat64())
			a.Rounds, b.Rounds = append(a.Rounds, r), append(b.Rounds, r)
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

// candidate has values, in rounds from 1 on.
func candidate(name string, values ...float64) Candidate {
	c := Candidate{Name: name, Sample: stats.Sample{Values: values}}
	for r := range values {
		c.Rounds = append(c.Rounds, r+1)
	}
	return c
}

// Values of one round are held against each other, whichever rounds a candidate lacks.
func TestPairsAreOfOneRound(t *testing.T) {
	a, b := candidate("a", 10, 20, 40, 80), candidate("b", 9, 18.1, 35.9, 72)
	a.Values, a.Rounds = a.Values[1:], a.Rounds[1:] // without the first round
	b.Values, b.Rounds = b.Values[:3], b.Rounds[:3] // without the last
	d, err := Decide([]Candidate{a, b}, Options{Paired: true})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(d.Rows, func(r Row) bool { return r.Name == "b" })
	if r := d.Rows[i]; math.Abs(r.Ratio-0.9) > 0.01 || r.Pairs != 2 || math.Abs(r.Reduction-0.1) > 0.01 {
		t.Errorf("b is %.3f of a, saves %.3f over %d rounds; want 0.9, 0.1 over 2", r.Ratio, r.Reduction, r.Pairs)
	}
	if want := "left out of the pairs, for not all have them: 4 of a; 1 of b"; !slices.Contains(d.Warnings, want) {
		t.Errorf("warnings %q, want %q", d.Warnings, want)
	}
}

// A candidate with one value is taken to be as noisy as the others may be, and never as
// surely as if it had values of its own.
func TestOneValueBorrowsItsNoise(t *testing.T) {
	base, other := candidate("base", 10, 10.1, 9.9), candidate("other", 9, 9.1, 8.9)
	d, err := Decide([]Candidate{base, other, candidate("once", 8)}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	once := d.Rows[0]
	if once.Name != "once" || !once.Borrowed || d.Rows[1].Borrowed || !(once.Best > 0.5 && once.Best < 1) {
		t.Errorf("got %+v; want once first, with noise of the others, and not certain", once)
	}
	if wide, narrow := once.RatioHi/once.RatioLo, d.Rows[1].RatioHi/d.Rows[1].RatioLo; wide <= narrow {
		t.Errorf("the ratio of one value spans a factor of %.3f, of three values %.3f", wide, narrow)
	}
}

// What is said of how many values would tell is more than there are, and grows with
// the noise.
func TestSettleIsMoreThanThereAre(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		repeats := 2 + rng.IntN(4)
		candidates, _, _ := sweep(rng, 2+rng.IntN(3), repeats, 0.01, noises[0].of)
		d, err := Decide(candidates, Options{Draws: 200})
		if err != nil {
			t.Fatal(err)
		}
		if !d.Sure && d.Settle <= repeats {
			t.Fatalf("undecided with %d repeats, and %d would tell", repeats, d.Settle)
		}
	}
}

// Ten thousand candidates are a matter of seconds.
func TestManyCandidates(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	candidates, _, best := sweep(rng, 10_000, 3, 0.2, noises[2].of)
	begin := time.Now()
	d, err := Decide(candidates, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if spent := time.Since(begin); spent > 20*time.Second {
		t.Errorf("%d candidates took %v", len(candidates), spent)
	}
	i := slices.IndexFunc(d.Rows, func(r Row) bool { return r.Name == best })
	if i > 100 || d.Rows[0].Best > 0.999 && i > 0 {
		t.Errorf("the best stands at %d, the first with P %.3f", i+1, d.Rows[0].Best)
	}
}

// What is said to settle a choice does: of pairs that are truly as far apart and as noisy
// as was measured, so many values make it sure and right in about the stated 80 %.
func TestSettlesWhatIsNotSure(t *testing.T) {
	const sigma, sweeps = 0.01, 100
	for _, apart := range []float64{0.5, 1, 2, 4} { // in σ
		n := stats.Settle(apart*sigma, 2*sigma*sigma, stats.Confidence, 2)
		rng := rand.New(rand.NewPCG(3, 4))
		sure := 0
		for s := range uint64(sweeps) {
			values := func(mean float64) (list []float64) {
				for range n {
					list = append(list, math.Exp(mean+sigma*rng.NormFloat64()))
				}
				return list
			}
			d, err := Decide([]Candidate{candidate("a", values(0)...), candidate("b", values(apart*sigma)...)}, Options{Draws: 2000, Seed: s})
			if err != nil {
				t.Fatal(err)
			}
			if d.Sure && d.Rows[0].Name == "a" {
				sure++
			}
		}
		t.Logf("%.1f σ apart, %d values of each: sure and right in %d %% of sweeps", apart, n, 100*sure/sweeps)
		if sure < 60*sweeps/100 {
			t.Errorf("%.1f σ apart, %d values of each: sure and right in %d of %d sweeps, want 60 %% at least", apart, n, sure, sweeps)
		}
	}
}
