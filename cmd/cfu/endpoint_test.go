package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// fault is what the test endpoint does wrong.
type fault string

const (
	healthy   fault = ""
	status500 fault = "every request is answered 500"
	status429 fault = "every request is answered 429"
	cut       fault = "the stream is cut in the middle"
	noUsage   fault = "the stream has no usage chunk"
	malformed fault = "the stream's JSON is malformed"
	oddFails  fault = "every second request fails"
	slow      fault = "tokens come slowly"
	paced     fault = "tokens come every 20 ms"
	mute      fault = "every 20th request is never answered, the others one at a time, 10 ms each"
	queued    fault = "requests are served one at a time, 10 ms each"
)

// endpoint is an OpenAI-compatible server over real sockets whose answers are
// known, for the faults that a healthy engine does not have.
type endpoint struct {
	*httptest.Server
	model   string     // that it serves
	serving sync.Mutex // held by the one request that is served
	mu      sync.Mutex
	bodies  []map[string]any
	headers []http.Header
	paths   []string
	open    int // requests being answered
	peak    int // most at once
}

// newEndpoint starts an endpoint with a fault.
func newEndpoint(t *testing.T, f fault) *endpoint {
	t.Helper()
	e := &endpoint{model: "tiny"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"object":"list","data":[{"id":%q,"object":"model"}]}`, e.model)
	})
	complete := func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, `{"error":{"message":"bad json"}}`, http.StatusBadRequest)
			return
		}
		e.mu.Lock()
		e.bodies = append(e.bodies, body)
		e.headers = append(e.headers, r.Header.Clone())
		e.paths = append(e.paths, r.URL.Path)
		n := len(e.bodies)
		e.open++
		e.peak = max(e.peak, e.open)
		e.mu.Unlock()
		defer func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.open--
		}()
		if f == mute && n%20 == 0 {
			io.Copy(io.Discard, r.Body) // else the server does not see the client go
			<-r.Context().Done()
			return
		}
		e.answer(w, body, f, n)
	}
	mux.HandleFunc("POST /v1/chat/completions", complete)
	mux.HandleFunc("POST /v1/completions", complete)
	e.Server = httptest.NewServer(mux)
	t.Cleanup(e.Close)
	return e
}

// answer streams up to four tokens, of which each says which request it answers.
func (e *endpoint) answer(w http.ResponseWriter, body map[string]any, f fault, n int) {
	if body["model"] != e.model {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, `{"error":{"message":"The model %v does not exist","type":"NotFoundError","code":404}}`, body["model"])
		return
	}
	switch {
	case f == status500, f == oddFails && n%2 == 1:
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, `{"error":{"message":"out of memory","type":"server_error"}}`)
		return
	case f == status429:
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, `{"error":{"message":"slow down"}}`)
		return
	}
	if f == queued || f == mute {
		e.serving.Lock()
		time.Sleep(10 * time.Millisecond)
		e.serving.Unlock()
	}
	w.Header().Set("Content-Type", "text/event-stream")
	tokens := 4
	if v, ok := body["max_tokens"].(float64); ok && v > 0 && v < 4 {
		tokens = int(v)
	}
	send := func(s string) {
		fmt.Fprintf(w, "data: %s\n\n", s)
		w.(http.Flusher).Flush()
	}
	content := `"delta":{"content":%q}`
	if _, chat := body["messages"]; !chat {
		content = `"text":%q`
	} else {
		send(`{"choices":[{"index":0,"delta":{"role":"assistant","content":null}}]}`)
	}
	for i := range tokens {
		switch f {
		case slow:
			time.Sleep(200 * time.Millisecond)
		case paced:
			time.Sleep(20 * time.Millisecond)
		}
		if i == tokens/2 {
			switch f {
			case cut:
				panic(http.ErrAbortHandler)
			case malformed:
				send(`{"choices":[{"index":0,"delta":{"content":`)
				return
			}
		}
		send(`{"choices":[{"index":0,` + fmt.Sprintf(content, answerWord(n)) + `}]}`)
	}
	send(`{"choices":[{"index":0,` + fmt.Sprintf(content, "") + `,"finish_reason":"length"}]}`)
	if f != noUsage {
		send(fmt.Sprintf(`{"choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}`, 10, tokens, 10+tokens))
	}
	fmt.Fprint(w, "data: [DONE]\n\n")
}

// answerWord is each token of the answer to the n-th request.
func answerWord(n int) string { return fmt.Sprintf(" answer%d", n) }

// sent returns the JSON bodies of the chat requests so far.
func (e *endpoint) sent() []map[string]any {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]map[string]any(nil), e.bodies...)
}
