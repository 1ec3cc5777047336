package datasets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the goldens of testdata")

// The corpus of the golden selections: 6,000 conversations, of which about 1
// in 10 has less than two turns and 1 in 40 the other key.
func selectionCorpus() corpus { return corpus{seed: 20261124, conversations: 6000} }

// selectionCase is a selection, in the form that testdata/select.py reads.
type selectionCase struct {
	Why           string `json:"why"`
	Rule          string `json:"rule"`
	NumRequests   int    `json:"num_requests"`
	Seed          int64  `json:"seed"`
	OutputTokens  int    `json:"output_tokens,omitempty"`
	ContextTokens int    `json:"context_tokens,omitempty"`
	NoOversample  bool   `json:"no_oversample,omitempty"`
}

func (c selectionCase) options() Options {
	return Options{
		Select: c.Rule, NumRequests: c.NumRequests, Seed: c.Seed, Tokenizer: Words(),
		OutputTokens: c.OutputTokens, ContextTokens: c.ContextTokens, NoOversample: c.NoOversample,
	}
}

// picks is what a selection comes to.
type picks struct {
	Index        []int `json:"index"`
	PromptTokens []int `json:"prompt_tokens"`
	OutputTokens []int `json:"output_tokens"`
}

func picksOf(t Trace) picks {
	p := picks{[]int{}, []int{}, []int{}}
	for _, r := range t.Requests {
		p.Index = append(p.Index, r.Index)
		p.PromptTokens = append(p.PromptTokens, r.PromptTokens)
		p.OutputTokens = append(p.OutputTokens, r.OutputTokens)
	}
	return p
}

func goldenCases() []selectionCase {
	return []selectionCase{
		{Why: "vLLM with its own default seed", Rule: VLLM, NumRequests: 200, Seed: 0},
		{Why: "another seed, another order", Rule: VLLM, NumRequests: 200, Seed: 42},
		{Why: "a seed of two words", Rule: VLLM, NumRequests: 50, Seed: 1<<40 + 7},
		{Why: "more requests than pass: oversampled", Rule: VLLM, NumRequests: 5500, Seed: 0},
		{Why: "the same without oversampling: the pass list", Rule: VLLM, NumRequests: 5500, Seed: 0, NoOversample: true},
		{Why: "a fixed output length lifts the least output", Rule: VLLM, NumRequests: 200, Seed: 1, OutputTokens: 2},
		{Why: "a fixed output length counts in the total", Rule: VLLM, NumRequests: 200, Seed: 1, OutputTokens: 1500},
		{Why: "SGLang with its own default seed", Rule: SGLang, NumRequests: 200, Seed: 1},
		{Why: "the same seed as vLLM, other requests", Rule: SGLang, NumRequests: 200, Seed: 0},
		{Why: "more requests than pass: no oversampling", Rule: SGLang, NumRequests: 6000, Seed: 1},
		{Why: "a context length", Rule: SGLang, NumRequests: 200, Seed: 1, ContextTokens: 512},
		{Why: "a fixed output length", Rule: SGLang, NumRequests: 200, Seed: 7, OutputTokens: 4},
	}
}

// selectionGolden is testdata/selections.json.
type selectionGolden struct {
	Corpus string          `json:"corpus_sha256"`
	Cases  []selectionCase `json:"cases"`
	Picks  []picks         `json:"picks"`
}

