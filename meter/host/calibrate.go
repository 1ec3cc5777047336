package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/meter"
)

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
		for _, c := range found[i] {
			if c.Refused == "" {
				kept = append(kept, c)
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
	return out, kept, errors.Join(errs...)
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
