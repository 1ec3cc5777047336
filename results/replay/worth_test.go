package replay

import (
	"os/exec"
	"testing"
	"time"

	"cfubench/loadgen"
	"cfubench/meter"
)

func TestBusy(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		does  string
		spans [][2]time.Duration
		want  time.Duration
	}{
		{"of no request it is none", nil, 0},
		{"one after the other add up, and the pause between is none", [][2]time.Duration{{500 * ms, 600 * ms}, {0, 100 * ms}}, 200 * ms},
		{"what overlaps counts once", [][2]time.Duration{{0, 100 * ms}, {50 * ms, 200 * ms}, {60 * ms, 70 * ms}}, 200 * ms},
	} {
		var r replayed
		for _, s := range tt.spans {
			r.records = append(r.records, loadgen.Record{Sent: s[0], Done: s[1]})
		}
		if got := r.busy(); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.does, got, tt.want)
		}
	}
}

// An engine that polls while it waits costs nothing for that.
func TestPollingIsNoCost(t *testing.T) {
	engine := exec.Command("sh", "-c", "while :; do :; done")
	if err := engine.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { engine.Process.Kill(); engine.Wait() }()
	p, err := openCPUTime(meter.NewClock(time.Now()), engine.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	replay := func(busy time.Duration) float64 {
		if err := p.begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		s, err := p.end(t.Context(), meter.Window{}, busy)
		if err != nil {
			t.Fatal(err)
		}
		return s.worth
	}
	for range 10 { // the rate of polling is known by and by
		if err := p.begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := p.end(t.Context(), meter.Window{}, 0); err != nil {
			t.Fatal(err)
		}
	}
	if working, waiting := replay(time.Hour), replay(0); waiting > working/2 {
		t.Errorf("half a second of waiting costs %.2f CPU s, of work %.2f", waiting, working)
	}
}
