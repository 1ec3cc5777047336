package engine

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cfubench/internal/secret"
	"cfubench/loadgen/endpoint"
)

// fake answers GET requests from a table, path and query to body; whatever is
// not in it is 404, and a body "!500" is that status.
func fake(t *testing.T, answers map[string]string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.URL.RequestURI()]
		switch {
		case !ok:
			http.NotFound(w, r)
		case body == "!500":
			http.Error(w, `{"error":{"message":"'NoneType' object has no attribute 'splitlines'"}}`, 500)
		default:
			io.WriteString(w, body)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// Answers as recorded from running servers, without most of the fields that
// nobody reads; sglangRanks is sglangInfo0523 with the state of a second rank and
// a lower limit than asked, as internal_state.py reports them, TensorRT-LLM's are after
// serve/openai_server.py and openai_protocol.py of 2026.
const (
	llamaModels    = `{"models":[{"name":"smol"}],"object":"list","data":[{"id":"smol","object":"model","owned_by":"llamacpp","meta":{"n_ctx":2048,"n_ctx_train":8192}}]}`
	llamaProps     = `{"default_generation_settings":{"params":{"seed":4294967295},"n_ctx":2048},"total_slots":4,"model_alias":"smol","build_info":"b6123-a1b2c3d"}`
	vllmModels     = `{"object":"list","data":[{"id":"olmo2","owned_by":"vllm","parent":null,"max_model_len":2048},{"id":"adapter","owned_by":"vllm","parent":"olmo2"}]}`
	vllmInfo       = `{"vllm_config":{"scheduler_config":{"max_num_batched_tokens":2048,"max_num_seqs":8}},"vllm_env":{}}`
	sglangModels   = `{"object":"list","data":[{"id":"olmo2-random","object":"model","created":1795563496,"owned_by":"sglang","root":"olmo2-random","parent":null,"max_model_len":4096}]}`
	sglangInfo0523 = `{"model_path":"olmo2-random","context_length":null,"max_running_requests":4,"api_key":null,"status":"ready","max_total_num_tokens":16384,"max_req_input_len":4090,` +
		`"internal_states":[{"max_running_requests":4,"world_size":1,"effective_max_running_requests_per_dp":4,"last_gen_throughput":0.0}],"version":"0.5.23","frontend":"python"}`
	sglangRanks = `{"model_path":"olmo2-random","context_length":null,"max_running_requests":64,"status":"ready",` +
		`"internal_states":[{"effective_max_running_requests_per_dp":24},{"effective_max_running_requests_per_dp":24}],"version":"0.5.23"}`
	trtModels = `{"object":"list","data":[{"id":"TinyLlama","object":"model","created":1790000000,"owned_by":"tensorrt_llm"}]}`
	trtInfo   = `{"disaggregated_params":null}`
	// One family of each is enough to know whose metrics they are.
	llamaMetrics  = "llamacpp:requests_processing 0\n"
	vllmMetrics   = "vllm:num_requests_running 0\n"
	sglangMetrics = "sglang:max_total_num_tokens 131072\n"
)

func TestIdentify(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers map[string]string
		want    Identity
	}{
		{"llama.cpp: slots, and the context of one slot",
			map[string]string{"/v1/models": llamaModels, "/props": llamaProps, "/metrics": llamaMetrics},
			Identity{Kind: LlamaCpp, Version: "b6123-a1b2c3d", Model: "smol", Models: []string{"smol"}, EffectiveBatch: 4, ContextTokens: 2048}},
		{"llama.cpp: the size of the model",
			map[string]string{"/v1/models": strings.Replace(llamaModels, `"n_ctx":2048`, `"n_params":134515008,"size":92152896,"n_ctx":2048`, 1), "/props": llamaProps, "/metrics": llamaMetrics},
			Identity{Kind: LlamaCpp, Version: "b6123-a1b2c3d", Model: "smol", Models: []string{"smol"}, EffectiveBatch: 4, ContextTokens: 2048, Parameters: 134515008, WeightBytes: 92152896}},
		{"a list whose meta is of another shape",
			map[string]string{"/v1/models": strings.Replace(llamaModels, `{"n_ctx":2048,"n_ctx_train":8192}`, `"none"`, 1), "/props": llamaProps, "/metrics": llamaMetrics},
			Identity{Kind: LlamaCpp, Version: "b6123-a1b2c3d", Model: "smol", Models: []string{"smol"}, EffectiveBatch: 4, ContextTokens: 2048}},
		{"llama.cpp whose build does not know its version",
			map[string]string{"/v1/models": llamaModels, "/props": strings.Replace(llamaProps, "b6123-a1b2c3d", "b0-unknown", 1), "/metrics": llamaMetrics},
			Identity{Kind: LlamaCpp, Model: "smol", Models: []string{"smol"}, EffectiveBatch: 4, ContextTokens: 2048, Unknown: []string{"version"}}},
		{"llama.cpp behind a proxy that renames the owner",
			map[string]string{"/v1/models": `{"data":[{"id":"smol","owned_by":"us"}]}`, "/props": llamaProps, "/metrics": llamaMetrics},
			Identity{Kind: LlamaCpp, Version: "b6123-a1b2c3d", Model: "smol", Models: []string{"smol"}, EffectiveBatch: 4, ContextTokens: 2048}},
		{"vLLM in development mode tells its batch limit; an adapter is not the model",
			map[string]string{"/v1/models": vllmModels, "/version": `{"version":"0.32.0"}`, "/server_info?config_format=json": vllmInfo, "/metrics": vllmMetrics},
			Identity{Kind: VLLM, Version: "0.32.0", Model: "olmo2", Models: []string{"olmo2", "adapter"}, EffectiveBatch: 8, ContextTokens: 2048}},
		{"vLLM otherwise does not",
			map[string]string{"/v1/models": vllmModels, "/version": `{"version":"0.32.0"}`, "/metrics": vllmMetrics},
			Identity{Kind: VLLM, Version: "0.32.0", Model: "olmo2", Models: []string{"olmo2", "adapter"}, ContextTokens: 2048, Unknown: []string{"effective_batch"}}},
		{"vLLM whose /server_info fails, as where pip is missing",
			map[string]string{"/v1/models": vllmModels, "/version": `{"version":"0.32.0"}`, "/server_info?config_format=json": "!500", "/metrics": vllmMetrics},
			Identity{Kind: VLLM, Version: "0.32.0", Model: "olmo2", Models: []string{"olmo2", "adapter"}, ContextTokens: 2048, Unknown: []string{"effective_batch"}}},
		{"SGLang",
			map[string]string{"/v1/models": sglangModels, "/server_info": sglangInfo0523, "/metrics": sglangMetrics},
			Identity{Kind: SGLang, Version: "0.5.23", Model: "olmo2-random", Models: []string{"olmo2-random"}, EffectiveBatch: 4, ContextTokens: 4096}},
		{"SGLang: the limit that it works with, over its data-parallel ranks",
			map[string]string{"/v1/models": sglangModels, "/server_info": sglangRanks, "/metrics": sglangMetrics},
			Identity{Kind: SGLang, Version: "0.5.23", Model: "olmo2-random", Models: []string{"olmo2-random"}, EffectiveBatch: 48, ContextTokens: 4096}},
		{"SGLang under the path's older name, without --enable-metrics",
			map[string]string{"/v1/models": sglangModels, "/get_server_info": sglangInfo0523},
			Identity{Kind: SGLang, Version: "0.5.23", Model: "olmo2-random", Models: []string{"olmo2-random"}, EffectiveBatch: 4, ContextTokens: 4096, Unknown: []string{"metrics"}}},
		{"TensorRT-LLM, whose /metrics is not Prometheus's, before its first iteration",
			map[string]string{"/v1/models": trtModels, "/version": `{"version":"1.2.0"}`, "/server_info": trtInfo, "/metrics": "!500", "/prometheus/metrics": "trtllm_prompt_cached_tokens_total 0\n"},
			Identity{Kind: TensorRTLLM, Version: "1.2.0", Model: "TinyLlama", Models: []string{"TinyLlama"}, Unknown: []string{"effective_batch", "context_tokens"}}},
		{"TensorRT-LLM that has served tells its batch limit",
			map[string]string{"/v1/models": trtModels, "/version": `{"version":"1.2.0"}`, "/server_info": trtInfo, "/prometheus/metrics": "trtllm_max_batch_size_runtime 16\n"},
			Identity{Kind: TensorRTLLM, Version: "1.2.0", Model: "TinyLlama", Models: []string{"TinyLlama"}, EffectiveBatch: 16, Unknown: []string{"context_tokens"}}},
		{"TensorRT-LLM without return_perf_metrics",
			map[string]string{"/v1/models": trtModels, "/version": `{"version":"1.2.0"}`, "/metrics": `[{"iter":7}]`},
			Identity{Kind: TensorRTLLM, Version: "1.2.0", Model: "TinyLlama", Models: []string{"TinyLlama"}, Unknown: []string{"effective_batch", "context_tokens", "metrics"}}},
		{"TGI, by what it answers to /info",
			map[string]string{"/v1/models": `{"object":"list","data":[{"id":"org/model","object":"model","created":0,"owned_by":"org/model"}]}`,
				"/info": `{"model_id":"org/model","version":"3.3.6","max_concurrent_requests":128,"max_input_tokens":4095,"max_total_tokens":4096,"max_batch_size":null}`, "/metrics": "tgi_queue_size 0\n"},
			Identity{Kind: TGI, Version: "3.3.6", Model: "org/model", Models: []string{"org/model"}, ContextTokens: 4096, Unknown: []string{"effective_batch"}}},
		{"Ollama, with the context that the model was loaded with",
			map[string]string{"/v1/models": `{"object":"list","data":[{"id":"qwen3:8b","object":"model","created":1790000000,"owned_by":"library"}]}`,
				"/api/version": `{"version":"0.11.4"}`, "/api/ps": `{"models":[{"name":"qwen3:8b","model":"qwen3:8b","context_length":4096}]}`},
			Identity{Kind: Ollama, Version: "0.11.4", Model: "qwen3:8b", Models: []string{"qwen3:8b"}, ContextTokens: 4096, Unknown: []string{"effective_batch", "metrics"}}},
		{"LM Studio, likewise",
			map[string]string{"/v1/models": `{"data":[{"id":"qwen3-8b","object":"model","owned_by":"organization_owner"}],"object":"list"}`,
				"/api/v0/models": `{"object":"list","data":[{"id":"qwen3-8b","state":"loaded","max_context_length":131072,"loaded_context_length":8192}]}`},
			Identity{Kind: LMStudio, Model: "qwen3-8b", Models: []string{"qwen3-8b"}, ContextTokens: 8192, Unknown: []string{"version", "effective_batch", "metrics"}}},
		{"a service whose list tells the context",
			map[string]string{"/v1/models": `{"data":[{"id":"a/b","context_length":32768}]}`},
			Identity{Kind: OpenAI, Model: "a/b", Models: []string{"a/b"}, ContextTokens: 32768, Unknown: []string{"version", "effective_batch", "metrics"}}},
		{"a service whose list is bare",
			map[string]string{"/v1/models": ` [{"id":"a/b","type":"chat","context_length":4096}]`},
			Identity{Kind: OpenAI, Model: "a/b", Models: []string{"a/b"}, ContextTokens: 4096, Unknown: []string{"version", "effective_batch", "metrics"}}},
		{"a context that is a text or a fraction is a number all the same",
			map[string]string{"/v1/models": `{"data":[{"id":"a/b","max_model_len":null,"context_length":"no","max_context_length":"4096","context_window":8192.0}]}`},
			Identity{Kind: OpenAI, Model: "a/b", Models: []string{"a/b"}, ContextTokens: 4096, Unknown: []string{"version", "effective_batch", "metrics"}}},
		{"any other server has what it has, and the rest is unknown",
			map[string]string{"/v1/models": `{"data":[{"id":"gpt","owned_by":"organization"}]}`},
			Identity{Kind: OpenAI, Model: "gpt", Models: []string{"gpt"}, Unknown: []string{"version", "effective_batch", "context_tokens", "metrics"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := fake(t, tt.answers)
			for _, base := range []string{url, url + "/", url + "/v1", url + "/v1/"} {
				got, err := Identify(t.Context(), nil, base, "")
				if err != nil {
					t.Fatalf("Identify(%s): %v", base, err)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("Identify(%s) (-want +got):\n%s", base, diff)
				}
			}
		})
	}
}

// A server whose model list says nothing is told so; requests may be answered all
// the same.
func TestIdentifyWithoutModel(t *testing.T) {
	for _, tt := range []struct{ name, url, want string }{
		{"no /v1/models", fake(t, nil), "/v1/models: HTTP 404"},
		{"a list that fails", fake(t, map[string]string{"/v1/models": "!500"}), "/v1/models: HTTP 500"},
		{"no model", fake(t, map[string]string{"/v1/models": `{"data":[]}`}), "serves no model"},
		{"a web page", fake(t, map[string]string{"/v1/models": "<html>"}), "not the JSON"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id, err := Identify(t.Context(), nil, tt.url, "")
			if err != nil || !strings.Contains(id.NoModel, tt.want) || id.Model != "" || id.Unknown[0] != "model" {
				t.Errorf("Identify: %+v, %v, want no model because of %q", id, err, tt.want)
			}
		})
	}
}

