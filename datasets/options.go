package datasets

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The selections of ShareGPT conversations.
const (
	// First takes conversations in file order: the first human turn, with the
	// answer that follows it if there is one.
	First = "first"
	// VLLM is the rule of vLLM's `bench serve --dataset-name sharegpt`.
	VLLM = "vllm"
	// SGLang is the rule of SGLang's bench_serving --dataset-name sharegpt.
	SGLang = "sglang"
)

// Options say which requests of a trace to take and how to count their tokens.
// The zero value takes every request, in file order, uncounted.
type Options struct {
	// Select is First, VLLM or SGLang; "" is First. Timed traces and JSON
	// lines are always taken in order and refuse the other two.
	Select string
	// NumRequests is how many requests to take, 0 for all there are.
	NumRequests int
	// Seed orders VLLM and SGLang as Python's random.seed(Seed) would (vLLM's
	// own default is 0, SGLang's is 1), and picks the words of generated
	// prompts.
	Seed int64
	// Tokenizer counts tokens. Nil leaves the counts Unknown where the trace
	// does not state them; VLLM and SGLang, whose rules are about lengths,
	// need one.
	Tokenizer Tokenizer
	// OutputTokens overrides the output target of every request, 0 to take it
	// from the trace. It is vLLM's and SGLang's --sharegpt-output-len.
	OutputTokens int
	// MaxPromptTokens skips requests with longer prompts, 0 for no limit. A
	// prompt is never cut. Without a tokenizer words are compared, and the
	// trace carries a warning. In a conversation of several turns the history
	// counts, and the conversation ends before the first turn that is too long.
	// The exact selections apply it after their own rules.
	MaxPromptTokens int
	// MaxOutputTokens lowers longer output targets to this, 0 for no limit. The
	// number lowered is a warning of the trace.
	MaxOutputTokens int
	// ContextTokens is SGLang's --sharegpt-context-len: skip where prompt and
	// output together are longer, 0 for no limit. Only SGLang has it.
	ContextTokens int
	// FitContext is the context length of the server, 0 where it is not known:
	// requests of which prompt, history and answer together are longer are left
	// out. Room is kept for what a chat template adds; where nobody counted the
	// tokens they are estimated, and the trace carries a warning.
	FitContext int
	// Kind is what a whole request with an input alone is, KindEmbeddings or
	// KindResponses: their bodies may look the same.
	Kind string
	// HashBlock is the tokens for which a hash id of a Mooncake trace stands, 0
	// for what the trace's make has.
	HashBlock int
	// TimeUnit is the unit of a Mooncake trace's timestamps, 0 for what the
	// trace's make has.
	TimeUnit time.Duration
	// WordTargets asks for answers as long as the trace's own, counted in words
	// where neither the file states their length nor a Tokenizer counts them; the
	// trace carries a warning. Without it their length stays Unknown.
	WordTargets bool
	// NoOversample keeps VLLM from repeating requests when fewer than
	// NumRequests pass its rules.
	NoOversample bool
	// MultiTurn makes a request of every human turn of a conversation, with
	// turns numbered from 0, instead of the first one only. Roles are checked.
	// First only.
	MultiTurn bool
}

// spec names a trace: a format and, but for the sample, a file.
type spec struct{ format, file string }

// fileFormats lists what may stand before a file's name.
func fileFormats() []string {
	return []string{"sharegpt", "azure", "burstgpt", "mooncake", "openai", "jsonl"}
}

// parseSpec reads "sample" or "FORMAT:FILE".
func parseSpec(s string) (spec, error) {
	format, file, colon := strings.Cut(s, ":")
	switch {
	case format == "sample" && !colon:
		return spec{format: format}, nil
	case format == "sample":
		return spec{}, fmt.Errorf("dataset %q: sample takes no file", s)
	}
	if !slices.Contains(fileFormats(), format) {
		return spec{}, fmt.Errorf("dataset %q: unknown format %q; want sample, or FORMAT:FILE with FORMAT one of %s",
			s, format, strings.Join(fileFormats(), ", "))
	}
	if file == "" {
		return spec{}, fmt.Errorf("dataset %q: want %s:FILE", s, format)
	}
	return spec{format, file}, nil
}

// validate reports options that contradict the format or each other.
func (o Options) validate(s spec) error {
	exact := o.Select == VLLM || o.Select == SGLang
	conversations := s.format == "sample" || s.format == "sharegpt"
	switch {
	case o.Select != "" && o.Select != First && !exact:
		return fmt.Errorf("selection %q: want %s, %s or %s", o.Select, First, VLLM, SGLang)
	case exact && !conversations:
		return fmt.Errorf("selection %s is a rule for ShareGPT conversations; %s traces are taken in order", o.Select, s.format)
	case exact && o.Tokenizer == nil:
		return fmt.Errorf("selection %s depends on token counts and needs a tokenizer", o.Select)
	case exact && o.MultiTurn:
		return fmt.Errorf("selection %s takes single turns; several turns of a conversation need selection %s", o.Select, First)
	case o.MultiTurn && !conversations:
		return fmt.Errorf("several turns need ShareGPT conversations; %s traces hold their turns as they are", s.format)
	case o.ContextTokens != 0 && o.Select != SGLang:
		return fmt.Errorf("a context length is part of selection %s only", SGLang)
	case o.NoOversample && o.Select != VLLM:
		return fmt.Errorf("oversampling is part of selection %s only", VLLM)
	case o.Select == SGLang && o.OutputTokens != 0 && o.OutputTokens < sglangFixedMin:
		return fmt.Errorf("selection %s refuses fixed output lengths under %d, got %d", SGLang, sglangFixedMin, o.OutputTokens)
	case (o.HashBlock != 0 || o.TimeUnit != 0) && s.format != "mooncake":
		return fmt.Errorf("a block of hash ids and a unit of times are parts of mooncake traces; this is %s", s.format)
	case o.Kind != "" && o.Kind != KindChat && o.Kind != KindCompletions && o.Kind != KindEmbeddings && o.Kind != KindResponses:
		return fmt.Errorf("kind %q: want %s, %s, %s or %s", o.Kind, KindChat, KindCompletions, KindEmbeddings, KindResponses)
	case o.HashBlock < 0 || o.TimeUnit < 0:
		return fmt.Errorf("a block of hash ids and a unit of times cannot be negative")
	case o.NumRequests < 0 || o.FitContext < 0 || o.OutputTokens < 0 || o.MaxPromptTokens < 0 || o.MaxOutputTokens < 0 || o.ContextTokens < 0:
		return fmt.Errorf("numbers of requests and tokens cannot be negative")
	}
	return nil
}

// Check reports a name that is no trace's and options that contradict it or
// each other, without opening anything: wrong usage rather than a bad file.
func Check(name string, o Options) error {
	s, err := parseSpec(name)
	if err != nil {
		return err
	}
	return o.validate(s)
}
