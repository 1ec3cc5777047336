package agent

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cfubench/meter"
	"cfubench/meter/agent/agenttest"
)

// truth is the machine's monotonic clock: the same in every process.
func truth() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}

// sinceNow returns a clock that begins now.
func sinceNow() meter.Clock {
	origin := truth()
	return func() time.Duration { return truth() - origin }
}

// register is a counter that draws 1 W, quantum 1 ns of it: its energy is the
// true time at which it was read, in nanoseconds.
type register struct{ clock meter.Clock }

func (r register) Domains() []meter.Domain {
	return []meter.Domain{{Name: "gpu0", Device: "GPU-x", Source: "fake", Kind: meter.KindCounter, Scope: meter.ScopeGPU, UpdatePeriod: time.Millisecond, Quantum: 1}}
}

func (r register) Read(dst []meter.Reading) []meter.Reading {
	reading := meter.Reading{Before: r.clock(), Energy: meter.Energy(truth()), HasEnergy: true, Status: meter.StatusOK}
	reading.After = r.clock()
	return append(dst, reading)
}

func (register) Close() error { return nil }

const poll = 5 * time.Millisecond

// unknown does not tell the engine's processes from others.
func unknown() func(int) bool { return nil }

// serve starts an agent whose clock is clock, and stops it with the test.
func serve(t *testing.T, clock meter.Clock, credentials Credentials) (s *Server, address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s = NewServer(clock, []meter.Source{register{clock}}, nil, poll, unknown, credentials)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s, l.Addr().String()
}

func dial(t *testing.T, address string) *Source {
	t.Helper()
	sources, left := Dial(context.Background(), truth, address, Credentials{})
	if len(sources) != 1 {
		t.Fatalf("dial: got refusals %+v, want a source", left)
	}
	t.Cleanup(func() { sources[0].Close() })
	return sources[0].(*Source)
}

// collect reads until enough readings with a value have come, at most for a
// minute.
func collect(t *testing.T, s *Source, enough int) []meter.Reading {
	t.Helper()
	var all []meter.Reading
	values := 0
	for deadline := time.Now().Add(time.Minute); values < enough; {
		if time.Now().After(deadline) {
			t.Fatalf("got %d of %d readings in a minute; link %+v", values, enough, s.Link())
		}
		n := len(all)
		all = s.Read(all)
		for _, r := range all[n:] {
			if r.HasEnergy {
				values++
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	return all
}

// check holds the readings against the truth, which is their own energy: its
// time lies within the bounds. They are in order, none twice.
func check(t *testing.T, readings []meter.Reading) (widest time.Duration) {
	t.Helper()
	var last meter.Reading
	for i, r := range readings {
		if r.Before < last.Before || r.After < last.After {
			t.Fatalf("reading %d: bounds %v to %v after %v to %v", i, r.Before, r.After, last.Before, last.After)
		}
		if !r.HasEnergy {
			continue
		}
		if at := time.Duration(r.Energy); at < r.Before || at > r.After {
			t.Fatalf("reading %d was taken at %v, outside of its bounds by %v or %v", i, at, r.Before-at, at-r.After)
		}
		if r.Energy <= last.Energy {
			t.Fatalf("reading %d: %v again after %v", i, r.Energy, last.Energy)
		}
		widest = max(widest, r.After-r.Before)
		last = r
	}
	return widest
}

func count(readings []meter.Reading, status meter.Status) (n int) {
	for _, r := range readings {
		if r.Status == status && !r.HasEnergy {
			n++
		}
	}
	return n
}

func TestReadingsComeOnTheClientsClock(t *testing.T) {
	for _, row := range []struct {
		name  string
		clock meter.Clock
	}{
		{"the clocks are one", truth},
		{"the agent's clock is an hour ahead", func() time.Duration { return truth() + time.Hour }},
		{"the agent's clock began just now", sinceNow()},
		{"the agent's clock is 500 ppm fast", func() time.Duration { now := truth(); return now + now/2000 }},
		{"the agent's clock is 500 ppm slow", func() time.Duration { now := truth(); return now - now/2000 }},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			_, address := serve(t, row.clock, Credentials{})
			s := dial(t, address)
			readings := collect(t, s, 300)
			check(t, readings)
			if l := s.Link(); l.Lost != 0 || l.ClockSteps != 0 || l.Restarts != 0 {
				t.Errorf("link: got %+v, want nothing lost, stepped or restarted", l)
			}
		})
	}
}

func TestDelayWidensTheBounds(t *testing.T) {
	t.Parallel()
	_, address := serve(t, func() time.Duration { return truth() + time.Hour }, Credentials{})
	const delay = 200 * time.Millisecond
	p := agenttest.NewProxy(t, address, delay, 0)
	s := dial(t, p.Address())
	readings := collect(t, s, 100)
	if widest := check(t, readings); widest < delay {
		t.Errorf("bounds are %v wide, want at least the delay of %v that hides the offset", widest, delay)
	}
	l := s.Link()
	if l.Uncertainty < delay/2 {
		t.Errorf("uncertainty: got %v, want at least half of the delay", l.Uncertainty)
	}
	if off := (l.Offset - time.Hour).Abs(); off > l.Uncertainty {
		t.Errorf("offset: got %v, which is off by %v with an uncertainty of %v", l.Offset, off, l.Uncertainty)
	}
}

func TestBrokenConnectionsLoseNothing(t *testing.T) {
	t.Parallel()
	_, address := serve(t, truth, Credentials{})
	p := agenttest.NewProxy(t, address, 0, 0)
	s := dial(t, p.Address())
	p.SetCut(0.1) // one chunk in ten breaks its connection
	readings := collect(t, s, 1000)
	check(t, readings)
	cuts := p.Cuts()
	if cuts == 0 || s.Link().Reconnects == 0 {
		t.Fatalf("the proxy cut %d connections and the client made %d new ones: nothing was tested", cuts, s.Link().Reconnects)
	}
	if l := s.Link(); l.Lost != 0 || count(readings, meter.StatusGap) != 0 {
		t.Errorf("got %d lost readings and %d gaps, want none: the agent kept them", l.Lost, count(readings, meter.StatusGap))
	}
}

func TestWhatTheRingNoLongerHoldsIsAGap(t *testing.T) {
	t.Parallel()
	server, address := serve(t, truth, Credentials{})
	p := agenttest.NewProxy(t, address, 0, 0)
	s := dial(t, p.Address())
	readings := collect(t, s, 20)
	p.SetDown(true)
	from := server.ring.newest()
	fill := make([]meter.Reading, 1000)
	for server.ring.newest() < from+ringSize+5000 {
		server.ring.put(fill)
	}
	time.Sleep(20 * poll)
	p.SetDown(false)
	for deadline := time.Now().Add(30 * time.Second); s.Link().Lost == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no reading is reported lost")
		}
		readings = s.Read(readings)
	}
	readings = s.Read(readings)
	if count(readings, meter.StatusGap) == 0 {
		t.Error("readings were lost and no gap is marked")
	}
}

