package loadgen

import (
	"context"
	"testing"
	"time"

	"cfubench/loadgen/mock"
)

// The head start settles where three of four requests are in time, within its
// bounds.
func TestHeadStartSettles(t *testing.T) {
	const us = time.Microsecond
	for _, tt := range []struct {
		name     string
		way      []time.Duration // over and over
		low, top time.Duration
	}{
		{"a steady way is covered", []time.Duration{120 * us}, 119 * us, 123 * us},
		{"one slow way in five is not waited for", []time.Duration{50 * us, 50 * us, 50 * us, 50 * us, 900 * us}, 48 * us, 60 * us},
		{"two in four are waited for", []time.Duration{50 * us, 50 * us, 200 * us, 200 * us}, 190 * us, 210 * us},
		{"no wait is longer than the longest", []time.Duration{time.Second}, longestHeadStart, longestHeadStart},
		{"a way that takes nothing needs none", []time.Duration{0}, 0, 3 * us},
	} {
		var h headStart
		h.set(firstHeadStart)
		for i := range 4000 {
			h.took(tt.way[i%len(tt.way)])
		}
		if got := h.get(); got < tt.low || got > tt.top {
			t.Errorf("%s: got %v, want %v to %v", tt.name, got, tt.low, tt.top)
		}
	}
}

// Woken early or not, no request leaves before its due time, by the client's
// stamp and by the server's.
func TestNothingIsSentBeforeItIsDue(t *testing.T) {
	now, err := mock.SystemClock()
	if err != nil {
		t.Fatal(err)
	}
	server := mockServer(t, mock.Pace{})
	c := client(t, Options{BaseURL: server.url, Connections: 4})
	const first = longestHeadStart - time.Microsecond // from which it can only move
	c.headStart.set(first)
	const n = 100
	if err := c.Warm(context.Background(), 4); err != nil {
		t.Fatal(err)
	}
	records, _, err := selfTestRun(context.Background(), c, Load{Schedule: constant{500}}, n, 1, now)
	if err != nil || len(records) != n {
		t.Fatalf("got %d records, %v; want %d", len(records), err, n)
	}
	truth, err := server.stamps(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		s, ok := truth[r.Request]
		if !r.OK() || !ok {
			t.Fatalf("request %d: error %q, seen by the server: %v; want it served", r.Request, r.Err, ok)
		}
		if r.Sent < r.Due || s.Arrived < r.Due {
			t.Errorf("request %d: due %v, sent %v, arrived %v: want it no earlier than due", r.Request, r.Due, r.Sent, s.Arrived)
		}
	}
	if c.headStart.get() == first {
		t.Errorf("head start after %d requests: got %v still, want it to follow them", n, first)
	}
}
