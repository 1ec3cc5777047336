package loadgen

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cfubench/datasets"
)

// What goes out is the documented body, and the header fields once.
func TestRequestBody(t *testing.T) {
	type body struct {
		Model       string
		Messages    []struct{ Role, Content string }
		Prompt      string
		MaxTokens   int `json:"max_tokens"`
		Stream      bool
		Temperature *float64
		IgnoreEOS   bool `json:"ignore_eos"`
		MinTokens   *int `json:"min_tokens"`
		CachePrompt *bool
		Options     struct {
			IncludeUsage bool `json:"include_usage"`
		} `json:"stream_options"`
		Extra map[string]int `json:"x_extra"`
	}
	type request struct {
		path   string
		header http.Header
		body   body
	}
	requests := make(chan request, 1)
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r := request{path: req.URL.Path, header: req.Header.Clone()}
		if err := json.NewDecoder(req.Body).Decode(&r.body); err != nil {
			t.Errorf("body: %v", err)
		}
		requests <- r
		answer(2)(w, req)
	}))
	o := Options{BaseURL: url, Model: "the model", IgnoreEOS: true, Salt: "salt", APIKey: "k", ExtraBody: map[string]any{"x_extra": map[string]int{"a": 1}}}
	call := Call{
		Request: datasets.Request{Prompt: `say "é" </script>`}, MaxTokens: 17,
		History: []Message{{"user", "one"}, {"assistant", "two"}},
	}
	r := client(t, o).Do(context.Background(), call, 0, since())
	if !r.OK() {
		t.Fatal(r.Err)
	}
	seen := <-requests
	if seen.path != "/v1/chat/completions" || seen.header.Get("Authorization") != "Bearer k" || len(seen.header["Idempotency-Key"]) != 0 {
		t.Errorf("got path %s, header %v; want /v1/chat/completions, the key as bearer, no idempotency key", seen.path, seen.header)
	}
	got := seen.body
	if got.Model != "the model" || got.MaxTokens != 17 || !got.Stream || got.Temperature == nil || *got.Temperature != 0 || !got.IgnoreEOS || !got.Options.IncludeUsage || got.Extra["a"] != 1 {
		t.Errorf("got %+v, want model, max_tokens 17, stream, temperature 0, ignore_eos, usage and the extra field", got)
	}
	if len(got.Messages) != 3 || got.Messages[0].Content != "salt one" || got.Messages[2].Content != `say "é" </script>` || got.Messages[2].Role != "user" {
		t.Errorf("messages: got %+v, want history and prompt, the first one salted", got.Messages)
	}

	if got.MinTokens != nil {
		t.Errorf("got min_tokens %d, want none unless it is asked for", *got.MinTokens)
	}

	o.API, o.IgnoreEOS, o.MinTokens = APICompletions, false, true
	o.ExtraBody = map[string]any{"temperature": 0.5}
	if r := client(t, o).Do(context.Background(), call, 0, since()); !r.OK() {
		t.Fatal(r.Err)
	}
	seen = <-requests
	got = seen.body
	if got.MinTokens == nil || *got.MinTokens != 17 {
		t.Error("got another or no min_tokens, want the 17 of max_tokens")
	}
	if seen.path != "/v1/completions" || got.Prompt != "salt one\ntwo\nsay \"é\" </script>" || got.IgnoreEOS || *got.Temperature != 0.5 {
		t.Errorf("got path %s, %+v; want /v1/completions, one prompt of all messages, no ignore_eos, the user's temperature", seen.path, got)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    Options
		err  string
	}{
		{"no URL", Options{}, "want a URL"},
		{"a URL without a scheme", Options{BaseURL: "localhost:8080"}, "want a URL"},
		{"credentials in the URL", Options{BaseURL: "http://me:pw@host"}, "not in the URL"},
		{"a key in the query", Options{BaseURL: "http://host/v1?api_key=pw1"}, "looks like a key"},
		{"an unknown API", Options{BaseURL: "http://host", API: "speech"}, "want chat, completions, responses, embeddings"},
		{"a field that each request sets", Options{BaseURL: "http://host", ExtraBody: map[string]any{"messages": 1}}, `"messages": it is set for each request`},
		{"min_tokens twice", Options{BaseURL: "http://host", MinTokens: true, ExtraBody: map[string]any{"min_tokens": 1}}, `"min_tokens": it is set for each request`},
		{"a value that JSON does not have", Options{BaseURL: "http://host", ExtraBody: map[string]any{"x": func() {}}}, `extra body field "x"`},
		{"a key with a line break", Options{BaseURL: "http://host", APIKey: "a\nb"}, "line break"},
		{"a CA file that is not there", Options{BaseURL: "https://host", CAFile: "/nonexistent.pem"}, "read certificate authorities"},
	} {
		if _, err := NewClient(tt.o); err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "pw") {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.err)
		}
	}
}

