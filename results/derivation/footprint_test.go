package derivation

import (
	"path/filepath"
	"testing"

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

// Answer tokens are what is left of the output without reasoning, where every
// request counted it and some reasoned.
func TestAnswerTokens(t *testing.T) {
	for _, tt := range []struct {
		name      string
		reasoning []int
		want      int64
	}{
		{"two that reasoned", []int{3, 4}, 3},
		{"one that did not", []int{0, 4}, 6},
		{"none that did", []int{0, 0}, 0},
		{"one that nobody counted", []int{3, loadgen.Unknown}, 0},
	} {
		var records []loadgen.Record
		for _, n := range tt.reasoning {
			records = append(records, loadgen.Record{Sent: 1, FirstToken: 2, LastToken: 3, Done: 3, PromptTokens: 7, OutputTokens: 5, CachedTokens: loadgen.Unknown, ReasoningTokens: n})
		}
		u := counted(t, records)
		if u.AnswerTokens != tt.want {
			t.Errorf("%s: got %d answer tokens, want %d", tt.name, u.AnswerTokens, tt.want)
		}
	}
}

// A count of tokens of which a part is not known is none.
func TestTotalTokensNeedEveryPrompt(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prompts []int
		want    int64
	}{
		{"all prompts counted", []int{7, 9}, 26},
		{"one that nobody counted", []int{7, loadgen.Unknown}, 0},
	} {
		var records []loadgen.Record
		for _, n := range tt.prompts {
			records = append(records, loadgen.Record{Sent: 1, FirstToken: 2, LastToken: 3, Done: 3, PromptTokens: n, OutputTokens: 5, CachedTokens: loadgen.Unknown, ReasoningTokens: loadgen.Unknown})
		}
		u := counted(t, records)
		if u.TotalTokens != tt.want || u.OutputTokens != 10 {
			t.Errorf("%s: got %d tokens, %d of output; want %d and 10", tt.name, u.TotalTokens, u.OutputTokens, tt.want)
		}
	}
}

// Requests that name no conversation are not all of one.
func TestConversationsNeedANameEach(t *testing.T) {
	for _, tt := range []struct {
		name          string
		conversations []string
		want          int64
	}{
		{"two of one and one of another", []string{"a", "b", "a"}, 2},
		{"a log without conversations", []string{"", "", ""}, 0},
		{"one that nobody named", []string{"a", ""}, 0},
	} {
		var records []loadgen.Record
		for _, c := range tt.conversations {
			records = append(records, loadgen.Record{Conversation: c, Sent: 1, FirstToken: 2, LastToken: 3, Done: 3, PromptTokens: 7, OutputTokens: 5, CachedTokens: loadgen.Unknown, ReasoningTokens: loadgen.Unknown})
		}
		if u := counted(t, records); u.Conversations != tt.want {
			t.Errorf("%s: got %d conversations, want %d", tt.name, u.Conversations, tt.want)
		}
	}
}

// counted is what a cell with these requests delivered, read from its table.
func counted(t *testing.T, records []loadgen.Record) (u lca.Usage) {
	t.Helper()
	path := filepath.Join(t.TempDir(), runfolder.RequestsFile)
	w, err := runfolder.Requests().Create(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := w.Write(runfolder.Request{Record: r}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := count(t.Context(), &u, path, 1, loadgen.SLO{}, nil); err != nil {
		t.Fatal(err)
	}
	return u
}
