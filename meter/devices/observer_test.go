package devices

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"cfubench/meter"
)

// watched is a GPU whose driver answers for its state, or does not return.
type watched struct {
	meter.Source
	name  string
	stuck <-chan struct{} // nil for one that answers
}

func (w watched) State() meter.DeviceState {
	if w.stuck != nil {
		<-w.stuck
	}
	clock := 1980
	return meter.DeviceState{Device: w.name, SMClock: &clock}
}
func (watched) Processes() ([]meter.Process, error) { return []meter.Process{{PID: 4242}}, nil }
func (watched) PowerSamples(dst []meter.PowerSample) ([]meter.PowerSample, error) {
	return dst, nil
}

// A GPU whose driver does not return holds up neither the looks at the others
// nor the end of the run.
func TestObserverOfAStuckDriver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		o := NewObserver([]meter.Source{watched{name: "stuck", stuck: release}, watched{name: "fine"}}, func(int) bool { return false })
		ctx, stop := context.WithTimeout(t.Context(), 5500*time.Millisecond)
		defer stop()
		began := time.Now()
		if err := o.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 5500*time.Millisecond+meter.Patience {
			t.Errorf("got an end after %v, want it within %v of the run's", took, meter.Patience)
		}
		got := o.Summaries()
		if got[0].Looks != 0 || got[1].Looks != 6 {
			t.Errorf("got %d looks at the stuck GPU and %d at the other, want none and one a second", got[0].Looks, got[1].Looks)
		}
		if len(got[1].ForeignProcesses) != 1 {
			t.Errorf("got foreign processes %v, want the one there is", got[1].ForeignProcesses)
		}
	})
}

// flaky is a GPU whose driver fails in every other look.
type flaky struct {
	watched
	looks *int
}

func (f flaky) State() meter.DeviceState {
	*f.looks++
	if *f.looks%2 == 0 {
		return meter.DeviceState{Device: f.name, Unknown: []string{"power limit (Unknown Error)"}}
	}
	clock, limit := 1980, 700*meter.Watt
	return meter.DeviceState{Device: f.name, SMClock: &clock, Limit: &limit, Throttled: []string{}}
}

// A look that fails is no limit of 0 W: it says nothing, and is said to.
func TestFailedLookIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := NewObserver([]meter.Source{flaky{watched{name: "gpu"}, new(int)}}, nil)
		var states []meter.DeviceState
		o.Each(func(s meter.DeviceState) { states = append(states, s) })
		ctx, stop := context.WithTimeout(t.Context(), 4500*time.Millisecond)
		defer stop()
		if err := o.Run(ctx); err != nil {
			t.Fatal(err)
		}
		got := o.Summaries()[0]
		if got.LimitMin != 700*meter.Watt || got.LimitMax != 700*meter.Watt || got.SMMin != 1980 {
			t.Errorf("got limits %v to %v and a clock of at least %d MHz, want 700 W and 1980", got.LimitMin, got.LimitMax, got.SMMin)
		}
		if doubts := got.Doubts(); len(doubts) != 0 {
			t.Errorf("got doubts %q, want none", doubts)
		}
		if len(got.Unknown) != 2 || len(states) != 5 || states[1].Limit != nil || states[1].Throttled != nil {
			t.Errorf("got unknown %q and states %+v, want the limit unknown in the second of five, and whose the process is", got.Unknown, states)
		}
		if got.EngineTold || len(got.OtherProcesses) != 1 || len(got.ForeignProcesses) != 0 {
			t.Errorf("got %+v, want a process of whom nobody says whose it is", got)
		}
	})
}
