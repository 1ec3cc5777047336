package loadgen

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cfubench/datasets"
)

func TestStopRules(t *testing.T) {
	second := time.Second
	for _, tt := range []struct {
		name    string
		rules   StopRules
		started int
		elapsed time.Duration
		errors  int
		want    string
	}{
		{"no rule: to the end of the trace", StopRules{}, 1e6, 1e6 * second, 1e6, ""},
		{"one minimum of two is not enough", StopRules{MinRequests: 10, MinDuration: second}, 10, 0, 0, ""},
		{"both are", StopRules{MinRequests: 10, MinDuration: second}, 10, second, 0, StoppedMinima},
		{"either maximum is enough: requests", StopRules{MaxRequests: 10, MaxDuration: second}, 10, 0, 0, StoppedMaxRequests},
		{"either maximum is enough: time", StopRules{MaxRequests: 10, MaxDuration: second}, 1, second, 0, StoppedMaxDuration},
		{"a maximum goes before unmet minima", StopRules{MinRequests: 100, MaxDuration: second}, 1, second, 0, StoppedMaxDuration},
		{"errors, before all else", StopRules{MaxErrors: 3, MaxRequests: 10}, 10, 0, 3, StoppedErrors},
		{"fewer errors do not count", StopRules{MaxErrors: 3}, 10, 0, 2, ""},
	} {
		if got := tt.rules.reached(tt.started, tt.elapsed, tt.errors); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestRunRefusesLoads(t *testing.T) {
	constant := mustParse(t, "constant", 1, 1, 1)
	for _, tt := range []struct {
		name string
		load Load
		reqs []datasets.Request
		err  string
	}{
		{"no requests", Load{Concurrency: 1}, nil, "no requests"},
		{"no workers", Load{}, trace(1, 1), "concurrency 0"},
		{"workers and a schedule", Load{Concurrency: 1, Schedule: constant}, trace(1, 1), "not both"},
		{"a negative pause", Load{Concurrency: 1, Think: -1}, trace(1, 1), "negative"},
		{"an unknown history", Load{Concurrency: 1, History: "mine"}, trace(1, 1), `history "mine"`},
		{"more at least than at most", Load{Concurrency: 1, Stop: StopRules{MinRequests: 3, MaxRequests: 2}}, trace(1, 1), "at least 3 and at most 2"},
		{"longer at least than at most", Load{Concurrency: 1, Stop: StopRules{MinDuration: 3, MaxDuration: 2}}, trace(1, 1), "at least 3ns"},
		{"all at once for a minute", Load{Schedule: immediate{}, Stop: StopRules{MinDuration: time.Minute}}, trace(1, 1), "rate inf sends everything at once"},
		{"a negative bound", Load{Concurrency: 1, Stop: StopRules{MaxErrors: -1}}, trace(1, 1), "negative"},
	} {
		_, err := Run(context.Background(), nil, tt.load, tt.reqs, since(), func(Record) {})
		if err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.err)
		}
	}
}

// collect runs a load and returns the records by request.
func collect(t testing.TB, ctx context.Context, c *Client, load Load, reqs []datasets.Request) (map[int]Record, Stats, error) {
	t.Helper()
	records := map[int]Record{}
	stats, err := Run(ctx, c, load, reqs, since(), func(r Record) {
		if _, twice := records[r.Request]; twice {
			t.Errorf("request %d has two rows", r.Request)
		}
		records[r.Request] = r
	})
	if len(records) != stats.Requests {
		t.Errorf("rows: got %d, want one for each of the %d requests", len(records), stats.Requests)
	}
	return records, stats, err
}

