package datasets

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestLengths(t *testing.T) {
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = 100 - i // 100 … 1
	}
	for _, tt := range []struct {
		why    string
		counts []int
		want   Lengths
	}{
		{"nothing", nil, Lengths{}},
		{"nothing known", []int{Unknown, Unknown}, Lengths{Unknown: 2}},
		{"one", []int{7}, Lengths{Known: 1, Sum: 7, Mean: 7, Min: 7, P5: 7, P25: 7, P50: 7, P75: 7, P95: 7, P99: 7, Max: 7}},
		{"unknown ones stand apart", []int{4, Unknown, 2}, Lengths{Known: 2, Unknown: 1, Sum: 6, Mean: 3, Min: 2, P5: 2, P25: 2, P50: 2, P75: 4, P95: 4, P99: 4, Max: 4}},
		{"1 to 100: each percentile is its own rank", hundred, Lengths{Known: 100, Sum: 5050, Mean: 50.5, Min: 1, P5: 5, P25: 25, P50: 50, P75: 75, P95: 95, P99: 99, Max: 100}},
	} {
		if diff := cmp.Diff(tt.want, lengths(tt.counts)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.why, diff)
		}
	}
}

// Whatever the counts, quantiles rise from least to most and occur.
func TestLengthsOccurAndRise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counts := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 30).Draw(t, "counts")
		l := lengths(slices.Clone(counts))
		all := []int{l.Min, l.P5, l.P25, l.P50, l.P75, l.P95, l.P99, l.Max}
		if !slices.IsSorted(all) {
			t.Fatalf("got %v of %v, want them to rise", all, counts)
		}
		for _, n := range all {
			if !slices.Contains(counts, n) {
				t.Fatalf("got %d, which is not among %v", n, counts)
			}
		}
	})
}

// Stat is of the requests that Open returns, for every format and selection.
func TestStatIsOfWhatOpenReturns(t *testing.T) {
	file := "sharegpt:" + corpus{seed: 11, conversations: 200}.file(t)
	azureFile := "azure:" + scratch(t, "a.csv", azureHeader+"\n2023-11-16 18:17:03,30,10\n2023-11-16 18:17:05,0,9\n2023-11-16 18:17:07,20,4\n")
	for _, tt := range []struct {
		spec string
		o    Options
	}{
		{file, Options{Tokenizer: Words()}},
		{file, Options{Tokenizer: Words(), MultiTurn: true, MaxPromptTokens: 900}},
		{file, Options{Tokenizer: Words(), Select: SGLang, NumRequests: 50}},
		{file, Options{Tokenizer: Words(), Select: VLLM, NumRequests: 50, Seed: 3}},
		{file, Options{}},
		{"sample", Options{}},
		{azureFile, Options{}},
	} {
		tr, err := Open(t.Context(), tt.spec, tt.o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Stat(t.Context(), tt.spec, tt.o)
		if err != nil {
			t.Fatal(err)
		}
		var prompts, outputs []int
		conversations := map[[2]any]bool{}
		for _, r := range tr.Requests {
			prompts, outputs = append(prompts, r.PromptTokens), append(outputs, r.OutputTokens)
			conversations[[2]any{r.Conversation, r.Index}] = true
		}
		if got.Requests != len(tr.Requests) || got.Conversations != len(conversations) {
			t.Errorf("%s: got %d requests in %d conversations, want %d in %d", tt.spec, got.Requests, got.Conversations, len(tr.Requests), len(conversations))
		}
		if diff := cmp.Diff([]Lengths{lengths(prompts), lengths(outputs)}, []Lengths{got.Prompt, got.Output}); diff != "" {
			t.Errorf("%s %+v: (-open +stat)\n%s", tt.spec, tt.o, diff)
		}
		if diff := cmp.Diff(tr.Dropped, got.Dropped); diff != "" {
			t.Errorf("%s %+v: dropped (-open +stat)\n%s", tt.spec, tt.o, diff)
		}
	}
	got, err := Stat(t.Context(), azureFile, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got.SpanSeconds == nil || *got.SpanSeconds != 4 {
		t.Errorf("got span %v, want 4 s", got.SpanSeconds)
	}
}

// A conversation's second turn is read with all that was said before it.
func TestStatContext(t *testing.T) {
	spec := turns(t, "human: a b", "gpt: c d e", "human: f", "gpt: g")
	got, err := Stat(t.Context(), spec, Options{Tokenizer: Words(), MultiTurn: true})
	if err != nil {
		t.Fatal(err)
	}
	if got.Context == nil || got.Context.Min != 2 || got.Context.Max != 6 {
		t.Errorf("got %+v, want 2 and 2+3+1 tokens", got.Context)
	}
	if got, err = Stat(t.Context(), spec, Options{Tokenizer: Words()}); err != nil || got.Context != nil {
		t.Errorf("first turns only: got %+v, %v, want no row for the history", got.Context, err)
	}
}
