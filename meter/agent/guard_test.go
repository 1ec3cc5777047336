package agent

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"cfubench/internal/admission"
)

// ask asks an agent on a connection of its own.
func ask(t *testing.T, address, path, token, host string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if host != "" {
		req.Host = host
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// Connections of those who may not ask never keep out one who may, whether they
// say nothing, half a request or a whole one.
func TestStrangersDoNotLockClientsOut(t *testing.T) {
	for _, c := range []struct{ comment, says string }{
		{"silent ones", ""},
		{"half a request", "GET /v1/hello HTTP/1.1\r\nHost: x\r\n"},
		{"a request without a token", "GET /v1/hello HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"one with another", "GET /v1/hello HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\n\r\n"},
	} {
		t.Run(c.comment, func(t *testing.T) {
			_, address := serve(t, truth, Credentials{Token: "right"})
			var all []net.Conn
			for range 4 * admission.Strangers {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				io.WriteString(conn, c.says)
				all = append(all, conn)
			}
			if status, body := ask(t, address, pathClock, "right", ""); status != http.StatusOK {
				t.Errorf("a client beside %d of them: %d %s", len(all), status, body)
			}
			open := 0
			for _, conn := range all {
				conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
				if _, err := io.Copy(io.Discard, conn); err != nil {
					if n, ok := err.(net.Error); ok && n.Timeout() {
						open++
					}
				}
			}
			if open > admission.Strangers {
				t.Errorf("%d of %d are still open, want %d at most", open, len(all), admission.Strangers)
			}
		})
	}
}

// Clients are bounded too: one that is idle makes room, those that read do not.
func TestClientsAreBounded(t *testing.T) {
	_, address := serve(t, truth, Credentials{})
	idle := make([]net.Conn, admission.Clients)
	for i := range idle {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", pathClock)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("client %d: %v", i, err)
		}
		idle[i] = conn
	}
	status := 0
	for range 2 { // the first try makes room
		if status, _ = ask(t, address, pathClock, "", ""); status == http.StatusOK {
			return
		}
	}
	t.Errorf("beside %d idle clients another is told %d", len(idle), status)
}

func TestHostHeader(t *testing.T) {
	_, open := serve(t, truth, Credentials{})
	_, closed := serve(t, truth, Credentials{Token: "right"})
	for _, c := range []struct {
		comment, address, token, host string
		status                        int
	}{
		{"the address itself", open, "", "", 200},
		{"localhost, as through a tunnel", open, "", "localhost:8080", 200},
		{"IPv6's loopback", open, "", "[::1]:9555", 200},
		{"a name of somebody's page", open, "", "evil.example:9555", 421},
		{"one that looks like an address", open, "", "127.0.0.1.evil.example", 421},
		{"another host's address", open, "", "192.0.2.1", 421},
		{"any name with a token, which no page has", closed, "right", "gpu-host:9555", 200},
	} {
		if status, body := ask(t, c.address, pathHello, c.token, c.host); status != c.status {
			t.Errorf("%s: %d %s, want %d", c.comment, status, strings.TrimSpace(body), c.status)
		}
	}
}

// An agent may say what it likes: none of it reaches a terminal as it is.
func TestTextOfAnAgent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == pathHello {
			io.WriteString(w, `{"session":"s","domains":[],"left_out":[{"source":"\u001b[31mx","reason":"no \u001b]0;pwned\u0007 way\n\u202ex `+strings.Repeat("y", 1000)+`"}]}`)
		}
	})}
	go server.Serve(l)
	defer server.Close()
	_, left := Dial(context.Background(), truth, l.Addr().String(), Credentials{})
	if len(left) == 0 {
		t.Fatal("no refusal")
	}
	if got := left[0].Reason; !strings.HasPrefix(got, "no way x yyy") || len(got) > 300 || !strings.HasPrefix(left[0].Source, "x@") {
		t.Errorf("the refusal is %q of %q", got, left[0].Source)
	}
}
