package host

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/meter"
)

// Calibrate reads all sources of the set for d at once and returns the set with
// the measured update periods, and the calibrations in the order of its
// sources' domains before. A domain whose counter contradicts its gauge moves
// to LeftOut. The old set is not to be used any more.
func (s Set) Calibrate(ctx context.Context, clock meter.Clock, d time.Duration) (Set, []meter.Calibration, error) {
	found := make([][]meter.Calibration, len(s.Sources))
	g, ctx := errgroup.WithContext(ctx)
	for i, src := range s.Sources {
		g.Go(func() error {
			var err error
			found[i], err = meter.Calibrate(ctx, clock, src, d)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return s, nil, err
	}
	out := Set{LeftOut: append([]meter.Refusal(nil), s.LeftOut...)}
	var all []meter.Calibration
	for i, src := range s.Sources {
		all = append(all, found[i]...)
		kept, left := meter.Calibrated(src, found[i])
		out.LeftOut = append(out.LeftOut, left...)
		if kept == nil {
			if err := src.Close(); err != nil {
				return s, nil, err
			}
			continue
		}
		out.Sources = append(out.Sources, kept)
	}
	return out, all, nil
}
