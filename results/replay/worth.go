package replay

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/attribution"
	"cfubench/attribution/shapley"
	"cfubench/meter"
	"cfubench/meter/cputime"
)

// gauge measures what replays cost, one after the other.
type gauge interface {
	// describe says in the file what is measured.
	describe(*shapley.File)
	// begin leaves the engine alone until a replay can start.
	begin(context.Context) error
	// end leaves it alone until all of the replay in w has been measured, in which a
	// request was in flight for busy.
	end(ctx context.Context, w meter.Window, busy time.Duration) (spent, error)
	close() error
}

// spent is what a replay cost, in the gauge's unit, and the curves that its sum is
// of over a window that holds the replay.
type spent struct {
	worth  float64
	window meter.Window
	curves []*attribution.Curve
	idle   []attribution.Idle
}

// settle is how long the engine is left alone before its CPU time is
// read: longer than a scheduler's tick and its own last bookkeeping.
const settle = 40 * time.Millisecond

// cpuTime is the gauge of hosts without a counter: the CPU time of the
// engine's process tree above idle. An engine that polls while it waits (vLLM's does
// for a second after an answer) spends time on no request: as much as it spent between
// replays is taken off for the time in which none was in flight.
type cpuTime struct {
	source *cputime.Source
	// waited is the time between replays so far, and polled what the engine spent in it.
	waited   time.Duration
	polled   meter.Energy
	readings []meter.Reading
	stop     chan struct{}
	reader   errgroup.Group
}

func openCPUTime(clock meter.Clock, pid int) (*cpuTime, error) {
	source, err := cputime.Open(clock, cputime.Options{PID: pid, Watts: 1}) // 1 W: its µJ are CPU µs
	if err != nil {
		return nil, err
	}
	return &cpuTime{source: source}, nil
}

func (p *cpuTime) describe(f *shapley.File) {
	f.Unit, f.Meter = shapley.UnitCPUTime, "CPU time of the engine's process tree (kind model where it is given in joules)"
}

func (p *cpuTime) begin(context.Context) error {
	before := p.source.Read(nil)[0]
	time.Sleep(settle)
	p.readings, p.stop = p.source.Read(nil), make(chan struct{})
	if now := p.readings[0]; before.HasEnergy && now.HasEnergy {
		p.waited, p.polled = p.waited+now.At()-before.At(), p.polled+now.Energy-before.Energy
	}
	stop := p.stop
	p.reader.Go(func() error {
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return nil
			case <-ticker.C:
				p.readings = p.source.Read(p.readings)
			}
		}
	})
	return nil
}

func (p *cpuTime) end(_ context.Context, w meter.Window, busy time.Duration) (spent, error) {
	time.Sleep(settle)
	close(p.stop)
	if err := p.reader.Wait(); err != nil {
		return spent{}, err
	}
	p.readings = p.source.Read(p.readings)
	first, last := p.readings[0], p.readings[len(p.readings)-1]
	if !first.HasEnergy || !last.HasEnergy {
		return spent{}, errors.New("the engine's CPU time could not be read: it may have ended")
	}
	curve, _ := attribution.NewCurve(p.source.Domains()[0], p.readings)
	worth := (last.Energy - first.Energy).Joules()
	if idle := last.At() - first.At() - busy; idle > 0 && p.waited > 0 {
		worth = max(worth-p.polled.Joules()*idle.Seconds()/p.waited.Seconds(), 0)
	}
	return spent{worth, w, []*attribution.Curve{curve}, make([]attribution.Idle, 1)}, nil
}

func (p *cpuTime) close() error { return p.source.Close() }
