package engine

import (
	"context"
	"fmt"
	"slices"

	dto "github.com/prometheus/client_model/go"
)

// SGLang is SGLang.
const SGLang = "sglang"

func sglang() kind {
	return kind{
		name:      SGLang,
		owners:    []string{"sglang"},
		recognize: func(ctx context.Context, e peer) bool { return e.sglangInfo(ctx).Version != "" },
		identify: func(ctx context.Context, e peer, id *Identity) {
			info := e.sglangInfo(ctx)
			id.Version = info.Version
			for _, r := range info.Ranks {
				id.EffectiveBatch += r.Running
			}
			if id.ContextTokens == 0 {
				id.ContextTokens = info.Context
			}
		},
		// SGLang's scheduler may not be done with a request when its last token is
		// out, and flushes only when idle: it is given 2 s to become so.
		profile: Profile{Kind: SGLang, metrics: "/metrics", salt: true, SaltField: "cache_salt", reset: "/flush_cache?timeout=2",
			extra: continuousUsage()},
		prefix: "sglang:",
		figures: []figure{
			{"num_running_reqs", value, func(s *Sample) *float64 { return &s.Running }, false},
			{"num_queue_reqs", value, func(s *Sample) *float64 { return &s.Waiting }, false},
			{"token_usage", value, func(s *Sample) *float64 { return &s.CacheUsage }, true},
			{"prompt_tokens_total", value, func(s *Sample) *float64 { return &s.PromptTokens }, false},
			{"cached_tokens_total", value, func(s *Sample) *float64 { return &s.CachedTokens }, false},
			{"generation_tokens_total", value, func(s *Sample) *float64 { return &s.OutputTokens }, false},
			{"num_retracted_requests_total", value, func(s *Sample) *float64 { return &s.Preemptions }, false},
			{"cuda_graph_passes_total", value, func(s *Sample) *float64 { return &s.Steps }, false}, // by mode, "none" among them
			{"inter_token_latency_seconds", sum, func(s *Sample) *float64 { return &s.DecodeTime }, false},
			{"queue_time_seconds", sum, func(s *Sample) *float64 { return &s.QueueTime }, false},
			{"num_requests_total", value, func(s *Sample) *float64 { return &s.Finished }, false},
		},
		// All stages of a request are timed in one family.
		adjust: func(families map[string]*dto.MetricFamily, s *Sample) {
			family, ok := families["sglang:per_stage_req_latency_seconds"]
			if !ok {
				return
			}
			family.Metric = slices.DeleteFunc(family.Metric, func(m *dto.Metric) bool {
				return label(m, "stage") != "prefill_forward"
			})
			s.PrefillTime = figure{part: sum}.read(family)
		},
		launch: "python3 -m sglang.launch_server --model-path %s --host 127.0.0.1 --port {port} --max-running-requests {batch} --enable-metrics --enable-cache-report",
	}
}

// sglangInfo is of SGLang's arguments, and the scheduler's state of each
// data-parallel rank: the limit it works with may be lower than the one asked.
type sglangInfo struct {
	Version string `json:"version"`
	Context int    `json:"context_length"` // as asked, null if not
	Ranks   []struct {
		Running int `json:"effective_max_running_requests_per_dp"`
	} `json:"internal_states"`
}

// sglangInfo asks under the path's present name and under its older one, which
// newer servers answer with a complaint in their log.
func (e peer) sglangInfo(ctx context.Context) (info sglangInfo) {
	for _, path := range []string{"/server_info", "/get_server_info"} {
		if e.getJSON(ctx, path, &info) == nil && info.Version != "" {
			break
		}
	}
	return info
}

// sglangHeedsSalt reports whether the version keeps cache_salts apart: 0.5.11 is
// SGLang's first release whose scheduler does (its pull request 23300); those
// before accept the field and pay it no heed.
func sglangHeedsSalt(version string) bool {
	v := make([]int, 3)
	_, err := fmt.Sscanf(version, "%d.%d.%d", &v[0], &v[1], &v[2])
	return err == nil && slices.Compare(v, []int{0, 5, 11}) >= 0
}
