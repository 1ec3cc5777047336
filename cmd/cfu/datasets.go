package main

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/spf13/pflag"

	"cfubench/datasets"
	"cfubench/internal/subcommand"
	"cfubench/results/sweep"
)

const datasetsHelp = `usage: cfu datasets stat SPEC [flags]       how many requests, how long
       cfu datasets select SPEC [flags]     the requests as they would be sent, as JSON lines
       cfu datasets convert SPEC --to jsonl|sharegpt [flags]

SPEC names a trace:
  sample           the bundled one: generated text, lengths like real conversations
  sharegpt:FILE    conversations, a JSON array of them or one a line
  azure:FILE       Azure LLM inference traces 2023 and 2024 (CSV)
  burstgpt:FILE    BurstGPT (CSV)
  mooncake:FILE    Mooncake (JSON lines, with prefix hashes), Alibaba
  openai:FILE      whole requests: OpenAI bodies, one a line, bare or as in batch files
  jsonl:FILE       one request a line: prompt or prompt_tokens, output_tokens, at_ns, conversation,
                   turn, completion

Azure, BurstGPT and Mooncake traces hold lengths and no text: their prompts are
generated, one word for each token.

examples:
  cfu datasets stat sample --multi-turn
  cfu datasets select sharegpt:ShareGPT_V3_unfiltered_cleaned_split.json --select vllm \
    --num-requests 1000 --tokenizer endpoint:http://localhost:8000
  cfu datasets convert azure:AzureLLMInferenceTrace_conv.csv --num-requests 1000 \
    --to jsonl --out conv.jsonl

flags:
`

// datasetsFlags are the flags of all three.
type datasetsFlags struct {
	options   datasets.Options
	tokenizer string
	format    *subcommand.Format
	to, out   string
}

// bindDatasets is `cfu datasets`.
func bindDatasets(fs *pflag.FlagSet) subcommand.Action {
	var f datasetsFlags
	f.bind(fs)
	return func(ctx context.Context, env subcommand.Environment, operands []string) error {
		verb, spec, err := f.check(fs, operands)
		if err != nil {
			return err
		}
		switch verb {
		case "stat":
			return datasetsStat(ctx, env, spec, f)
		case "select":
			return datasetsWrite(ctx, env, spec, f, datasets.NewSelectionWriter)
		}
		return datasetsConvert(ctx, env, spec, f)
	}
}

// bind declares the flags on fs.
func (f *datasetsFlags) bind(fs *pflag.FlagSet) {
	o := &f.options
	fs.StringVar(&o.Select, "select", datasets.First, "`RULE` that picks conversations: first, vllm or sglang.")
	fs.IntVar(&o.NumRequests, "num-requests", 0, "Take `N` requests, 0 for all.")
	fs.Int64Var(&o.Seed, "seed", 0, "Seed `S` of vllm's and sglang's order, as in Python, and of generated prompts (sglang's own default is 1).")
	fs.StringVar(&f.tokenizer, "tokenizer", "", "Count with `T`: words, tiktoken:NAME or endpoint:URL (default none; stat: words).")
	fs.IntVar(&o.OutputTokens, "output-tokens", 0, "Ask for `N` output tokens everywhere, 0 to take the trace's.")
	fs.IntVar(&o.MaxPromptTokens, "max-prompt-tokens", 0, "Skip requests with prompts over `N` tokens, 0 for no limit.")
	fs.IntVar(&o.MaxOutputTokens, "max-output-tokens", 0, "Cap outputs at `N` tokens (0: no limit).")
	fs.IntVar(&o.ContextTokens, "context-tokens", 0, "With sglang, skip where prompt and output are over `N` tokens, 0 for no limit.")
	fs.BoolVar(&o.NoOversample, "no-oversample", false, "With vllm, do not repeat requests when too few pass.")
	fs.BoolVar(&o.MultiTurn, "multi-turn", false, "Make a request of every human turn, not of the first only.")
	f.format = subcommand.BindFormat(fs, "With stat, print", "text", "json")
	fs.StringVar(&f.to, "to", "", "With convert, write `FORMAT`: jsonl or sharegpt.")
	fs.StringVar(&f.out, "out", "", "With convert, write `FILE` instead of stdout.")
}

