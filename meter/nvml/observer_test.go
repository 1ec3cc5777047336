package nvml

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

func (w watched) State() State {
	if w.stuck != nil {
		<-w.stuck
	}
	return State{Device: w.name, SM: 1980}
}
func (watched) Processes() ([]int, error)              { return []int{4242}, nil }
func (watched) Samples(dst []Sample) ([]Sample, error) { return dst, nil }

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
