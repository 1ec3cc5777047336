package host

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cfubench/meter"
)

// stuck is a GPU whose driver does not return from a read, or from closing.
type stuck struct {
	name      string
	clock     meter.Clock
	read, end <-chan struct{} // nil returns at once
}

func (s stuck) Domains() []meter.Domain {
	return []meter.Domain{{Name: s.name, Device: s.name, Source: "fake", Kind: meter.KindCounter, Scope: meter.ScopeGPU, UpdatePeriod: 100 * time.Millisecond}}
}

func (s stuck) Read(dst []meter.Reading) []meter.Reading {
	if s.read != nil {
		<-s.read
	}
	at := s.clock()
	return append(dst, meter.Reading{Before: at, After: at, HasEnergy: true, Energy: meter.EnergyOf(100*meter.Watt, at.Truncate(100*time.Millisecond)), Status: meter.StatusOK})
}

func (s stuck) Close() error {
	if s.end != nil {
		<-s.end
	}
	return nil
}

// One GPU of three that hangs is left out with its reason; the others are
// calibrated, listed and closed.
func TestHangingDriverIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		clock := meter.NewClock(time.Now())
		set := Set{Sources: []meter.Source{stuck{name: "gpu0", clock: clock}, stuck{name: "gpu1", clock: clock, read: release}, stuck{name: "gpu2", clock: clock}}}
		calibrated, found, err := set.Calibrate(t.Context(), clock, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for what, entries := range map[string][]Entry{"calibrated": calibrated.List(clock, found), "not calibrated": set.List(clock, nil)} {
			var lines []string
			for _, e := range entries {
				line := e.Domain
				if !e.Readable {
					line += " " + e.Reason
				}
				lines = append(lines, line)
			}
			if got, want := strings.Join(lines, "; "), "gpu0; gpu2; gpu1 a call to the driver did not return in 2s"; got != want {
				t.Errorf("%s: got %q, want %q", what, got, want)
			}
		}
		if len(found) != 2 || found[1].Domain != "gpu2" || found[1].Updates == 0 {
			t.Errorf("got calibrations %+v, want those of gpu0 and gpu2", found)
		}
	})
}

func TestHangingDriverDoesNotHoldUpTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		set := Set{Sources: []meter.Source{stuck{name: "gpu0", end: release}, stuck{name: "gpu1"}}}
		began := time.Now()
		err := set.Close()
		if took := time.Since(began); took > closePatience {
			t.Errorf("got an end after %v, want it after %v", took, closePatience)
		}
		if err == nil || !strings.Contains(err.Error(), "close fake (gpu0)") || strings.Contains(err.Error(), "gpu1") {
			t.Errorf("got error %v, want one that names gpu0 alone", err)
		}
	})
}
