package reference

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"cfubench/attribution"
	"cfubench/internal/secret"
	"cfubench/meter"
	"cfubench/meter/host"
	"cfubench/meter/session"
	"cfubench/results/logs"
	"cfubench/results/runfolder"
)

// Options say how a reference meter is compared with a host's domains.
type Options struct {
	// Spec is the reference: redfish:URL, scrape:URL, ptd:HOST, or the FILE of a
	// log that its meter writes meanwhile, with #NAME if the log has several.
	Spec string
	// Covers is runfolder.CoversNode or runfolder.CoversDomains.
	Covers string
	// LogClock says what the times of a log's FILE are.
	LogClock logs.Clock
	// Meters open the domains; their clock is made here.
	Meters host.Options
	// Load is a command for sh that goes on until it is stopped, "" for loops on
	// the CPUs.
	Load string
	// Plateau is how long each plateau is measured, after Settle for the sensors
	// and the hardware; Rounds is how many of idle and of load there are.
	Plateau, Settle time.Duration
	Rounds          int
	Secrets         *secret.Redactor
	Say             func(format string, args ...any)
}

// live reports whether the spec names a meter and not a file.
func live(spec string) bool {
	family, _, _ := strings.Cut(spec, ":")
	return family == "redfish" || family == "scrape" || family == "ptd"
}

// CheckSpec says what is wrong with a reference before anything is measured.
func CheckSpec(spec string) error {
	if live(spec) {
		return host.CheckSpec(spec)
	}
	path, _ := splitLog(spec)
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return fmt.Errorf("reference %q: want redfish:URL, scrape:URL, ptd:HOST, or the file of a power log", spec)
	}
	return nil
}

// Measure reads the reference and the domains together over plateaus of idle and
// load, and fits. A meter that does not see the load is a result that says so.
func Measure(ctx context.Context, o Options) (ref runfolder.Reference, err error) {
	origin := time.Now()
	clock := meter.NewClock(origin)
	o.Meters.Clock = clock
	loads, what := loads(o.Load, o.Rounds, o.Secrets)
	ref = started(o.Secrets.Text(o.Spec), o.Covers, what, origin)

	set, err := host.Open(ctx, o.Meters)
	if err != nil {
		return ref, err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	o.Say("calibrating the meters for %v", set.CalibrationTime())
	if set, _, err = set.Calibrate(ctx, clock, set.CalibrationTime()); err != nil {
		return ref, err
	}
	domains := runfolder.Describe(meter.Domains(set.Sources))
	if _, err := summed(domains); err != nil {
		return ref, err
	}
	var wall host.Set
	if live(o.Spec) {
		wall, err = host.Open(ctx, host.Options{Specs: []string{o.Spec}, Clock: clock, Getenv: o.Meters.Getenv})
		if err != nil {
			return ref, err
		}
		defer func() { err = errors.Join(err, wall.Close()) }()
		d, err := oneOf(meter.Domains(wall.Sources), ref.Meter)
		if err != nil {
			return ref, err
		}
		ref.Device = d.Device
	}
	readings := make([][]meter.Reading, len(domains)+len(meter.Domains(wall.Sources)))
	windows, err := o.climb(ctx, host.Set{Sources: append(append([]meter.Source(nil), set.Sources...), wall.Sources...)}, clock, loads, readings)
	if err != nil {
		return ref, err
	}
	t := track{windows: windows}
	for i, d := range domains {
		if d.Summed() {
			curve, _ := attribution.NewCurve(d.Domain, readings[i])
			t.domains, t.curves = append(t.domains, d), append(t.curves, curve)
		}
	}
	if live(o.Spec) {
		t.reference, _ = attribution.NewCurve(meter.Domains(wall.Sources)[0], readings[len(domains)])
	} else if t.reference, ref.Device, err = o.awaitLog(ctx, origin, windows[len(windows)-1].over.End); err != nil {
		return ref, err
	}
	return result(ref, []track{t})
}

// climb reads all sources over the plateaus and keeps the readings by domain.
func (o Options) climb(ctx context.Context, set host.Set, clock meter.Clock, loads []load, readings [][]meter.Reading) (windows []phase, err error) {
	s := session.New(session.Options{Meters: set, Clock: clock})
	s.Start(ctx, func(rs []meter.Reading) error {
		for _, r := range rs {
			readings[r.Domain] = append(readings[r.Domain], r)
		}
		return nil
	})
	defer func() { err = errors.Join(err, s.Stop()) }()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-s.Failed():
			cancel(s.Err())
		case <-ctx.Done():
		}
	}()
	plateau := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			if err := s.Await(ctx); err != nil { // the first plateau too lies between readings
				return err
			}
			if _, err := s.Idle(ctx, o.Settle); err != nil {
				return err
			}
			w, err := s.Idle(ctx, o.Plateau)
			if err != nil {
				return err
			}
			windows = append(windows, phase{name, w})
			return nil
		}
	}
	each := o.Settle + o.Plateau
	for i, l := range loads {
		o.Say("round %d of %d: idle, then %s, %v each", i+1, len(loads), l.name, each)
		if err := plateau("idle")(ctx); err != nil {
			return nil, err
		}
		if err := l.during(ctx, plateau(l.name)); err != nil {
			return nil, err
		}
	}
	return windows, awaitEnd(ctx, s, windows[len(windows)-1].over.End)
}

// lastPatience is how long the last reading may take to come: a management
// controller that is busy answers after seconds.
const lastPatience = 30 * time.Second

// awaitEnd waits until every domain has been read after end.
func awaitEnd(ctx context.Context, s *session.Session, end time.Duration) error {
	deadline := time.Now().Add(lastPatience)
	for i := range s.Domains() {
		for time.Now().Before(deadline) {
			if r, ok := s.Latest(i); ok && r.Before >= end {
				break
			}
			if _, err := s.Idle(ctx, 5*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

// logPatience is how long the end of the last plateau may take to reach a log:
// loggers keep some seconds in a buffer.
const logPatience = 20 * time.Second

// awaitLog reads the log's curve on the clock of origin once it reaches end.
func (o Options) awaitLog(ctx context.Context, origin time.Time, end time.Duration) (*attribution.Curve, string, error) {
	for deadline := time.Now().Add(logPatience); ; {
		read, d, err := readLog(o.Spec, o.LogClock, origin.UnixNano())
		if err != nil {
			return nil, "", err
		}
		if n := len(read); n > 0 && read[n-1].Before >= end || time.Now().After(deadline) {
			curve, _ := attribution.NewCurve(d, read)
			return curve, d.Device, nil
		}
		select {
		case <-ctx.Done():
			return nil, "", context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
}
