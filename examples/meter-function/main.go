// Meter-function meters one of its own functions with the sensors of this host.
//
//	go run ./examples/meter-function
//
// Where the host has no energy counter, the joules come from the model of CPU time
// times watts per busy core, and the output says so.
package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/meter/host"
	"cfubench/meter/session"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "meter-function:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	clock := meter.NewClock(time.Now())
	meters, err := host.Open(ctx, host.Options{Clock: clock, PID: os.Getpid()})
	if err != nil {
		return err
	}
	defer func() {
		if closed := meters.Close(); err == nil {
			err = closed
		}
	}()
	s := session.New(session.Options{Meters: meters, Clock: clock})
	if len(s.Domains()) == 0 {
		return fmt.Errorf("no sensor can be read: see cfu meters")
	}

	var readings []meter.Reading
	s.Start(ctx, func(batch []meter.Reading) error {
		readings = append(readings, batch...)
		return nil
	})
	window, err := around(ctx, s, work)
	if stopped := s.Stop(); err == nil {
		err = stopped
	}
	if err != nil {
		return err
	}

	counted, _ := meter.Antichain(s.Domains()) // domains that overlap are counted once
	for i, d := range s.Domains() {
		curve, warnings := attribution.NewCurve(d, of(i, readings))
		e := curve.Energy(window)
		sum := slices.ContainsFunc(counted, func(c meter.Domain) bool { return c.Name == d.Name })
		fmt.Printf("%s (%s): %.3f J, from %.3f to %.3f, in %v; counted: %v\n", d.Name, d.Kind,
			e.Energy.Joules(), e.Lo.Joules(), e.Hi.Joules(), window.Length().Round(time.Millisecond), sum)
		for _, w := range warnings {
			fmt.Println("warning:", w)
		}
	}
	return nil
}

// around meters do: a reading of every sensor stands before it, and one after it.
func around(ctx context.Context, s *session.Session, do func() error) (meter.Window, error) {
	if err := s.Await(ctx); err != nil {
		return meter.Window{}, err
	}
	w, err := s.Window(do)
	if err != nil {
		return meter.Window{}, err
	}
	return w, s.Await(ctx)
}

// of are the readings of one domain.
func of(domain int, all []meter.Reading) (own []meter.Reading) {
	for _, r := range all {
		if r.Domain == domain {
			own = append(own, r)
		}
	}
	return own
}

// work is what is metered: half a second of arithmetic.
func work() error {
	x := 1.0
	for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); {
		for range 100_000 {
			x = math.Sqrt(x + 2)
		}
	}
	if math.IsNaN(x) {
		return fmt.Errorf("the arithmetic failed")
	}
	return nil
}
