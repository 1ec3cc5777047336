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

// hours cuts the energy of a cell where the mix changes, by the wall clock of the
// host that metered it. The proportions are those of the cell's own curves; a
// cell that ran within one step of the mix needs no reading.
func hours(ctx context.Context, dir string, cell runfolder.Cell, energy CellEnergy, mix *lca.Hourly) ([]lca.HourEnergy, error) {
	if cell.OriginUnix == 0 || cell.Window.Length() <= 0 {
		return nil, errors.New("it is not known when it ran: an hourly mix wants the wall clock of the run")
	}
	at := func(t time.Duration) time.Time { return time.Unix(0, cell.OriginUnix).Add(t).UTC() }
	whole := lca.HourEnergy{From: at(cell.Window.Start), To: at(cell.Window.End), Energy: energy.Energy}
	edges := mix.Edges(whole.From, whole.To)
	if len(edges) == 0 {
		return []lca.HourEnergy{whole}, nil
	}
	meters, err := ReadMeters(ctx, dir, cell, Bare{}, 0)
	if err != nil {
		return nil, err
	}
	var list []lca.HourEnergy
	from := whole.From
	for _, to := range append(edges, whole.To) {
		used := meters.Energy(meter.Window{Start: cell.Window.Start + from.Sub(whole.From), End: cell.Window.Start + to.Sub(whole.From)})
		if !used.Known {
			return nil, fmt.Errorf("its readings give no energy for %s to %s: an hourly mix cannot be weighted", from.Format(time.RFC3339), to.Format(time.RFC3339))
		}
		list = append(list, lca.HourEnergy{From: from, To: to, Energy: used.Energy})
		from = to
	}
	return list, nil
}
