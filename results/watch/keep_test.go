package watch

import (
	"errors"
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

func TestParseKeep(t *testing.T) {
	for _, tt := range []struct {
		why, text string
		want      time.Duration
		ok        bool
	}{
		{"hours", "36h", 36 * time.Hour, true},
		{"days, which Go has not", "90d", 90 * 24 * time.Hour, true},
		{"a part of a day", "1.5d", 36 * time.Hour, true},
		{"0 is for ever", "0", 0, true},
		{"less than a folder's hour", "5m", 0, false},
		{"more than a century", "40000d", 0, false},
		{"a negative time", "-2d", 0, false},
		{"a word", "soon", 0, false},
	} {
		got, err := ParseKeep(tt.text)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%s: %q: got %v and error %v, want %v", tt.why, tt.text, got, err, tt.want)
		}
	}
}

func TestTenantsCheck(t *testing.T) {
	good := Tenants{Log: "requests.jsonl", Field: "tenant", Bound: 50, Delay: time.Minute}
	for _, tt := range []struct {
		why     string
		change  func(*Tenants)
		weights string
		ok      bool
	}{
		{"as the flags have it", func(*Tenants) {}, "1:1", true},
		{"weights of nothing", func(*Tenants) {}, "0:0", false},
		{"no field", func(t *Tenants) { t.Field = "" }, "1:1", false},
		{"a field of keys", func(t *Tenants) { t.Field = "api_key" }, "1:1", false},
		{"no name at all", func(t *Tenants) { t.Bound = 0 }, "1:1", false},
		{"a delay of hours", func(t *Tenants) { t.Delay = 2 * time.Hour }, "1:1", false},
	} {
		c := good
		tt.change(&c)
		err := c.Check(tt.weights)
		if refused := (runfolder.ConfigError{}); (err == nil) != tt.ok || err != nil && !errors.As(err, &refused) {
			t.Errorf("%s: got error %v of type %T, want one of configurations: %v", tt.why, err, err, !tt.ok)
		}
	}
}
