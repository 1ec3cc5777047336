package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Sample is one scrape of a server's /metrics. A figure that the server does
// not give is NaN, never 0. Totals count since the server started.
type Sample struct {
	// Before and After are the run's clock on either side of the scrape.
	Before, After time.Duration
	// Err says why a scrape gave nothing: then every figure is NaN.
	Err string

	Running      float64 // requests in the batch now
	Waiting      float64 // requests queued now
	CacheUsage   float64 // share of the key-value cache in use now, 0 to 1
	PromptTokens float64 // prompt tokens computed or taken from the cache, total
	CachedTokens float64 // of them taken from the prefix cache, total
	OutputTokens float64 // tokens generated, total
	Preemptions  float64 // requests put back for want of cache, total
	Steps        float64 // forward passes, total
	PrefillTime  float64 // seconds that requests spent in prefill, total
	DecodeTime   float64 // seconds that requests spent in decode, total
	QueueTime    float64 // seconds that requests spent queued, total
	Finished     float64 // requests finished, total
}

// ErrNoMetrics says that the server publishes no figures that are known here,
// or has them switched off.
var ErrNoMetrics = errors.New("the server serves no metrics that are known (llama.cpp needs --metrics, SGLang --enable-metrics, TensorRT-LLM return_perf_metrics)")

// part is which number of a metric family is meant.
type part int

const (
	value part = iota // of a counter or gauge
	sum               // of a histogram's observations
	count             // of a histogram's observations
)

// figure says where a server publishes a figure of Sample.
type figure struct {
	family string
	part   part
	field  func(*Sample) *float64
	// highest says that of several series the highest counts, not their sum: a
	// ratio.
	highest bool
}

// figures is constant: the families of llama.cpp, vLLM (its V1 engine), SGLang
// and TensorRT-LLM. Families are prefixed by the server, so one list serves all;
// of two for one figure the later wins.
var figures = []figure{
	{"llamacpp:requests_processing", value, func(s *Sample) *float64 { return &s.Running }, false},
	{"llamacpp:requests_deferred", value, func(s *Sample) *float64 { return &s.Waiting }, false},
	{"llamacpp:prompt_tokens_cached_total", value, func(s *Sample) *float64 { return &s.CachedTokens }, false},
	{"llamacpp:tokens_predicted_total", value, func(s *Sample) *float64 { return &s.OutputTokens }, false},
	{"llamacpp:n_decode_total", value, func(s *Sample) *float64 { return &s.Steps }, false},
	{"llamacpp:prompt_seconds_total", value, func(s *Sample) *float64 { return &s.PrefillTime }, false},
	{"llamacpp:tokens_predicted_seconds_total", value, func(s *Sample) *float64 { return &s.DecodeTime }, false},

	{"vllm:num_requests_running", value, func(s *Sample) *float64 { return &s.Running }, false},
	{"vllm:num_requests_waiting", value, func(s *Sample) *float64 { return &s.Waiting }, false},
	{"vllm:gpu_cache_usage_perc", value, func(s *Sample) *float64 { return &s.CacheUsage }, true}, // until 0.10
	{"vllm:kv_cache_usage_perc", value, func(s *Sample) *float64 { return &s.CacheUsage }, true},
	{"vllm:prompt_tokens_total", value, func(s *Sample) *float64 { return &s.PromptTokens }, false},
	{"vllm:prefix_cache_hits_total", value, func(s *Sample) *float64 { return &s.CachedTokens }, false}, // where there is no other
	{"vllm:prompt_tokens_cached_total", value, func(s *Sample) *float64 { return &s.CachedTokens }, false},
	{"vllm:generation_tokens_total", value, func(s *Sample) *float64 { return &s.OutputTokens }, false},
	{"vllm:num_preemptions_total", value, func(s *Sample) *float64 { return &s.Preemptions }, false},
	{"vllm:iteration_tokens_total", count, func(s *Sample) *float64 { return &s.Steps }, false},
	{"vllm:request_prefill_time_seconds", sum, func(s *Sample) *float64 { return &s.PrefillTime }, false},
	{"vllm:request_decode_time_seconds", sum, func(s *Sample) *float64 { return &s.DecodeTime }, false},
	{"vllm:request_queue_time_seconds", sum, func(s *Sample) *float64 { return &s.QueueTime }, false},
	{"vllm:request_success_total", value, func(s *Sample) *float64 { return &s.Finished }, false},

	{"sglang:num_running_reqs", value, func(s *Sample) *float64 { return &s.Running }, false},
	{"sglang:num_queue_reqs", value, func(s *Sample) *float64 { return &s.Waiting }, false},
	{"sglang:token_usage", value, func(s *Sample) *float64 { return &s.CacheUsage }, true},
	{"sglang:prompt_tokens_total", value, func(s *Sample) *float64 { return &s.PromptTokens }, false},
	{"sglang:cached_tokens_total", value, func(s *Sample) *float64 { return &s.CachedTokens }, false},
	{"sglang:generation_tokens_total", value, func(s *Sample) *float64 { return &s.OutputTokens }, false},
	{"sglang:num_retracted_requests_total", value, func(s *Sample) *float64 { return &s.Preemptions }, false},
	{"sglang:cuda_graph_passes_total", value, func(s *Sample) *float64 { return &s.Steps }, false}, // by mode, "none" among them
	{"sglang:inter_token_latency_seconds", sum, func(s *Sample) *float64 { return &s.DecodeTime }, false},
	{"sglang:queue_time_seconds", sum, func(s *Sample) *float64 { return &s.QueueTime }, false},
	{"sglang:num_requests_total", value, func(s *Sample) *float64 { return &s.Finished }, false},

	{"trtllm_num_requests_running", value, func(s *Sample) *float64 { return &s.Running }, false},
	{"trtllm_num_requests_waiting", value, func(s *Sample) *float64 { return &s.Waiting }, false},
	{"trtllm_kv_cache_utilization", value, func(s *Sample) *float64 { return &s.CacheUsage }, true},
	{"trtllm_prompt_tokens_total", value, func(s *Sample) *float64 { return &s.PromptTokens }, false},
	{"trtllm_prompt_cached_tokens_total", value, func(s *Sample) *float64 { return &s.CachedTokens }, false},
	{"trtllm_generation_tokens_total", value, func(s *Sample) *float64 { return &s.OutputTokens }, false},
	{"trtllm_request_prefill_time_seconds", sum, func(s *Sample) *float64 { return &s.PrefillTime }, false},
	{"trtllm_request_decode_time_seconds", sum, func(s *Sample) *float64 { return &s.DecodeTime }, false},
	{"trtllm_request_queue_time_seconds", sum, func(s *Sample) *float64 { return &s.QueueTime }, false},
	{"trtllm_request_success_total", value, func(s *Sample) *float64 { return &s.Finished }, false},
}

