package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"

	"cfubench/attribution/lca"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// publishedPer is the number of requests that the published kWh are for.
const publishedPer = 2400

// findings are the columns in which a run and a published row are compared.
type findings struct {
	model, rate, source string
	kwh, grams, joules  float64 // kwh and grams per 2,400 requests
	breakEven           float64 // 0 if no training is published
	printed             float64 // the published break-even, 0 if none
}

// findingsOf computes the columns from an assessment.
func findingsOf(a *lca.Assessment, model, rate, source string) findings {
	u := a.Usage
	perRequest := u.Energy.Joules() / float64(u.Requests)
	f := findings{model: model, rate: rate, source: source, kwh: perRequest * publishedPer / 3.6e6, joules: perRequest}
	if o, ok := a.Outcome(lca.GWP, lca.Inference); ok {
		f.grams = o.Value * 1e3 / float64(u.Requests) * publishedPer
	}
	// Another model's training says nothing of this one.
	other := u.Model != "" && !lca.NamesModel(u.Model, a.Inventory.Model.Title)
	if b, ok := a.TrainingBreakEven(); ok && !other {
		f.breakEven = b.Requests
	}
	if a.Run != nil && a.Run.BreakEven != nil {
		f.printed = a.Run.BreakEven.Canonical()
	}
	return f
}

// publishedFindings computes the columns of every published assessment.
func publishedFindings(assessments []lca.Assessment) []findings {
	var list []findings
	for i := range assessments {
		if a := &assessments[i]; a.Run != nil {
			list = append(list, findingsOf(a, a.Inventory.Model.Title, a.Run.Rate, "published"))
		}
	}
	return list
}

// besideFindings sets every open-loop cell of a run beside the published row of
// the model at the same rate, both under the run's inventory.
func besideFindings(run runfolder.Run, assessments []lca.Assessment, model string, o lca.Options) ([]findings, error) {
	models, err := publishedModels([]string{model})
	if err != nil {
		return nil, err
	}
	published, err := lca.AssessPublished(assessments[0].Inventory, models, o)
	if err != nil {
		return nil, err
	}
	served := model
	if len(run.Engine) > 0 && run.Engine[0].Model != "" {
		served = run.Engine[0].Model
	}
	var list []findings
	for i := range assessments {
		a := &assessments[i]
		rate := rateOf(run, a.Usage.Cell)
		if rate == "" {
			continue
		}
		source := "measured"
		if a.Usage.EnergyKind == meter.KindModel {
			source = "measured (energy: model)"
		}
		list = append(list, findingsOf(a, served, rate, source))
		for k := range published {
			if published[k].Run.Rate == rate {
				list = append(list, findingsOf(&published[k], model, rate, "published"))
			}
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("the run has no cell at a request rate to set beside %s: run with --rate inf,8,1", model)
	}
	return list, nil
}

// rateOf is a cell's rate as the published table writes it, "" in closed loop.
func rateOf(run runfolder.Run, cell string) string {
	for _, c := range run.Cells {
		switch {
		case c.ID != cell:
		case c.RateInf:
			return "inf"
		case c.Rate > 0:
			return strconv.FormatFloat(c.Rate, 'g', -1, 64)
		}
	}
	return ""
}

// findingsCSV prints the columns; whole requests, twelve digits of the rest.
func findingsCSV(w io.Writer, list []findings, withSource bool) error {
	out := csv.NewWriter(w)
	header := []string{"model", "rate", "kwh_per_2400", "gco2e_per_2400", "joules_per_request", "break_even_requests", "published_break_even"}
	if withSource {
		header = append(header, "source")
	}
	out.Write(header)
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 12, 64) }
	requests := func(n float64) string {
		if n == 0 || math.IsInf(n, 0) {
			return ""
		}
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	for _, f := range list {
		row := []string{f.model, f.rate, number(f.kwh), number(f.grams), number(f.joules), requests(f.breakEven), requests(f.printed)}
		if withSource {
			row = append(row, f.source)
		}
		out.Write(row)
	}
	out.Flush()
	return out.Error()
}

// findingsTable prints the same for people.
func findingsTable(w io.Writer, list []findings) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "rate\tsource\tmodel\tkWh per 2,400\tgCO2e per 2,400\tJ per request\tbreak-even with training\tas printed")
	requests := func(n float64) string {
		if n == 0 {
			return "–"
		}
		return lca.Count(n)
	}
	for _, f := range list {
		fmt.Fprintln(tw, strings.Join([]string{
			f.rate, f.source, f.model, strconv.FormatFloat(f.kwh, 'g', 4, 64), strconv.FormatFloat(f.grams, 'g', 4, 64),
			strconv.FormatFloat(f.joules, 'g', 4, 64), requests(f.breakEven), requests(f.printed),
		}, "\t"))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "\nmeasured kWh are as metered and their gCO2e have the inventory's PUE; published kWh are taken to have the PUE in them (docs/lca.md)")
	return err
}