func digest(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// python runs select.py over a file, skipping the test where there is no
// python3.
func python(t *testing.T, file string, cases []selectionCase) []picks {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 to compare with:", err)
	}
	in, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "testdata/select.py", file)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("select.py: %v", err)
	}
	var got []picks
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// The lists were made by CPython from the rules written anew; nothing of this
// package took part in them.
func TestSelectionsAreThoseOfTheTools(t *testing.T) {
	file := selectionCorpus().file(t)
	const path = "testdata/selections.json"
	if *update {
		g := selectionGolden{digest(t, file), goldenCases(), python(t, file, goldenCases())}
		b, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var golden selectionGolden
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	if got := digest(t, file); got != golden.Corpus {
		t.Fatalf("the generated corpus is %s, the goldens are of %s: run with -update", got, golden.Corpus)
	}
	for i, c := range golden.Cases {
		got, err := Open(t.Context(), "sharegpt:"+file, c.options())
		if err != nil {
			t.Errorf("%s: %v", c.Why, err)
			continue
		}
		if diff := cmp.Diff(golden.Picks[i], picksOf(got)); diff != "" {
			t.Errorf("%s: selection differs (-python +ours):\n%s", c.Why, diff)
		}
	}
}

// The same against the interpreter that is here, on a corpus and with seeds
// nobody chose.
func TestSelectionsAreThoseOfThePythonThatIsHere(t *testing.T) {
	c := corpus{seed: rand.Uint64(), conversations: 800}
	file := c.file(t)
	var cases []selectionCase
	for range 6 {
		cases = append(cases,
			selectionCase{Rule: VLLM, NumRequests: rand.IntN(1000), Seed: rand.Int64() >> rand.IntN(63), OutputTokens: rand.IntN(2) * rand.IntN(600)},
			selectionCase{Rule: SGLang, NumRequests: rand.IntN(1000), Seed: -rand.Int64() >> rand.IntN(63), ContextTokens: rand.IntN(2) * rand.IntN(2000)})
	}
	for i := range cases {
		cases[i].NumRequests++ // 0 means all here and none there
	}
	for i, want := range python(t, file, cases) {
		got, err := Open(t.Context(), "sharegpt:"+file, cases[i].options())
		if err != nil {
			t.Errorf("corpus %d, %+v: %v", c.seed, cases[i], err)
			continue
		}
		if diff := cmp.Diff(want, picksOf(got)); diff != "" {
			t.Errorf("corpus %d, %+v: selection differs (-python +ours):\n%s", c.seed, cases[i], diff)
		}
	}
}

// The two tools draw different requests from one file with one seed.
func TestVLLMAndSGLangDiffer(t *testing.T) {
	file := corpus{seed: 3, conversations: 500}.file(t)
	o := Options{Select: VLLM, NumRequests: 100, Tokenizer: Words()}
	v, err := Open(t.Context(), "sharegpt:"+file, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Select = SGLang
	s, err := Open(t.Context(), "sharegpt:"+file, o)
	if err != nil {
		t.Fatal(err)
	}
	if cmp.Equal(picksOf(v), picksOf(s)) {
		t.Error("got the same requests from both rules, want different ones")
	}
}

// Every line of vLLM's rule, at its edges.
func TestVLLMRule(t *testing.T) {
	for _, tt := range []struct {
		why            string
		prompt, output int
		fixed          int
		want           string
	}{
		{"the shortest that pass", 4, 4, 0, ""},
		{"a prompt one token too short", 3, 4, 0, "prompt under 4 tokens"},
		{"an output one token too short", 4, 3, 0, "output under 4 tokens"},
		{"the user's own output length may be shorter", 4, 3, 3, ""},
		{"the longest prompt", 1024, 1024, 0, ""},
		{"a prompt one token too long", 1025, 4, 0, "prompt over 1024 tokens"},
		{"both together one token too long", 1024, 1025, 0, "prompt and output over 2048 tokens"},
		{"a long output alone is no reason", 4, 2044, 0, ""},
		{"the user's own output length counts in the sum", 100, 1949, 1949, "prompt and output over 2048 tokens"},
	} {
		if got := exactRule(Options{Select: VLLM, OutputTokens: tt.fixed})(tt.prompt, tt.output); got != tt.want {
			t.Errorf("%s: %d+%d: got %q, want %q", tt.why, tt.prompt, tt.output, got, tt.want)
		}
	}
}

// Every line of SGLang's rule, at its edges.
func TestSGLangRule(t *testing.T) {
	for _, tt := range []struct {
		why            string
		prompt, output int
		context        int
		want           string
	}{
		{"the shortest that pass", 2, 2, 0, ""},
		{"a prompt one token too short", 1, 2, 0, "prompt under 2 tokens"},
		{"an output one token too short", 2, 1, 0, "output under 2 tokens"},
		{"no upper limit by itself", 50000, 50000, 0, ""},
		{"a context that just fits", 300, 200, 500, ""},
		{"a context one token too short", 301, 200, 500, "prompt and output over 500 tokens"},
	} {
		if got := exactRule(Options{Select: SGLang, ContextTokens: tt.context})(tt.prompt, tt.output); got != tt.want {
			t.Errorf("%s: %d+%d: got %q, want %q", tt.why, tt.prompt, tt.output, got, tt.want)
		}
	}
}

// What was dropped is accounted for: every conversation of a file that is read
// to its end is either taken or counted once.
func TestDroppedAndTakenAddUp(t *testing.T) {
	c := corpus{seed: 9, conversations: 700}
	file := c.file(t)
	for _, rule := range []string{First, VLLM, SGLang} {
		got, err := Open(t.Context(), "sharegpt:"+file, Options{Select: rule, Tokenizer: Words()})
		if err != nil {
			t.Fatal(err)
		}
		sum := len(got.Requests)
		for _, n := range got.Dropped {
			sum += n
		}
		if sum != c.conversations {
			t.Errorf("%s: %d taken and dropped (%v), want %d", rule, sum, got.Dropped, c.conversations)
		}
	}
}

// A limit on top of a tool's rule is no longer the tool's selection, and a
// selection filled up with repeats is not what it looks like: both are said.
func TestSelectionsSayWhatWasDoneToThem(t *testing.T) {
	file := corpus{seed: 5, conversations: 60}.file(t)
	for _, tt := range []struct {
		why  string
		o    Options
		want string
	}{
		{"oversampled", Options{Select: VLLM, NumRequests: 500}, "are repeats"},
		{"too few and no oversampling", Options{Select: SGLang, NumRequests: 500}, "500 requests were asked for"},
		{"a limit on top", Options{Select: VLLM, NumRequests: 5, MaxPromptTokens: 100}, "no longer identical to that tool's"},
		{"lowered outputs", Options{Select: SGLang, NumRequests: 20, MaxOutputTokens: 3}, "lowered to 3 tokens"},
	} {
		tt.o.Tokenizer = Words()
		got, err := Open(t.Context(), "sharegpt:"+file, tt.o)
		if err != nil {
			t.Fatalf("%s: %v", tt.why, err)
		}
		if all := strings.Join(got.Warnings, "\n"); !strings.Contains(all, tt.want) {
			t.Errorf("%s: got warnings %q, want one with %q", tt.why, all, tt.want)
		}
	}
}
