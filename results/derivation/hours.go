package derivation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cfubench/attribution/lca"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// hours cuts the energy of each host of a cell where the mix of its place changes,
// by the wall clock of the host that metered it. The proportions are those of the
// cell's own curves; a cell that ran within one step of every mix needs no reading.
func hours(ctx context.Context, dir string, cell runfolder.Cell, hosts []lca.HostUsage, mixOf func(host string) *lca.Hourly) error {
	at := func(t time.Duration) time.Time { return time.Unix(0, cell.OriginUnix).Add(t).UTC() }
	var meters *Meters
	for i := range hosts {
		h := &hosts[i]
		mix := mixOf(h.Host)
		if mix == nil {
			continue
		}
		if cell.OriginUnix == 0 || cell.Window.Length() <= 0 {
			return errors.New("it is not known when it ran: an hourly mix wants the wall clock of the run")
		}
		whole := lca.HourEnergy{From: at(cell.Window.Start), To: at(cell.Window.End), Energy: h.Energy}
		edges := mix.Edges(whole.From, whole.To)
		if len(edges) == 0 {
			h.Hours = []lca.HourEnergy{whole}
			continue
		}
		if meters == nil {
			var err error
			if meters, err = ReadMeters(ctx, dir, cell, Bare{}, 0); err != nil {
				return err
			}
		}
		from := whole.From
		for _, to := range append(edges, whole.To) {
			used := meters.energyAt(meter.Window{Start: cell.Window.Start + from.Sub(whole.From), End: cell.Window.Start + to.Sub(whole.From)}, h.Host)
			if !used.Known {
				return fmt.Errorf("its readings give no energy for %s to %s: an hourly mix cannot be weighted", from.Format(time.RFC3339), to.Format(time.RFC3339))
			}
			h.Hours = append(h.Hours, lca.HourEnergy{From: from, To: to, Energy: used.Energy})
			from = to
		}
	}
	return nil
}
