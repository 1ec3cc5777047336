package datasets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The first run has no tokenizer: the sample's own lengths serve, and limits
// pick what a small engine can hold.
func TestSampleNeedsNoTokenizer(t *testing.T) {
	tr, err := Open(t.Context(), "sample", Options{NumRequests: 32, MaxPromptTokens: 128, MaxOutputTokens: 32})
	if err != nil {
		t.Fatal(err)
	}
	if len(tr.Requests) != 32 {
		t.Fatalf("got %d requests, want 32", len(tr.Requests))
	}
	for _, r := range tr.Requests {
		if r.PromptTokens != Unknown || r.OutputTokens <= 0 || r.OutputTokens > 32 {
			t.Errorf("%s: got %d prompt and %d output tokens, want unknown and 1 to 32", r.Conversation, r.PromptTokens, r.OutputTokens)
		}
		if n := countWords(r.Prompt); n > 128 {
			t.Errorf("%s: got a prompt of %d words, want at most 128", r.Conversation, n)
		}
	}
	if tr.Tokenizer != "" {
		t.Errorf("got tokenizer %q, want none", tr.Tokenizer)
	}
}

// The sample is what the script makes, it is small, and every other tool can
// read it.
func TestSampleIsWhatItsScriptMakes(t *testing.T) {
	sampleJSON, err := carried("sample.json")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("sample.json")
	if err != nil || !bytes.Equal(file, sampleJSON) {
		t.Errorf("sample.json and sample.json.zst differ (%v); run scripts/sample", err)
	}
	if len(sampleJSON) >= 1e6 {
		t.Errorf("got %d bytes, want under 1 MB", len(sampleJSON))
	}
	var other []struct {
		ID            string
		Conversations []struct{ From, Value string }
	}
	if err := json.Unmarshal(sampleJSON, &other); err != nil || len(other) == 0 {
		t.Errorf("got %d conversations and %v, want a JSON array of them", len(other), err)
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 to run scripts/sample with:", err)
	}
	made, err := exec.Command(python, filepath.Join("..", "scripts", "sample"), "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, sampleJSON) {
		t.Errorf("scripts/sample makes %d bytes that differ from the %d of datasets/sample.json; run it", len(made), len(sampleJSON))
	}
}

// The sample's requests, every turn with its history, are as long as those of
// 30,731 real ShareGPT turns (Llama 2 tokens; see scripts/sample). Quantiles of
// 314 draws cannot be nearer than this.
func TestSampleHasTheRealLengths(t *testing.T) {
	s, err := Stat(t.Context(), "sample", Options{Tokenizer: Words(), MultiTurn: true})
	if err != nil {
		t.Fatal(err)
	}
	within := func(what string, got int, real, tolerance float64) {
		if r := float64(got) / real; r < 1-tolerance || r > 1+tolerance {
			t.Errorf("%s: got %d, want within %.0f %% of the real %.0f", what, got, 100*tolerance, real)
		}
	}
	within("prompt with history, p25", s.Context.P25, 580, 0.25)
	within("prompt with history, p50", s.Context.P50, 1730, 0.25)
	within("prompt with history, p75", s.Context.P75, 3735, 0.25)
	within("prompt with history, p95", s.Context.P95, 6563, 0.25)
	within("prompt with history, mean", int(s.Context.Mean), 2340, 0.1)
	within("output, p25", s.Output.P25, 228, 0.1)
	within("output, p50", s.Output.P50, 415, 0.1)
	within("output, p75", s.Output.P75, 628, 0.1)
	within("output, mean", int(s.Output.Mean), 439, 0.1)
}

// recorder is a tokenizer of words that remembers what it was asked.
type recorder struct {
	calls, texts int
	err          error
}

func (*recorder) Name() string { return "recorder" }

func (r *recorder) Count(ctx context.Context, texts []string) ([]int, error) {
	r.calls++
	r.texts += len(texts)
	if r.err != nil {
		return nil, r.err
	}
	return Words().Count(ctx, texts)
}

