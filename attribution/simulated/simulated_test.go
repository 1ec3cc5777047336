package simulated_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"cfubench/attribution/simulated"
	"cfubench/meter"
)

const ms = time.Millisecond

func TestTruthIsTheIntegralOfItsSteps(t *testing.T) {
	truth := &simulated.Truth{}
	truth.Step(2*time.Second, 100*meter.Watt)
	truth.Step(time.Second, 400*meter.Watt)
	truth.Step(time.Second, 0)
	for _, row := range []struct {
		start, end time.Duration
		want       meter.Energy
	}{
		{0, 2 * time.Second, 200 * meter.Joule},
		{time.Second, 2500 * ms, 300 * meter.Joule},
		{3 * time.Second, 4 * time.Second, 0},
		{0, 4 * time.Second, 600 * meter.Joule},
	} {
		if got := truth.Over(meter.Window{Start: row.start, End: row.end}); got != row.want {
			t.Errorf("energy from %v to %v: got %v, want %v", row.start, row.end, got, row.want)
		}
	}
	if got := truth.Power(2500 * ms); got != 400*meter.Watt {
		t.Errorf("power at 2.5 s: got %v, want 400 W", got)
	}
}

// Without faults a register never falls, never runs ahead of the truth, and is
// never much older than its period.
func TestRegisterFollowsTheTruthLate(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	truth := simulated.Inference(rng, 30*time.Second)
	trace := simulated.Accelerator(20*ms).Read(rng, truth, 0, 0)
	if n := len(trace.Readings); n < 1400 || n > 1600 {
		t.Fatalf("got %d reads in 30 s at 20 ms, want about 1500", n)
	}
	var last meter.Reading
	for _, r := range trace.Readings {
		if r.Energy < last.Energy || r.Before <= last.After && last.After > 0 {
			t.Fatalf("read at %v shows %v after %v at %v, want no fall and no overlap", r.Before, r.Energy, last.Energy, last.After)
		}
		if got := float64(r.Energy); got > truth.Energy(r.After) {
			t.Fatalf("read at %v shows %v, more than was used", r.Before, r.Energy)
		}
		if oldest := r.Before - 110*ms; oldest > 200*ms && float64(r.Energy) < truth.Energy(oldest)-1000 {
			t.Fatalf("read at %v shows %v, less than was used 110 ms before", r.Before, r.Energy)
		}
		last = r
	}
}

func TestFaultsHappen(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	truth := simulated.Inference(rng, 120*time.Second)
	s := simulated.Package(10 * ms)
	s.Range, s.Faults = 5000*meter.Joule, simulated.Faults{Reset: 0.05, Transient: 1, Gap: 0.5}
	trace := s.Read(rng, truth, 0, 0)
	falls, failed, gaps := 0, 0, 0
	var last meter.Reading
	for _, r := range trace.Readings {
		switch {
		case !r.HasEnergy:
			failed++
			continue
		case r.Energy < last.Energy:
			falls++
		}
		if r.Before-last.After > 50*ms {
			gaps++
		}
		if r.Energy > s.Range {
			t.Fatalf("register at %v, beyond its range %v", r.Energy, s.Range)
		}
		last = r
	}
	if falls <= len(trace.Resets) || len(trace.Resets) == 0 || failed == 0 || gaps == 0 {
		t.Errorf("got %d falls of which %d resets, %d failed reads and %d gaps, want wraps and some of each", falls, len(trace.Resets), failed, gaps)
	}
}

func TestGaugeShowsTheMeanOfItsWindow(t *testing.T) {
	truth := &simulated.Truth{}
	truth.Step(time.Second, 100*meter.Watt)
	truth.Step(time.Second, 300*meter.Watt)
	trace := simulated.Gauge(rand.New(rand.NewPCG(1, 1)), truth, 100*ms, time.Second, 20*ms)
	for _, r := range trace.Readings {
		want := 100 * meter.Watt
		if end := r.Before - r.Before%(100*ms); end > time.Second {
			want += meter.Power(float64(200*meter.Watt) * (end - time.Second).Seconds())
		}
		if d := r.Power - want; d > meter.Milliwatt || d < -meter.Milliwatt {
			t.Fatalf("gauge at %v: got %v, want %v", r.Before, r.Power, want)
		}
	}
}
