// Package findings sets the cells of a run in the columns of the published batching
// findings (arXiv 2606.07632), alone or beside the published rows themselves. It
// knows nothing of command lines.
package findings

import (
	"context"
	"fmt"
	"strconv"

	"cfubench/attribution/lca"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// per is the number of requests that the published kWh are for.
const per = 2400

// Finding is a row in which a run and a published row are compared.
type Finding struct {
	// Model is what served, Rate the requests a second or "inf", Source says whose
	// figures these are.
	Model, Rate, Source string
	// KWh and Grams (of CO2e) are per 2,400 requests, Joules per request.
	KWh, Grams, Joules float64
	// BreakEven is the number of requests that emit what training did, 0 if no
	// training is published; Printed is the published one, 0 if there is none.
	BreakEven, Printed float64
}

// of computes the columns from an assessment.
func of(a *lca.Assessment, model, rate, source string) Finding {
	u := a.Usage
	perRequest := u.Energy.Joules() / float64(u.Requests)
	f := Finding{Model: model, Rate: rate, Source: source, KWh: perRequest * per / 3.6e6, Joules: perRequest}
	if o, ok := a.Outcome(lca.GWP, lca.Inference); ok {
		f.Grams = o.Value * 1e3 / float64(u.Requests) * per
	}
	// Another model's training says nothing of this one.
	other := u.Model != "" && !lca.NamesModel(u.Model, a.Inventory.Model.Title)
	if b, ok := a.TrainingBreakEven(); ok && !other {
		f.BreakEven = b.Requests
	}
	if a.Run != nil && a.Run.BreakEven != nil {
		f.Printed = a.Run.BreakEven.Canonical()
	}
	return f
}

// Published are the columns of the published runs among the assessments.
func Published(assessments []lca.Assessment) []Finding {
	var list []Finding
	for i := range assessments {
		if a := &assessments[i]; a.Run != nil {
			list = append(list, of(a, a.Inventory.Model.Title, a.Run.Rate, "published"))
		}
	}
	return list
}

// Beside sets every open-loop cell of a run beside the published row of a model at
// the same rate, both under the run's inventory.
type Beside struct {
	model     string
	options   lca.Options
	served    string
	rates     map[string]string // by cell, as the published table writes them
	inventory *lca.Inventory    // of the run, nil before the first cell
	cells     []Finding
}

// NewBeside sets a run beside the published model of that title, whose rows are
// assessed under the options.
func NewBeside(run runfolder.Run, model string, o lca.Options) *Beside {
	b := &Beside{model: model, options: o, served: model, rates: map[string]string{}}
	if len(run.Engine) > 0 && run.Engine[0].Model != "" {
		b.served = run.Engine[0].Model
	}
	for _, c := range run.Cells {
		switch {
		case c.RateInf:
			b.rates[c.ID] = "inf"
		case c.Rate > 0:
			b.rates[c.ID] = strconv.FormatFloat(c.Rate, 'g', -1, 64)
		}
	}
	return b
}

// Add takes the assessment of one cell.
func (b *Beside) Add(a *lca.Assessment) {
	if b.inventory == nil {
		inventory := a.Inventory
		b.inventory = &inventory
	}
	rate := b.rates[a.Usage.Cell]
	if rate == "" {
		return
	}
	source := "measured"
	if a.Usage.EnergyKind == meter.KindModel {
		source = "measured (energy: model)"
	}
	b.cells = append(b.cells, of(a, b.served, rate, source))
}

// Findings are the cells in their order, each with the published rows of its rate
// behind it. A title that is not in the published table is an *lca.UnpublishedError.
func (b *Beside) Findings(ctx context.Context) ([]Finding, error) {
	models, err := lca.Inventory{}.Published(b.model)
	if err != nil {
		return nil, err
	}
	if len(b.cells) == 0 {
		return nil, fmt.Errorf("the run has no cell at a request rate to set beside %s: run with --rate inf,8,1", b.model)
	}
	published, err := lca.AssessPublished(ctx, *b.inventory, models, b.options)
	if err != nil {
		return nil, err
	}
	var list []Finding
	for _, cell := range b.cells {
		list = append(list, cell)
		for k := range published {
			if published[k].Run.Rate == cell.Rate {
				list = append(list, of(&published[k], b.model, cell.Rate, "published"))
			}
		}
	}
	return list, nil
}
