package engine

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Kinds of server.
const (
	LlamaCpp    = "llama.cpp"
	VLLM        = "vllm"
	SGLang      = "sglang"
	TensorRTLLM = "tensorrt-llm"
	OpenAI      = "openai" // any other that speaks the protocol
)

// Names of what a server may not tell, as they stand in Identity.Unknown.
const (
	unknownVersion = "version"
	unknownBatch   = "effective_batch"
	unknownContext = "context_tokens"
	unknownMetrics = "metrics"
)

// Identity is what a server says it is.
type Identity struct {
	// Kind is LlamaCpp, VLLM, SGLang, TensorRTLLM or OpenAI.
	Kind string
	// Version is the server's own, "" if it does not tell.
	Version string
	// Model is the name to ask for: the only one that is served, or the first
	// base model; Models are all that /v1/models lists.
	Model  string
	Models []string
	// EffectiveBatch is the highest number of requests that the server decodes
	// together, ContextTokens the longest prompt and output together of one
	// request; 0 if the server does not tell.
	EffectiveBatch, ContextTokens int
	// Unknown names what the server does not tell.
	Unknown []string
}

// modelList is the answer of /v1/models with the additions that servers make.
type modelList struct {
	Data []struct {
		ID      string `json:"id"`
		OwnedBy string `json:"owned_by"`
		Parent  string `json:"parent"`        // vLLM: the base of a LoRA adapter
		MaxLen  int    `json:"max_model_len"` // vLLM, SGLang
	} `json:"data"`
}

// Identify asks the server at baseURL what it is. A nil client is http's
// default. It fails if the server has no /v1/models, which every
// OpenAI-compatible server has, or serves no model; anything else that is
// missing is named in Unknown.
func Identify(ctx context.Context, c *http.Client, baseURL, apiKey string) (Identity, error) {
	e, err := newEndpoint(c, baseURL, apiKey)
	if err != nil {
		return Identity{}, err
	}
	var list modelList
	if err := e.getJSON(ctx, "/v1/models", &list); err != nil {
		return Identity{}, fmt.Errorf("identify %s: %w", e.root, err)
	}
	var id Identity
	for _, m := range list.Data {
		id.Models = append(id.Models, m.ID)
		if id.Model == "" && m.Parent == "" {
			id.Model, id.ContextTokens = m.ID, m.MaxLen
		}
	}
	if id.Model == "" {
		return Identity{}, fmt.Errorf("identify %s: it serves no model", e.root)
	}
	id.Kind = e.kind(ctx, list.Data[0].OwnedBy)
	// What a server cannot answer stays unknown, whatever its reason: vLLM's
	// /server_info, for one, fails where pip is missing.
	switch id.Kind {
	case LlamaCpp:
		e.askLlamaCpp(ctx, &id)
	case VLLM:
		e.askVLLM(ctx, &id)
	case SGLang:
		e.askSGLang(ctx, &id)
	case TensorRTLLM:
		e.askTensorRTLLM(ctx, &id)
	}
	_, metricsErr := e.scrape(ctx, ProfileFor(id.Kind).metrics, func() time.Duration { return 0 })
	if ctx.Err() != nil {
		return Identity{}, fmt.Errorf("identify %s: %w", e.root, context.Cause(ctx))
	}
	for _, u := range []struct {
		name    string
		missing bool
	}{
		{unknownVersion, id.Version == ""},
		{unknownBatch, id.EffectiveBatch == 0},
		{unknownContext, id.ContextTokens == 0},
		{unknownMetrics, metricsErr != nil},
	} {
		if u.missing {
			id.Unknown = append(id.Unknown, u.name)
		}
	}
	return id, nil
}

// kind goes by the owner that the model list names, and where it names none
// that is known, as behind some proxies, by a path that only one kind has.
func (e endpoint) kind(ctx context.Context, owner string) string {
	switch owner {
	case "llamacpp":
		return LlamaCpp
	case "vllm":
		return VLLM
	case "sglang":
		return SGLang
	case "tensorrt_llm":
		return TensorRTLLM
	}
	var props struct {
		Slots int `json:"total_slots"`
	}
	if e.getJSON(ctx, "/props", &props) == nil && props.Slots > 0 {
		return LlamaCpp
	}
	if e.sglangInfo(ctx).Version != "" {
		return SGLang
	}
	return OpenAI
}

// version reads /version, which vLLM and TensorRT-LLM have.
func (e endpoint) version(ctx context.Context) string {
	var answer struct {
		Version string `json:"version"`
	}
	if e.getJSON(ctx, "/version", &answer) != nil {
		return ""
	}
	return answer.Version
}

// askLlamaCpp reads /props (tools/server of llama.cpp).
func (e endpoint) askLlamaCpp(ctx context.Context, id *Identity) {
	var props struct {
		Slots    int    `json:"total_slots"`
		Build    string `json:"build_info"`
		Defaults struct {
			Context int `json:"n_ctx"` // of one slot
		} `json:"default_generation_settings"`
	}
	if e.getJSON(ctx, "/props", &props) != nil {
		return
	}
	id.EffectiveBatch, id.ContextTokens = props.Slots, props.Defaults.Context
	// "b0-unknown" is a build that did not record what it is.
	if !strings.HasSuffix(props.Build, "-unknown") {
		id.Version = props.Build
	}
}

// askVLLM reads /version, and the batch limit from /server_info, which vLLM
// serves only with VLLM_SERVER_DEV_MODE=1.
func (e endpoint) askVLLM(ctx context.Context, id *Identity) {
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

// askTensorRTLLM reads /version, and the batch limit from the metrics, which have
// it once an iteration was made.
func (e endpoint) askTensorRTLLM(ctx context.Context, id *Identity) {
	id.Version = e.version(ctx)
	text, err := e.do(ctx, http.MethodGet, ProfileFor(TensorRTLLM).metrics, nil)
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
func (e endpoint) sglangInfo(ctx context.Context) (info sglangInfo) {
	for _, path := range []string{"/server_info", "/get_server_info"} {
		if e.getJSON(ctx, path, &info) == nil && info.Version != "" {
			break
		}
	}
	return info
}

func (e endpoint) askSGLang(ctx context.Context, id *Identity) {
	info := e.sglangInfo(ctx)
	id.Version = info.Version
	for _, r := range info.Ranks {
		id.EffectiveBatch += r.Running
	}
	if id.ContextTokens == 0 {
		id.ContextTokens = info.Context
	}
}