// Tokenizers may be a network away: many texts a call, and no more conversations
// than are still wanted.
func TestTokenizerIsAskedInBatchesAndNotForMore(t *testing.T) {
	r := &recorder{}
	if _, err := Open(t.Context(), "sample", Options{Tokenizer: r, NumRequests: 40}); err != nil {
		t.Fatal(err)
	}
	if r.texts != 80 || r.calls > 2 {
		t.Errorf("got %d texts in %d calls, want the 80 of 40 requests in 2", r.texts, r.calls)
	}
}

func TestTokenizerErrorIsPassedOn(t *testing.T) {
	refused := errors.New("connection refused")
	_, err := Open(t.Context(), "sample", Options{Tokenizer: &recorder{err: refused}})
	if !errors.Is(err, refused) || !strings.Contains(err.Error(), "count tokens with recorder") {
		t.Errorf("got %v, want the tokenizer's own error and name", err)
	}
}

func TestCancelledContextStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, rule := range []string{First, VLLM} {
		if _, err := Open(ctx, "sample", Options{Select: rule, Tokenizer: Words()}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want context canceled", rule, err)
		}
	}
}

// turns makes a file of one conversation from "role: text" lines.
func turns(t *testing.T, said ...string) string {
	t.Helper()
	var list []Turn
	for _, s := range said {
		from, value, _ := strings.Cut(s, ": ")
		list = append(list, Turn{From: from, Value: value})
	}
	b, err := json.Marshal([]map[string]any{{"id": "c", "conversations": list}})
	if err != nil {
		t.Fatal(err)
	}
	return "sharegpt:" + scratch(t, "c.json", string(b))
}

// asked writes requests as "prompt > completion".
func asked(t Trace) (all []string) {
	for i, r := range t.Requests {
		if r.Turn != i {
			all = append(all, "wrong turn")
		}
		all = append(all, r.Prompt+" > "+r.Completion)
	}
	return all
}

func TestFirstAndMultiTurn(t *testing.T) {
	for _, tt := range []struct {
		why          string
		said         []string
		first, multi []string
		warning      string // of the several turns
	}{
		{"the usual conversation",
			[]string{"human: a", "gpt: b", "human: c", "gpt: d"},
			[]string{"a > b"}, []string{"a > b", "c > d"}, ""},
		{"only a question", []string{"human: a"}, []string{"a > "}, []string{"a > "}, ""},
		{"the last question has no answer", []string{"human: a", "gpt: b", "human: c"},
			[]string{"a > b"}, []string{"a > b", "c > "}, ""},
		{"the model speaks first", []string{"gpt: hello", "human: a", "gpt: b"},
			[]string{"a > b"}, []string{"a > b"}, ""},
		{"a system turn is no question", []string{"system: be nice", "human: a", "gpt: b"},
			[]string{"a > b"}, []string{"a > b"}, ""},
		{"a second system turn later on ends it", []string{"human: a", "gpt: b", "system: be rude", "human: c"},
			[]string{"a > b"}, []string{"a > b"}, "stop alternating"},
		{"a tool's turn ends it", []string{"human: a", "gpt: b", "tool: c", "gpt: d"},
			[]string{"a > b"}, []string{"a > b"}, "stop alternating"},
		{"capitals and space do not matter", []string{" Human: a", "GPT: b", "USER: c", "Assistant: d"},
			[]string{"a > b"}, []string{"a > b", "c > d"}, ""},
		{"two questions in a row end it", []string{"human: a", "human: b", "gpt: c", "human: d"},
			[]string{"a > "}, []string{"a > "}, "stop alternating"},
		{"two answers in a row end it", []string{"human: a", "gpt: b", "gpt: c", "human: d", "gpt: e"},
			[]string{"a > b"}, []string{"a > b"}, "stop alternating"},
		{"an empty question ends it", []string{"human: a", "gpt: b", "human:  ", "gpt: d"},
			[]string{"a > b"}, []string{"a > b"}, "or one is empty"},
		{"the names that OpenAI uses", []string{"user: a", "assistant: b"}, []string{"a > b"}, []string{"a > b"}, ""},
		{"no roles at all: they alternate", []string{": a", ": b", ": c", ": d"}, []string{"a > b"}, []string{"a > b", "c > d"}, ""},
	} {
		spec := turns(t, tt.said...)
		got, err := Open(t.Context(), spec, Options{})
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		if diff := cmp.Diff(tt.first, asked(got)); diff != "" {
			t.Errorf("%s, first: (-want +got)\n%s", tt.why, diff)
		}
		got, err = Open(t.Context(), spec, Options{MultiTurn: true})
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		if diff := cmp.Diff(tt.multi, asked(got)); diff != "" {
			t.Errorf("%s, several turns: (-want +got)\n%s", tt.why, diff)
		}
		if all := strings.Join(got.Warnings, "\n"); !strings.Contains(all, tt.warning) || tt.warning == "" && all != "" {
			t.Errorf("%s: got warnings %q, want %q", tt.why, all, tt.warning)
		}
	}
}

