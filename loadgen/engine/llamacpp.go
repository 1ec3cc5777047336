package engine

import (
	"context"
	"math"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// LlamaCpp is llama.cpp's own server.
const LlamaCpp = "llama.cpp"

func llamaCpp() kind {
	return kind{
		name:   LlamaCpp,
		owners: []string{"llamacpp"},
		recognize: func(ctx context.Context, e peer) bool {
			return e.llamaProps(ctx).Slots > 0
		},
		identify: func(ctx context.Context, e peer, id *Identity) {
			props := e.llamaProps(ctx)
			id.EffectiveBatch = props.Slots
			if n := props.Defaults.Context; n > 0 {
				id.ContextTokens = n // the list's is of all slots, or of the training
			}
			// "b0-unknown" is a build that did not record what it is.
			if !strings.HasSuffix(props.Build, "-unknown") {
				id.Version = props.Build
			}
		},
		// cache_prompt false makes it compute every prompt in full.
		profile: Profile{Kind: LlamaCpp, metrics: "/metrics", extra: map[string]any{"cache_prompt": false}},
		prefix:  "llamacpp:",
		figures: []figure{
			{"requests_processing", value, func(s *Sample) *float64 { return &s.Running }, false},
			{"requests_deferred", value, func(s *Sample) *float64 { return &s.Waiting }, false},
			{"prompt_tokens_cached_total", value, func(s *Sample) *float64 { return &s.CachedTokens }, false},
			{"tokens_predicted_total", value, func(s *Sample) *float64 { return &s.OutputTokens }, false},
			{"n_decode_total", value, func(s *Sample) *float64 { return &s.Steps }, false},
			{"prompt_seconds_total", value, func(s *Sample) *float64 { return &s.PrefillTime }, false},
			{"tokens_predicted_seconds_total", value, func(s *Sample) *float64 { return &s.DecodeTime }, false},
		},
		// Computed and cached prompt tokens are counted apart.
		adjust: func(families map[string]*dto.MetricFamily, s *Sample) {
			family, ok := families["llamacpp:prompt_tokens_total"]
			if !ok {
				return
			}
			s.PromptTokens = figure{part: value}.read(family)
			if !math.IsNaN(s.CachedTokens) {
				s.PromptTokens += s.CachedTokens
			}
		},
		launch: "llama-server --model %s --host 127.0.0.1 --port {port} --parallel {batch} --metrics --slots",
	}
}

// llamaProperties is the answer of /props (tools/server of llama.cpp).
type llamaProperties struct {
	Slots    int    `json:"total_slots"`
	Build    string `json:"build_info"`
	Defaults struct {
		Context int `json:"n_ctx"` // of one slot
	} `json:"default_generation_settings"`
}

func (e peer) llamaProps(ctx context.Context) (props llamaProperties) {
	if e.getJSON(ctx, "/props", &props) != nil {
		return llamaProperties{}
	}
	return props
}
