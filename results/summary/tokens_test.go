package summary

import (
	"math"
	"testing"
	"time"

	"cfubench/loadgen"
	"cfubench/meter"
)

// Each output token counts where its stamp lies; only what has no stamp is spread
// over a time.
func TestOutputTokensOfAWindow(t *testing.T) {
	const s = time.Second
	w := meter.Window{Start: 10 * s, End: 20 * s}
	stamped := func(at []time.Duration, counts []int32) loadgen.Record {
		r := loadgen.Record{Sent: 4 * s, FirstToken: at[0], LastToken: at[len(at)-1], Done: at[len(at)-1], TokenAt: at, TokenCount: counts, ReasoningTokens: loadgen.Unknown}
		for _, n := range counts {
			r.OutputTokens += int(n)
		}
		return r
	}
	with := func(r loadgen.Record, change func(r *loadgen.Record)) loadgen.Record {
		change(&r)
		return r
	}
	waits := stamped([]time.Duration{8 * s, 9 * s, 18 * s, 19 * s}, []int32{1, 1, 1, 1})
	thinks := with(stamped([]time.Duration{12 * s, 13 * s, 21 * s}, []int32{9, 1, 1}), func(r *loadgen.Record) {
		r.ReasoningTokens, r.Flags = 8, []string{loadgen.FlagHidden}
	})
	unstamped := loadgen.Record{Sent: 4 * s, FirstToken: 8 * s, LastToken: 12 * s, Done: 12 * s, OutputTokens: 8}
	for _, tt := range []struct {
		name string
		r    loadgen.Record
		want float64
	}{
		{"a wait between two tokens takes none with it", waits, 2},
		{"a stamp on an edge lies within", stamped([]time.Duration{10 * s, 20 * s}, []int32{1, 1}), 2},
		{"all tokens of an event have its stamp", stamped([]time.Duration{9 * s, 11 * s, 20*s + 1}, []int32{4, 4, 2}), 4},
		{"tokens that came together count where they came", stamped([]time.Duration{11 * s}, []int32{16}), 16},
		{"hidden reasoning is spread from the send to the first text", thinks, 8*2/8.0 + 2},
		{"as far as the window reaches", with(thinks, func(r *loadgen.Record) { r.Sent = 11 * s }), 8 + 2},
		{"reasoning that was streamed has its stamps", with(waits, func(r *loadgen.Record) { r.ReasoningTokens = 2 }), 2},
		{"a failure's tokens were decoded", with(waits, func(r *loadgen.Record) { r.Err = "cut off" }), 2},
		{"without a usage an event with text is a token", with(waits, func(r *loadgen.Record) { r.OutputTokens = loadgen.Unknown }), 2},
		{"counts that do not sum to the usage are its shares", with(waits, func(r *loadgen.Record) { r.OutputTokens = 6 }), 3},
		{"a row without stamps counts by the time", unstamped, 4},
		{"a completed one without a first token, from its send", with(unstamped, func(r *loadgen.Record) { r.FirstToken, r.LastToken = loadgen.Never, loadgen.Never }), 2},
		{"a failed one without a first token has none", with(unstamped, func(r *loadgen.Record) {
			r.FirstToken, r.LastToken, r.Err = loadgen.Never, loadgen.Never, "refused"
		}), 0},
		{"those of a completed one that nobody counted are not known", with(unstamped, func(r *loadgen.Record) { r.OutputTokens, r.Status = loadgen.Unknown, 200 }), math.NaN()},
		{"but where it lies outside", with(unstamped, func(r *loadgen.Record) { r.OutputTokens, r.Status, r.Done = loadgen.Unknown, 200, 9*s }), 0},
		{"one that was never sent has none", with(waits, func(r *loadgen.Record) { r.Sent = loadgen.Never }), 0},
	} {
		if got := tokensWithin(tt.r, w); !(math.Abs(got-tt.want) <= 1e-12 || math.IsNaN(got) && math.IsNaN(tt.want)) {
			t.Errorf("%s: got %v tokens, want %v", tt.name, got, tt.want)
		}
	}
}
