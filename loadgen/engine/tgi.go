package engine

import "context"

// TGI is Hugging Face's text-generation-inference.
const TGI = "tgi"

func tgi() kind {
	return kind{
		name:      TGI,
		recognize: func(ctx context.Context, e peer) bool { return e.tgiInfo(ctx).Total > 0 },
		identify: func(ctx context.Context, e peer, id *Identity) {
			info := e.tgiInfo(ctx)
			id.Version, id.ContextTokens, id.EffectiveBatch = info.Version, info.Total, info.Batch
		},
		profile: Profile{Kind: TGI, metrics: "/metrics", salt: true},
		prefix:  "tgi_",
		figures: []figure{ // router/src/server.rs and its docs' list of metrics
			{"batch_current_size", value, func(s *Sample) *float64 { return &s.Running }, false},
			{"queue_size", value, func(s *Sample) *float64 { return &s.Waiting }, false},
			{"request_input_length", sum, func(s *Sample) *float64 { return &s.PromptTokens }, false},
			{"request_generated_tokens", sum, func(s *Sample) *float64 { return &s.OutputTokens }, false},
			{"request_queue_duration", sum, func(s *Sample) *float64 { return &s.QueueTime }, false},
			{"request_success", value, func(s *Sample) *float64 { return &s.Finished }, false},
		},
	}
}

// tgiInfo is the answer of /info.
type tgiInfo struct {
	Version string `json:"version"`
	Total   int    `json:"max_total_tokens"` // prompt and output of a request
	Batch   int    `json:"max_batch_size"`   // null where the memory decides
}

func (e peer) tgiInfo(ctx context.Context) (info tgiInfo) {
	if e.getJSON(ctx, "/info", &info) != nil {
		return tgiInfo{}
	}
	return info
}
