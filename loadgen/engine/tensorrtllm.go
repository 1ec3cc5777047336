package engine

import (
	"context"
	"net/http"
)

// TensorRTLLM is TensorRT-LLM's trtllm-serve.
const TensorRTLLM = "tensorrt-llm"

// trtMetrics is where its metrics are: its /metrics is JSON that empties a queue.
const trtMetrics = "/prometheus/metrics"

func tensorRTLLM() kind {
	return kind{
		name:     TensorRTLLM,
		owners:   []string{"tensorrt_llm"},
		identify: func(ctx context.Context, e peer, id *Identity) { e.askTensorRTLLM(ctx, id) },
		// It refuses fields that it does not know.
		profile: Profile{Kind: TensorRTLLM, metrics: trtMetrics, salt: true},
		prefix:  "trtllm_",
		figures: []figure{
			{"num_requests_running", value, func(s *Sample) *float64 { return &s.Running }, false},
			{"num_requests_waiting", value, func(s *Sample) *float64 { return &s.Waiting }, false},
			{"kv_cache_utilization", value, func(s *Sample) *float64 { return &s.CacheUsage }, true},
			{"prompt_tokens_total", value, func(s *Sample) *float64 { return &s.PromptTokens }, false},
			{"prompt_cached_tokens_total", value, func(s *Sample) *float64 { return &s.CachedTokens }, false},
			{"generation_tokens_total", value, func(s *Sample) *float64 { return &s.OutputTokens }, false},
			{"request_prefill_time_seconds", sum, func(s *Sample) *float64 { return &s.PrefillTime }, false},
			{"request_decode_time_seconds", sum, func(s *Sample) *float64 { return &s.DecodeTime }, false},
			{"request_queue_time_seconds", sum, func(s *Sample) *float64 { return &s.QueueTime }, false},
			{"request_success_total", value, func(s *Sample) *float64 { return &s.Finished }, false},
		},
	}
}

// askTensorRTLLM reads /version, and the batch limit from the metrics, which have
// it once an iteration was made.
func (e peer) askTensorRTLLM(ctx context.Context, id *Identity) {
	id.Version = e.version(ctx)
	text, err := e.do(ctx, http.MethodGet, trtMetrics, nil)
	if err != nil {
		return
	}
	families, err := parseFamilies(text)
	if err != nil {
		return
	}
	if limit, ok := families["trtllm_max_batch_size_runtime"]; ok {
		id.EffectiveBatch = int(figure{part: value}.read(limit))
	}
}
