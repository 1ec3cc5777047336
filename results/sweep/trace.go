package sweep

import (
	"context"
	"fmt"
	"time"

	"cfubench/datasets"
	"cfubench/loadgen/engine"
	"cfubench/results/runfolder"
)

// needsServerTokenizer reports whether the trace can only be chosen once the
// server under test can count tokens.
func (s *sweep) needsServerTokenizer() bool {
	return s.config.Tokenizer == "endpoint" && s.config.Select != datasets.First
}

// selectTrace selects the requests. t is the server under test, nil before there
// is one: it counts tokens where a selection needs that, and what does not fit
// into its context is left out.
func (s *sweep) selectTrace(ctx context.Context, t *target) (datasets.Trace, error) {
	o := datasets.Options{
		Select: s.config.Select, NumRequests: s.config.NumRequests, Seed: s.config.Seed,
		MaxPromptTokens: s.config.MaxPromptTokens, MaxOutputTokens: s.config.MaxTokens, MultiTurn: s.config.MultiTurn,
		HashBlock: s.config.HashBlock, TimeUnit: s.config.TimeUnit,
		WordTargets: s.config.Select == datasets.First, // an answer without a stated length is as long as the trace's own
	}
	var err error
	if o.Tokenizer, err = OpenTokenizer(s.config.Tokenizer); err != nil {
		return datasets.Trace{}, err
	}
	if t != nil {
		o.FitContext = t.identity.ContextTokens
		if o.Tokenizer == nil && s.needsServerTokenizer() {
			if o.Tokenizer, err = engine.NewTokenizer(t.http, t.url, t.apiKey); err != nil {
				return datasets.Trace{}, err
			}
		}
	}
	trace, err := datasets.Open(ctx, s.config.Dataset, o)
	if err != nil {
		return trace, err
	}
	flag := "--ignore-eos"
	if s.config.MinTokens {
		flag = "--min-tokens"
	}
	if n := trace.Totals().OutputUnknown; (s.config.IgnoreEOS || s.config.MinTokens) && s.config.MaxTokens == 0 && n > 0 {
		return trace, fmt.Errorf("%s: the trace says no length for %d of its %d requests, so their answers would run to the server's own limit: give --max-tokens N", flag, n, len(trace.Requests))
	}
	return trace, nil
}

// openTrace selects the requests for the run and records which they are.
func (s *sweep) openTrace(ctx context.Context, t *target) error {
	var err error
	if s.trace, err = s.selectTrace(ctx, t); err != nil {
		return err
	}
	for _, w := range s.trace.Warnings {
		s.warn("%s", w)
	}
	hash := s.trace.Hash()
	if s.record.TraceHash != "" && s.record.TraceHash != hash {
		return fmt.Errorf("resume %s: the trace has changed since: its hash is %.12s, was %.12s", s.config.Out, hash, s.record.TraceHash)
	}
	s.record.TraceHash = hash
	s.record.Trace = runfolder.TraceInfo{
		Source: s.trace.Source, Selection: s.trace.Selection, Tokenizer: s.trace.Tokenizer,
		Requests: len(s.trace.Requests), Dropped: s.trace.Dropped, Warnings: s.trace.Warnings,
	}
	total := s.trace.Totals()
	s.say("trace: %d requests in each of %d cells, %s", total.Requests, s.total, totalLine(total))
	s.schedules()
	var cells []time.Duration
	for _, l := range s.plan {
		for _, c := range l.cells {
			if !s.done[c.id] {
				cells = append(cells, s.pace.least[c.Load])
			}
		}
	}
	if line := withinBudget(s.config.Budget, cells); line != "" {
		s.say("%s", line)
	}
	return nil
}

// totalLine says what the requests of one cell ask for.
func totalLine(t datasets.Totals) string {
	side := func(known int64, unknown int, what, of string) string {
		switch {
		case unknown == 0:
			return fmt.Sprintf("%d %s", known, what)
		case unknown == t.Requests:
			return fmt.Sprintf("an unknown number of %s", what)
		}
		return fmt.Sprintf("%d %s beside those of %d %s of unknown length", known, what, unknown, of)
	}
	return side(t.Prompt, t.PromptUnknown, "prompt tokens to read", "prompts") + " and " + side(t.Output, t.OutputUnknown, "tokens to write", "answers")
}
