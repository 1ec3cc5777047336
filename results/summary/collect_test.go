package summary

import (
	"testing"
	"time"

	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// A part of the prompts does not stand for all of them.
func TestPromptTokensOfAWindow(t *testing.T) {
	row := func(prompt int, err string) loadgen.Record {
		return loadgen.Record{Sent: 1 * time.Second, FirstToken: 2 * time.Second, LastToken: 3 * time.Second, Done: 3 * time.Second, PromptTokens: prompt, OutputTokens: 5, Err: err}
	}
	early := row(loadgen.Unknown, "")
	early.Sent, early.FirstToken, early.LastToken, early.Done = 0, 100*time.Millisecond, 500*time.Millisecond, 500*time.Millisecond
	for _, tt := range []struct {
		name string
		rows []loadgen.Record
		want Figure
	}{
		{"all of them counted", []loadgen.Record{row(7, ""), row(9, "")}, 16},
		{"one of them not counted", []loadgen.Record{row(7, ""), row(loadgen.Unknown, "")}, Unknown()},
		{"a failure's is not missed", []loadgen.Record{row(7, ""), row(loadgen.Unknown, "no")}, 7},
		{"one before the window is none of it", []loadgen.Record{row(7, ""), early}, 7},
	} {
		table := &requestTable{flags: map[string]int{}}
		for _, r := range tt.rows {
			table.add(&runfolder.Request{Record: r})
		}
		prompt := table.promptsIn(meter.Window{Start: 600 * time.Millisecond, End: 4 * time.Second})
		if prompt.Known() != tt.want.Known() || prompt.Known() && prompt != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, prompt, tt.want)
		}
	}
}