// check takes the operands apart and refuses what does not go with them before
// anything is read.
func (f *datasetsFlags) check(fs *pflag.FlagSet, operands []string) (verb, spec string, err error) {
	if len(operands) < 1 {
		return "", "", subcommand.Usagef("want stat, select or convert")
	}
	verb = operands[0]
	if !slices.Contains([]string{"stat", "select", "convert"}, verb) {
		return "", "", subcommand.Usagef("unknown datasets command %q; want stat, select or convert", verb)
	}
	if len(operands) != 2 {
		return "", "", subcommand.Usagef("%s wants one SPEC, got %d: sample, or FORMAT:FILE", verb, len(operands)-1)
	}
	spec = operands[1]
	for flag, owner := range map[string]string{"format": "stat", "to": "convert", "out": "convert"} {
		if fs.Changed(flag) && owner != verb {
			return "", "", subcommand.Usagef("--%s is a flag of %s", flag, owner)
		}
	}
	o := &f.options
	if o.Select == datasets.SGLang && !fs.Changed("seed") {
		o.Seed = 1
	}
	if f.tokenizer == "" && verb == "stat" {
		f.tokenizer = "words"
	}
	if f.tokenizer == "" && (o.Select == datasets.VLLM || o.Select == datasets.SGLang) {
		return "", "", subcommand.Usagef("--select %s goes by token counts: give --tokenizer endpoint:URL, tiktoken:NAME or words", o.Select)
	}
	if f.tokenizer != "" {
		if o.Tokenizer, err = sweep.OpenTokenizer(f.tokenizer); err != nil {
			return "", "", subcommand.UsageError{Err: err}
		}
		if o.Tokenizer == nil {
			return "", "", subcommand.Usagef("--tokenizer endpoint: no endpoint is known here; want endpoint:URL")
		}
	}
	if err := datasets.Check(spec, *o); err != nil {
		return "", "", subcommand.UsageError{Err: err}
	}
	return verb, spec, nil
}

// datasetsStat prints the summary of a trace.
func datasetsStat(ctx context.Context, env subcommand.Environment, spec string, f datasetsFlags) error {
	s, err := datasets.Stat(ctx, spec, f.options)
	if err != nil {
		return err
	}
	if f.format.Is("json") {
		e := json.NewEncoder(env.Stdout)
		e.SetEscapeHTML(false)
		return e.Encode(s)
	}
	return s.WriteText(env.Stdout)
}

// sayDropped says what was dropped of a trace, and the doubts about it.
func sayDropped(env subcommand.Environment, t datasets.Trace) {
	for _, reason := range slices.Sorted(maps.Keys(t.Dropped)) {
		env.Say("cfu datasets: dropped %d: %s", t.Dropped[reason], reason)
	}
	for _, warning := range t.Warnings {
		env.Say("cfu datasets: warning: %s", warning)
	}
}

// datasetsWrite prints the requests of a trace, or writes them to --out, as format has
// them.
func datasetsWrite(ctx context.Context, env subcommand.Environment, spec string, f datasetsFlags, format datasets.Format) error {
	t, err := datasets.CopyTo(ctx, spec, f.options, f.out, env.Stdout, format)
	if err == nil {
		sayDropped(env, t)
	}
	return err
}

// datasetsConvert writes a trace in another format.
func datasetsConvert(ctx context.Context, env subcommand.Environment, spec string, f datasetsFlags) error {
	format, known := datasets.FormatOf(f.to)
	switch {
	case f.to == "":
		return subcommand.Usagef("convert wants --to jsonl or --to sharegpt")
	case !known:
		return subcommand.Usagef("--to %q: want jsonl or sharegpt", f.to)
	}
	return datasetsWrite(ctx, env, spec, f, format)
}
