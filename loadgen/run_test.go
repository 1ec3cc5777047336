package loadgen

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"cfubench/datasets"
)

// since is a run clock for tests.
func since() func() time.Duration {
	origin := time.Now()
	return func() time.Duration { return time.Since(origin) }
}

// answer streams n tokens as llama.cpp's server does.
func answer(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, `data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"object":"chat.completion.chunk"}`+"\n\n")
		for i := range n {
			fmt.Fprintf(w, `data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":" w%d"}}],"object":"chat.completion.chunk"}`+"\n\n", i)
			w.(http.Flusher).Flush()
		}
		fmt.Fprint(w, `data: {"choices":[{"finish_reason":"length","index":0,"delta":{}}],"object":"chat.completion.chunk"}`+"\n\n")
		fmt.Fprintf(w, `data: {"choices":[],"usage":{"completion_tokens":%d,"prompt_tokens":7,"prompt_tokens_details":{"cached_tokens":3}},"timings":{"prompt_ms":12.5,"predicted_ms":40}}`+"\n\ndata: [DONE]\n\n", n)
	}
}

// trace is n requests of the given output length.
func trace(n, tokens int) []datasets.Request {
	reqs := make([]datasets.Request, n)
	for i := range reqs {
		reqs[i] = datasets.Request{Index: i, Conversation: fmt.Sprint("c", i), Prompt: fmt.Sprint("prompt ", i), OutputTokens: tokens, At: -1}
	}
	return reqs
}

func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func client(t testing.TB, o Options) *Client {
	t.Helper()
	if o.Model == "" {
		o.Model = "m"
	}
	c, err := NewClient(o)
	if err != nil {
		t.Fatalf("NewClient: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestRunClosedLoop(t *testing.T) {
	c := client(t, Options{BaseURL: serve(t, answer(5))})
	if err := c.Warm(context.Background(), 4); err != nil {
		t.Fatalf("Warm: %v", err)
	}
	seen := map[int]bool{}
	stats, err := Run(context.Background(), c, Load{Concurrency: 4}, trace(40, 5), since(), func(r Record) {
		seen[r.Request] = true
		if !r.OK() || r.OutputTokens != 5 || r.PromptTokens != 7 || r.CachedTokens != 3 || len(r.TokenAt) != 5 {
			t.Errorf("record %+v: want 5 tokens, 7 prompt tokens, 3 cached", r)
		}
		if !r.ConnectionReused {
			t.Errorf("request %d opened a connection: want the warmed ones to do", r.Request)
		}
		if r.ServerPrefill != 12500*time.Microsecond || r.ServerDecode != 40*time.Millisecond {
			t.Errorf("server times %v, %v: want 12.5ms, 40ms", r.ServerPrefill, r.ServerDecode)
		}
		if !(r.Due <= r.Sent && r.Sent < r.FirstToken && r.FirstToken <= r.LastToken && r.LastToken <= r.Done) {
			t.Errorf("times %v %v %v %v %v: want them in order", r.Due, r.Sent, r.FirstToken, r.LastToken, r.Done)
		}
	})
	if err != nil || stats.Requests != 40 || stats.Errors != 0 || len(seen) != 40 {
		t.Errorf("got %d requests, %d errors, %d seen, error %v: want 40, 0, 40, nil", stats.Requests, stats.Errors, len(seen), err)
	}
	t.Logf("%+v", stats)
}

func TestRunOpenLoop(t *testing.T) {
	c := client(t, Options{BaseURL: serve(t, answer(3)), API: APICompletions})
	schedule, err := ParseArrival("constant", 200, 1, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	stats, err := Run(context.Background(), c, Load{Schedule: schedule}, trace(50, 3), since(), func(r Record) {
		if !r.OK() {
			t.Errorf("request %d: %s", r.Request, r.Err)
		}
	})
	if err != nil || stats.Requests != 50 {
		t.Errorf("got %d requests, error %v: want 50, nil", stats.Requests, err)
	}
	t.Logf("%+v", stats)
}
