package derivation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// leastSamples is the least time of a driver's own power samples that is held
// against a domain: over less the ends, whose times differ by an update of each,
// make the ratio.
const leastSamples = 3 * time.Second

// buffered is one stretch of a driver's samples.
type buffered struct {
	over   meter.Window
	energy float64 // µJ
	each   []meter.PowerSample
}

// readSamples reads the driver's own power samples of a cell's GPUs, by the first
// domain of each. A cell without the table has none.
func readSamples(ctx context.Context, dir string, cell runfolder.Cell) (map[string][]buffered, error) {
	out := map[string][]buffered{}
	for row, err := range runfolder.DeviceStates().Scan(ctx, runfolder.CellFile(dir, cell.ID, runfolder.DevicesFile)) {
		if errors.Is(err, fs.ErrNotExist) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("the driver's own power samples: %w", err)
		}
		if row.BufferedTo > row.BufferedFrom && !math.IsNaN(row.BufferedEnergy) {
			b := buffered{over: meter.Window{Start: row.BufferedFrom, End: row.BufferedTo}, energy: row.BufferedEnergy}
			for i, at := range row.SampleAt {
				b.each = append(b.each, meter.PowerSample{Before: at, After: at, Power: meter.Power(row.SamplePower[i]) * meter.Milliwatt})
			}
			out[row.Domain] = append(out[row.Domain], b)
		}
	}
	return out, nil
}

// shaped is the curve of a GPU with the energy between its updates spread as the
// driver's samples have it; other curves are as they were.
func shaped(curve *attribution.Curve, samples []buffered) *attribution.Curve {
	if curve.Domain().Scope != meter.ScopeGPU { // the samples are the GPU's, whatever a module has besides
		return curve
	}
	var all []meter.PowerSample
	for _, b := range samples {
		all = append(all, b.each...)
	}
	return curve.Shaped(all)
}

// toSamples is the curve's energy over that of the driver's samples, over those
// stretches that lie within w; NaN where they are too short or either has none.
func toSamples(curve *attribution.Curve, samples []buffered, w meter.Window) float64 {
	var ours, theirs float64
	var over time.Duration
	for _, b := range samples {
		if b.over.Start < w.Start || b.over.End > w.End {
			continue
		}
		e := curve.Energy(b.over)
		if !e.HasEnergy {
			continue
		}
		ours, theirs, over = ours+float64(e.Energy), theirs+b.energy, over+b.over.Length()
	}
	if over < leastSamples || theirs <= 0 || ours <= 0 {
		return math.NaN()
	}
	return ours / theirs
}
