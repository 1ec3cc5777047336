package shapley_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cfubench/attribution"
	"cfubench/attribution/shapley"
)

// synthetic is a group on an engine whose costs are known: a prompt token
// costs 4 ms, an output token 6 ms, a request 50 ms, and nothing is shared, so
// that a request's Shapley value is its own cost. noise is relative.
func synthetic(rng *rand.Rand, size, replays int, noise float64) shapley.Group {
	g := shapley.Group{Arrivals: "static", Shares: map[string][]float64{"equal": make([]float64, size)}}
	members := make([]shapley.Member, size)
	cost := make([]float64, size)
	for i := range members {
		prompt, output := 10+rng.IntN(300), 4+rng.IntN(60)
		cost[i] = 0.050 + 0.004*float64(prompt) + 0.006*float64(output)
		first := time.Duration(prompt) * 4 * time.Millisecond
		members[i] = shapley.Member{PromptTokens: prompt, OutputTokens: output, FirstToken: first,
			Done: first + time.Duration(output)*6*time.Millisecond, Prefill: first, Decode: -1}
		g.Shares["equal"][i] = 1 / float64(size)
	}
	g.Replays = [][]shapley.Member{members}
	for _, s := range shapley.AllSubsets(size) {
		w := shapley.Worth{Subset: s}
		for range replays {
			total := 0.0
			for i := range cost {
				if s>>i&1 == 1 {
					total += cost[i]
				}
			}
			w.CPUSeconds = append(w.CPUSeconds, total*(1+noise*rng.NormFloat64()))
		}
		g.Worths = append(g.Worths, w)
	}
	return g
}

func groups(noise float64) []shapley.Group {
	rng := rand.New(rand.NewPCG(5, 6))
	var out []shapley.Group
	for range 12 {
		out = append(out, synthetic(rng, 4, 2, noise))
	}
	return out
}

func TestFitPredictsHeldOutGroups(t *testing.T) {
	for _, row := range []struct {
		name        string
		noise, most float64
	}{
		{"without noise the model is found", 0, 0.01},
		{"with 2 % noise it is nearly found", 0.02, 0.05},
	} {
		t.Run(row.name, func(t *testing.T) {
			errors, err := shapley.Evaluate(groups(row.noise))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range errors {
				switch e.Convention {
				case shapley.Calibrated, shapley.Standalone:
					if e.Mean > row.most {
						t.Errorf("%s: got mean L1 %.4f, want at most %.2f", e.Convention, e.Mean, row.most)
					}
				case "equal":
					if e.Mean < 0.1 {
						t.Errorf("equal: got mean L1 %.4f, want it far off: the requests are not equal", e.Mean)
					}
				}
				if e.Groups != 12 {
					t.Errorf("%s: evaluated on %d groups, want 12", e.Convention, e.Groups)
				}
			}
		})
	}
}

func TestCoefficientsAreNotNegative(t *testing.T) {
	for _, noise := range []float64{0, 0.3} {
		c, err := shapley.Fit(groups(noise))
		if err != nil {
			t.Fatal(err)
		}
		for k, x := range c {
			if x < 0 || math.IsNaN(x) {
				t.Errorf("coefficient of %s: got %g, want zero or more", attribution.Features[k], x)
			}
		}
	}
}

func TestNoiseIsTheStandardErrorOfAMean(t *testing.T) {
	got := shapley.Noise(groups(0.04))
	want := 0.04 / math.Sqrt2 // two replays each
	if math.Abs(got-want) > 0.1*want {
		t.Errorf("noise of two replays that scatter by 4 %%: got %.4f, want %.4f within a tenth", got, want)
	}
	one := synthetic(rand.New(rand.NewPCG(1, 1)), 2, 1, 0)
	if got := shapley.Noise([]shapley.Group{one}); !math.IsNaN(got) {
		t.Errorf("noise of single replays: got %g, want NaN", got)
	}
}

func TestFileIsReadBackAndUsed(t *testing.T) {
	f := &shapley.File{Engine: "llama.cpp", Model: "m", Batch: 4, Seed: 1, Groups: groups(0.01)}
	if err := f.Refit(); err != nil {
		t.Fatal(err)
	}
	text, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := shapley.ParseFile(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, back); diff != "" {
		t.Errorf("file read back differs (-written +read):\n%s", diff)
	}
	if err := back.Refit(); err != nil {
		t.Fatal(err)
	}
	if again, _ := back.Encode(); !bytes.Equal(again, text) {
		t.Error("refitting what was read gives another file, want the same bytes")
	}
	c, err := attribution.ParseShapleyModel(text)
	if err != nil {
		t.Fatalf("attribution does not take the file: %v", err)
	}
	if diff := cmp.Diff(f.Coefficients, c.Coefficients); diff != "" {
		t.Errorf("attribution reads other coefficients (-written +read):\n%s", diff)
	}
}

func FuzzParseFile(f *testing.F) {
	file := &shapley.File{Groups: groups(0.01)[:6]}
	if err := file.Refit(); err != nil {
		f.Fatal(err)
	}
	text, err := file.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"schema":1,"groups":[{"replays":[[{}]],"worths":[{"subset":1,"cpu_s":[1]}]}]}`))
	f.Add([]byte(`{"schema":1,"groups":[{"replays":[[{},{}]],"orders":[[0,0]]}]}`))
	f.Add([]byte(`{"schema":1,"coefficients":[1e999]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := attribution.ParseShapleyModel(text); err == nil && c == nil {
			t.Fatal("no Shapley model and no error")
		}
		file, err := shapley.ParseFile(text)
		if err != nil {
			return
		}
		// Whatever was read is refused or fitted, never a panic.
		if err := file.Refit(); err != nil {
			return
		}
		for k, c := range file.Coefficients {
			if c < 0 {
				t.Fatalf("coefficient %d is %g", k, c)
			}
		}
	})
}

// TestAFileHasOneUnit: joules and CPU time are not fitted together.
func TestAFileHasOneUnit(t *testing.T) {
	const group = `{"arrivals":"static","replays":[[{}]],"worths":[{"subset":1,%s}]}`
	joules, processor := `"energy_j":[3]`, `"cpu_s":[3]`
	for _, row := range []struct {
		what, unit, worth string
		ok                bool
	}{
		{"joules in a file of joules", "J", joules, true},
		{"CPU time in a file of it", "CPU s", processor, true},
		{"CPU time in a file of before units", "", processor, true},
		{"CPU time in a file of joules", "J", processor, false},
		{"joules in a file of CPU time", "CPU s", joules, false},
		{"both", "J", joules + "," + processor, false},
	} {
		text := fmt.Sprintf(`{"schema":1,"unit":%q,"groups":[`+group+`]}`, row.unit, row.worth)
		if _, err := shapley.ParseFile([]byte(text)); (err == nil) != row.ok {
			t.Errorf("%s: got error %v, want it taken: %v", row.what, err, row.ok)
		}
	}
}
