package watch

import (
	"context"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cfubench/results/derivation"
	"cfubench/results/runfolder"
)

// The host's clock may go back, over the begin of an hour too: while the hour before
// still waits for its last requests, and when it has been complete for long. No cell is
// lost, cut short or counted twice.
func TestTheClockGoesBack(t *testing.T) {
	for _, tt := range []struct {
		does         string
		at, by       time.Duration
		hour0, hour1 int // cells of the hour before and of the one after
	}{
		{"a moment after the hour's begin, and the hour before waits for its requests", 60*time.Minute + 20*time.Second, 50 * time.Second, 2, 2},
		{"when the hour before is complete", 70 * time.Minute, 15 * time.Minute, 2, 2},
		{"within an hour", 30 * time.Minute, time.Minute, 1, 1},
	} {
		t.Run(tt.does, func(t *testing.T) {
			out := t.TempDir()
			var said *[]string
			synctest.Test(t, func(t *testing.T) {
				p := newPlant()
				var w *Watcher
				w, said = watched(t, p, out, func(c *Config) {
					c.Tenants, c.Weights = Tenants{Log: filepath.Join(out, "log"), Field: "tenant", Bound: 3, Delay: time.Minute}, "1:1"
				})
				var back atomic.Int64
				w.wall = func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
				ctx, stop := context.WithCancel(t.Context())
				go p.work(ctx)
				ended := make(chan error, 1)
				go func() { ended <- w.Run(ctx) }()
				p.stay(tt.at + 300*time.Millisecond)
				back.Store(int64(tt.by))
				p.stay(100*time.Minute + 300*time.Millisecond)
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
			if all := strings.Join(*said, "\n"); strings.Contains(all, "was stopped") || strings.Contains(all, "left out") {
				t.Errorf("said:\n%s", all)
			}
			counted := time.Duration(0)
			for name, want := range map[string]int{"2000-01-01T00": tt.hour0, "2000-01-01T01": tt.hour1} {
				dir := filepath.Join(out, name)
				run, err := runfolder.ReadRun(dir)
				if err != nil {
					t.Fatal(err)
				}
				if len(run.Cells) != want {
					t.Errorf("%s: got %d cells, want %d", name, len(run.Cells), want)
				}
				for i, c := range run.Cells {
					if _, err := derivation.ReadCellEnergy(dir, c.ID); err != nil || !c.Complete || len(c.Reasons) > 0 {
						t.Errorf("%s: got the cell %+v, %v, want it complete with its energy", name, c, err)
					}
					if gap := run.Record.Parts[i].Gap; gap < 0 {
						t.Errorf("%s %s: got the gap %v", name, c.ID, gap)
					}
					counted += c.Window.Length()
				}
				if served := readServed(t, dir); served.OutputTokens == nil || served.EnergyJ == nil {
					t.Errorf("%s: got %+v", name, served)
				}
			}
			if want := 99 * time.Minute; counted < want || counted > 100*time.Minute {
				t.Errorf("%v were counted, want a little less than 100 min", counted)
			}
		})
	}
}