func TestConversationsThatMakeNoRequest(t *testing.T) {
	for _, tt := range []struct {
		said   []string
		reason string
	}{
		{nil, "no turns under conversations, conversation or messages"},
		{[]string{"observation: a", "human: b"}, `a turn by "observation", which is neither the user nor the model, before the first question`},
		{[]string{"gpt: a"}, "no human turn"},
		{[]string{"system: a"}, "no human turn"},
		{[]string{"human:  ", "gpt: a"}, "empty prompt"},
	} {
		if _, err := Open(t.Context(), turns(t, tt.said...), Options{}); err == nil || !strings.Contains(err.Error(), "dropped: 1 "+tt.reason) {
			t.Errorf("%q: got %v, want it dropped for %q", tt.said, err, tt.reason)
		}
	}
}

// With several turns a limit is about what the server has to read: the history
// counts, and a conversation ends before the turn that is too long.
func TestPromptLimitCountsHistory(t *testing.T) {
	spec := turns(t, "human: a b", "gpt: c d e", "human: f g h", "gpt: i", "human: j", "gpt: k")
	for _, tt := range []struct {
		why   string
		limit int
		want  int
	}{
		{"the first prompt does not fit", 1, 0},
		{"the first just fits", 2, 1},
		{"the second (2+3+3) is one too long", 7, 1},
		{"the second just fits", 8, 2},
		{"the third (8+1+1) just fits", 10, 3},
	} {
		// Lowered targets do not shorten the history that the trace has.
		got, err := Open(t.Context(), spec, Options{MultiTurn: true, MaxPromptTokens: tt.limit, MaxOutputTokens: 1, Tokenizer: Words()})
		if tt.want == 0 {
			if err == nil || !strings.Contains(err.Error(), "1 prompt over the limit of 1 tokens") {
				t.Errorf("%s: got %v, want nothing left", tt.why, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		if len(got.Requests) != tt.want {
			t.Errorf("%s: got %d requests, want %d", tt.why, len(got.Requests), tt.want)
		}
		if cut := slices.ContainsFunc(got.Warnings, func(w string) bool { return strings.Contains(w, "ends early") }); cut != (tt.want < 3) {
			t.Errorf("%s: got warnings %q", tt.why, got.Warnings)
		}
	}
}

// Where a number of output tokens comes from, the strongest first.
func TestOutputTargets(t *testing.T) {
	conversation := turns(t, "human: a", "gpt: b c d")
	line := "jsonl:" + scratch(t, "l.jsonl", `{"prompt":"a","completion":"b c d","output_tokens":9}`)
	for _, tt := range []struct {
		why, spec string
		o         Options
		want      int
	}{
		{"nobody knows", conversation, Options{}, Unknown},
		{"the tokenizer counts the answer", conversation, Options{Tokenizer: Words()}, 3},
		{"words are, where the caller wants a length all the same", conversation, Options{WordTargets: true}, 3},
		{"but the tokenizer is better", conversation, Options{WordTargets: true, Tokenizer: double{}}, 6},
		{"the user overrides it", conversation, Options{Tokenizer: Words(), OutputTokens: 5}, 5},
		{"and without a tokenizer too", conversation, Options{OutputTokens: 5}, 5},
		{"the limit lowers it", conversation, Options{Tokenizer: Words(), MaxOutputTokens: 2}, 2},
		{"a limit is no target", conversation, Options{MaxOutputTokens: 2}, Unknown},
		{"the file states it", line, Options{}, 9},
		{"which no tokenizer knows better", line, Options{Tokenizer: Words()}, 9},
		{"the user does", line, Options{OutputTokens: 5}, 5},
		{"nobody answered", turns(t, "human: a"), Options{Tokenizer: Words()}, Unknown},
	} {
		got, err := Open(t.Context(), tt.spec, tt.o)
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		if n := got.Requests[0].OutputTokens; n != tt.want {
			t.Errorf("%s: got %d, want %d", tt.why, n, tt.want)
		}
	}
}

func TestWrongOptions(t *testing.T) {
	for _, tt := range []struct {
		spec string
		o    Options
		want string
	}{
		{"", Options{}, "unknown format"},
		{"sample:x", Options{}, "sample takes no file"},
		{"sharegpt", Options{}, "want sharegpt:FILE"},
		{"sharegpt:", Options{}, "want sharegpt:FILE"},
		{"parquet:x", Options{}, `unknown format "parquet"; want sample, or FORMAT:FILE with FORMAT one of sharegpt, azure, burstgpt, mooncake, openai, jsonl`},
		{"sample", Options{Select: "best"}, "want first, vllm or sglang"},
		{"sample", Options{Select: VLLM}, "needs a tokenizer"},
		{"azure:x", Options{Select: VLLM, Tokenizer: Words()}, "taken in order"},
		{"sample", Options{Select: SGLang, Tokenizer: Words(), MultiTurn: true}, "single turns"},
		{"azure:x", Options{MultiTurn: true}, "hold their turns as they are"},
		{"sample", Options{Select: VLLM, Tokenizer: Words(), ContextTokens: 5}, "sglang only"},
		{"sample", Options{NoOversample: true}, "vllm only"},
		{"sample", Options{Select: SGLang, Tokenizer: Words(), OutputTokens: 3}, "under 4, got 3"},
		{"sample", Options{NumRequests: -1}, "cannot be negative"},
		{"sample", Options{HashBlock: 16}, "parts of mooncake traces"},
		{"sample", Options{Kind: "images"}, "want chat, completions, embeddings or responses"},
		{"sharegpt:" + os.DevNull + "/none", Options{}, "dataset: open "},
		{"azure:testdata", Options{}, "is a directory, want a file"},
		{"sharegpt:" + os.DevNull, Options{Select: VLLM, Tokenizer: Words()}, "needs a regular one"},
	} {
		if _, err := Open(t.Context(), tt.spec, tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q %+v: got %v, want an error with %q", tt.spec, tt.o, err, tt.want)
		}
	}
}

// A trace that would fill the memory with generated text is refused when it is
// to be held, and passes when it is not.
func TestHugeGeneratedTraces(t *testing.T) {
	line := `{"prompt_tokens":` + strconv.Itoa(maxGenerated+1) + "}\n"
	spec := "jsonl:" + scratch(t, "huge.jsonl", line)
	if _, err := Open(t.Context(), spec, Options{}); err == nil || !strings.Contains(err.Error(), "take fewer requests") {
		t.Errorf("got %v, want it refused", err)
	}
	if s, err := Stat(t.Context(), spec, Options{}); err != nil || s.Requests != 1 {
		t.Errorf("stat: got %d requests and %v, want 1", s.Requests, err)
	}
}

// double is a tokenizer with two tokens a word.
type double struct{}

func (double) Name() string { return "double" }

func (double) Count(ctx context.Context, texts []string) ([]int, error) {
	counts, err := Words().Count(ctx, texts)
	for i := range counts {
		counts[i] *= 2
	}
	return counts, err
}
