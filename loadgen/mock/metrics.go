package mock

import (
	"fmt"
	"net/http"
)

// modelName is what the server calls its model, promptTokens how many tokens it says
// that every prompt has.
const (
	modelName    = "mock-model-7b-instruct"
	promptTokens = 8
)

// totals are what the server publishes as its metrics.
type totals struct{ running, prompt, output, finished int }

// count changes the totals.
func (s *Server) count(change func(*totals)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.totals)
}

// Restart has the totals begin at zero, as those of a server that is started anew.
func (s *Server) Restart() {
	s.count(func(t *totals) { *t = totals{running: t.running} })
}

// Served takes requests as served without anybody asking for them.
func (s *Server) Served(requests, prompt, output int) {
	s.count(func(t *totals) {
		t.finished += requests
		t.prompt += prompt
		t.output += output
	})
}

// serveMetrics publishes the totals under vLLM's names.
func (s *Server) serveMetrics(w http.ResponseWriter) {
	s.mu.Lock()
	t := s.totals
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	for _, m := range []struct {
		name, kind string
		value      int
	}{
		{"num_requests_running", "gauge", t.running}, {"num_requests_waiting", "gauge", 0}, {"prompt_tokens_total", "counter", t.prompt},
		{"generation_tokens_total", "counter", t.output}, {"request_success_total", "counter", t.finished},
	} {
		fmt.Fprintf(w, "# TYPE vllm:%[1]s %[2]s\nvllm:%[1]s{model_name=%[3]q} %[4]d\n", m.name, m.kind, modelName, m.value)
	}
}
