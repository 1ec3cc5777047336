package derivation

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"cfubench/loadgen/engine"
	"cfubench/meter"
	"cfubench/results/runfolder"
	"cfubench/results/tenants"
)

// toldInterval is an interval of ten seconds, the n-th, in which a server counted tokens.
func toldInterval(n int, joules, prompt, output float64, idle bool) Interval {
	i := BeginInterval(time.Duration(n) * 10 * time.Second)
	i.End += 10 * time.Second
	i.Counts = engine.NoCounts()
	i.PromptTokens, i.OutputTokens, i.Idle = prompt, output, idle
	i.Energy = Estimate{Known: true, Energy: meter.Energy(joules * 1e6)}
	return i
}

func of(tenant string, start, end float64, prompt, output int64) runfolder.TenantRequest {
	s := func(v float64) time.Duration { return time.Duration(v * 1e9) }
	return runfolder.TenantRequest{Tenant: tenant, Start: s(start), End: s(end), PromptTokens: prompt, OutputTokens: output}
}

func TestDivide(t *testing.T) {
	for _, tt := range []struct {
		name      string
		weights   TokenWeights
		requests  []runfolder.TenantRequest
		intervals []Interval
		want      []string // a line an interval
	}{
		{"by tokens", TokenWeights{1, 1}, []runfolder.TenantRequest{of("a", 1, 5, 10, 20), of("b", 2, 6, 30, 40)}, []Interval{toldInterval(0, 100, 40, 60, false)},
			[]string{"a 30 J 10+20 1; b 70 J 30+40 1"}},
		{"by weights", TokenWeights{0, 1}, []runfolder.TenantRequest{of("a", 1, 5, 10, 20), of("b", 2, 6, 30, 60)}, []Interval{toldInterval(0, 80, 40, 80, false)},
			[]string{"a 20 J 10+20 1; b 60 J 30+60 1"}},
		{"a long request lies evenly in its time", TokenWeights{1, 1}, []runfolder.TenantRequest{of("a", 5, 15, 0, 100)}, []Interval{toldInterval(0, 10, 0, 50, false), toldInterval(1, 20, 0, 50, false)},
			[]string{"a 10 J 0+50 0", "a 20 J 0+50 1"}},
		{"its prompt lies at its start", TokenWeights{1, 1}, []runfolder.TenantRequest{of("a", 5, 15, 30, 10), of("b", 6, 7, 0, 35)}, []Interval{toldInterval(0, 70, 30, 40, false), toldInterval(1, 20, 0, 5, false)},
			[]string{"a 35 J 30+5 0; b 35 J 0+35 1", "a 20 J 0+5 1"}},
		{"a server that counts at a request's end", TokenWeights{1, 1}, []runfolder.TenantRequest{of("a", 5, 25, 0, 100)}, []Interval{toldInterval(0, 10, 0, 0, false), toldInterval(1, 20, 0, 0, false), toldInterval(2, 30, 0, 100, false)},
			[]string{"a 10 J 0+25 0", "a 20 J 0+50 0", "a 30 J 0+25 1"}},
		{"what no record has", TokenWeights{1, 1}, []runfolder.TenantRequest{of("a", 1, 2, 0, 25)}, []Interval{toldInterval(0, 100, 0, 100, false)},
			[]string{"a 25 J 0+25 1; unattributed 75 J 0+0 0"}},
		{"a server without counts", TokenWeights{1, 1}, []runfolder.TenantRequest{of("a", 1, 2, 0, 25)}, []Interval{toldInterval(0, 100, math.NaN(), math.NaN(), false)},
			[]string{"a 100 J 0+25 1"}},
		{"nothing asked, and nothing seen of work", TokenWeights{1, 1}, nil, []Interval{toldInterval(0, 7, 0, 0, true), toldInterval(1, 8, 0, 0, false)},
			[]string{"idle 7 J 0+0 0", "unattributed 8 J 0+0 0"}},
		{"tokens before the time that is divided are nobody's", TokenWeights{1, 1}, []runfolder.TenantRequest{of("a", -10, 10, 7, 100), of("b", -5, -1, 0, 9)}, []Interval{toldInterval(0, 10, 0, 50, false)},
			[]string{"a 10 J 0+50 1"}},
		{"tokens between two intervals are nobody's", TokenWeights{1, 1}, []runfolder.TenantRequest{of("a", 5, 25, 30, 40), of("b", 12, 18, 9, 9), of("c", 15, 25, 9, 20), of("d", 26, 27, 0, 20)},
			[]Interval{toldInterval(0, 10, 30, 10, false), toldInterval(2, 8, 0, 40, false)},
			[]string{"a 10 J 30+10 0", "a 2 J 0+10 1; b 0 J 0+0 0; c 2 J 0+10 1; d 4 J 0+20 1"}},
	} {
		d := TenantDivider{Weights: tt.weights}
		for _, r := range tt.requests {
			d.Add(r, 0)
		}
		for k, i := range tt.intervals {
			if diff := cmp.Diff(tt.want[k], lineOf(d.Divide(i))); diff != "" {
				t.Errorf("%s: interval %d (-want +got):\n%s", tt.name, k, diff)
			}
		}
	}
	// A record that comes too late for its interval has its tokens in the next.
	d := TenantDivider{Weights: TokenWeights{1, 1}}
	if got := lineOf(d.Divide(toldInterval(0, 10, 0, 40, false))); got != "unattributed 10 J 0+0 0" {
		t.Errorf("before it comes: %s", got)
	}
	d.Add(of("late", 2, 8, 0, 40), 0)
	d.Add(of("b", 12, 18, 0, 40), 0)
	if got := lineOf(d.Divide(toldInterval(1, 10, 0, 40, false))); got != "b 5 J 0+40 1; late 5 J 0+40 1" {
		t.Errorf("after: %s", got)
	}
}