func TestIdentifyFails(t *testing.T) {
	for _, tt := range []struct{ name, url, want string }{
		{"nobody there", "http://127.0.0.1:1", "connection refused"},
		{"no address", "localhost:8000", "want a URL such as http://"},
		{"another protocol", "ftp://localhost", "want a URL such as http://"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id, err := Identify(t.Context(), nil, tt.url, "")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Identify: %+v, %v, want an error with %q", id, err, tt.want)
			}
		})
	}
}

// A question that is never answered ends by itself and says what it waited for.
func TestQuestionsHaveADeadline(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-release }))
	defer srv.Close()
	defer close(release)
	e, err := newPeer(nil, srv.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.ask(t.Context(), 50*time.Millisecond, http.MethodGet, "/v1/models", srv.URL+"/v1/models", nil)
	if err == nil || !strings.Contains(err.Error(), "GET /v1/models: no answer within 50ms") {
		t.Errorf("got %v, want the question and its deadline", err)
	}
}

// A redirect is told, and whoever it leads to sees neither a question nor a key.
func TestQuestionsFollowNoRedirect(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("%s was followed, with Authorization %q", r.URL, r.Header.Get("Authorization"))
	}))
	defer other.Close()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+r.URL.Path, http.StatusFound)
	}))
	defer srv.Close()
	id, err := Identify(t.Context(), nil, srv.URL, "sk-secret-123")
	if err != nil || !strings.Contains(id.NoModel, "redirects to "+other.URL+"/v1/models: give that address instead") {
		t.Errorf("Identify: %+v, %v, want the redirect told", id, err)
	}
	if err := WaitReady(t.Context(), nil, srv.URL, "sk-secret-123"); err == nil || !strings.Contains(err.Error(), "redirects to") {
		t.Errorf("WaitReady: %v, want the redirect told at once", err)
	}
}

