package loadgen

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"cfubench/datasets"
	"cfubench/internal/secret"
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
			status: 307, err: []string{"HTTP 307 Temporary Redirect", "redirects to /v2/chat/completions: give that address instead"}},
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
			w.Header().Set("Location", "/login/"+strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer "))
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
		if bytes.Contains(b, []byte(key)) || !strings.Contains(r.Err, secret.Mask) {
			t.Errorf("%s: got %s, want the key replaced", name, b)
		}
	}
}
