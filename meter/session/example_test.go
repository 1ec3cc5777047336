package session_test

import (
	"context"
	"fmt"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/meter/host"
	"cfubench/meter/session"
)

// lamp is a sensor that anybody can write: a counter under a constant 60 W.
// host.Open finds the real ones.
type lamp struct{ clock meter.Clock }

func (l lamp) Domains() []meter.Domain {
	return []meter.Domain{{Name: "lamp", Device: "lamp", Source: "example", Kind: meter.KindCounter, Scope: meter.ScopeNode, Quantum: 1, UpdatePeriod: time.Millisecond}}
}

func (l lamp) Read(dst []meter.Reading) []meter.Reading {
	before := l.clock()
	e := meter.EnergyOf(60*meter.Watt, before)
	return append(dst, meter.Reading{Before: before, After: l.clock(), Energy: e, HasEnergy: true, Status: meter.StatusOK})
}

func (l lamp) Close() error { return nil }

// A Go function is metered: its energy, and the bounds that the readings give.
func Example() {
	ctx, clock := context.Background(), meter.NewClock(time.Now())
	meters := host.Set{Sources: []meter.Source{lamp{clock}}}
	s := session.New(session.Options{Meters: meters, Clock: clock, Poll: 2 * time.Millisecond})

	var readings []meter.Reading
	s.Start(ctx, func(batch []meter.Reading) error {
		readings = append(readings, batch...)
		return nil
	})
	if err := s.Await(ctx); err != nil { // so that a reading stands before the window
		fmt.Println(err)
	}
	window, err := s.Window(func() error {
		time.Sleep(100 * time.Millisecond) // what is to be metered
		return nil
	})
	if err == nil {
		err = s.Await(ctx) // and one after it
	}
	if stopped := s.Stop(); err != nil || stopped != nil {
		fmt.Println(err, stopped)
	}

	curve, _ := attribution.NewCurve(s.Domains()[0], readings)
	e := curve.Energy(window)
	truth := meter.EnergyOf(60*meter.Watt, window.Length())
	fmt.Println("the truth lies within the bounds:", e.Lo <= truth && truth <= e.Hi)
	fmt.Println("and so does the estimate:", e.Lo <= e.Energy && e.Energy <= e.Hi)
	// Output:
	// the truth lies within the bounds: true
	// and so does the estimate: true
}