// A server with a certificate of its own is trusted through CAFile alone, and
// the stamps reach below TLS.
func TestTLSWithOwnCA(t *testing.T) {
	s := httptest.NewUnstartedServer(answer(3))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake
	s.StartTLS()
	defer s.Close()
	if r := do(client(t, Options{BaseURL: s.URL})); r.OK() || !strings.Contains(r.Err, "certificate") {
		t.Errorf("unknown authority: got %q, want it refused", r.Err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	r := do(client(t, Options{BaseURL: s.URL, CAFile: file}))
	if !r.OK() || r.Sent == Never || len(r.TokenAt) != 3 {
		t.Errorf("own authority: got %+v, want 3 tokens and a send time", r)
	}
	if err := os.WriteFile(file, []byte("not PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewClient(Options{BaseURL: s.URL, CAFile: file}); err == nil {
		t.Error("a CA file without certificates: got no error")
	}
}

// A connection whose last chunk comes late is still there for the next
// request, and one that the server closed meanwhile is replaced and flagged.
func TestConnectionsLive(t *testing.T) {
	var opened atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		answer(2)(w, req)
		w.(http.Flusher).Flush()
		time.Sleep(5 * time.Millisecond) // the end of the body
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	c := client(t, Options{BaseURL: s.URL})
	for range 20 {
		if r := do(c); !r.OK() {
			t.Fatal(r.Err)
		}
	}
	if got := opened.Load(); got != 1 {
		t.Errorf("connections for 20 requests in turn: got %d, want 1", got)
	}
}

// A server that closes an idle connection just as the client uses it costs a
// second connection, not the request.
func TestClosedIdleConnectionIsReplaced(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var conns atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			first := conns.Add(1) == 1
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					io.Copy(io.Discard, req.Body)
					if first && req.Method == http.MethodPost {
						return // hang up under the request
					}
					if req.Method == http.MethodGet {
						io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
						continue
					}
					io.WriteString(c, streamHead+chunked(hello+world+finish+usage+done)+"0\r\n\r\n")
				}
			}()
		}
	}()
	c := client(t, Options{BaseURL: "http://" + l.Addr().String()})
	if err := c.Warm(context.Background(), 1); err != nil {
		t.Fatal(err)
	}
	r := do(c)
	if !r.OK() || !slices.Contains(r.Flags, FlagResent) || conns.Load() != 2 {
		t.Errorf("got error %q, flags %v, %d connections; want success, %s, 2", r.Err, r.Flags, conns.Load(), FlagResent)
	}
}

// A server that leaves the body open after its end mark holds up neither the
// record nor the next request.
func TestBodyLeftOpenAfterDone(t *testing.T) {
	url := raw(t, func(c net.Conn) {
		io.WriteString(c, streamHead+chunked(hello+world+finish+usage+done))
		io.Copy(io.Discard, c)
	})
	c := client(t, Options{BaseURL: url})
	for range 2 {
		r := do(c)
		if !r.OK() || r.OutputTokens != 2 {
			t.Fatalf("got %q, %d tokens; want success, 2", r.Err, r.OutputTokens)
		}
	}
}

func TestWarm(t *testing.T) {
	var opened atomic.Int64
	s := httptest.NewUnstartedServer(answer(1))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	c := client(t, Options{BaseURL: s.URL})
	if err := c.Warm(context.Background(), 16); err != nil {
		t.Fatal(err)
	}
	if got := opened.Load(); got != 16 {
		t.Errorf("connections: got %d, want 16", got)
	}
	// A server that serves one connection at a time, as long as it is open.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			for r := bufio.NewReader(c); ; {
				if _, err := http.ReadRequest(r); err != nil {
					break
				}
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
			}
			c.Close()
		}
	}()
	if err := client(t, Options{BaseURL: "http://" + l.Addr().String()}).Warm(context.Background(), 3); err != nil {
		t.Errorf("a server that serves one connection at a time: got %v, want the one kept", err)
	}
	silent := raw(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	if err := client(t, Options{BaseURL: silent}).Warm(context.Background(), 2); err == nil || !strings.Contains(err.Error(), "no answer within 2s") {
		t.Errorf("a server that does not answer: got %v, want that said", err)
	}
	down := client(t, Options{BaseURL: "http://127.0.0.1:1"})
	if err := down.Warm(context.Background(), 2); err == nil || !strings.Contains(err.Error(), "open 2 connections") {
		t.Errorf("warm without a server: got %v, want an error that says so", err)
	}
}