// unknownSample has every figure NaN.
func unknownSample() Sample {
	n := math.NaN()
	return Sample{Running: n, Waiting: n, CacheUsage: n, PromptTokens: n, CachedTokens: n,
		OutputTokens: n, Preemptions: n, Steps: n, PrefillTime: n, DecodeTime: n, QueueTime: n, Finished: n}
}

// prefixes is constant: how the names of the known servers' families begin.
var prefixes = []string{"llamacpp:", "vllm:", "sglang:", "trtllm_"}

// parseMetrics reads the Prometheus text format. The error is ErrNoMetrics if it
// is another server's, or no such text; one that has not served anything may lack
// any figure.
func parseMetrics(text []byte) (Sample, error) {
	s := unknownSample()
	families, err := parseFamilies(text)
	if err != nil {
		return s, err
	}
	known := false
	for name := range families {
		known = known || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
	}
	if !known {
		return s, ErrNoMetrics
	}
	for _, f := range figures {
		if family, ok := families[f.family]; ok {
			*f.field(&s) = f.read(family)
		}
	}
	// llama.cpp counts computed and cached prompt tokens apart.
	if family, ok := families["llamacpp:prompt_tokens_total"]; ok {
		s.PromptTokens = figure{part: value}.read(family)
		if !math.IsNaN(s.CachedTokens) {
			s.PromptTokens += s.CachedTokens
		}
	}
	// SGLang times all stages of a request in one family.
	if family, ok := families["sglang:per_stage_req_latency_seconds"]; ok {
		family.Metric = slices.DeleteFunc(family.Metric, func(m *dto.Metric) bool {
			return label(m, "stage") != "prefill_forward"
		})
		s.PrefillTime = figure{part: sum}.read(family)
	}
	return s, nil
}

func parseFamilies(text []byte) (map[string]*dto.MetricFamily, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("parse metrics: %w: %w", err, ErrNoMetrics)
	}
	return families, nil
}

// read joins the series of a family: one for each model, engine or reason.
func (f figure) read(family *dto.MetricFamily) float64 {
	total := math.NaN()
	for _, m := range distinct(family) {
		v := math.NaN()
		switch {
		case m.Histogram != nil && f.part == sum:
			v = m.Histogram.GetSampleSum()
		case m.Histogram != nil && f.part == count:
			v = float64(m.Histogram.GetSampleCount())
		case f.part != value:
		case m.Counter != nil:
			v = m.Counter.GetValue()
		case m.Gauge != nil:
			v = m.Gauge.GetValue()
		case m.Untyped != nil:
			v = m.Untyped.GetValue()
		}
		switch {
		case math.IsNaN(v):
		case math.IsNaN(total):
			total = v
		case f.highest:
			total = max(total, v)
		default:
			total += v
		}
	}
	return total
}

// scrape reads the metrics at path once, between two readings of clock. The
// error is ErrNoMetrics if there are none.
func (e endpoint) scrape(ctx context.Context, path string, clock func() time.Duration) (Sample, error) {
	before := clock()
	text, err := e.do(ctx, http.MethodGet, path, nil)
	after := clock()
	s := unknownSample()
	switch {
	case absent(err):
		err = ErrNoMetrics
	case err == nil:
		s, err = parseMetrics(text)
	}
	s.Before, s.After = before, after
	if err != nil {
		s.Err = strings.Join(strings.Fields(err.Error()), " ")
	}
	return s, err
}

// finalScrape bounds the scrape after the end.
const finalScrape = 2 * time.Second

// Sample scrapes the server's metrics at once, then every interval until ctx
// ends, and once more then, and hands each Sample to sink, from this goroutine. A
// scrape that fails is a Sample with its Err, and the next one is tried; a scrape
// that takes longer than the interval delays the next. It returns ErrNoMetrics if
// the first scrape finds none, an error if baseURL is no address, and otherwise
// nil. A nil client is http's default.
func (p Profile) Sample(ctx context.Context, c *http.Client, baseURL, apiKey string, interval time.Duration, clock func() time.Duration, sink func(Sample)) error {
	e, err := newEndpoint(c, baseURL, apiKey)
	if err != nil {
		return err
	}
	s, err := e.scrape(ctx, p.metrics, clock)
	if errors.Is(err, ErrNoMetrics) {
		return err
	}
	sink(s)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if s, _ := e.scrape(ctx, p.metrics, clock); ctx.Err() == nil {
				sink(s)
			}
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalScrape)
			defer cancel()
			s, _ := e.scrape(last, p.metrics, clock)
			sink(s)
			return nil
		}
	}
}