// Header fields go with each question, and their values into no message.
func TestQuestionsCarryHeaders(t *testing.T) {
	const value = "k-0123456789"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Api-Key"); got != value {
			t.Errorf("%s: api-key is %q, want %q", r.URL.Path, got, value)
		}
		http.Error(w, `{"message":"\u001b[31mapi-key `+value+` is no good"}`, http.StatusBadRequest)
	}))
	defer srv.Close()
	c, err := NewClient("", endpoint.Header{Name: "api-key", Value: value})
	if err != nil {
		t.Fatal(err)
	}
	id, err := Identify(t.Context(), c, srv.URL, "")
	if err != nil || strings.Contains(id.NoModel, value) || strings.ContainsRune(id.NoModel, 0x1b) || !strings.Contains(id.NoModel, secret.Mask) {
		t.Errorf("Identify: %q, %v, want the message without the value and the escape", id.NoModel, err)
	}
}

func TestWaitModel(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch {
		case asked < 3:
			http.Error(w, `{"error":{"message":"Loading model"}}`, http.StatusServiceUnavailable)
		case asked < 4:
			io.WriteString(w, `{"data":[]}`)
		default:
			io.WriteString(w, llamaModels)
		}
	}))
	defer srv.Close()
	if err := WaitModel(t.Context(), nil, srv.URL, ""); err != nil || asked != 4 {
		t.Errorf("WaitModel: %v after %d questions, want success after 4", err, asked)
	}
	if err := WaitModel(t.Context(), nil, fake(t, nil), ""); err != nil {
		t.Errorf("a server without a list: %v, want no wait", err)
	}
}

