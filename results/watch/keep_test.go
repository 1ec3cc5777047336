package watch

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cfubench/results/runfolder"
)

// TestPrune removes hours that are older than is kept, and nothing else.
func TestPrune(t *testing.T) {
	now := time.Date(2026, 11, 28, 18, 30, 0, 0, time.UTC)
	for _, tt := range []struct {
		name string
		keep time.Duration
		want []string
	}{
		{"what ended more than a day ago is removed", 24 * time.Hour, []string{"2026-11-26T01", "2026-11-27T18", "2026-11-28T17", "notes"}},
		{"all is kept for a year", 365 * 24 * time.Hour, []string{"2026-11-26T01", "2026-11-27T16", "2026-11-27T18", "2026-11-28T17", "notes"}},
		{"zero is for ever", 0, []string{"2026-11-26T01", "2026-11-27T16", "2026-11-27T18", "2026-11-28T17", "notes"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := t.TempDir()
			hour := func(name string, of string) {
				dir := filepath.Join(out, name)
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				run := runfolder.Run{Record: &runfolder.Recorded{Parts: []runfolder.RecordedPart{{Cell: "watch", Of: of}}}}
				if err := runfolder.WriteRun(dir, run); err != nil {
					t.Fatal(err)
				}
			}
			hour("2026-11-28T17", runfolder.OfServer)
			hour("2026-11-27T18", runfolder.OfServer)
			hour("2026-11-27T16", runfolder.OfServer)
			hour("2026-11-26T01", "host") // somebody's record
			hour("notes", runfolder.OfServer)
			w := &Watcher{Config: Config{Out: out, Keep: tt.keep}}
			if err := w.prune(now); err != nil {
				t.Fatal(err)
			}
			entries, err := os.ReadDir(out)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range entries {
				got = append(got, e.Name())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