func lineOf(shares []TenantShare) (line string) {
	for i, s := range shares {
		if i > 0 {
			line += "; "
		}
		line += fmt.Sprintf("%s %v J %v+%v %v", s.Tenant, s.EnergyJ, s.PromptTokens, s.OutputTokens, s.Requests)
	}
	return line
}

// TestTenantsAreTheWhole: whatever is logged and counted, the shares of each
// interval sum to its energy, no share is negative, and every token that is logged
// is told once.
func TestTenantsAreTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := TenantDivider{Weights: TokenWeights{rapid.Float64Range(0, 10).Draw(t, "in"), rapid.Float64Range(0.1, 10).Draw(t, "out")}}
		n := rapid.IntRange(1, 12).Draw(t, "intervals")
		var logged, told, finished, requests float64
		for k := range n {
			for range rapid.IntRange(0, 5).Draw(t, "requests") {
				end := rapid.Float64Range(0, float64(10*n)).Draw(t, "end")
				r := of(rapid.SampledFrom([]string{"a", "b", tenants.None, tenants.Other}).Draw(t, "tenant"), max(end-rapid.Float64Range(0, 40).Draw(t, "length"), 0), end,
					int64(rapid.IntRange(0, 1000).Draw(t, "prompt")), int64(rapid.IntRange(0, 1000).Draw(t, "output")))
				if r.End > 0 {
					logged, requests = logged+float64(r.PromptTokens+r.OutputTokens), requests+1
				}
				d.Add(r, 0)
			}
			i := toldInterval(k, 0, float64(rapid.IntRange(0, 3000).Draw(t, "server's prompt")), float64(rapid.IntRange(0, 3000).Draw(t, "server's output")), rapid.Bool().Draw(t, "idle"))
			i.Energy.Energy = meter.Energy(rapid.Int64Range(0, 1e12).Draw(t, "energy"))
			var sum meter.Energy
			for _, s := range d.Divide(i) {
				sum += s.Energy
				told, finished = told+s.PromptTokens+s.OutputTokens, finished+s.Requests
				if s.Energy < -1 {
					t.Fatalf("%s has %v", s.Tenant, s.Energy)
				}
			}
			if sum != i.Energy.Energy {
				t.Fatalf("interval %d: the shares sum to %v, want %v", k, sum, i.Energy.Energy)
			}
		}
		if math.Abs(told-logged) > 1e-6*(1+logged) || finished != requests {
			t.Fatalf("%v tokens of %v requests are told, %v of %v were logged", told, finished, logged, requests)
		}
	})
}

func TestScaled(t *testing.T) {
	shares := scaled([]TenantShare{{Tenant: "a", Energy: 1}, {Tenant: "b", Energy: 2}}, 100)
	if shares[0].Energy != 33 || shares[1].Energy != 67 || shares[1].EnergyJ != 67e-6 {
		t.Errorf("got %+v", shares)
	}
	if got := scaled([]TenantShare{{Tenant: "a"}}, 100); got[0].Energy != 0 {
		t.Errorf("nothing to scale by: got %+v", got)
	}
}

func TestTokenWeights(t *testing.T) {
	for text, want := range map[string]TokenWeights{"": {1, 1}, "1:4": {1, 4}, "0:1": {0, 1}} {
		if got, err := ParseTokenWeights(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"1", "0:0", "-1:2", "a:b", "1:inf", "NaN:1"} {
		if got, err := ParseTokenWeights(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}
