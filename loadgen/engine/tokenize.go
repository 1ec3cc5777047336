package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"cfubench/datasets"

	"golang.org/x/sync/errgroup"
)

// tokenizeConcurrency bounds the requests in flight: servers tokenize on few
// threads, and none takes several texts in one request.
const tokenizeConcurrency = 8

// tokenizer counts with the server's own /tokenize.
type tokenizer struct {
	peer
	model string // vLLM and SGLang want it; filled by the first Count
}

var _ datasets.Tokenizer = (*tokenizer)(nil)

// NewTokenizer returns the tokenizer of the server at baseURL, through its
// /tokenize, which llama.cpp, vLLM and SGLang have. Special tokens that the
// server adds to a prompt (BOS) are counted, as in vLLM's benchmark. A nil
// client is one of NewClient, which keeps a connection for each worker.
func NewTokenizer(c *http.Client, baseURL, apiKey string) (datasets.Tokenizer, error) {
	e, err := newPeer(c, baseURL, apiKey)
	if err != nil {
		return nil, err
	}
	return &tokenizer{peer: e}, nil
}

func (*tokenizer) Name() string { return "endpoint" }

// Count implements datasets.Tokenizer.
func (t *tokenizer) Count(ctx context.Context, texts []string) ([]int, error) {
	if t.model == "" {
		list, err := t.models(ctx)
		if err != nil {
			return nil, fmt.Errorf("tokenize at %s: %w", t.root, err)
		}
		if len(list.Data) == 0 {
			return nil, fmt.Errorf("tokenize at %s: it serves no model", t.root)
		}
		t.model = list.Data[0].ID
	}
	counts := make([]int, len(texts))
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(tokenizeConcurrency)
	for i, text := range texts {
		if asking.Err() != nil {
			break // an earlier text failed
		}
		group.Go(func() (err error) {
			counts[i], err = t.count(asking, text)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		if absent(err) {
			err = fmt.Errorf("%w: the server does not tokenize; choose --tokenizer words or tiktoken:NAME", err)
		}
		return nil, fmt.Errorf("tokenize at %s: %w", t.root, err)
	}
	return counts, ctx.Err()
}

// count asks for one text with the fields of all servers: "content" and
// "add_special" are llama.cpp's, "model", "prompt" and "add_special_tokens"
// vLLM's and SGLang's.
func (t *tokenizer) count(ctx context.Context, text string) (int, error) {
	answer, err := t.ask(ctx, tokenizeLimit, http.MethodPost, "/tokenize", t.root+"/tokenize", map[string]any{
		"content": text, "add_special": true,
		"model": t.model, "prompt": text, "add_special_tokens": true,
	})
	if err != nil {
		return 0, err
	}
	var got struct {
		Count  *int  `json:"count"`
		Tokens []int `json:"tokens"`
	}
	if err := json.Unmarshal(answer, &got); err != nil {
		return 0, fmt.Errorf("/tokenize: %w", err)
	}
	switch {
	case got.Count != nil:
		return *got.Count, nil
	case got.Tokens != nil:
		return len(got.Tokens), nil
	}
	return 0, errors.New("/tokenize answered neither tokens nor their count")
}
