package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cfubench/loadgen/engine"
	"cfubench/results/runfolder"
)

// dressed is a healthy endpoint with the other paths of a kind of server, as a
// table from path to answer. It refuses request fields that are not in known,
// if there are any, as TensorRT-LLM does.
func dressed(t *testing.T, paths map[string]string, known ...string) *endpoint {
	t.Helper()
	e := newEndpoint(t, healthy)
	inner := e.Config.Handler
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer, ok := paths[r.URL.Path]; ok {
			io.WriteString(w, answer)
			return
		}
		if r.Method == http.MethodPost && len(known) > 0 {
			b, _ := io.ReadAll(r.Body)
			var body map[string]any
			if err := json.Unmarshal(b, &body); err != nil {
				t.Errorf("request body: %v", err)
			}
			for field := range body {
				if !slices.Contains(known, field) {
					http.Error(w, fmt.Sprintf(`{"object":"error","message":"extra_forbidden: %s","code":400}`, field), http.StatusBadRequest)
					return
				}
			}
			r.Body = io.NopCloser(bytes.NewReader(b))
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(e.Close)
	return e
}

// A run takes what each kind of server has, and says in its line and in its
// record what it did not tell.
func TestKindsOfServers(t *testing.T) {
	t.Parallel()
	metrics := func(name string) string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join("..", "..", "loadgen", "engine", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	models := func(owner string) string {
		return `{"object":"list","data":[{"id":"tiny","object":"model","owned_by":"` + owner + `"}]}`
	}
	for _, row := range []struct {
		why     string
		paths   map[string]string
		known   []string
		line    string  // what the run says of the server
		running float64 // as engine.arrow has it; −1 if there must be none
	}{
		{"a server of no known kind", nil, nil,
			"engine: openai, model tiny; unknown: version, effective_batch, context_tokens, metrics", -1},
		{"one that publishes other figures", map[string]string{"/metrics": "other_queue_size 3\n"}, nil,
			"unknown: version, effective_batch, context_tokens, metrics", -1},
		{"one that answers every path with a page", map[string]string{"/metrics": "<html>Welcome</html>", "/props": "<html>Welcome</html>", "/server_info": "<html>Welcome</html>"}, nil,
			"engine: openai, model tiny; unknown: version, effective_batch, context_tokens, metrics", -1},
		{"SGLang", map[string]string{"/v1/models": models("sglang"), "/metrics": metrics("sglang-0.5.23-metrics.txt"),
			"/server_info": `{"version":"0.5.23","context_length":4096,"internal_states":[{"effective_max_running_requests_per_dp":7}]}`}, nil,
			"engine: sglang 0.5.23, model tiny, decodes 7 requests together\n", 4},
		{"TensorRT-LLM, which refuses fields that it does not know", map[string]string{"/v1/models": models("tensorrt_llm"), "/version": `{"version":"1.2.0"}`,
			"/metrics": `[{"iter": 7}]`, "/prometheus/metrics": metrics("trtllm-metrics.txt")},
			[]string{"model", "messages", "max_tokens", "stream", "stream_options", "temperature", "ignore_eos"},
			"engine: tensorrt-llm 1.2.0, model tiny, decodes 4 requests together; unknown: context_tokens", 2},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := dressed(t, row.paths, row.known...)
			out := filepath.Join(t.TempDir(), "out")
			code, _, stderr := cfu(t, t.Context(), nil, quick(e, out, "--meter", "cputime", "--ignore-eos")...)
			mustFinish(t, code, stderr)
			if !strings.Contains(stderr, row.line) {
				t.Errorf("got\n%swant a line with %q", stderr, row.line)
			}
			run := closed(t, out)
			for _, r := range rowsOf(t, out, run.Cells[0].ID) {
				if !r.OK() {
					t.Errorf("request %d: %s", r.Request, r.Err)
				}
			}
			samples, _, err := runfolder.EngineSamples().Read(filepath.Join(runfolder.CellDir(out, run.Cells[0].ID), runfolder.EngineFile))
			if row.running < 0 {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("engine.arrow: got %d samples and %v, want no file", len(samples), err)
				}
				return
			}
			if err != nil || len(samples) < 2 || samples[0].Running != row.running {
				t.Errorf("engine.arrow: got %+v, %v, want %v running", samples, err, row.running)
			}
		})
	}
}

// vLLM's workers spin for a second after the last request: no idle window begins
// before they sleep.
func TestIdleBeginsOnceTheServerHasSettled(t *testing.T) {
	t.Parallel()
	e := dressed(t, map[string]string{"/v1/models": `{"object":"list","data":[{"id":"tiny","object":"model","owned_by":"vllm"}]}`, "/version": `{"version":"0.32.0"}`})
	out := filepath.Join(t.TempDir(), "out")
	code, _, stderr := cfu(t, t.Context(), nil, quick(e, out, "--meter", "cputime", "--warmup", "1", "--repeat", "2")...)
	mustFinish(t, code, stderr)
	settle := engine.ProfileFor(engine.VLLM).Settle
	var last time.Duration // when requests ended before
	for _, c := range closed(t, out).Cells {
		if c.IdleBefore.Start < last+settle {
			t.Errorf("%s: the idle window before begins %v after the load before it, want %v at least", c.ID, c.IdleBefore.Start-last, settle)
		}
		if last = c.Window.End; c.IdleAfter.Start < last+settle {
			t.Errorf("%s: the idle window after begins %v after the load, want %v at least", c.ID, c.IdleAfter.Start-last, settle)
		}
	}
}
