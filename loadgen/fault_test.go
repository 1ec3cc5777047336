package loadgen

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
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

// raw serves one connection after another with whatever handle writes, once
// the request has been read.
func raw(t *testing.T, handle func(c net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				req, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				io.Copy(io.Discard, req.Body)
				handle(c)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

// chunked is text as one HTTP chunk.
func chunked(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }

// do makes one request with a plain prompt.
func do(c *Client) Record {
	return c.Do(context.Background(), Call{Request: datasets.Request{Prompt: "hi"}, MaxTokens: 2}, 0, since())
}

// Whatever a server does, the record says what in one line.
func TestFaults(t *testing.T) {
	reply := func(status int, kind, body string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Type", kind)
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	for _, tt := range []struct {
		name    string
		url     func(t *testing.T) string
		options Options
		status  int
		err     []string // parts of the error
		events  int
	}{
		{name: "nobody listens",
			url: func(t *testing.T) string {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				l.Close()
				return "http://" + l.Addr().String()
			},
			err: []string{"connection refused"}},
		{name: "429 with the time to come back",
			url: func(t *testing.T) string {
				return serve(t, reply(429, "application/json", `{"error":{"message":"slow down","type":"rate_limit"}}`, "Retry-After", "7"))
			},
			status: 429, err: []string{"HTTP 429 Too Many Requests from /v1/chat/completions: slow down (Retry-After: 7)"}},
		{name: "404 for a model that is not there",
			url: func(t *testing.T) string {
				return serve(t, reply(404, "application/json", `{"error":{"message":"The model `+"`m`"+` does not exist.","type":"NotFoundError","param":"model","code":404}}`))
			},
			status: 404, err: []string{"HTTP 404 Not Found", "The model `m` does not exist."}},
		{name: "404 of a web framework",
			url: func(t *testing.T) string {
				return serve(t, reply(404, "application/json", `{"detail":"Not Found"}`))
			},
			status: 404, err: []string{"HTTP 404 Not Found from /v1/chat/completions: Not Found"}},
		{name: "old vLLM's flat error",
			url: func(t *testing.T) string {
				return serve(t, reply(400, "application/json", `{"object":"error","message":"prompt too long","code":400}`))
			},
			status: 400, err: []string{"HTTP 400 Bad Request", "prompt too long"}},
		{name: "500 without a body",
			url:    func(t *testing.T) string { return serve(t, reply(500, "text/plain", "")) },
			status: 500, err: []string{"HTTP 500 Internal Server Error", "no message"}},
		{name: "a proxy's HTML page with an error status",
			url: func(t *testing.T) string {
				return serve(t, reply(502, "text/html", "<html>\n<head><title>502 Bad\n Gateway</title></head><body>lots of markup</body></html>"))
			},
			status: 502, err: []string{"HTTP 502 Bad Gateway", `an HTML page titled "502 Bad`}},
		{name: "a web site in place of the API",
			url: func(t *testing.T) string {
				return serve(t, reply(200, "text/html; charset=utf-8", "<!DOCTYPE html><title>Welcome &amp; hello</title>"))
			},
			status: 200, err: []string{"HTML page titled \"Welcome & hello\" instead of an event stream", "is the endpoint the API's address"}},
		{name: "a server that ignores stream",
			url: func(t *testing.T) string {
				return serve(t, reply(200, "application/json", `{"choices":[{"message":{"content":"hi"}}]}`))
			},
			status: 200, err: []string{"application/json instead of an event stream"}},
		{name: "an error object with status 200",
			url: func(t *testing.T) string {
				return serve(t, reply(200, "application/json", `{"error":{"message":"no such model"}}`))
			},
			status: 200, err: []string{"instead of an event stream: no such model"}},
		{name: "a redirect is not followed",
			url: func(t *testing.T) string {
				return serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					if strings.HasPrefix(req.URL.Path, "/v1") {
						http.Redirect(w, req, "/v2"+strings.TrimPrefix(req.URL.Path, "/v1"), http.StatusTemporaryRedirect)
						return
					}
					t.Errorf("the redirect to %s was followed", req.URL.Path)
				}))
			},
			status: 307, err: []string{"HTTP 307 Temporary Redirect", "redirects to /v2/chat/completions: give that address as the endpoint"}},
		{name: "a stream that ends within the HTTP chunk",
			url: func(t *testing.T) string {
				return raw(t, func(c net.Conn) { io.WriteString(c, streamHead+chunked(hello)+"ff\r\ndata: {") })
			},
			status: 200, err: []string{"stream cut"}, events: 1},
		{name: "a stream that ends properly but too early",
			url: func(t *testing.T) string {
				return raw(t, func(c net.Conn) { io.WriteString(c, streamHead+chunked(hello+world)+"0\r\n\r\n") })
			},
			status: 200, err: []string{"stream cut before finish_reason and usage"}, events: 2},
		{name: "a connection that is reset in mid-stream",
			url: func(t *testing.T) string {
				return raw(t, func(c net.Conn) {
					io.WriteString(c, streamHead+chunked(hello))
					time.Sleep(20 * time.Millisecond) // else the reset overtakes the data
					c.(*net.TCPConn).SetLinger(0)
				})
			},
			status: 200, err: []string{"connection reset by peer"}, events: 1},
		{name: "a connection closed without an answer",
			url: func(t *testing.T) string { return raw(t, func(net.Conn) {}) },
			err: []string{"EOF"}},
		{name: "an answer that is no HTTP",
			url: func(t *testing.T) string {
				return raw(t, func(c net.Conn) { io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n") })
			},
			err: []string{"malformed HTTP"}},
		{name: "a server that stalls in mid-stream runs into the timeout",
			url: func(t *testing.T) string {
				return raw(t, func(c net.Conn) {
					io.WriteString(c, streamHead+chunked(hello))
					io.Copy(io.Discard, c) // until the client gives up
				})
			},
			options: Options{Timeout: 100 * time.Millisecond},
			status:  200, err: []string{"not finished within 100ms"}, events: 1},
		{name: "a server that never answers runs into it too",
			url:     func(t *testing.T) string { return raw(t, func(c net.Conn) { io.Copy(io.Discard, c) }) },
			options: Options{Timeout: 100 * time.Millisecond},
			err:     []string{"not finished within 100ms"}},
		{name: "an error in mid-stream",
			url: func(t *testing.T) string {
				return raw(t, func(c net.Conn) {
					io.WriteString(c, streamHead+chunked(hello+"data: {\"error\":{\"message\":\"CUDA out\\nof memory\"}}\n\n")+"0\r\n\r\n")
				})
			},
			status: 200, err: []string{"server error in mid-stream: CUDA out of memory"}, events: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.options.BaseURL = tt.url(t)
			r := do(client(t, tt.options))
			if r.OK() {
				t.Fatalf("got success, want an error with %q", tt.err)
			}
			for _, part := range tt.err {
				if !strings.Contains(r.Err, part) {
					t.Errorf("error: got %q, want %q in it", r.Err, part)
				}
			}
			if strings.ContainsAny(r.Err, "\r\n") || len(r.Err) > failureLimit+len("…") {
				t.Errorf("error: got %q, want one bounded line", r.Err)
			}
			if r.Status != tt.status || len(r.TokenAt) != tt.events {
				t.Errorf("got status %d, %d events; want %d, %d", r.Status, len(r.TokenAt), tt.status, tt.events)
			}
			if r.Done < 0 {
				t.Errorf("done: got %v, want a time for a failure too", r.Done)
			}
		})
	}
}

// The key goes into the Authorization header and nowhere else, even if the
// server sends it back.
func TestAPIKeyStaysSecret(t *testing.T) {
	const key = "sk-very-secret"
	for name, h := range map[string]http.HandlerFunc{
		"in an error": func(w http.ResponseWriter, req *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error":{"message":"bad key %s"}}`, strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer "))
		},
		"in a redirect": func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Location", "/login?key="+strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer "))
			w.WriteHeader(http.StatusFound)
		},
		"in mid-stream": func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprintf(w, "data: {\"error\":\"key %s expired\"}\n\n", strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer "))
		},
	} {
		c := client(t, Options{BaseURL: serve(t, h), APIKey: key})
		r := do(c)
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(key)) || !strings.Contains(r.Err, "[API key]") {
			t.Errorf("%s: got %s, want the key replaced", name, b)
		}
	}
}

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
		CachePrompt *bool
		Options     struct {
			IncludeUsage bool `json:"include_usage"`
		} `json:"stream_options"`
		Extra map[string]int `json:"x_extra"`
	}
	var got body
	var header http.Header
	var path string
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		path, header = req.URL.Path, req.Header.Clone()
		d := json.NewDecoder(req.Body)
		got = body{}
		if err := d.Decode(&got); err != nil {
			t.Errorf("body: %v", err)
		}
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
	if path != "/v1/chat/completions" || header.Get("Authorization") != "Bearer k" || len(header["Idempotency-Key"]) != 0 {
		t.Errorf("got path %s, header %v; want /v1/chat/completions, the key as bearer, no idempotency key", path, header)
	}
	if got.Model != "the model" || got.MaxTokens != 17 || !got.Stream || got.Temperature == nil || *got.Temperature != 0 || !got.IgnoreEOS || !got.Options.IncludeUsage || got.Extra["a"] != 1 {
		t.Errorf("got %+v, want model, max_tokens 17, stream, temperature 0, ignore_eos, usage and the extra field", got)
	}
	if len(got.Messages) != 3 || got.Messages[0].Content != "salt one" || got.Messages[2].Content != `say "é" </script>` || got.Messages[2].Role != "user" {
		t.Errorf("messages: got %+v, want history and prompt, the first one salted", got.Messages)
	}

	o.API, o.IgnoreEOS = APICompletions, false
	o.ExtraBody = map[string]any{"temperature": 0.5}
	if r := client(t, o).Do(context.Background(), call, 0, since()); !r.OK() {
		t.Fatal(r.Err)
	}
	if path != "/v1/completions" || got.Prompt != "salt one\ntwo\nsay \"é\" </script>" || got.IgnoreEOS || *got.Temperature != 0.5 {
		t.Errorf("got path %s, %+v; want /v1/completions, one prompt of all messages, no ignore_eos, the user's temperature", path, got)
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
		{"a query", Options{BaseURL: "http://host/v1?x=1"}, "no query"},
		{"an unknown API", Options{BaseURL: "http://host", API: "responses"}, "want chat or completions"},
		{"a field that each request sets", Options{BaseURL: "http://host", ExtraBody: map[string]any{"messages": 1}}, `"messages": it is set for each request`},
		{"a value that JSON does not have", Options{BaseURL: "http://host", ExtraBody: map[string]any{"x": func() {}}}, `extra body field "x"`},
		{"a key with a line break", Options{BaseURL: "http://host", APIKey: "a\nb"}, "line break"},
		{"a CA file that is not there", Options{BaseURL: "https://host", CAFile: "/nonexistent.pem"}, "read certificate authorities"},
	} {
		if _, err := NewClient(tt.o); err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "pw") {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.err)
		}
	}
	for in, want := range map[string]string{
		"http://h:1": "http://h:1/v1", "http://h:1/": "http://h:1/v1", "http://h/v1/": "http://h/v1", "https://h/openai/v1": "https://h/openai/v1",
	} {
		if got, err := baseURL(in); err != nil || got != want {
			t.Errorf("base URL of %s: got %s, %v; want %s", in, got, err, want)
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