// echo answers with the number of messages and the last one's content, so that
// histories can be seen.
func echo(seen *sync.Map) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		var body struct {
			Messages []struct{ Role, Content string }
		}
		json.NewDecoder(req.Body).Decode(&body)
		var all []string
		for _, m := range body.Messages {
			all = append(all, m.Role+":"+m.Content)
		}
		seen.Store(strings.Join(all, "|"), true)
		w.Header().Set("Content-Type", "text/event-stream")
		text, _ := json.Marshal("re " + body.Messages[len(body.Messages)-1].Content)
		fmt.Fprintf(w, "data: {\"choices\":[{\"delta\":{\"content\":%s}}]}\n\n"+finish+usage+done, text)
	}
}

func TestMultiTurn(t *testing.T) {
	reqs := []datasets.Request{
		{Conversation: "a", Turn: 0, Prompt: "p0", Completion: "trace0"},
		{Conversation: "b", Turn: 0, Prompt: "q0", Completion: "traceq"},
		{Conversation: "a", Turn: 1, Prompt: "p1", Completion: "trace1"},
		{Conversation: "a", Turn: 2, Prompt: "p2"},
	}
	const think = 30 * time.Millisecond
	for _, tt := range []struct {
		history History
		want    string
	}{
		{HistoryAnswers, "user:p0|assistant:re p0|user:p1|assistant:re p1|user:p2"},
		{HistoryTrace, "user:p0|assistant:trace0|user:p1|assistant:trace1|user:p2"},
	} {
		for _, load := range []Load{{Concurrency: 2}, {Schedule: mustParse(t, "constant", 100, 1, 1)}} {
			var seen sync.Map
			load.Think, load.History = think, tt.history
			records, _, err := collect(t, context.Background(), client(t, Options{BaseURL: serve(t, echo(&seen))}), load, reqs)
			if err != nil || len(records) != 4 {
				t.Fatalf("%s: got %d rows, error %v; want 4, nil", tt.history, len(records), err)
			}
			if _, ok := seen.Load(tt.want); !ok {
				t.Errorf("%s: no request was %q", tt.history, tt.want)
			}
			for _, turn := range [][2]int{{0, 2}, {2, 3}} {
				before, after := records[turn[0]], records[turn[1]]
				if after.Due != before.Done+think {
					t.Errorf("%s: turn %d due at %v, want the answer at %v plus %v", tt.history, after.Turn, after.Due, before.Done, think)
				}
				if after.Sent < after.Due {
					t.Errorf("%s: turn %d sent at %v, before it was due at %v", tt.history, after.Turn, after.Sent, after.Due)
				}
			}
		}
	}
}

// A turn that fails ends its conversation: the turns after it have no answer to
// follow.
func TestFailedTurnEndsItsConversation(t *testing.T) {
	var n atomic.Int64
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if n.Add(1) == 2 {
			http.Error(w, `{"error":{"message":"full"}}`, http.StatusServiceUnavailable)
			return
		}
		answer(1)(w, req)
	}))
	reqs := []datasets.Request{{Conversation: "a"}, {Conversation: "a", Turn: 1}, {Conversation: "a", Turn: 2}, {Conversation: "b"}}
	records, stats, err := collect(t, context.Background(), client(t, Options{BaseURL: url}), Load{Concurrency: 1}, reqs)
	if err != nil || stats.Errors != 1 || len(records) != 3 || records[1].OK() {
		t.Errorf("got %d rows, %d errors, error %v; want 3, 1, nil", len(records), stats.Errors, err)
	}
	if _, ok := records[2]; ok {
		t.Error("the turn after the failed one was sent")
	}
}

// Open loop: requests are sent at their due times however slow the answers
// are, and the rows say how late each was.
func TestOpenLoopDoesNotWaitForAnswers(t *testing.T) {
	release := make(chan struct{})
	var waiting atomic.Int64
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if waiting.Add(1) == 20 {
			close(release) // all 20 are here before the first is answered
		}
		<-release
		answer(1)(w, req)
	}))
	records, stats, err := collect(t, context.Background(), client(t, Options{BaseURL: url}), Load{Schedule: mustParse(t, "constant", 1000, 1, 1)}, trace(20, 1))
	if err != nil || stats.Errors != 0 {
		t.Fatalf("got %d errors, %v", stats.Errors, err)
	}
	for n, r := range records {
		if want := stats.Start + time.Duration(n)*time.Millisecond; r.Due != want {
			t.Errorf("request %d due at %v, want %v", n, r.Due, want)
		}
		if r.Sent < r.Due {
			t.Errorf("request %d sent %v early", n, r.Due-r.Sent)
		}
	}
}

