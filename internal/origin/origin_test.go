package origin_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cfubench/internal/origin"
)

// ask gives a server the credential of a question and returns what it answered.
func ask(t *testing.T, b origin.Bounds, address string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer s3cret")
	resp, err := origin.Client(origin.Transport(nil, nil), b).Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestRedirects(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	secure := httptest.NewTLSServer(other.Config.Handler)
	defer secure.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/metrics/", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Header.Get("Authorization")) })
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	for path, to := range map[string]string{
		"/port": other.URL + "/?token=t", "/tls": secure.URL, "/user": strings.Replace(other.URL, "//", "//root:pw@", 1), "/scheme": "file:///etc/passwd",
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusTemporaryRedirect)
		})
	}
	s := httptest.NewServer(mux)
	defer s.Close()
	for _, tt := range []struct{ name, path, want, refused string }{
		{"no redirect", "/metrics/", "Bearer s3cret", ""},
		{"a slash at the end, by the same server", "/metrics", "Bearer s3cret", ""},
		{"another port of the host, without the query", "/port", "", "to " + other.URL + "/?…:"},
		{"another scheme", "/tls", "", secure.URL},
		{"a user in the address is not said", "/user", "", "to " + other.URL + ":"},
		{"no address of a server", "/scheme", "", "file:///etc/passwd"},
		{"round and round", "/loop", "", "more than 3 times"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ask(t, origin.Bounds{Patience: 10 * time.Second, Bytes: 100}, s.URL+tt.path)
			switch {
			case tt.refused == "" && (err != nil || got != tt.want):
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			case tt.refused != "" && (!errors.Is(err, origin.ErrRedirect) || !strings.Contains(err.Error(), tt.refused)):
				t.Errorf("got %q, %v, want a refusal with %q", got, err, tt.refused)
			}
			if err != nil && (strings.Contains(err.Error(), "token=t") || strings.Contains(err.Error(), "pw@")) {
				t.Errorf("%v says a secret", err)
			}
		})
	}
	if n := elsewhere.Load(); n > 0 {
		t.Errorf("another origin was asked %d times", n)
	}
}

func TestBounds(t *testing.T) {
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/silent", func(w http.ResponseWriter, r *http.Request) { <-release })
	mux.HandleFunc("/half", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "half an answer")
		w.(http.Flusher).Flush()
		<-release
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/whole", func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 1000)) })
	s := httptest.NewServer(mux)
	defer s.Close()
	defer close(release)
	for _, tt := range []struct {
		name, path string
		patience   time.Duration
		want       string // in the error
	}{
		{"no headers", "/silent", 50 * time.Millisecond, "no answer within 50ms"},
		{"no end of the body", "/half", 50 * time.Millisecond, "no answer within 50ms"},
		{"a body without end", "/endless", time.Minute, "an answer of more than 1000 bytes"},
		{"the most that is allowed", "/whole", time.Minute, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ask(t, origin.Bounds{Patience: tt.patience, Bytes: 1000}, s.URL+tt.path)
			switch {
			case tt.want == "" && (err != nil || len(got) != 1000):
				t.Errorf("got %d bytes, %v", len(got), err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// A proxy of the environment would see what a question carries; the loopback, on
// which tests ask, has none whatever the transport says.
func TestNoProxy(t *testing.T) {
	if origin.Transport(nil, nil).Proxy != nil {
		t.Error("the transport goes through a proxy")
	}
}
