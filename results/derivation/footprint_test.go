package derivation

import (
	"testing"
	"time"

	"cfubench/attribution/lca"
	"cfubench/loadgen"
	"cfubench/results/runfolder"
)

// A batch is what the server ran at once.
func TestRequestsRunTogether(t *testing.T) {
	tests := []struct {
		what                          string
		batch, effective, concurrency int
		want                          int
	}{
		{"enough requests fill the batch", 4, 0, 16, 4},
		{"fewer requests than the batch", 8, 0, 2, 2},
		{"the server said another batch size than asked for", 8, 6, 16, 6},
		{"an open loop", 4, 0, 0, 4},
		{"an endpoint of unknown batch size, closed loop", 0, 0, 3, 3},
		{"an endpoint of unknown batch size, open loop", 0, 0, 0, 0},
	}
	for _, test := range tests {
		run := runfolder.Run{Engine: []runfolder.EngineInfo{{Batch: test.batch, EffectiveBatch: test.effective}}}
		if got := together(run, runfolder.Cell{Point: runfolder.Point{Batch: test.batch, Load: runfolder.Load{Concurrency: test.concurrency}}}); got != test.want {
			t.Errorf("%s: got %d, want %d", test.what, got, test.want)
		}
	}
}

func TestMeetsSLO(t *testing.T) {
	r := loadgen.Record{Due: 0, Sent: time.Second, FirstToken: 1500 * time.Millisecond, LastToken: 3500 * time.Millisecond, OutputTokens: 21}
	tests := []struct {
		what   string
		change func(*loadgen.Record)
		slo    lca.SLO
		want   bool
	}{
		{"counted from when it was due, not sent", nil, lca.SLO{TTFT: time.Second}, false},
		{"within both", nil, lca.SLO{TTFT: 2 * time.Second, TPOT: 100 * time.Millisecond}, true},
		{"too slow a token", nil, lca.SLO{TPOT: 99 * time.Millisecond}, false},
		{"one token has no time per token", func(r *loadgen.Record) { r.OutputTokens = 1 }, lca.SLO{TPOT: time.Nanosecond}, true},
		{"an unknown number of tokens", func(r *loadgen.Record) { r.OutputTokens = loadgen.Unknown }, lca.SLO{TPOT: time.Hour}, false},
		{"no first token", func(r *loadgen.Record) { r.FirstToken = loadgen.Never }, lca.SLO{TTFT: time.Hour}, false},
	}
	for _, test := range tests {
		changed := r
		if test.change != nil {
			test.change(&changed)
		}
		if got := meets(changed, test.slo); got != test.want {
			t.Errorf("%s: got %v, want %v", test.what, got, test.want)
		}
	}
}
