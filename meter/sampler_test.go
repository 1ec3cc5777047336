package meter_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cfubench/meter"
)

// sample runs a sampler over sources in fake time for d and returns what the
// sink got.
func sample(t *testing.T, s *meter.Sampler, d time.Duration) []meter.Reading {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var got []meter.Reading
	if err := s.Run(ctx, func(batch []meter.Reading) error {
		got = append(got, batch...)
		return nil
	}); err != nil {
		t.Fatalf("run: %v", err)
	}
	return got
}

// of returns the readings of one domain.
func of(readings []meter.Reading, domain int) (out []meter.Reading) {
	for _, r := range readings {
		if r.Domain == domain {
			out = append(out, r)
		}
	}
	return out
}

func TestSamplerPollsAtAbsoluteTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := meter.NewClock(time.Now())
		a := &gpu{clock: clock, name: "gpu0", update: 100 * time.Millisecond, power: 400 * meter.Watt}
		b := &gpu{clock: clock, name: "gpu1", update: 100 * time.Millisecond, power: 300 * meter.Watt}
		a.fault = func(*meter.Reading) { time.Sleep(3 * time.Millisecond) } // a slow driver
		s := meter.NewSampler(clock, []meter.Source{a, b}, 20*time.Millisecond)
		got := sample(t, s, 990*time.Millisecond)
		first, second := of(got, 0), of(got, 1)
		if len(first) != 51 || len(second) != 51 {
			t.Fatalf("got %d and %d readings in 990 ms, want 50 and one at the end each", len(first), len(second))
		}
		for i, r := range first[:50] {
			if want := time.Duration(i) * 20 * time.Millisecond; r.Before != want {
				t.Fatalf("read %d began at %v, want %v: the call's 3 ms must not add up", i, r.Before, want)
			}
		}
		if offset := second[0].Before - first[0].Before; offset <= 0 || offset > time.Millisecond {
			t.Errorf("second source polled %v after the first, want right after it", offset)
		}
		if last := first[50].Before; last < 990*time.Millisecond {
			t.Errorf("last read at %v, want one after the end at 990ms", last)
		}
		cost := s.Cost()
		if len(cost) != 2 || cost[0].Reads != 51 || cost[0].Missed != 0 || !slices.Equal(cost[1].Domains, []int{1}) || cost[1].Source != "fake" {
			t.Errorf("cost %+v, want 51 reads without a miss for each source", cost)
		}
		if l, ok := s.Latest(1); !ok || l != second[50] {
			t.Errorf("latest of domain 1 is %+v, %v; want the last reading %+v", l, ok, second[50])
		}
		if _, ok := s.Latest(2); ok {
			t.Error("latest of a domain that is not there, want none")
		}
	})
}

func TestSamplerSkipsPollsThatItIsTooLateFor(t *testing.T) {
	for _, tt := range []struct {
		does             string
		due, period, now time.Duration
		next             time.Duration
		missed           int64
	}{
		{"in time: the next point of the grid", 100, 20, 105, 120, 0},
		{"exactly at the next point: read at once", 100, 20, 120, 120, 0},
		{"two points late: on with the third, on the grid", 100, 20, 145, 160, 2},
	} {
		next, missed := meter.NextDue(tt.due, tt.period, tt.now)
		if next != tt.next || missed != tt.missed {
			t.Errorf("%s: got %v after %d missed, want %v after %d", tt.does, next, missed, tt.next, tt.missed)
		}
	}
}

func TestSamplerChoosesItsRate(t *testing.T) {
	updates := func(d time.Duration, change ...func(*meter.Domain)) []meter.Domain {
		return []meter.Domain{domain("d", meter.ScopeGPU, append(change, func(x *meter.Domain) { x.UpdatePeriod = d })...)}
	}
	for _, tt := range []struct {
		does    string
		domains []meter.Domain
		want    time.Duration
	}{
		{"a fifth of 100 ms", updates(100 * time.Millisecond), 20 * time.Millisecond},
		{"a fifth of 20 ms is under the least", updates(20 * time.Millisecond), 5 * time.Millisecond},
		{"a fifth of 1 s is over the most", updates(time.Second), 50 * time.Millisecond},
		{"RAPL's 1 ms cannot be followed: 10 ms", updates(time.Millisecond), 10 * time.Millisecond},
		{"the fastest domain of a source sets the rate", append(updates(time.Second), updates(50*time.Millisecond)...), 10 * time.Millisecond},
		{"a model has no edges to find", updates(10*time.Millisecond, kind(meter.KindModel)), 10 * time.Millisecond},
		{"an exporter that collects every 30 s", updates(30*time.Second, coarse), 5 * time.Second},
		{"a guest's register that is filled every second", updates(time.Second, coarse), 200 * time.Millisecond},
		{"no period stated", updates(0), 100 * time.Millisecond},
	} {
		if got := meter.PollPeriod(tt.domains); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.does, got, tt.want)
		}
	}
}

