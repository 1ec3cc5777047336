package decision

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// sweeps is how many are simulated of each kind. docs/sweep.md has what 2,000 say.
var sweeps = flag.Int("sweeps", 120, "simulate `N` sweeps of each kind")

// noises are how noisy simulated candidates are: all alike, the baseline three times
// as noisy as the others, each its own.
var noises = []struct {
	name string
	of   func(rng *rand.Rand, i int) float64
}{
	{"equal", func(*rand.Rand, int) float64 { return 0.01 }},
	{"base × 3", func(_ *rand.Rand, i int) float64 {
		if i == 0 {
			return 0.03
		}
		return 0.01
	}},
	{"log-normal", func(rng *rand.Rand, _ int) float64 { return 0.01 * math.Exp(0.7*rng.NormFloat64()) }},
}

// sweep simulates candidates whose true logarithms are width apart (standard
// deviation), and says which is truly the best.
func sweep(rng *rand.Rand, k, repeats int, width float64, noise func(*rand.Rand, int) float64) (candidates []Candidate, truth []float64, best string) {
	candidates, truth = make([]Candidate, k), make([]float64, k)
	for i := range candidates {
		truth[i] = width * rng.NormFloat64()
		sigma := noise(rng, i)
		c := Candidate{Name: fmt.Sprint(i)}
		for range repeats {
			c.Values = append(c.Values, math.Exp(truth[i]+sigma*rng.NormFloat64()))
		}
		candidates[i] = c
	}
	return candidates, truth, fmt.Sprint(slices.Index(truth, slices.Min(truth)))
}

// Of equal candidates a difference is found in no more than the stated share of
// sweeps, and the interval of a ratio holds the true one as often as it says, however
// the noises are.
func TestRatiosAreAsSureAsStated(t *testing.T) {
	const chance = 3 // standard deviations of what so many sweeps tell
	for _, noise := range noises {
		for _, k := range []int{2, 6, 12} {
			for _, repeats := range []int{3, 5} {
				rng := rand.New(rand.NewPCG(uint64(k), uint64(repeats)))
				found, held, all := 0, 0, 0
				for range *sweeps {
					candidates, _, _ := sweep(rng, k, repeats, 0, noise.of)
					d, err := Decide(candidates, Options{Draws: 1})
					if err != nil {
						t.Fatal(err)
					}
					different := false
					for _, r := range d.Rows {
						if r.Name == "0" {
							continue
						}
						different = different || r.Different
						all++
						if r.RatioLo <= 1 && 1 <= r.RatioHi {
							held++
						}
					}
					if different {
						found++
					}
				}
				share, coverage := float64(found)/float64(*sweeps), float64(held)/float64(all)
				t.Logf("%-10s %2d candidates, %d repeats: a false difference in %.1f %% of sweeps, ratios within their intervals %.1f %%", noise.name, k, repeats, 100*share, 100*coverage)
				if most := 0.05 + chance*math.Sqrt(0.05*0.95/float64(*sweeps)); share > most {
					t.Errorf("%s, %d candidates, %d repeats: a false difference in %.3f of the sweeps, want 0.05 (%.3f at most)", noise.name, k, repeats, share, most)
				}
			}
		}
	}
}

// The stated probability of being the best is right as often as it says: of sweeps
// whose differences and noises are drawn anew, the choice made with a probability in
// a bin is truly the best in that share of them.
func TestProbabilityIsCalibrated(t *testing.T) {
	type bin struct{ stated, right, n float64 }
	for _, noise := range noises {
		rng := rand.New(rand.NewPCG(1, 2))
		var bins [11]bin
		for s := range 3 * *sweeps {
			k, repeats := []int{2, 6, 12}[rng.IntN(3)], []int{3, 5}[rng.IntN(2)]
			candidates, _, best := sweep(rng, k, repeats, 0.005+0.03*rng.Float64(), noise.of)
			d, err := Decide(candidates, Options{Draws: 600, Seed: uint64(s)})
			if err != nil {
				t.Fatal(err)
			}
			b := &bins[int(d.Rows[0].Best*10)]
			b.n++
			b.stated += d.Rows[0].Best
			if d.Rows[0].Name == best {
				b.right++
			}
		}
		for i, b := range bins {
			if b.n < 30 {
				continue
			}
			stated, right := b.stated/b.n, b.right/b.n
			t.Logf("%-10s %3d %%: stated %.3f, right in %.3f of %g sweeps", noise.name, 10*i, stated, right, b.n)
			if off := math.Abs(stated - right); off > 0.03+2*math.Sqrt(right*(1-right)/b.n) {
				t.Errorf("%s, %d0 %%: stated %.3f, right in %.3f of %g sweeps", noise.name, i, stated, right, b.n)
			}
		}
	}
}
