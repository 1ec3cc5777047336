package summary

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"cfubench/attribution/lca"
	"cfubench/results/runfolder"
)

// footprint is what footprint.arrow says of one cell.
type footprint struct {
	categories []CategoryFootprint // per request, in the order of the table
	money      Cost                // of the rows so far
	tokens     bool                // some row is of an output token
}

// readFootprint reads footprint.arrow by cell, and the table's metadata. A run
// that was not amortized has none.
func readFootprint(ctx context.Context, path string) (byCell map[string]*footprint, meta map[string]string, err error) {
	byCell = map[string]*footprint{}
	texts := map[string]string{} // each once: thousands of cells have the same ones
	for r, err := range runfolder.Footprints().ScanWith(ctx, path, func(m map[string]string) error { meta = m; return nil }) {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, nil
		}
		if err != nil {
			return nil, nil, err
		}
		f := byCell[r.Cell]
		if f == nil {
			f = &footprint{money: noCost()}
			byCell[strings.Clone(r.Cell)] = f
		}
		f.add(r, func(text string) string {
			if _, known := texts[text]; !known {
				text = strings.Clone(text)
				texts[text] = text
			}
			return texts[text]
		})
	}
	return byCell, meta, nil
}

// add takes a row, whose texts it keeps as kept gives them.
func (f *footprint) add(r *runfolder.Footprint, kept func(string) string) {
	f.tokens = f.tokens || r.FunctionalUnit == string(lca.PerOutputToken)
	f.money.add(r, kept)
	if r.FunctionalUnit != string(lca.PerRequest) {
		return
	}
	i := slices.IndexFunc(f.categories, func(c CategoryFootprint) bool { return c.Category == r.Category })
	if i < 0 {
		i = len(f.categories)
		f.categories = append(f.categories, CategoryFootprint{
			Category: kept(r.Category), Unit: kept(r.Unit), Stages: map[string]float64{}, Lo: Unknown(), Hi: Unknown(), Boundary: kept(r.Boundary),
		})
	}
	c := &f.categories[i]
	c.Stages[kept(r.Kind)] += r.Value // the formula's terms: a kind may have several stages
	if r.Stage == string(lca.Total) {
		c.Lo, c.Hi, c.Boundary = Figure(r.Lo), Figure(r.Hi), kept(r.Boundary)
	}
}

// amortized puts what footprint.arrow says of the cell, which is of the whole cell,
// into it as of the window that its energy is stated of.
func (c *CellSummary) amortized(f *footprint) {
	cost := f.cost()
	if f != nil {
		c.wholeFootprint, c.Footprint = f.categories, f.categories
	}
	if c.Steady != nil && f != nil {
		by := c.steadyOverWhole()
		c.Footprint = scaledAll(f.categories, by)
		if cost.Power.Known() && !by.tokenEnergy.Known() {
			cost.Missing = append(cost.Missing, "no cost of power: the steady window has no energy to set against the whole cell's")
		}
		cost.Power, cost.Hardware = cost.Power*by.tokenEnergy, cost.Hardware*by.tokenTime
		cost.Both = cost.Power + cost.Hardware
	}
	if c.Whole.Energy != nil {
		c.Cost = &cost
	}
}

// overWhole is what a request and an output token take in a window over what they
// take in the whole cell: energy and device time, unknown where one of the two is.
type overWhole struct{ energy, time, tokenEnergy, tokenTime Figure }

// steadyOverWhole is overWhole of the steady window.
func (c *CellSummary) steadyOverWhole() overWhole {
	w, s := c.Whole, *c.Steady
	each := func(m Measures) Figure { return per(m.Seconds, float64(m.Completed)) }
	eachToken := func(m Measures) Figure { return per(m.Seconds, m.OutputTokens) }
	over := overWhole{Unknown(), per(float64(each(s)), float64(each(w))), Unknown(), per(float64(eachToken(s)), float64(eachToken(w)))}
	if s.Energy != nil && w.Energy != nil {
		over.energy = per(float64(s.Energy.PerRequest), float64(w.Energy.PerRequest))
		over.tokenEnergy = per(float64(s.Energy.PerOutputToken), float64(w.Energy.PerOutputToken))
	}
	return over
}

// scaledAll are the categories of a whole cell as of a window, none where that has
// no energy to be told by.
func scaledAll(categories []CategoryFootprint, by overWhole) (scaled []CategoryFootprint) {
	if !by.energy.Known() || !by.time.Known() {
		return nil
	}
	for _, c := range categories {
		scaled = append(scaled, c.scaled(by))
	}
	return scaled
}

// scaled is a category of a whole cell as of a window: what the electricity of the
// request comes to follows its energy, and the share of the hardware, waiting
// machines included, its device time. What other servers take for a request and what
// is spread over the lifetime stay. The total's interval keeps its relative width.
func (c CategoryFootprint) scaled(by overWhole) CategoryFootprint {
	c.Stages = maps.Clone(c.Stages)
	before, some := c.Stages[string(lca.Total)]
	total := before
	for _, part := range []struct {
		kind lca.Stage
		by   Figure
	}{{lca.Inference, by.energy}, {lca.Idle, by.time}, {lca.Embodied, by.time}} {
		if v, ok := c.Stages[string(part.kind)]; ok {
			c.Stages[string(part.kind)] = v * float64(part.by)
			total += v * float64(part.by-1)
		}
	}
	if some {
		c.Stages[string(lca.Total)] = total
		if before != 0 {
			c.Lo, c.Hi = c.Lo*Figure(total/before), c.Hi*Figure(total/before)
		}
	}
	return c
}

// carbon is the greenhouse gas per request in grams CO2e at a life cycle stage,
// unknown where there is none.
func carbon(categories []CategoryFootprint, stage string) Figure {
	for _, f := range categories {
		if f.Category == string(lca.GWP) {
			if kg, ok := f.Stages[stage]; ok {
				return Figure(1000 * kg)
			}
		}
	}
	return Unknown()
}

// FootprintIsSteady reports whether some cell's footprint is of its steady window, so
// that footprint.arrow, which is of whole cells, has other figures.
func (s Summary) FootprintIsSteady() bool {
	return slices.ContainsFunc(s.Cells, func(c CellSummary) bool { return c.Steady != nil && c.Footprint != nil })
}