func TestSamplerBacksOffFromSlowCalls(t *testing.T) {
	const fast, middling, slow = 100 * time.Microsecond, 1500 * time.Microsecond, 3 * time.Millisecond
	got := meter.Backoff([]time.Duration{fast, slow, slow, slow, slow, middling, fast, fast}, meter.RateWindow)
	want := []int{0, 1, 2, 3, 3, 3, 2, 1}
	if !slices.Equal(got, want) {
		t.Errorf("levels %v, want %v: down by half for each window of slow calls, three times at most, up again when fast", got, want)
	}
	synctest.Test(t, func(t *testing.T) {
		clock := meter.NewClock(time.Now())
		g := &gpu{clock: clock, name: "gpu0", update: 100 * time.Millisecond, power: 400 * meter.Watt}
		g.fault = func(*meter.Reading) { time.Sleep(3 * time.Millisecond) }
		s := meter.NewSampler(clock, []meter.Source{g}, 0)
		sample(t, s, 4*time.Second)
		if c := s.Cost()[0]; c.Poll != 40*time.Millisecond || c.Backoffs != 1 {
			t.Errorf("after 4 s of 3 ms calls polling every %v, %d backoffs; want 40ms, 1", c.Poll, c.Backoffs)
		}
		fixed := meter.NewSampler(clock, []meter.Source{g}, 20*time.Millisecond)
		sample(t, fixed, 4*time.Second)
		if c := fixed.Cost()[0]; c.Poll != 20*time.Millisecond || c.Backoffs != 0 {
			t.Errorf("a period that was asked for became %v, want 20ms", c.Poll)
		}
	})
}

func TestSamplerJudgesEveryReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := meter.NewClock(time.Now())
		n := 0
		g := &gpu{clock: clock, name: "gpu0", update: 20 * time.Millisecond, power: 400 * meter.Watt}
		g.fault = func(r *meter.Reading) {
			switch n++; n {
			case 3:
				*r = meter.Reading{Before: r.Before, After: r.After}
			case 5:
				r.Energy += 1e15
			}
			if n >= 7 {
				r.Energy -= meter.EnergyOf(g.power, 100*time.Millisecond)
			}
		}
		s := meter.NewSampler(clock, []meter.Source{g}, 20*time.Millisecond)
		got := sample(t, s, 190*time.Millisecond)
		want := []meter.Status{
			meter.StatusOK, meter.StatusOK, meter.StatusTransient, meter.StatusOK, meter.StatusGlitch,
			meter.StatusOK, meter.StatusReset, meter.StatusOK, meter.StatusOK, meter.StatusOK, meter.StatusOK,
		}
		for i, r := range got {
			if r.Status != want[i] {
				t.Errorf("reading %d at %v is %q, want %q", i, r.Before, r.Status, want[i])
			}
			if i > 0 && r.Before < got[i-1].Before {
				t.Errorf("reading %d of %v comes after that of %v", i, r.Before, got[i-1].Before)
			}
		}
		if len(got) != len(want) {
			t.Errorf("got %d readings, want %d", len(got), len(want))
		}
	})
}

func TestSamplerKeepsReadingOthersWhileOneBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := meter.NewClock(time.Now())
		release := make(chan struct{})
		sick := &gpu{clock: clock, name: "gpu0", update: 100 * time.Millisecond, power: 400 * meter.Watt}
		calls := 0
		sick.fault = func(*meter.Reading) {
			if calls++; calls == 10 {
				<-release
			}
		}
		well := &gpu{clock: clock, name: "gpu1", update: 100 * time.Millisecond, power: 400 * meter.Watt}
		s := meter.NewSampler(clock, []meter.Source{sick, well}, 20*time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 4990*time.Millisecond)
		defer cancel()
		var got []meter.Reading
		err := s.Run(ctx, func(batch []meter.Reading) error {
			got = append(got, batch...)
			return nil
		})
		blocked := (*meter.BlockedError)(nil)
		if !errors.As(err, &blocked) || !strings.Contains(blocked.Error(), "gpu0") {
			t.Errorf("run: %v, want a BlockedError that names gpu0", err)
		}
		if n := len(of(got, 1)); n != 251 {
			t.Errorf("the healthy device has %d readings in 4.99 s, want 250 and one at the end", n)
		}
		stalled := slices.DeleteFunc(of(got, 0), func(r meter.Reading) bool { return r.Status != meter.StatusStalled })
		if len(stalled) != 1 || stalled[0].HasEnergy {
			t.Errorf("stalled readings of the blocked device: %+v, want one without a value", stalled)
		}
		n := len(got)
		close(release)
		synctest.Wait()
		if len(got) != n {
			t.Errorf("%d readings reached the sink after Run had returned", len(got)-n)
		}
	})
}

