package engine

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestRecordedMetrics reads what servers say. Those of vLLM, llama.cpp and SGLang
// were recorded from running servers, SGLang's with several ranks from its own
// collectors without a server, and TensorRT-LLM's is written after its collector:
// each file says which.
func TestRecordedMetrics(t *testing.T) {
	n := math.NaN()
	for _, tt := range []struct {
		name, file string
		want       Sample
	}{
		{"vLLM 0.32, four of six requests running", "vllm-metrics.txt", Sample{
			Running: 4, Waiting: 2, CacheUsage: 0.007827788649706457,
			PromptTokens: 40, CachedTokens: 0, OutputTokens: 309, Preemptions: 0, Steps: 78,
			PrefillTime: 0, DecodeTime: 0, QueueTime: 0, Finished: 0}},
		{"llama.cpp, two of three requests in its slots; cached prompt tokens are counted apart", "llamacpp-metrics.txt", Sample{
			Running: 2, Waiting: 1, CacheUsage: n, PromptTokens: 37 + 11, CachedTokens: 11, OutputTokens: 16,
			Preemptions: n, Steps: 37, PrefillTime: 0.342182, DecodeTime: 0.285541, QueueTime: n, Finished: n}},
		{"SGLang 0.5.23 with four requests running, none retracted so far", "sglang-0.5.23-metrics.txt", Sample{
			Running: 4, Waiting: 0, CacheUsage: 0.04, PromptTokens: 16 + 165, CachedTokens: 45, OutputTokens: 8 + 124,
			Preemptions: n, Steps: 8 + 189, PrefillTime: 0.41998877399237244, DecodeTime: 19.82715502695646, QueueTime: 2.855295142002433, Finished: 1 + 4}},
		{"SGLang: tensor-parallel ranks repeat their scheduler, data-parallel ones add to it, priorities are parts of a total", "sglang-ranks-metrics.txt", Sample{
			Running: 3 + 4, Waiting: 1 + 2, CacheUsage: 0.375, PromptTokens: 600, CachedTokens: 48 + 16, OutputTokens: 128 + 32,
			Preemptions: 2 + 1, Steps: 7 + 2 + 9 + 3, PrefillTime: n, DecodeTime: n, QueueTime: 0.75 + 0.75, Finished: 3}},
		{"TensorRT-LLM", "trtllm-metrics.txt", Sample{
			Running: 2, Waiting: 1, CacheUsage: 0.0625, PromptTokens: 640, CachedTokens: 64, OutputTokens: 192,
			Preemptions: n, Steps: n, PrefillTime: 0.5, DecodeTime: 3.75, QueueTime: 0.125, Finished: 2 + 1}},
		{"a server that has not served yet has no figures, but will", "fresh-metrics.txt", unknownSample()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", tt.file))
			if err != nil {
				t.Fatal(err)
			}
			got, err := parseMetrics(text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("sample (-want +got):\n%s", diff)
			}
		})
	}
}

// What is no known server's is refused, so that no table of nulls is written.
func TestForeignMetrics(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "other-metrics.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := parseMetrics(text); !errors.Is(err, ErrNoMetrics) {
		t.Errorf("parseMetrics: %+v, %v, want ErrNoMetrics", s, err)
	}
}

// TestLeanPages: buckets, help and the families of others cost no parsing, and change
// nothing.
func TestLeanPages(t *testing.T) {
	page := "# HELP vllm:prompt_tokens_total What it is.\n# TYPE vllm:prompt_tokens_total counter\nvllm:prompt_tokens_total{model_name=\"m\"} 7\n" +
		"# TYPE vllm:iteration_tokens_total histogram\nvllm:iteration_tokens_total_bucket{le=\"1.0\"} 3\nvllm:iteration_tokens_total_bucket{le=\"+Inf\"} 4\n" +
		"vllm:iteration_tokens_total_sum 9\nvllm:iteration_tokens_total_count 4\n# TYPE python_gc_total counter\npython_gc_total{generation=\"0\"} 5\nprocess_open_fds 17\n"
	s, err := parseMetrics([]byte(page))
	if err != nil || s.PromptTokens != 7 || s.Steps != 4 {
		t.Errorf("got %+v, %v", s, err)
	}
	if got := string(lean([]byte(page))); strings.Contains(got, "bucket") || strings.Contains(got, "HELP") || strings.Contains(got, "python") || strings.Contains(got, "process") {
		t.Errorf("there is left\n%s", got)
	}
	if got := string(lean([]byte("<html>\n[{\"iter\":7}]\n"))); got != "<html>\n[{\"iter\":7}]\n" {
		t.Errorf("of what is no metrics there is left %q, want all", got)
	}
}

