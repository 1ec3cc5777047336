package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/meter"
)

// How long meters are calibrated: long enough to hold a counter against its
// power gauge, and short for a model, which has no register to be found wrong.
const (
	calibrateCounters = 5 * time.Second
	calibrateModel    = 500 * time.Millisecond
)

// CalibrationTime is how long the set's sources need to be calibrated.
func (s Set) CalibrationTime() time.Duration {
	if slices.ContainsFunc(meter.Domains(s.Sources), func(d meter.Domain) bool { return d.Kind != meter.KindModel }) {
		return calibrateCounters
	}
	return calibrateModel
}

// Expect refuses a set with another number of GPUs; 0 expects nothing. A superchip
// is one, though its module and the GPU within are two domains.
func (s Set) Expect(devices int) error {
	if gpus := len(meter.Devices(meter.Domains(s.Sources))); devices != 0 && gpus != devices {
		return fmt.Errorf("--expect-devices %d: %d GPUs are metered: see cfu meters", devices, gpus)
	}
	return nil
}

// Calibrate reads all sources of the set for d at once and returns the set with
// the measured update periods, and a calibration for each of its domains, in
// their order. A domain that its calibration refuses moves to LeftOut, and so
// does a source whose calls do not return, which stays open. The old set is not
// to be used any more.
func (s Set) Calibrate(ctx context.Context, clock meter.Clock, d time.Duration) (Set, []meter.Calibration, error) {
	found := make([][]meter.Calibration, len(s.Sources))
	g, ctx := errgroup.WithContext(ctx)
	for i, src := range s.Sources {
		g.Go(func() error {
			var err error
			found[i], err = meter.Calibrate(ctx, clock, src, d)
			if blocked := (*meter.BlockedError)(nil); errors.As(err, &blocked) {
				return nil // nothing was found of this one; the others go on
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return s, nil, err
	}
	out := Set{LeftOut: slices.Clone(s.LeftOut)}
	var kept []meter.Calibration
	var errs []error
	for i, src := range s.Sources {
		if found[i] == nil {
			out.LeftOut = append(out.LeftOut, blockedRefusals(src)...)
			continue
		}
		for k, d := range src.Domains() {
			if !found[i][k].Drops(d) {
				kept = append(kept, found[i][k])
			}
		}
		rest, left := meter.Calibrated(src, found[i])
		out.LeftOut = append(out.LeftOut, left...)
		if rest == nil {
			errs = append(errs, Set{Sources: []meter.Source{src}}.Close())
			continue
		}
		out.Sources = append(out.Sources, rest)
	}
	out.join(kept)
	return out, kept, errors.Join(errs...)
}

// join makes one device of those that show one counter.
func (s *Set) join(calibrations []meter.Calibration) {
	var domains []meter.Domain
	for _, src := range s.Sources {
		domains = append(domains, src.Domains()...)
	}
	together := map[string]string{} // device → all that are one with it
	for i, first := range meter.Twins(domains, calibrations) {
		if first == i || meter.SameDevice(domains[i].Device, domains[first].Device) {
			continue
		}
		a, b := domains[first].Device, domains[i].Device
		all := cmp.Or(together[a], a) + " " + b
		for device, with := range together {
			if with == together[a] {
				together[device] = all
			}
		}
		together[a], together[b] = all, all
	}
	for i, src := range s.Sources {
		s.Sources[i] = meter.Joined(src, together)
	}
}

// blockedRefusals refuses every domain of a source whose calls do not return.
func blockedRefusals(src meter.Source) []meter.Refusal {
	var left []meter.Refusal
	for _, d := range src.Domains() {
		left = append(left, meter.Refusal{
			Source: d.Source, Domain: d.Name, Reason: fmt.Sprintf("a call to the driver did not return in %v", meter.Patience),
			Remedy: "look for the device's errors in dmesg (Xid of an NVIDIA GPU); reset it or reboot",
		})
	}
	return left
}
