package loadgen

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Pinning reaches the threads that are there and those that come later. It
// runs in a process of its own, whose affinity may change.
func TestPinCPUs(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux pins")
	}
	allowed := allowedCPUs()
	if len(allowed) == 0 {
		t.Fatal("no processor is allowed")
	}
	last := allowed[len(allowed)-1]
	if os.Getenv("LOADGEN_PIN") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestPinCPUs$", "-test.v")
		cmd.Env = append(os.Environ(), "LOADGEN_PIN=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if err := PinCPUs(fmt.Sprint(last)); err != nil {
		t.Fatal(err)
	}
	got := make(chan []int)
	for range 8 {
		go func() {
			runtime.LockOSThread() // a thread of its own, ended with the goroutine
			got <- allowedCPUs()
		}()
	}
	for range 8 {
		if cpus := <-got; !cmp.Equal(cpus, []int{last}) {
			t.Errorf("a later thread may use %v, want %d only", cpus, last)
		}
	}
	if err := PinCPUs("1023"); err == nil || !strings.Contains(err.Error(), "may use none of them") {
		t.Errorf("processor 1023: got %v, want it refused", err)
	}
}

func TestPlace(t *testing.T) {
	for _, tt := range []struct {
		name            string
		allowed, online []int
		want            placement
	}{
		{"the mock takes the last of the client's processors", []int{0, 1, 2}, []int{0, 1, 2}, placement{client: []int{0, 1}, mock: []int{2}}},
		{"or those that the client may not use", []int{0}, []int{0, 1}, placement{mock: []int{1}}},
		{"one processor is shared", []int{0}, []int{0}, placement{}},
		{"an unknown set is left alone", nil, nil, placement{}},
	} {
		if got := place(tt.allowed, tt.online); !cmp.Equal(got, tt.want, cmp.AllowUnexported(placement{})) {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestCheckLimits(t *testing.T) {
	if got := CheckLimits(8); len(got) > 0 {
		t.Errorf("8 connections: got %q, want no problem", got)
	}
	if runtime.GOOS != "linux" {
		return
	}
	got := strings.Join(CheckLimits(1<<40), "\n")
	for _, want := range []string{"ulimit -n", "local ports"} {
		if !strings.Contains(got, want) {
			t.Errorf("a million million connections: got %q, want %q in it", got, want)
		}
	}
	for _, tt := range []struct {
		concurrency int
		ports       string
		problem     bool
	}{
		{28232, "32768\t60999\n", false},
		{28233, "32768\t60999\n", true},
		{1, "garbage", false},
	} {
		if got := checkPorts(tt.concurrency, tt.ports); (got != "") != tt.problem {
			t.Errorf("%d connections with ports %q: got %q, want a problem: %v", tt.concurrency, tt.ports, got, tt.problem)
		}
	}
}

func TestIsStarved(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name     string
		wait     time.Duration
		turns    int64
		interval time.Duration
		want     bool
	}{
		{"a quiet thread", 0, 0, 100 * ms, false},
		{"a busy thread with short waits", 20 * ms, 1000, 100 * ms, false},
		{"few long waits", 20 * ms, 4, 100 * ms, true},
		{"waiting half of the time, in however many turns", 50 * ms, 10000, 100 * ms, true},
		{"a wait longer than the interval, counted when it ends", 280 * ms, 1, 100 * ms, true},
		{"one wait of a few milliseconds", 8 * ms, 1, 100 * ms, false},
		{"half of a long interval would be needed", 60 * ms, 10000, 400 * ms, false},
	} {
		if got := isStarved(tt.wait, tt.turns, tt.interval); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A thread that waits marks the requests of that time and no others.
func TestStarvationMarksItsRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := since()
		var wait time.Duration
		s := newStarvation(clock, func(into map[int]threadWait) bool {
			// Between 250 and 450 ms thread 7 waits all the time; thread 8 is new
			// at each reading and has waited a little.
			now := clock()
			if now > 250*time.Millisecond && now < 450*time.Millisecond {
				wait += StarvationPeriod
			}
			into[7] = threadWait{wait: wait, turns: int64(now / time.Millisecond)}
			into[100+int(now/time.Millisecond)] = threadWait{wait: time.Microsecond, turns: 1}
			return true
		})
		samples := 0
		s.watch(func() { samples++ })
		time.Sleep(1050 * time.Millisecond)
		s.stop()
		for _, tt := range []struct {
			from, to time.Duration
			want     bool
		}{
			{0, 150 * time.Millisecond, false},
			{0, 320 * time.Millisecond, true},
			{350 * time.Millisecond, 360 * time.Millisecond, true},
			{350 * time.Millisecond, time.Second, true},
			{510 * time.Millisecond, time.Second, false},
		} {
			if got := s.starved(tt.from, tt.to); got != tt.want {
				t.Errorf("request from %v to %v: got %v, want %v", tt.from, tt.to, got, tt.want)
			}
		}
		sum := s.summary()
		if samples != 10 || sum.Starved != 200*time.Millisecond || sum.Worst != StarvationPeriod || sum.Sampled != 1050*time.Millisecond {
			t.Errorf("got %d samples, %+v; want 10, 200ms starved of 1.05s, worst 100ms", samples, sum)
		}
	})
}

// Without schedstat the wait is unknown, not zero, and nobody is starved.
func TestStarvationUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStarvation(since(), func(map[int]threadWait) bool { return false })
		s.watch(func() {})
		time.Sleep(time.Second)
		s.stop()
		if sum := s.summary(); sum.Known || s.starved(0, time.Second) {
			t.Errorf("got %+v, want unknown", sum)
		}
	})
}