// The cap holds requests back, late and flagged, and drops none.
func TestMaxInFlight(t *testing.T) {
	var now, most atomic.Int64
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(5 * time.Millisecond)
		now.Add(-1)
		answer(1)(w, req)
	}))
	records, stats, err := collect(t, context.Background(), client(t, Options{BaseURL: url}),
		Load{Schedule: immediate{}, MaxInFlight: 3}, trace(30, 1))
	if err != nil || stats.Requests != 30 || most.Load() > 3 {
		t.Errorf("got %d requests, at most %d at a time, error %v; want 30, 3, nil", stats.Requests, most.Load(), err)
	}
	flagged := 0
	for _, r := range records {
		if slices.Contains(r.Flags, FlagHeld) {
			flagged++
		}
	}
	if flagged == 0 || flagged != stats.Held || !slices.Contains(stats.Reasons, "max_in_flight") {
		t.Errorf("got %d flagged, %d held, reasons %v; want as many, and max_in_flight", flagged, stats.Held, stats.Reasons)
	}
	// The wait for room was asked for: it is no lateness of the client's.
	var own time.Duration
	for _, r := range records {
		if !slices.Contains(r.Flags, FlagHeld) {
			own = max(own, r.Lateness())
		}
	}
	if stats.LatenessMax != own {
		t.Errorf("longest lateness: got %v, want %v, that of the requests that were not held", stats.LatenessMax, own)
	}
}

func TestRunStops(t *testing.T) {
	ok := serve(t, answer(1))
	bad := serve(t, http.NotFoundHandler())
	for _, tt := range []struct {
		name     string
		url      string
		load     Load
		requests int // at least
		most     int
		stopped  string
	}{
		{"at the end of the trace", ok, Load{Concurrency: 3}, 10, 10, StoppedTrace},
		{"at a number of requests", ok, Load{Concurrency: 3, Stop: StopRules{MaxRequests: 7}}, 7, 7, StoppedMaxRequests},
		{"when the minimum is met, repeating the trace", ok, Load{Concurrency: 3, Stop: StopRules{MinRequests: 25}}, 25, 25, StoppedMinima},
		{"after a time, repeating the trace", ok, Load{Concurrency: 1, Stop: StopRules{MinDuration: 30 * time.Millisecond}}, 1, 1e6, StoppedMinima},
		{"at a time, with a schedule that goes on", ok, Load{Schedule: mustParse(t, "constant", 5, 1, 1), Stop: StopRules{MaxDuration: 50 * time.Millisecond}}, 1, 1, StoppedMaxDuration},
		{"at the end of a schedule", ok, Load{Schedule: mustParse(t, "trace", 0, 1, 1, 0, time.Millisecond)}, 2, 2, StoppedSchedule},
		{"at a number of errors", bad, Load{Concurrency: 1, Stop: StopRules{MaxErrors: 2}}, 2, 2, StoppedErrors},
	} {
		_, stats, err := collect(t, context.Background(), client(t, Options{BaseURL: tt.url}), tt.load, trace(10, 1))
		if err != nil || stats.Requests < tt.requests || stats.Requests > tt.most || stats.Stopped != tt.stopped {
			t.Errorf("%s: got %d requests, stopped by %q, error %v; want %d to %d, %q, nil", tt.name, stats.Requests, stats.Stopped, err, tt.requests, tt.most, tt.stopped)
		}
	}
}

