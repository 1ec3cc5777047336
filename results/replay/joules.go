package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"cfubench/attribution"
	"cfubench/attribution/shapley"
	"cfubench/meter"
	"cfubench/meter/host"
	"cfubench/meter/session"
	"cfubench/results/runfolder"
)

// joules is the gauge of hosts with counters: the energy of a replay above the
// idle power before and after it, summed over the domains that count.
type joules struct {
	set     host.Set
	metered *session.Session
	domains []runfolder.DomainInfo // in the order that readings number them
	idle    time.Duration
	// pad is the time between an idle window and a replay: what is above idle in
	// it is the replay's, whatever the register shows late, and a replay shorter
	// than the register's resolution is measured all the same.
	pad time.Duration

	before meter.Window // the idle window before the next replay, empty before the first

	mu       sync.Mutex
	readings []meter.Reading
}

// openJoules opens the meters of the host for the replays. It returns nil and
// why where there is none to measure joules with, which is an error of meters that
// were asked for by name.
func openJoules(ctx context.Context, c Config, clock meter.Clock, url string, pid int) (_ *joules, why string, err error) {
	if slices.Equal(c.Meter, []string{"cputime"}) {
		return nil, "--meter cputime", nil
	}
	set, err := host.Open(ctx, host.Options{Specs: c.Meter, Sysfs: c.Sysfs, NVMLLibrary: c.NVMLLibrary, PID: pid, EndpointURL: url, Clock: clock, Getenv: c.Getenv})
	if err != nil {
		return nil, "", err
	}
	j := &joules{set: set, idle: c.Idle}
	defer func() {
		if err != nil || why != "" {
			err = errors.Join(err, j.set.Close())
		}
	}()
	calibrated, found, err := set.Calibrate(ctx, clock, set.CalibrationTime())
	if err != nil {
		return nil, "", err
	}
	j.set = calibrated
	choice, err := meter.ParseChoice(c.GPUs)
	if err != nil {
		return nil, "", err
	}
	engine, err := host.FindEngine(pid, url)
	if forwarder := (*host.ForwarderError)(nil); err != nil && !errors.As(err, &forwarder) {
		return nil, "", err
	}
	chosen, err := j.set.Choose(ctx, choice, engine)
	if err != nil {
		return nil, "", err
	}
	j.metered = session.New(session.Options{Meters: j.set, Clock: clock})
	j.domains = runfolder.Describe(j.metered.Domains(), chosen.Excluded...)
	counters, models := 0, 0
	for _, d := range runfolder.Summed(j.domains) {
		switch d.Kind {
		case meter.KindCounter:
			counters++
		case meter.KindModel:
			models++
		}
	}
	switch automatic := slices.Equal(c.Meter, []string{"auto"}); {
	case automatic && counters == 0:
		return nil, "no counter can be read here ('cfu meters' says why)", nil
	case models > 0:
		return nil, "", errors.New("a sum with modelled joules in it is no measurement: leave out the meters whose kind is model")
	case len(runfolder.Summed(j.domains)) == 0:
		return nil, "", errors.New("nothing that was asked for is in the sum: cfu meters says what each meter needs")
	}
	j.pad = settle
	for _, d := range runfolder.Summed(j.domains) {
		j.pad = max(j.pad, 3*d.UpdatePeriod)
	}
	for _, w := range slices.Concat(chosen.Warnings, runfolder.SetCalibrations(j.domains, found)) {
		c.say("warning: %s", w)
	}
	j.metered.Start(ctx, func(batch []meter.Reading) error {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.readings = append(j.readings, batch...)
		return nil
	})
	return j, "", nil
}

func (j *joules) describe(f *shapley.File) {
	f.Unit = shapley.UnitJoules
	for _, d := range runfolder.Summed(j.domains) {
		f.Domains = append(f.Domains, fmt.Sprintf("%s (%s, kind %s)", d.Name, d.Source, d.Kind))
	}
	f.Meter = "joules above loaded idle of " + strings.Join(f.Domains, ", ")
}

func (j *joules) begin(ctx context.Context) (err error) {
	if j.before.Length() == 0 { // else what came after the last replay comes before this one
		if err := j.metered.Await(ctx); err != nil {
			return err
		}
		if j.before, err = j.metered.Idle(ctx, j.idle); err != nil {
			return err
		}
	}
	_, err = j.metered.Idle(ctx, j.pad)
	return err
}

func (j *joules) end(ctx context.Context, _ meter.Window, _ time.Duration) (spent, error) {
	var out spent
	_, err := j.metered.Idle(ctx, j.pad)
	var after meter.Window
	if err == nil {
		after, err = j.metered.Idle(ctx, j.idle)
	}
	if err == nil {
		err = j.metered.Await(ctx)
	}
	if err == nil {
		err = j.delivered(ctx, after.End)
	}
	if err != nil {
		return out, err
	}
	byDomain := j.taken(after)
	out.window = meter.Window{Start: j.before.End, End: after.Start}
	for i, d := range j.domains {
		if !d.Summed() {
			continue
		}
		curve, _ := attribution.NewCurve(d.Domain, byDomain[i])
		e := curve.Estimate(out.window, attribution.Surroundings{IdleBefore: j.before, IdleAfter: after})
		if !e.HasEnergy {
			return out, fmt.Errorf("%s has no energy over the replay: %s", d.Name, strings.Join(e.Flags, ", "))
		}
		if !e.Idle.Known {
			return out, fmt.Errorf("%s, which is refreshed every %v, shows no idle power in %v: use a longer --idle", d.Name, d.UpdatePeriod, j.idle)
		}
		out.worth += e.Idle.Figures(e.Energy, out.window).AboveLoaded.Joules()
		out.curves, out.idle = append(out.curves, e.Curve), append(out.idle, e.Idle)
	}
	j.before = after
	return out, nil
}

// mostDelay is how long readings may be on their way from a sensor: the sampler hands
// them on a few times a second.
const mostDelay = 2 * time.Second

// delivered waits until each domain that counts has a reading of at or later. One that
// has none after mostDelay is for its estimate to judge.
func (j *joules) delivered(ctx context.Context, at time.Duration) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(mostDelay)
	defer late.Stop()
	for !j.has(at) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-j.metered.Failed():
			return fmt.Errorf("the meters failed: %w", j.metered.Err())
		case <-late.C:
			return nil
		case <-tick.C:
		}
	}
	return nil
}

// has reports whether each domain that counts has a reading of at or later.
func (j *joules) has(at time.Duration) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, d := range j.domains {
		if d.Summed() && !slices.ContainsFunc(j.readings, func(r meter.Reading) bool { return r.Domain == i && r.Before >= at }) {
			return false
		}
	}
	return true
}

// margin is how much of the readings before an idle window are kept: the last
// publication before it may be as old.
const margin = 2 * time.Second

// taken returns the readings so far by domain, and keeps those that the replay
// after the idle window needs.
func (j *joules) taken(idle meter.Window) [][]meter.Reading {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([][]meter.Reading, len(j.domains))
	for _, r := range j.readings {
		out[r.Domain] = append(out[r.Domain], r)
	}
	j.readings = slices.DeleteFunc(j.readings, func(r meter.Reading) bool { return r.After < idle.Start-margin })
	return out
}

func (j *joules) close() error { return errors.Join(j.metered.Stop(), j.set.Close()) }