func TestReadSchedstat(t *testing.T) {
	into := map[int]threadWait{}
	if !readSchedstat(into) {
		if _, err := os.Stat("/proc/self/task"); err != nil {
			t.Skip("no /proc here")
		}
		if _, err := os.Stat("/proc/self/schedstat"); err != nil {
			t.Skip("a kernel without schedstat")
		}
		t.Fatal("schedstat is there and was not read")
	}
	if w, ok := into[os.Getpid()]; !ok || w.turns < 1 {
		t.Errorf("main thread: got %+v, want at least one turn", w)
	}
}

func TestParseSchedstat(t *testing.T) {
	for in, want := range map[string]threadWait{
		"12345 678 9\n": {wait: 678, turns: 9},
		"0 0 0":         {},
	} {
		if got, ok := parseSchedstat([]byte(in)); !ok || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "1 2", "a b c", "1 -2 3"} {
		if got, ok := parseSchedstat([]byte(in)); ok {
			t.Errorf("%q: got %+v, want it refused", in, got)
		}
	}
}

// Sleeping to a due time never ends early, and ends at once for a past one.
func TestSleepUntil(t *testing.T) {
	clock := since()
	for _, wait := range []time.Duration{-time.Second, 0, 300 * time.Microsecond, 4 * time.Millisecond} {
		until := clock() + wait
		if err := sleepUntil(t.Context(), until, clock); err != nil || clock() < until {
			t.Errorf("sleep of %v: got %v, %v before its end", wait, err, until-clock())
		}
	}
}

func TestQuantile(t *testing.T) {
	ds := []time.Duration{5, 1, 4, 2, 3}
	for p, want := range map[float64]time.Duration{0: 1, 0.2: 1, 0.21: 2, 0.5: 3, 0.99: 5, 1: 5} {
		if got := quantile(slices.Clone(ds), p); got != want {
			t.Errorf("quantile %v of 1…5: got %d, want %d", p, got, want)
		}
	}
	if got := quantile(nil, 0.5); got != 0 {
		t.Errorf("quantile of nothing: got %d, want 0", got)
	}
}
