package sweep

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"cfubench/datasets"
	"cfubench/loadgen"
	"cfubench/loadgen/engine"
)

// clientOptions is the client that this run's requests go through.
func (s *sweep) clientOptions(connections int) loadgen.Options {
	body := s.server.profile.ExtraBody()
	maps.Copy(body, s.config.ExtraBody)
	o := loadgen.Options{
		BaseURL: s.server.url, Model: s.server.identity.Model, API: s.config.API, APIKey: s.config.APIKey,
		IgnoreEOS: s.config.IgnoreEOS, MinTokens: s.config.MinTokens, ExtraBody: body, Connections: connections,
		CAFile: s.config.CAFile, Timeout: s.config.Timeout, Headers: s.config.Headers, TokensField: s.config.TokensField, Secrets: s.config.Secrets,
	}
	if s.server.profile.NeedsSalt() {
		o = o.Salted(s.server.profile.SaltField, s.salt())
	}
	return o
}

// salt keeps this cell's prompts apart from all that the server has seen.
func (s *sweep) salt() string {
	return fmt.Sprintf("cfu-%d-%d", s.origin.UnixNano(), s.clock().Nanoseconds())
}

// OpenTokenizer returns the tokenizer of that name, which counts tokens without
// the server under test; nil for "endpoint", which is that server's own.
func OpenTokenizer(name string) (datasets.Tokenizer, error) {
	kind, arg, _ := strings.Cut(name, ":")
	switch {
	case name == "endpoint":
		return nil, nil
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
	if s.config.Warmup == 0 {
		return nil
	}
	client, err := loadgen.NewClient(s.clientOptions(max(1, s.server.identity.EffectiveBatch)))
	if err != nil {
		return err
	}
	defer client.Close()
	reqs := make([]datasets.Request, s.config.Warmup)
	for i := range reqs {
		reqs[i] = datasets.Request{
			Index: i, Conversation: fmt.Sprintf("warm-up-%d", i), At: -1, PromptTokens: datasets.Unknown, OutputTokens: 8,
			Prompt: fmt.Sprintf("Warm-up %d of run %s: count upwards from %d.", i, s.salt(), i),
		}
	}
	var failed string
	_, err = loadgen.Run(ctx, client, loadgen.Load{Concurrency: max(1, min(s.config.Warmup, s.server.identity.EffectiveBatch)), MaxTokens: 8},
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
