package engine

import (
	"context"
	"time"
)

// VLLM is vLLM.
const VLLM = "vllm"

// vllmSettle is longer than the second (busy_loop_s of its shm_broadcast.py) for
// which vLLM's workers spin after a request before they sleep.
const vllmSettle = 1500 * time.Millisecond

func vllm() kind {
	return kind{
		name:     VLLM,
		owners:   []string{"vllm"},
		identify: func(ctx context.Context, e peer, id *Identity) { e.askVLLM(ctx, id) },
		// vLLM and SGLang can say on every chunk how many tokens there were so far:
		// a chunk is not a token.
		profile: Profile{Kind: VLLM, Settle: vllmSettle, metrics: "/metrics", salt: true, SaltField: "cache_salt", reset: "/reset_prefix_cache",
			extra: continuousUsage()},
		prefix: "vllm:",
		figures: []figure{ // of its V1 engine
			{"num_requests_running", value, func(s *Sample) *float64 { return &s.Running }, false},
			{"num_requests_waiting", value, func(s *Sample) *float64 { return &s.Waiting }, false},
			{"gpu_cache_usage_perc", value, func(s *Sample) *float64 { return &s.CacheUsage }, true}, // until 0.10
			{"kv_cache_usage_perc", value, func(s *Sample) *float64 { return &s.CacheUsage }, true},
			{"prompt_tokens_total", value, func(s *Sample) *float64 { return &s.PromptTokens }, false},
			{"prefix_cache_hits_total", value, func(s *Sample) *float64 { return &s.CachedTokens }, false}, // where there is no other
			{"prompt_tokens_cached_total", value, func(s *Sample) *float64 { return &s.CachedTokens }, false},
			{"generation_tokens_total", value, func(s *Sample) *float64 { return &s.OutputTokens }, false},
			{"num_preemptions_total", value, func(s *Sample) *float64 { return &s.Preemptions }, false},
			{"iteration_tokens_total", count, func(s *Sample) *float64 { return &s.Steps }, false},
			{"request_prefill_time_seconds", sum, func(s *Sample) *float64 { return &s.PrefillTime }, false},
			{"request_decode_time_seconds", sum, func(s *Sample) *float64 { return &s.DecodeTime }, false},
			{"request_queue_time_seconds", sum, func(s *Sample) *float64 { return &s.QueueTime }, false},
			{"request_success_total", value, func(s *Sample) *float64 { return &s.Finished }, false},
		},
		// The development mode answers /server_info and /reset_prefix_cache;
		// the details are the cached tokens in each request's usage.
		launch: "VLLM_SERVER_DEV_MODE=1 vllm serve %s --host 127.0.0.1 --port {port} --max-num-seqs {batch} --enable-prompt-tokens-details",
	}
}

// continuousUsage asks for a usage with each event.
func continuousUsage() map[string]any {
	return map[string]any{"stream_options": map[string]any{"include_usage": true, "continuous_usage_stats": true}}
}

// askVLLM reads /version, and the batch limit from /server_info, which vLLM
// serves only with VLLM_SERVER_DEV_MODE=1.
func (e peer) askVLLM(ctx context.Context, id *Identity) {
	id.Version = e.version(ctx)
	var info struct {
		Config struct {
			Scheduler struct {
				MaxSeqs int `json:"max_num_seqs"`
			} `json:"scheduler_config"`
		} `json:"vllm_config"`
	}
	if e.getJSON(ctx, "/server_info?config_format=json", &info) == nil {
		id.EffectiveBatch = info.Config.Scheduler.MaxSeqs
	}
}
