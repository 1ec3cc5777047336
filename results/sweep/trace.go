package sweep

import (
	"cfubench/datasets"
	"cfubench/loadgen/engine"
	"cfubench/results/runfolder"
	"context"
	"fmt"
)

// needsServerTokenizer reports whether the trace can only be chosen once the
// server under test can count tokens.
func (s *sweep) needsServerTokenizer() bool {
	return s.config.Tokenizer == "endpoint" && s.config.Select != datasets.First
}

// openTrace selects the requests; t is the server to count tokens with, if
// they must be counted by it.
func (s *sweep) openTrace(ctx context.Context, t *target) error {
	o := datasets.Options{
		Select: s.config.Select, NumRequests: s.config.NumRequests, Seed: s.config.Seed,
		MaxPromptTokens: s.config.MaxPromptTokens, MaxOutputTokens: s.config.MaxTokens, MultiTurn: s.config.MultiTurn,
		WordTargets: s.config.IgnoreEOS, // answers must end somewhere
	}
	var err error
	if o.Tokenizer, err = OpenTokenizer(s.config.Tokenizer); err != nil {
		return err
	}
	if o.Tokenizer == nil && t != nil {
		if o.Tokenizer, err = engine.NewTokenizer(t.http, t.url, t.apiKey); err != nil {
			return err
		}
	}
	s.trace, err = datasets.Open(ctx, s.config.Dataset, o)
	if err != nil {
		return err
	}
	if n := s.trace.Totals().OutputUnknown; s.config.IgnoreEOS && s.config.MaxTokens == 0 && n > 0 {
		return fmt.Errorf("--ignore-eos: the trace says no length for %d of its %d requests, so their answers would run to the server's own limit: give --max-tokens N", n, len(s.trace.Requests))
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
	return nil
}
