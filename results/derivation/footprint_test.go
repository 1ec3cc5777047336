package derivation

import (
	"testing"

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
