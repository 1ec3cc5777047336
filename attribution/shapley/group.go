package shapley

import (
	"fmt"
	"math"
	"slices"
	"time"

	"cfubench/attribution"
)

// Member is one request of a group, as it was in one replay of the whole group.
// Times are since the replay's start.
type Member struct {
	PromptTokens int           `json:"prompt_tokens"`
	CachedTokens int           `json:"cached_tokens,omitempty"` // of the prompt's, not computed
	OutputTokens int           `json:"output_tokens"`
	Sent         time.Duration `json:"sent_ns"`
	FirstToken   time.Duration `json:"first_token_ns"`
	Done         time.Duration `json:"done_ns"`
	// Prefill and Decode are the server's own times, negative if it gave none.
	Prefill time.Duration `json:"server_prefill_ns"`
	Decode  time.Duration `json:"server_decode_ns"`
}

// Worth is what one subset of a group cost, replay by replay: joules above the
// loaded idle power where a counter was read, else CPU time. It has one of
// the two.
type Worth struct {
	Subset     uint64    `json:"subset"` // bit i: request i is in it
	Joules     []float64 `json:"energy_j,omitempty"`
	CPUSeconds []float64 `json:"cpu_s,omitempty"`
}

// replays are the costs in the unit that was measured.
func (w Worth) replays() []float64 {
	if len(w.Joules) > 0 {
		return w.Joules
	}
	return w.CPUSeconds
}

// mean is over the replays.
func (w Worth) mean() float64 {
	sum := 0.0
	for _, v := range w.replays() {
		sum += v
	}
	return sum / float64(len(w.replays()))
}

// Group is what was measured of one group.
type Group struct {
	Arrivals string `json:"arrivals"` // "static", "staggered"
	// Replays are those of the whole group.
	Replays [][]Member `json:"replays"`
	Worths  []Worth    `json:"worths"`
	// Orders are those that were sampled, none if all subsets were measured.
	Orders [][]int `json:"orders,omitempty"`
	// Shares are what the conventions give each request in the replays of the
	// whole group, by convention, on average and relative to the sum.
	Shares map[string][]float64 `json:"convention_shares"`
}

// Size is the number of requests.
func (g Group) Size() int {
	if len(g.Replays) == 0 {
		return 0
	}
	return len(g.Replays[0])
}

// Values returns the requests' Shapley values, in the unit that was measured.
func (g Group) Values() ([]float64, error) {
	value := make(map[uint64]float64, len(g.Worths))
	for _, w := range g.Worths {
		if len(w.replays()) == 0 {
			return nil, fmt.Errorf("subset %b has no replay", w.Subset)
		}
		value[w.Subset] = w.mean()
	}
	if len(g.Orders) > 0 {
		return Sampled(g.Orders, value)
	}
	n := g.Size()
	if n == 0 || n > MaxExact {
		return nil, fmt.Errorf("a group of %d requests has no exact Shapley values: want 1 to %d, or sampled orders", n, MaxExact)
	}
	all := make([]float64, 1<<n)
	for s := 1; s < len(all); s++ {
		v, ok := value[uint64(s)]
		if !ok {
			return nil, fmt.Errorf("the worth of subset %b was not measured", s)
		}
		all[s] = v
	}
	return Exact(all), nil
}

// Alone returns what each request cost by itself, relative to the sum: the
// baseline of standalone measurement.
func (g Group) Alone() []float64 {
	out := make([]float64, g.Size())
	for _, w := range g.Worths {
		for i := range out {
			if w.Subset == 1<<i {
				out[i] = w.mean()
			}
		}
	}
	return normalised(out)
}

// Noise is the standard error of a measured worth relative to it: from the
// scatter of the replays of each subset, pooled over the subsets (root mean
// square) and divided by the root of their number. NaN with one replay each. A
// worth below a twentieth of its whole group's, which a counter's noise may even
// make negative, scatters relative to that.
func Noise(groups []Group) float64 {
	sum, n := 0.0, 0
	replays := 0.0
	for _, g := range groups {
		whole := 0.0
		for _, w := range g.Worths {
			if len(w.replays()) > 0 {
				whole = max(whole, w.mean())
			}
		}
		for _, w := range g.Worths {
			count := len(w.replays())
			if count < 2 {
				continue
			}
			m := w.mean()
			relative := max(m, whole/20)
			for _, v := range w.replays() {
				sum += (v - m) / relative * (v - m) / relative
			}
			n += count - 1
			replays += float64(count) * float64(count-1)
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return math.Sqrt(sum / float64(n) / (replays / float64(n)))
}

// features are the Shapley model's of each request, on average over the replays
// of the whole group.
func (g Group) features() [][]float64 {
	var out [][]float64
	for _, replay := range g.Replays {
		rows := attribution.FeaturesOf(columns(replay))
		if out == nil {
			out = rows
			continue
		}
		for i := range rows {
			for k := range rows[i] {
				out[i][k] += rows[i][k]
			}
		}
	}
	for i := range out {
		for k := range out[i] {
			out[i][k] /= float64(len(g.Replays))
		}
	}
	return out
}

// columns are a replay's requests as attribution takes them.
func columns(replay []Member) attribution.Columns {
	reqs := make([]attribution.Request, len(replay))
	for i, m := range replay {
		reqs[i] = attribution.Request{ID: int64(i), Sent: m.Sent, FirstToken: m.FirstToken, LastToken: m.Done, Done: m.Done,
			PromptTokens: m.PromptTokens, CachedTokens: m.CachedTokens, OutputTokens: m.OutputTokens, ServerPrefill: m.Prefill, ServerDecode: m.Decode}
	}
	return attribution.ColumnsOf(reqs)
}

// normalised scales x to sum to one; all zero stays so.
func normalised(x []float64) []float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	out := slices.Clone(x)
	if sum != 0 {
		for i := range out {
			out[i] /= sum
		}
	}
	return out
}