// steps is a clock that advances by a millisecond a reading.
func steps() func() time.Duration {
	var n atomic.Int64
	return func() time.Duration { return time.Duration(n.Add(1)) * time.Millisecond }
}

func TestScrapeFailures(t *testing.T) {
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		is      error
		want    string
	}{
		{"no /metrics", http.NotFound, ErrNoMetrics, "serves no metrics"},
		{"llama.cpp without --metrics", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotImplemented) }, ErrNoMetrics, "--metrics"},
		{"a server in trouble", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, `{"error":"busy"}`, 500) }, nil, "HTTP 500: busy"},
		{"a page instead of metrics", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>hello</html>\n")) }, ErrNoMetrics, "parse metrics"},
		{"TensorRT-LLM's iteration statistics, which are JSON", func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte("[{\"iter\":7,\"numActiveRequests\":2}]"))
		}, nil, "parse metrics"},
		{"a page without end of series that are the server's own", func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte(strings.Repeat("vllm:prompt_tokens_total{a=\"b\"} 1\n", mostSeries+1)))
		}, nil, "more than 65536 series"},
		{"another make's metrics", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("triton_queue_size 3\n")) }, ErrNoMetrics, "metrics that are known"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewServer(tt.handler)
			defer srv.Close()
			e, err := newPeer(srv.Client(), srv.URL, "")
			if err != nil {
				t.Fatal(err)
			}
			s, err := e.scrape(t.Context(), "/metrics", steps())
			if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("Scrape: %v, want %q", err, tt.want)
			}
			if !math.IsNaN(s.Running) || !math.IsNaN(s.OutputTokens) {
				t.Errorf("a failed scrape says %+v, want nothing known", s)
			}
			if s.Err == "" || s.Before != time.Millisecond || s.After != 2*time.Millisecond {
				t.Errorf("a failed scrape is kept as %+v, want its reason and its bracket", s)
			}
		})
	}
}

func TestSample(t *testing.T) {
	t.Run("scrapes until the end, through failures, and once more", func(t *testing.T) {
		var scrapes atomic.Int64
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if scrapes.Add(1) == 2 {
				http.Error(w, "hiccup", http.StatusBadGateway)
				return
			}
			w.Write([]byte("vllm:num_requests_running 5\n"))
		}))
		defer srv.Close()
		ctx, cancel := context.WithCancel(t.Context())
		var samples []Sample
		err := ProfileFor(VLLM).Sample(ctx, srv.Client(), srv.URL, "", time.Millisecond, steps(), func(s Sample) {
			samples = append(samples, s)
			if len(samples) == 4 {
				cancel()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(samples) != 5 {
			t.Fatalf("%d samples, want 4 and one at the end", len(samples))
		}
		for i, s := range samples {
			if failed := s.Err != ""; failed != (i == 1) || failed != math.IsNaN(s.Running) {
				t.Errorf("sample %d is %+v, want only the second to have failed", i, s)
			}
			if i > 0 && s.Before <= samples[i-1].After {
				t.Errorf("sample %d begins at %v, before the one before it ended at %v", i, s.Before, samples[i-1].After)
			}
		}
	})
	t.Run("gives up at once where there are no metrics", func(t *testing.T) {
		srv := httptest.NewServer(http.NotFoundHandler())
		defer srv.Close()
		err := ProfileFor(VLLM).Sample(t.Context(), srv.Client(), srv.URL, "", time.Hour, steps(), func(s Sample) { t.Errorf("sample %+v, want none", s) })
		if !errors.Is(err, ErrNoMetrics) {
			t.Errorf("Sample: %v, want ErrNoMetrics", err)
		}
	})
}