func TestSteppedClockIsMarked(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var step time.Duration
	_, address := serve(t, func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return truth() + step
	}, Credentials{})
	s := dial(t, address)
	readings := collect(t, s, 50)
	check(t, readings)
	mu.Lock()
	step = 3 * time.Second // as if this host had been suspended
	mu.Unlock()
	for deadline := time.Now().Add(30 * time.Second); count(readings, meter.StatusClockStep) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no reading is marked clock_step")
		}
		readings = s.Read(readings)
	}
	if s.Link().ClockSteps != 1 {
		t.Errorf("clock steps: got %d, want 1", s.Link().ClockSteps)
	}
}

// agentEnv makes the test binary an agent that listens at its value.
const agentEnv = "CFU_TEST_AGENT"

func TestMain(m *testing.M) {
	address, ok := os.LookupEnv(agentEnv)
	if !ok {
		os.Exit(m.Run())
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	clock := sinceNow()
	fmt.Println(l.Addr())
	s := NewServer(clock, []meter.Source{register{clock}}, nil, poll, unknown, Credentials{})
	if err := s.Serve(context.Background(), l); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// process starts an agent as a process of its own and returns its address.
func process(t *testing.T, address string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), agentEnv+"="+address)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the agent did not start: %v", err)
	}
	return cmd, strings.TrimSpace(line)
}

func TestKilledAndRestartedAgentIsAGap(t *testing.T) {
	t.Parallel()
	first, address := process(t, "127.0.0.1:0")
	s := dial(t, address)
	readings := collect(t, s, 50)
	if err := first.Process.Kill(); err != nil { // kill -9
		t.Fatal(err)
	}
	_ = first.Wait()
	killed := truth()
	for s.Link().Silent < time.Second { // the silence is seen
		time.Sleep(10 * time.Millisecond)
	}
	process(t, address)
	for {
		readings = append(readings, collect(t, s, 20)...)
		if time.Duration(readings[len(readings)-1].Energy) > killed {
			break
		}
	}
	check(t, readings)
	if l := s.Link(); l.Restarts != 1 {
		t.Errorf("restarts: got %d, want 1", l.Restarts)
	}
	gap := slices.IndexFunc(readings, func(r meter.Reading) bool { return r.Status == meter.StatusGap && !r.HasEnergy })
	if gap < 0 {
		t.Fatal("no gap is marked")
	}
	for i, r := range readings {
		if r.HasEnergy && (time.Duration(r.Energy) > killed) != (i > gap) {
			t.Fatalf("reading %d at %v is on the wrong side of the gap, reading %d (killed at %v)", i, time.Duration(r.Energy), gap, killed)
		}
	}
}

// The sampler of a run takes the readings as those of any other source, and
// does not call what came late a gap.
func TestThroughTheSampler(t *testing.T) {
	t.Parallel()
	_, address := serve(t, func() time.Duration { return truth() + time.Hour }, Credentials{})
	s := dial(t, address)
	sampler := meter.NewSampler(truth, []meter.Source{s}, 0)
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel()
	ok := 0
	err := sampler.Run(ctx, func(batch []meter.Reading) error {
		for _, r := range batch {
			if r.Status == meter.StatusOK && r.HasEnergy {
				ok++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if ok < 50 {
		t.Errorf("got %d good readings in 1.5 s at one every %v, want 50 at least", ok, poll)
	}
	if d := sampler.Domains()[0]; d.Name != "gpu0@"+address || d.Source != "fake@"+address || d.Host != "" {
		t.Errorf("domain: got %q of source %q and host %q, want the agent in the name and the source and, as it is this machine, no host", d.Name, d.Source, d.Host)
	}
}
