package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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

// ProfileFor returns the profile of a kind, that of OpenAI if the kind is not
// known.
func ProfileFor(kind string) Profile { return kindOf(kind).profile }

// Profile returns the profile of this server: its kind's, but without a
// SaltField that its version ignores or may ignore.
func (id Identity) Profile() Profile {
	p := ProfileFor(id.Kind)
	if id.Kind == SGLang && !sglangHeedsSalt(id.Version) {
		p.SaltField = ""
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
	e, err := newPeer(c, baseURL, apiKey)
	if err != nil {
		return err
	}
	answer, err := e.ask(ctx, resetLimit, http.MethodPost, p.reset, e.root+p.reset, nil)
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
	name, model, ok := strings.Cut(spec, ":")
	if !ok || strings.ContainsAny(name, " \t/") {
		return spec, nil
	}
	k := kindOf(name)
	if k.name != name || k.launch == "" {
		return spec, nil
	}
	if model == "" {
		return "", fmt.Errorf("engine preset %q names no model: write %s:MODEL", spec, name)
	}
	return fmt.Sprintf(k.launch, Quote(model)), nil
}

// Quote makes a word of the shell out of s.
func Quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