func TestKeyIsSentAndNeverTold(t *testing.T) {
	const key = "sk-secret-123"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer "+key {
			t.Errorf("%s: Authorization is %q, want the key", r.URL.Path, got)
		}
		http.Error(w, `{"error":{"message":"key `+key+` is not good here"}}`, http.StatusUnauthorized)
	}))
	defer srv.Close()
	ctx := t.Context()
	id, err := Identify(ctx, nil, srv.URL, key)
	if err != nil {
		t.Fatal(err)
	}
	e, err := newPeer(nil, srv.URL, key)
	if err != nil {
		t.Fatal(err)
	}
	_, scrape := e.scrape(ctx, "/metrics", steps())
	for name, err := range map[string]error{
		"Identify":         errors.New(id.NoModel),
		"scrape":           scrape,
		"WaitReady":        WaitReady(ctx, nil, srv.URL, key),
		"ResetPrefixCache": ProfileFor(VLLM).ResetPrefixCache(ctx, nil, srv.URL, key),
	} {
		if err == nil || !strings.Contains(err.Error(), "is not good here") || strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v, want the server's message without the key", name, err)
		}
	}
}

func TestWaitReady(t *testing.T) {
	t.Run("waits through the loading of the model", func(t *testing.T) {
		asked := 0
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asked++; asked < 3 {
				http.Error(w, `{"error":{"message":"Loading model"}}`, http.StatusServiceUnavailable)
			}
		}))
		defer srv.Close()
		if err := WaitReady(t.Context(), nil, srv.URL, ""); err != nil || asked != 3 {
			t.Errorf("WaitReady: %v after %d requests, want success after 3", err, asked)
		}
	})
	t.Run("takes /v1/models where there is no /health", func(t *testing.T) {
		if err := WaitReady(t.Context(), nil, fake(t, map[string]string{"/v1/models": llamaModels}), ""); err != nil {
			t.Error(err)
		}
	})
	t.Run("ends with its context, and says why it was not ready", func(t *testing.T) {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, `{"error":{"message":"Loading model"}}`, http.StatusServiceUnavailable)
		}))
		defer srv.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		err := WaitReady(ctx, nil, srv.URL, "")
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "Loading model") {
			t.Errorf("WaitReady: %v, want the deadline and the last answer", err)
		}
	})
}

// A server with a certificate of its own is trusted by its file alone.
func TestNewClient(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	defer srv.Close()
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	file := filepath.Join(t.TempDir(), "ca.pem")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(file, ca, 0o644); err != nil {
		t.Fatal(err)
	}
	trusting, err := NewClient(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := WaitReady(t.Context(), trusting, srv.URL, ""); err != nil {
		t.Errorf("with its file: %v, want ready", err)
	}
	other, err := NewClient("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Identify(t.Context(), other, srv.URL, ""); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without: %v, want a refused certificate", err)
	}
	if err := os.WriteFile(file, []byte("no certificate\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, file + ".missing"} {
		if _, err := NewClient(name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("NewClient(%s): %v, want an error that names it", name, err)
		}
	}
}
