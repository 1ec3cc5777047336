package main

import (
	"context"
	"fmt"
	"maps"
	"math"
	"strings"

	"cfubench/datasets"
	"cfubench/loadgen"
	"cfubench/loadgen/engine"
	"cfubench/results"
)

// clientOptions is the client that this run's requests go through.
func (s *sweep) clientOptions(connections int) loadgen.Options {
	body := s.server.profile.ExtraBody()
	salt := ""
	if s.server.profile.NeedsSalt() {
		salt = s.salt()
		if f := s.server.profile.SaltField; f != "" {
			body[f] = salt
			salt = ""
		}
	}
	maps.Copy(body, s.config.extraBody)
	return loadgen.Options{
		BaseURL: s.server.url, Model: s.server.identity.Model, API: s.config.api, APIKey: s.apiKey,
		IgnoreEOS: s.config.ignoreEOS, MinTokens: s.config.minTokens, Salt: salt, ExtraBody: body, Connections: connections,
		CAFile: s.config.caFile, Timeout: s.config.timeout,
	}
}

// salt keeps this cell's prompts apart from all that the server has seen.
func (s *sweep) salt() string {
	return fmt.Sprintf("cfu-%d-%d", s.origin.UnixNano(), s.clock().Nanoseconds())
}

// openTokenizer returns what counts tokens, nil where nobody can yet.
func openTokenizer(name string, t *target) (datasets.Tokenizer, error) {
	kind, arg, _ := strings.Cut(name, ":")
	switch {
	case name == "endpoint" && t == nil:
		return nil, nil
	case name == "endpoint":
		return engine.NewTokenizer(t.http, t.url, t.apiKey)
	case kind == "endpoint":
		return engine.NewTokenizer(nil, arg, "") // another server: the key is not for it
	case name == "words":
		return datasets.Words(), nil
	case kind == "tiktoken" && arg != "":
		return datasets.Tiktoken(arg)
	}
	return nil, usagef("--tokenizer %q: want endpoint, endpoint:URL, words or tiktoken:NAME", name)
}

// warmUp sends --warmup requests whose prompts are in no trace, several at
// once where the server batches.
func (s *sweep) warmUp(ctx context.Context) error {
	if s.config.warmup == 0 {
		return nil
	}
	client, err := loadgen.NewClient(s.clientOptions(max(1, s.server.identity.EffectiveBatch)))
	if err != nil {
		return err
	}
	defer client.Close()
	reqs := make([]datasets.Request, s.config.warmup)
	for i := range reqs {
		reqs[i] = datasets.Request{
			Index: i, Conversation: fmt.Sprintf("warm-up-%d", i), At: -1, PromptTokens: datasets.Unknown, OutputTokens: 8,
			Prompt: fmt.Sprintf("Warm-up %d of run %s: count upwards from %d.", i, s.salt(), i),
		}
	}
	var failed string
	_, err = loadgen.Run(ctx, client, loadgen.Load{Concurrency: max(1, min(s.config.warmup, s.server.identity.EffectiveBatch)), MaxTokens: 8},
		reqs, s.clock, func(r loadgen.Record) {
			if !r.OK() {
				failed = r.Err
			}
		})
	if err != nil {
		return err
	}
	if failed != "" {
		s.warn("warm-up request failed: %s", failed)
	}
	return nil
}

// engineSample is a scrape as the table has it: what the server does not tell
// is null.
func engineSample(e engine.Sample) results.EngineSample {
	known := func(v float64) *float64 {
		if math.IsNaN(v) {
			return nil
		}
		return &v
	}
	return results.EngineSample{
		At: e.Before + (e.After-e.Before)/2, Running: known(e.Running), Waiting: known(e.Waiting), CacheUsage: known(e.CacheUsage),
		PromptTokens: known(e.PromptTokens), CachedTokens: known(e.CachedTokens), GenerationTokens: known(e.OutputTokens),
		Preemptions: known(e.Preemptions), Steps: known(e.Steps), PrefillTime: known(e.PrefillTime), DecodeTime: known(e.DecodeTime),
		QueueTime: known(e.QueueTime), Finished: known(e.Finished), Err: e.Err,
	}
}
