package cputime

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cfubench/meter"
)

// burnEnv makes the test binary a process that burns CPU time on
// command instead of running tests.
const burnEnv = "CPUTIME_TEST_BURN"

func TestMain(m *testing.M) {
	if os.Getenv(burnEnv) != "" {
		burner(os.Stdin, os.Stdout)
		return
	}
	os.Exit(m.Run())
}

// burner obeys "self MS" and "child MS", and answers with the CPU time
// of itself and of its ended children, in ns; and "spin 0", which it does until
// it is killed, without a system call that would bring its clock up to date.
func burner(in io.Reader, out io.Writer) {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		verb, arg, _ := strings.Cut(lines.Text(), " ")
		ms, err := strconv.Atoi(arg)
		if err != nil {
			return
		}
		if verb == "spin" {
			for x := 1.0; ; x = math.Sqrt(x + 1) {
			}
		}
		if verb == "child" {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), burnEnv+"=1")
			cmd.Stdin = strings.NewReader("self " + arg + "\n")
			if err := cmd.Run(); err != nil {
				return
			}
		} else {
			burn(time.Duration(ms) * time.Millisecond)
		}
		fmt.Fprintln(out, int64(used(syscall.RUSAGE_SELF)), int64(used(syscall.RUSAGE_CHILDREN)))
	}
}

// burn uses d of this process's CPU time.
func burn(d time.Duration) {
	x := 1.0
	for from := used(syscall.RUSAGE_SELF); used(syscall.RUSAGE_SELF)-from < d; {
		for range 10_000 {
			x = math.Sqrt(x + 1)
		}
	}
}

func used(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// engine is a real process that burns on command.
type engine struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startEngine(t testing.TB) *engine {
	t.Helper()
	e := &engine{t: t, cmd: exec.Command(os.Args[0])}
	e.cmd.Env = append(os.Environ(), burnEnv+"=1")
	var err error
	if e.in, err = e.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	e.out = bufio.NewReader(out)
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.stop)
	return e
}

// order has the engine burn and returns its own time and its children's.
func (e *engine) order(what string, ms int) (own, children time.Duration) {
	e.t.Helper()
	fmt.Fprintln(e.in, what, ms)
	var a, b int64
	if _, err := fmt.Fscan(e.out, &a, &b); err != nil {
		e.t.Fatal(err)
	}
	return time.Duration(a), time.Duration(b)
}

func (e *engine) stop() {
	e.in.Close()
	_ = e.cmd.Wait() // killed or done: either ends it
}

// read returns the modelled energy now, having looked for new processes.
func read(t *testing.T, s *Source) meter.Energy {
	t.Helper()
	if f, ok := s.time.(*family); ok {
		f.scanAt = 0
	}
	r := s.Read(nil)[0]
	if !r.HasEnergy || r.Status != meter.StatusOK || r.After < r.Before {
		t.Fatalf("reading %+v, want a value and ok", r)
	}
	return r.Energy
}

// within reports whether the energy is that of a time between low and high at
// 10 W, give or take the truncations of two stat files.
func within(t *testing.T, does string, got meter.Energy, low, high time.Duration) {
	t.Helper()
	const watts = 10 * meter.Watt
	lo, hi := meter.EnergyOf(watts, low-4*ticks), meter.EnergyOf(watts, high+4*ticks)
	if got < lo || got > hi {
		t.Errorf("%s: got %v, want %v to %v (10 W for %v to %v)", does, got, lo, hi, low, high)
	}
}

func TestModelFollowsARealProcessTree(t *testing.T) {
	e := startEngine(t)
	before, _ := e.order("self", 50)
	clock := meter.NewClock(time.Now())
	s, err := Open(clock, Options{PID: e.cmd.Process.Pid, Watts: 10})
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, s); got > meter.EnergyOf(10*meter.Watt, 20*time.Millisecond) {
		t.Errorf("at the start %v, want 0: what the engine used before is not its requests'", got)
	}
	own, _ := e.order("self", 300)
	first := read(t, s)
	within(t, "its own time", first, own-before, own-before)

	own, children := e.order("child", 200)
	if children < 200*time.Millisecond {
		t.Fatalf("the engine's child used %v, want 200ms or more", children)
	}
	second := read(t, s)
	within(t, "a child that has ended", second, own-before+children, own-before+children)
	if second < first {
		t.Errorf("the counter fell from %v to %v", first, second)
	}
}

