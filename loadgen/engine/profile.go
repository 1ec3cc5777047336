package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Profile is what has to be known of a kind of server to load it fairly.
type Profile struct {
	// Kind is the Identity's.
	Kind string
	// SaltField is the request field that keeps one run's prefix cache entries
	// apart from another's without a change to the prompt, "" if there is none.
	SaltField string
	// Settle is how long the server goes on computing after its last request: an
	// idle window that begins sooner is none.
	Settle time.Duration

	extra   map[string]any
	metrics string // path of the Prometheus text
	reset   string // path that drops the prefix cache
	salt    bool
}

// vllmSettle is longer than the second (busy_loop_s of its shm_broadcast.py) for
// which vLLM's workers spin after a request before they sleep.
const vllmSettle = 1500 * time.Millisecond

// profiles is constant.
var profiles = map[string]Profile{
	// cache_prompt false makes llama.cpp compute every prompt in full.
	LlamaCpp: {Kind: LlamaCpp, metrics: "/metrics", extra: map[string]any{"cache_prompt": false}},
	// vLLM and SGLang can say on every chunk how many tokens there were so far:
	// a chunk is not a token.
	VLLM: {Kind: VLLM, Settle: vllmSettle, metrics: "/metrics", salt: true, SaltField: "cache_salt", reset: "/reset_prefix_cache",
		extra: map[string]any{"stream_options": map[string]any{"include_usage": true, "continuous_usage_stats": true}}},
	// SGLang's scheduler may not be done with a request when its last token is
	// out, and flushes only when idle: it is given 2 s to become so.
	SGLang: {Kind: SGLang, metrics: "/metrics", salt: true, SaltField: "cache_salt", reset: "/flush_cache?timeout=2",
		extra: map[string]any{"stream_options": map[string]any{"include_usage": true, "continuous_usage_stats": true}}},
	// TensorRT-LLM refuses fields that it does not know, and its /metrics is JSON
	// that empties a queue, not Prometheus.
	TensorRTLLM: {Kind: TensorRTLLM, metrics: "/prometheus/metrics", salt: true},
	OpenAI:      {Kind: OpenAI, metrics: "/metrics", salt: true},
}

// ProfileFor returns the profile of a kind, that of OpenAI if the kind is not
// known.
func ProfileFor(kind string) Profile {
	if p, ok := profiles[kind]; ok {
		return p
	}
	return profiles[OpenAI]
}

// sglangSalt is SGLang's first release whose scheduler keeps cache_salts apart
// (its pull request 23300); those before accept the field and pay it no heed.
var sglangSalt = []int{0, 5, 11}

// Profile returns the profile of this server: its kind's, but without a
// SaltField that its version ignores or may ignore.
func (id Identity) Profile() Profile {
	p := ProfileFor(id.Kind)
	if id.Kind == SGLang {
		v := make([]int, 3)
		_, err := fmt.Sscanf(id.Version, "%d.%d.%d", &v[0], &v[1], &v[2])
		if err != nil || slices.Compare(v, sglangSalt) < 0 {
			p.SaltField = ""
		}
	}
	return p
}

// ExtraBody lists the fields to add to each request. The caller may change it.
func (p Profile) ExtraBody() map[string]any {
	body := make(map[string]any, len(p.extra))
	for k, v := range p.extra {
		if inner, ok := v.(map[string]any); ok {
			copied := make(map[string]any, len(inner))
			for k, v := range inner {
				copied[k] = v
			}
			v = copied
		}
		body[k] = v
	}
	return body
}

// NeedsSalt reports whether a prompt that the server has seen before may cost
// it less than one it has not: then each run must make its prompts its own.
func (p Profile) NeedsSalt() bool { return p.salt }

// ErrNoReset says that the server cannot drop its prefix cache when asked to,
// or not as it was started.
var ErrNoReset = errors.New("the server has no way to reset its prefix cache")

// ResetPrefixCache makes the server forget the prompts it has seen. The server
// must be idle. The error is ErrNoReset where it cannot: vLLM can only if it
// was started with VLLM_SERVER_DEV_MODE=1.
func (p Profile) ResetPrefixCache(ctx context.Context, c *http.Client, baseURL, apiKey string) error {
	if p.reset == "" {
		return ErrNoReset
	}
	e, err := newEndpoint(c, baseURL, apiKey)
	if err != nil {
		return err
	}
	answer, err := e.do(ctx, http.MethodPost, p.reset, nil)
	if absent(err) {
		return ErrNoReset
	}
	if err != nil {
		return fmt.Errorf("reset prefix cache of %s: %w", e.root, err)
	}
	// vLLM answers 200 either way; SGLang answers with a sentence.
	var done struct {
		Success *bool `json:"success"`
	}
	if json.Unmarshal(answer, &done) == nil && done.Success != nil && !*done.Success {
		return fmt.Errorf("reset prefix cache of %s: refused: requests are still running", e.root)
	}
	return nil
}

// CommandFor expands a preset, KIND:MODEL, into a launch line for the user's
// own installation of that server: "vllm:DIR-OR-NAME", "sglang:DIR-OR-NAME",
// "llama.cpp:FILE.gguf". Anything else is a command already, and is returned
// as it is.
func CommandFor(spec string) (string, error) {
	kind, model, ok := strings.Cut(spec, ":")
	if !ok || strings.ContainsAny(kind, " \t/") {
		return spec, nil
	}
	var line string
	switch kind {
	case VLLM:
		// The development mode answers /server_info and /reset_prefix_cache;
		// the details are the cached tokens in each request's usage.
		line = "VLLM_SERVER_DEV_MODE=1 vllm serve %s --host 127.0.0.1 --port {port} --max-num-seqs {batch} --enable-prompt-tokens-details"
	case SGLang:
		line = "python3 -m sglang.launch_server --model-path %s --host 127.0.0.1 --port {port} --max-running-requests {batch} --enable-metrics --enable-cache-report"
	case LlamaCpp:
		line = "llama-server --model %s --host 127.0.0.1 --port {port} --parallel {batch} --metrics --slots"
	default:
		return spec, nil
	}
	if model == "" {
		return "", fmt.Errorf("engine preset %q names no model: write %s:MODEL", spec, kind)
	}
	return fmt.Sprintf(line, quote(model)), nil
}

// quote makes a word of the shell out of s.
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