// An interrupt ends the requests in flight at once, each with a row, unless
// there is time to drain.
func TestInterrupt(t *testing.T) {
	for _, drain := range []time.Duration{0, time.Minute} {
		started := make(chan struct{}, 8)
		release := make(chan struct{})
		url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			io.Copy(io.Discard, req.Body) // else the server does not see the client go
			started <- struct{}{}
			select {
			case <-release:
			case <-req.Context().Done():
			}
			answer(1)(w, req)
		}))
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			for range 4 {
				<-started
			}
			cancel()
			if drain > 0 { // else the handlers wait for the client to give up
				close(release)
			}
		}()
		records, stats, err := collect(t, ctx, client(t, Options{BaseURL: url}), Load{Concurrency: 4, Drain: drain}, trace(20, 1))
		if err == nil || stats.Stopped != StoppedInterrupt || len(records) != 4 {
			t.Errorf("drain %v: got %d rows, stopped by %q, error %v; want 4, %q and an error", drain, len(records), stats.Stopped, err, StoppedInterrupt)
		}
		for n, r := range records {
			if drain == 0 && r.Err != "interrupted" || drain > 0 && !r.OK() {
				t.Errorf("drain %v, request %d: got error %q", drain, n, r.Err)
			}
		}
	}
}

// 1,000 runs that are cancelled at any point leave a row for each request
// started and no goroutine.
func TestCancelledRunsLeakNothing(t *testing.T) {
	runs := 1000
	if testing.Short() {
		runs = 50
	}
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		io.Copy(io.Discard, req.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, hello)
		w.(http.Flusher).Flush()
		select {
		case <-req.Context().Done():
		case <-time.After(500 * time.Microsecond):
		}
		io.WriteString(w, finish+usage+done)
	}))
	c := client(t, Options{BaseURL: url})
	poisson := mustParse(t, "poisson", 3000, 1, 1)
	reqs := trace(1000, 2)
	before := runtime.NumGoroutine()
	for i := range runs {
		ctx, cancel := context.WithCancel(context.Background())
		load := Load{Concurrency: 4}
		if i%2 == 1 {
			load = Load{Schedule: poisson, MaxInFlight: 1 + i%5}
		}
		rows := 0
		time.AfterFunc(lead+time.Duration(i%7)*400*time.Microsecond, cancel)
		stats, err := Run(ctx, c, load, reqs, since(), func(Record) { rows++ })
		if err == nil || rows != stats.Requests {
			t.Fatalf("run %d: got %d rows for %d requests, error %v", i, rows, stats.Requests, err)
		}
	}
	c.Close()
	for range 100 { // connections take a moment to go
		if runtime.NumGoroutine() <= before+4 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	buf := make([]byte, 1<<16)
	t.Errorf("goroutines: got %d, want about %d\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
}

// Live shows the run while it goes on.
func TestLive(t *testing.T) {
	live := new(Live)
	var events, inFlight atomic.Int64 // written by the server's goroutine
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, hello+world)
		w.(http.Flusher).Flush()
		for range 1000 {
			events.Store(live.Tokens.Load())
			inFlight.Store(live.InFlight.Load())
			if events.Load() == 2 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		io.WriteString(w, finish+usage+done)
	}))
	_, _, err := collect(t, context.Background(), client(t, Options{BaseURL: url}), Load{Concurrency: 1, Live: live}, trace(1, 2))
	if err != nil || events.Load() != 2 || inFlight.Load() != 1 {
		t.Errorf("in mid-stream: got %d tokens, %d in flight, error %v; want 2, 1, nil", events.Load(), inFlight.Load(), err)
	}
	if live.Done.Load() != 1 || live.InFlight.Load() != 0 || live.Errors.Load() != 0 {
		t.Errorf("at the end: got %d done, %d in flight, %d errors; want 1, 0, 0", live.Done.Load(), live.InFlight.Load(), live.Errors.Load())
	}
}
