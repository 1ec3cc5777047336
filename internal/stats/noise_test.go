package stats_test

import (
	"flag"
	"math"
	"math/rand/v2"
	"testing"

	"cfubench/internal/stats"
)

// A candidate by itself has Student's interval.
func TestOneCandidateIsStudents(t *testing.T) {
	for _, values := range [][]float64{{9, 11}, {10, 12, 9}, {4, 4.1, 4.2, 4.05, 3.9, 4, 4.1, 4.2, 4.3, 4}} {
		got := stats.Intervals([]stats.Sample{{Values: values}}, stats.Confidence)[0]
		logs := stats.Logs(values)
		n := float64(len(values))
		want := stats.StudentT(n-1, stats.Confidence) * stats.Deviation(logs) / math.Sqrt(n)
		if reach := math.Log(got.Hi / got.Center); math.Abs(reach/want-1) > 0.02 || math.Abs(got.Lo*got.Hi-got.Center*got.Center) > 1e-9*got.Center*got.Center {
			t.Errorf("%v: [%g, %g] reaches a factor of e^%.4f about %g, want e^%.4f", values, got.Lo, got.Hi, reach, got.Center, want)
		}
	}
}

// runs is how many are simulated of each kind. docs/sweep.md has what 1,500 say.
var runs = flag.Int("runs", 250, "simulate `N` runs of each kind")

// Intervals hold what they should as often as they say, over all candidates of a run:
// of equal noises, one three times as noisy as the others, and noises apart by 0.7 in
// their logarithms. The noisiest of many is held less often: docs/sweep.md.
func TestIntervalsOfManyCover(t *testing.T) {
	for _, noise := range []struct {
		name      string
		of        func(rng *rand.Rand, i int) float64
		leastBase float64
	}{
		{"equal", func(*rand.Rand, int) float64 { return 0.02 }, 0.92},
		{"the first × 3", func(_ *rand.Rand, i int) float64 {
			if i == 0 {
				return 0.06
			}
			return 0.02
		}, 0.78},
		{"log-normal", func(rng *rand.Rand, _ int) float64 { return 0.02 * math.Exp(0.7*rng.NormFloat64()) }, 0.92},
	} {
		for _, k := range []int{2, 6, 12} {
			for _, repeats := range []int{3, 5} {
				rng := rand.New(rand.NewPCG(uint64(k), uint64(repeats)))
				held, first, all := 0, 0, 0
				for range *runs {
					samples := make([]stats.Sample, k)
					for i := range samples {
						sigma := noise.of(rng, i)
						for range repeats {
							samples[i].Values = append(samples[i].Values, math.Exp(sigma*rng.NormFloat64()))
						}
					}
					for i, interval := range stats.Intervals(samples, stats.Confidence) {
						all++
						if interval.Lo <= 1 && 1 <= interval.Hi {
							held++
							if i == 0 {
								first++
							}
						}
					}
				}
				share, base := float64(held)/float64(all), float64(first)/float64(*runs)
				t.Logf("%-13s %2d candidates, %d repeats: %.1f %%, of the first %.1f %%", noise.name, k, repeats, 100*share, 100*base)
				if share < 0.93 || share > 0.975 {
					t.Errorf("%s, %d candidates, %d repeats: 95 %% intervals hold the truth in %.3f, want 0.93 to 0.97", noise.name, k, repeats, share)
				}
				if base < noise.leastBase {
					t.Errorf("%s, %d candidates, %d repeats: 95 %% intervals of the first hold the truth in %.3f, want %.2f at least", noise.name, k, repeats, base, noise.leastBase)
				}
			}
		}
	}
}

// Equal noises are pooled almost fully, different ones hardly.
func TestNoisesPoolAsFarAsTheyAreAlike(t *testing.T) {
	reach := func(spreads ...stats.Spread) float64 {
		n, ok := stats.NewNoise(spreads, stats.Confidence)
		if !ok {
			t.Fatal("no noise of spreads")
		}
		return n.Reach(0, 1)
	}
	one := stats.Spread{Squares: 2, Freedom: 2}
	same := []stats.Spread{one}
	apart := []stats.Spread{one}
	for k := range 11 {
		same = append(same, one)
		apart = append(apart, stats.Spread{Squares: 2 * math.Exp(float64(k)-5), Freedom: 2})
	}
	alone, together := stats.StudentT(2, stats.Confidence), stats.StudentT(24, stats.Confidence)
	if got := reach(same...); got > 1.3*together {
		t.Errorf("twelve of equal spread reach %.2f σ, want about %.2f", got, together)
	}
	if got := reach(apart...); got < 0.6*alone {
		t.Errorf("one among different spreads reaches %.2f σ, by itself %.2f", got, alone)
	}
	if _, ok := stats.NewNoise([]stats.Spread{{}, {}}, stats.Confidence); ok {
		t.Error("no spreads give a noise")
	}
	exact, _ := stats.NewNoise([]stats.Spread{{0, 2}, {0, 2}}, stats.Confidence)
	if got := exact.Reach(1, 3); got != 0 {
		t.Errorf("exact values have an interval that reaches %g", got)
	}
}

func TestWilson(t *testing.T) {
	for _, row := range []struct {
		successes, n, lo, hi float64
	}{
		{8, 10, 0.4902, 0.9433}, // Newcombe 1998
		{0, 20, 0, 0.1611},
		{20, 20, 0.8389, 1},
		{0, 0, 0, 1},
	} {
		if lo, hi := stats.Wilson(row.successes, row.n); math.Abs(lo-row.lo) > 1e-4 || math.Abs(hi-row.hi) > 1e-4 {
			t.Errorf("%g of %g: %.4f to %.4f, want %.4f to %.4f", row.successes, row.n, lo, hi, row.lo, row.hi)
		}
	}
}

// What lengths explain of batch means is taken out, and nothing else.
func TestLengthsAreTakenOutOfBatchMeans(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	var lengths, explained, noisy []float64
	for range 20 {
		l := math.Exp(0.3 * rng.NormFloat64())
		lengths, explained, noisy = append(lengths, l), append(explained, 5*l*l), append(noisy, math.Exp(0.1*rng.NormFloat64()))
	}
	if got := stats.Deviation(stats.WithoutLengths(explained, lengths)); got > 1e-9 {
		t.Errorf("means that are 5·length² are left with a deviation of %g", got)
	}
	raw, left := stats.Deviation(noisy), stats.Deviation(stats.WithoutLengths(noisy, lengths))
	if left < 0.8*raw || left > 1.2*raw {
		t.Errorf("noise of %.3f is %.3f without lengths that have no part in it", raw, left)
	}
	if got := stats.WithoutLengths(noisy[:4], lengths[:4]); got[0] != noisy[0] {
		t.Error("four batches are too few to take anything out")
	}
}
