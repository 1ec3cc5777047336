// Package mock is an OpenAI-compatible server whose answers are paced and whose
// every write is stamped, so that what a client reports can be compared with
// what the server did. It runs no model.
package mock

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Pace is how the server answers.
type Pace struct {
	// TTFT is the time from a request's arrival to its first token, Gap the
	// time between tokens, both kept on an absolute schedule. Zero is at once.
	TTFT, Gap time.Duration
}

// Stamps is what the server did for one request, on the system's monotonic
// clock (CLOCK_MONOTONIC), which all processes of a host share.
type Stamps struct {
	// Request is the number at the end of the prompt.
	Request int `json:"request"`
	// Arrived is when the request's last bytes were read, Wrote when each token's
	// event was handed to the connection.
	Arrived time.Duration   `json:"arrived_ns"`
	Wrote   []time.Duration `json:"wrote_ns"`
}

// Server answers POST …/chat/completions and …/completions with max_tokens
// tokens, GET /stamps with the Stamps of what was answered since the last
// /stamps, PUT /pace with a change of pace, GET …/models and /metrics as vLLM does,
// and anything else with {}.
type Server struct {
	now func() time.Duration

	mu     sync.Mutex
	pace   Pace
	stamps []Stamps
	totals totals
}

// New returns a server that stamps on the clock now.
func New(pace Pace, now func() time.Duration) *Server { return &Server{pace: pace, now: now} }

var _ http.Handler = (*Server)(nil)

// Serve answers on l until ctx ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: s,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
		ReadHeaderTimeout: time.Minute,
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	err := server.Serve(stampedListener{l, s.now})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

type connKey struct{}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	switch {
	case req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/completions"):
		s.complete(w, req)
	case strings.HasSuffix(req.URL.Path, "/models"):
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"object":"list","data":[{"id":"`+modelName+`","object":"model","owned_by":"vllm"}]}`)
	case req.URL.Path == "/metrics":
		s.serveMetrics(w)
	case req.URL.Path == "/stamps":
		s.mu.Lock()
		stamps := s.stamps
		s.stamps = nil
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(stamps)
	case req.Method == http.MethodPut && req.URL.Path == "/pace":
		var p Pace
		if err := json.NewDecoder(req.Body).Decode(&p); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		s.pace = p
		s.mu.Unlock()
	default:
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, "{}")
	}
}

// complete streams one answer.
func (s *Server) complete(w http.ResponseWriter, req *http.Request) {
	arrived := s.now()
	var body struct {
		Messages  []struct{ Content string }
		Prompt    string
		MaxTokens int `json:"max_tokens"`
	}
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
		http.Error(w, `{"error":{"message":"the body is not JSON"}}`, http.StatusBadRequest)
		return
	}
	if c, ok := req.Context().Value(connKey{}).(*stampedConn); ok {
		arrived = time.Duration(c.read.Load())
	}
	prompt := body.Prompt
	if n := len(body.Messages); n > 0 {
		prompt = body.Messages[n-1].Content
	}
	number, _ := strconv.Atoi(prompt[strings.LastIndexByte(prompt, ' ')+1:])
	s.mu.Lock()
	pace := s.pace
	s.totals.running++
	s.mu.Unlock()
	defer s.count(func(t *totals) { t.running-- })

	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	chat := strings.HasSuffix(req.URL.Path, "/chat/completions")
	event := token(chat)
	wrote := make([]time.Duration, 0, body.MaxTokens)
	for i := range body.MaxTokens {
		due := arrived + pace.TTFT + time.Duration(i)*pace.Gap
		if !sleep(req.Context(), due-s.now()) {
			return
		}
		wrote = append(wrote, s.now())
		if _, err := w.Write(event); err != nil {
			return
		}
		s.count(func(t *totals) {
			if i == 0 {
				t.prompt += promptTokens
			}
			t.output++
		})
		// The last token leaves with the end of the stream.
		if (pace.Gap > 0 || i == 0) && i < body.MaxTokens-1 {
			if out.Flush() != nil {
				return
			}
		}
	}
	s.mu.Lock()
	s.stamps = append(s.stamps, Stamps{number, arrived, wrote})
	s.totals.finished++
	s.mu.Unlock()
	fmt.Fprintf(w, `data: {"id":"mock","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}`+"\n\ndata: [DONE]\n\n",
		promptTokens, body.MaxTokens, body.MaxTokens+promptTokens)
}

// token is one event, of the size and shape of vLLM's.
func token(chat bool) []byte {
	choice := `{"index":0,"text":" token","logprobs":null,"finish_reason":null,"stop_reason":null}`
	object := "text_completion"
	if chat {
		choice = `{"index":0,"delta":{"content":" token"},"logprobs":null,"finish_reason":null,"token_ids":null}`
		object = "chat.completion.chunk"
	}
	return []byte(`data: {"id":"chatcmpl-0123456789abcdef0123456789abcdef","object":"` + object +
		`","created":1700000000,"model":"` + modelName + `","choices":[` + choice + "]}\n\n")
}

// sleep waits for d, if it is positive, and reports whether ctx still holds.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
