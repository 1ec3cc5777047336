package replay

import (
	"context"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/loadgen"
	"cfubench/meter"
)

// TestPlanGroup: all prompts of a group begin with the shared words and differ behind
// them; the next group shares others.
func TestPlanGroup(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	c := Config{Size: 4, SharedPrefix: 40}
	beginning := func(p planned) string { return strings.Join(strings.Fields(p.prompt)[:40], " ") }
	one, other := c.planGroup(rng, ArrivalsStatic), c.planGroup(rng, ArrivalsStatic)
	for i, p := range one {
		if got, want := beginning(p), beginning(one[0]); got != want {
			t.Errorf("request %d begins with %q, want the group's %q", i, got, want)
		}
		if i > 0 && p.prompt == one[0].prompt {
			t.Errorf("request %d has the prompt of request 0", i)
		}
	}
	if beginning(one[0]) == beginning(other[0]) {
		t.Error("two groups share their prefix: got one text, want two")
	}
}

// TestReplaysShareNothing: requests of one replay carry one salt, so that they may
// find each other's prefix in the server's cache, and each replay has another.
func TestReplaysShareNothing(t *testing.T) {
	var mu sync.Mutex
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		mu.Lock()
		bodies = append(bodies, string(body))
		mu.Unlock()
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n")
	}))
	defer server.Close()
	plan := []planned{{prompt: "one", output: 1}, {prompt: "two", output: 1}}
	salts := func(field string, salted bool) (list []string) {
		bodies = nil
		r := &replayer{options: loadgen.Options{BaseURL: server.URL, Model: "m"}, saltField: field, salted: salted, clock: meter.NewClock(time.Now())}
		for range 2 {
			if _, err := r.send(context.Background(), plan, 3); err != nil {
				t.Fatal(err)
			}
		}
		for _, b := range bodies {
			_, rest, _ := strings.Cut(b, "replay-")
			end := strings.IndexAny(rest, "\" ")
			list = append(list, rest[:max(end, 0)])
		}
		return list
	}
	for _, row := range []struct {
		what, field string
		salted      bool
	}{
		{"before the prompt", "", true},
		{"in the server's field", "cache_salt", true},
		{"nothing for a server that computes every prompt", "", false},
	} {
		got := salts(row.field, row.salted)
		if got[0] != got[1] || got[2] != got[3] || (got[0] != got[2]) != row.salted || (got[0] != "") != row.salted {
			t.Errorf("%s: got salts %q, want one a replay: %v", row.what, got, row.salted)
		}
	}
}

// TestDivideByWhoPaysForThePrefix: what one request computed and another found cached
// is its own, or half of each.
func TestDivideByWhoPaysForThePrefix(t *testing.T) {
	curve, _ := attribution.NewCurve(meter.Domain{Name: "d"}, []meter.Reading{
		{HasEnergy: true}, {Before: 2 * time.Second, After: 2 * time.Second, Energy: 30_000_000, HasEnergy: true},
	})
	at := func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }
	run := replayed{
		requests: []attribution.Request{
			{ID: 0, Sent: at(100), FirstToken: at(900), LastToken: at(900), Done: at(900), PromptTokens: 200, OutputTokens: 0},
			{ID: 1, Sent: at(200), FirstToken: at(1900), LastToken: at(1900), Done: at(1900), PromptTokens: 200, CachedTokens: 100, OutputTokens: 0},
		},
		shared: []float64{100, 100},
		spent:  spent{worth: 30, window: meter.Window{End: 2 * time.Second}, curves: []*attribution.Curve{curve}, idle: make([]attribution.Idle, 1)},
	}
	conventions, err := attribution.Parse("token", attribution.Params{PromptWeight: 1, OutputWeight: 1})
	if err != nil {
		t.Fatal(err)
	}
	shares := map[string][]float64{}
	for _, who := range []attribution.CacheShare{attribution.CacheOwner, attribution.CacheUsers} {
		if err := divide(shares, conventions[0], who, run); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string][]float64{"token": {2. / 3, 1. / 3}, "token, --cache-share users": {0.5, 0.5}} {
		for i, w := range want {
			if got := shares[name][i]; math.Abs(got-w) > 1e-6 {
				t.Errorf("%s: request %d has %.4f of the cost, want %.4f", name, i, got, w)
			}
		}
	}
}
