package host

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"cfubench/meter"
	"cfubench/meter/agent"
)

func TestLinkWarnings(t *testing.T) {
	before := agent.Link{Agent: "gpu-host:9555", Restarts: 1, Lost: 10, ClockSteps: 2}
	same := before
	for _, row := range []struct {
		name   string
		change func(*agent.Link)
		want   string // a part of the one warning, "" for none
	}{
		{"what was before is not told again", func(*agent.Link) {}, ""},
		{"a connection that was made anew lost nothing", func(l *agent.Link) { l.Reconnects = 9 }, ""},
		{"a restart", func(l *agent.Link) { l.Restarts = 3 }, "restarted 2 times"},
		{"lost readings", func(l *agent.Link) { l.Lost = 11 }, "1 readings were lost"},
		{"a stepped clock", func(l *agent.Link) { l.ClockSteps = 3 }, "clock offset jumped 1 times"},
		{"an agent that has gone and not come back", func(l *agent.Link) { l.Silent = 6200 * time.Millisecond }, "out of reach for the last 6.2s"},
		{"one that is about to send again", func(l *agent.Link) { l.Silent = time.Second }, ""},
		{"a clock that is not known to a millisecond", func(l *agent.Link) { l.Uncertainty = 200 * time.Millisecond }, "± 200ms"},
	} {
		now := same
		row.change(&now)
		got := linkWarnings(before, now)
		if row.want == "" && len(got) != 0 || row.want != "" && (len(got) != 1 || !strings.Contains(got[0], row.want) || !strings.Contains(got[0], "gpu-host:9555")) {
			t.Errorf("%s: got %q, want one with %q", row.name, got, row.want)
		}
	}
}

// still is a counter that stands at a joule.
type still struct{ clock meter.Clock }

func (s still) Domains() []meter.Domain {
	return []meter.Domain{{Name: "gpu0", Source: "fake", Kind: meter.KindCounter, Scope: meter.ScopeGPU}}
}
func (s still) Read(dst []meter.Reading) []meter.Reading {
	now := s.clock()
	return append(dst, meter.Reading{Before: now, After: now, Energy: meter.Joule, HasEnergy: true, Status: meter.StatusOK})
}
func (still) Close() error { return nil }

// wrapped is a source as calibration leaves it.
type wrapped struct{ meter.Source }

func (w wrapped) Unwrap() meter.Source { return w.Source }

// An agent is found under the name of its family and watched, also where its
// calibration has wrapped it.
func TestAgentIsOpenedAndWatched(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	clock := meter.NewClock(time.Now())
	server := agent.NewServer(clock, []meter.Source{still{clock}}, nil, 10*time.Millisecond, func() func(int) bool { return nil }, agent.Credentials{Token: "t"})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	getenv := func(name string) string { return map[string]string{"CFU_AGENT_TOKEN": "t"}[name] }
	set, err := Open(ctx, Options{Specs: []string{"agent:" + l.Addr().String()}, Clock: clock, Getenv: getenv})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	set.Sources = []meter.Source{wrapped{set.Sources[0]}}
	w := NewWatch(set, Own(os.Getpid(), ""))
	if len(w.agents) != 1 {
		t.Errorf("got %d watched agents, want 1", len(w.agents))
	}
	watching, stop := context.WithTimeout(ctx, 50*time.Millisecond)
	defer stop()
	if err := w.Run(watching); err != nil {
		t.Error(err)
	}
	seen, err := w.JSON()
	if err != nil || !strings.Contains(string(seen), `"agents":[{"agent":"`+l.Addr().String()) {
		t.Errorf("seen: got %s, %v, want the agent", seen, err)
	}
	for _, warning := range w.Warnings() {
		if !strings.Contains(warning, "±") { // a slow machine makes the clock vague
			t.Errorf("got warning %q, want none", warning)
		}
	}
}