func TestSamplerStopsAtTheSinksError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := meter.NewClock(time.Now())
		full := errors.New("no space left on device")
		s := meter.NewSampler(clock, []meter.Source{&gpu{clock: clock, name: "gpu0", update: 100 * time.Millisecond, power: meter.Watt}}, 0)
		batches := 0
		err := s.Run(t.Context(), func([]meter.Reading) error {
			batches++
			return full
		})
		if !errors.Is(err, full) || batches != 1 {
			t.Errorf("run: %v after %d batches, want the sink's error after its first", err, batches)
		}
	})
}

func TestSamplerReadsOnWhileTheSinkIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := meter.NewClock(time.Now())
		s := meter.NewSampler(clock, []meter.Source{&gpu{clock: clock, name: "gpu0", update: 100 * time.Millisecond, power: 400 * meter.Watt}}, 20*time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 19*time.Second+990*time.Millisecond)
		defer cancel()
		var got []meter.Reading
		if err := s.Run(ctx, func(batch []meter.Reading) error {
			if got == nil {
				time.Sleep(10 * time.Second) // a disk that stalls
			}
			got = append(got, batch...)
			return nil
		}); err != nil {
			t.Fatalf("run: %v", err)
		}
		if len(got) != 1001 {
			t.Fatalf("%d readings of 20 s, want 1000 and one at the end", len(got))
		}
		for i, r := range got[:1000] {
			if want := time.Duration(i) * 20 * time.Millisecond; r.Before != want || r.Status == meter.StatusGap {
				t.Fatalf("reading %d at %v is %q, want it at %v", i, r.Before, r.Status, want)
			}
		}
	})
}

func TestSamplerMarksClockSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := meter.NewClock(time.Now())
		s := meter.NewSampler(clock, []meter.Source{&gpu{clock: clock, name: "gpu0", update: 100 * time.Millisecond, power: meter.Watt}}, 50*time.Millisecond)
		comparisons := 0
		s.SetClocks(func() meter.Clocks {
			wall := clock()
			if comparisons++; comparisons > 2 {
				wall += time.Hour // the clock was set between 10 and 20 s
			}
			return meter.NewClocks(wall, clock(), clock())
		})
		var marked []time.Duration
		for _, r := range sample(t, s, 40*time.Second) {
			if r.Status == meter.StatusClockStep {
				marked = append(marked, r.Before)
			}
		}
		if len(marked) != 1 || marked[0] < 20*time.Second || marked[0] > 21*time.Second {
			t.Errorf("clock steps marked at %v, want one at the comparison after 20 s", marked)
		}
	})
}

func TestClocksThatStepped(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		does string
		now  meter.Clocks
		want bool
	}{
		{"all three went on together", meter.NewClocks(110*s, 20*s, 20*s), false},
		{"slewed by 5 ms in 10 s", meter.NewClocks(110*s+5*time.Millisecond, 20*s, 20*s), false},
		{"set back by an hour", meter.NewClocks(110*s-time.Hour, 20*s, 20*s), true},
		{"host was suspended for a minute: wall and boot clocks went on", meter.NewClocks(170*s, 20*s, 80*s), true},
	} {
		if got := meter.Stepped(meter.NewClocks(100*s, 10*s, 10*s), tt.now); got != tt.want {
			t.Errorf("%s: stepped is %v, want %v", tt.does, got, tt.want)
		}
	}
}

func TestSamplerMakesNamesUnique(t *testing.T) {
	clock := meter.NewClock(time.Now())
	fine := &gpu{clock: clock, name: "gpu0"}
	again := &gpu{clock: clock, name: "gpu0"}
	third := &gpu{clock: clock, name: "gpu0"}
	s := meter.NewSampler(clock, []meter.Source{fine, again, third}, 0)
	want := []string{"gpu0", "fake-gpu0", "fake-gpu0-2"}
	if got := names(s.Domains()); !slices.Equal(got, want) {
		t.Errorf("domains %v, want %v", got, want)
	}
}

func TestSamplerReadsWithoutAllocating(t *testing.T) {
	clock := meter.NewClock(time.Now())
	var sources []meter.Source
	for _, name := range []string{"gpu0", "gpu1"} {
		sources = append(sources, &gpu{clock: clock, name: name, update: time.Millisecond, power: 400 * meter.Watt})
	}
	s := meter.NewSampler(clock, sources, 20*time.Millisecond)
	s.PollOnce() // the first read makes room
	if n := testing.AllocsPerRun(1000, s.PollOnce); n != 0 {
		t.Errorf("a read, its verdict and its place in the batch allocate %v times, want 0", n)
	}
}