func TestModelOfAnEndedEngineIsLost(t *testing.T) {
	e := startEngine(t)
	s, err := Open(meter.NewClock(time.Now()), Options{PID: e.cmd.Process.Pid, Watts: 10})
	if err != nil {
		t.Fatal(err)
	}
	e.stop()
	r := s.Read(nil)[0]
	if r.HasEnergy || r.Status != meter.StatusLost {
		t.Errorf("reading after the engine's end: %+v, want lost and no value", r)
	}
}

func TestModelSaysWhatItIs(t *testing.T) {
	s, err := Open(meter.NewClock(time.Now()), Options{PID: os.Getpid(), Watts: 7.5})
	if err != nil {
		t.Fatal(err)
	}
	d := s.Domains()[0]
	if d.Kind != meter.KindModel || d.Scope != meter.ScopeProcess || !strings.Contains(d.Note, "model") || !strings.Contains(d.Note, "7.5 W per busy core") {
		t.Errorf("domain %+v, want kind model, scope process and the watts in its note", d)
	}
}

func TestModelRefuses(t *testing.T) {
	for _, tt := range []struct {
		does  string
		pid   int
		watts float64
		want  string
	}{
		{"no process", 0, 5, "process 0"},
		{"a process that is not there", 1 << 22, 5, "CPU time of process 4194304"},
		{"no watts", os.Getpid(), 0, "watts per busy core 0"},
		{"watts below zero", os.Getpid(), -1, "watts per busy core -1"},
		{"watts that are no number", os.Getpid(), math.NaN(), "watts per busy core NaN"},
	} {
		_, err := Open(meter.NewClock(time.Now()), Options{PID: tt.pid, Watts: tt.watts})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", tt.does, err, tt.want)
		}
	}
}

func TestReadAllocatesNothing(t *testing.T) {
	s, err := Open(meter.NewClock(time.Now()), Options{PID: os.Getpid(), Watts: 5})
	if err != nil {
		t.Fatal(err)
	}
	f := s.time.(*family)
	f.scanAt, f.lookAt = math.MaxInt64, math.MaxInt64
	dst := s.Read(nil)
	if n := testing.AllocsPerRun(1000, func() { dst = s.Read(dst[:0]) }); n != 0 {
		t.Errorf("a read allocates %v times, want 0", n)
	}
}

// BenchmarkRead is one read of a tree of one process.
func BenchmarkRead(b *testing.B) {
	s, err := Open(meter.NewClock(time.Now()), Options{PID: os.Getpid(), Watts: 5})
	if err != nil {
		b.Fatal(err)
	}
	f := s.time.(*family)
	f.scanAt, f.lookAt = math.MaxInt64, math.MaxInt64
	var dst []meter.Reading
	for b.Loop() {
		dst = s.Read(dst[:0])
	}
}

// BenchmarkDiscover is one look for new processes among those of this host.
func BenchmarkDiscover(b *testing.B) {
	s, err := Open(meter.NewClock(time.Now()), Options{PID: os.Getpid(), Watts: 5})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := s.time.(*family).tree.discover(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkResolution reads the clock of another process that is busy on one
// core as fast as it can, and reports by how much two values differ where they
// do: the scheduler's tick, or less where the process was switched in between.
func BenchmarkResolution(b *testing.B) {
	e := startEngine(b)
	fmt.Fprintln(e.in, "spin", 0)
	pid := e.cmd.Process.Pid
	var steps []time.Duration
	var last time.Duration
	for b.Loop() {
		now, err := processCPU(pid)
		if err != nil {
			b.Fatal(err)
		}
		if now != last {
			steps = append(steps, now-last)
			last = now
		}
	}
	slices.Sort(steps)
	b.ReportMetric(float64(steps[len(steps)/2].Microseconds()), "p50-step-µs")
	b.ReportMetric(float64(steps[len(steps)*95/100].Microseconds()), "p95-step-µs")
	b.ReportMetric(float64(len(steps)), "steps")
	if err := e.cmd.Process.Kill(); err != nil {
		b.Fatal(err)
	}
}
