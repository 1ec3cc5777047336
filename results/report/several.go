package report

import (
	"cmp"
	_ "embed"
	"html/template"
	"io"
	"slices"
	"strings"

	"cfubench/results/commandline"
	"cfubench/results/comparison"
	"cfubench/results/derivation"
	"cfubench/results/summary"
)

//go:embed several.html.tmpl
var severalPage string

// several is what the page of several runs shows.
type several struct {
	Style       template.CSS
	Model       string
	Modelled    bool
	EnergyKind  string
	SLO         string
	Choice      *choice // nil where NoChoice says why
	NoChoice    string
	Differences []comparison.Difference
	Warnings    []string // of what the runs differ in
	Sections    []section
	Runs        []oneRun
}

// oneRun is a run of several.
type oneRun struct {
	Name, Verdict, EnergyKind string
	Summary                   summary.Summary
	Findings                  []finding
	Again                     *commandline.Line // nil where no command makes the run
}

// WriteSeveral writes one page of several runs: which load point of all of them
// costs least, in what the runs differ, their figures in the same charts, and each
// one's warnings. Warnings are of comparing these runs at all. Subjects have
// different names.
func WriteSeveral(w io.Writer, subjects []comparison.Subject, warnings []string, o comparison.ChooseOptions) error {
	return write(w, severalPage, buildSeveral(subjects, warnings, o))
}

func buildSeveral(subjects []comparison.Subject, warnings []string, o comparison.ChooseOptions) several {
	d := several{Style: template.CSS(style), Warnings: warnings, Differences: comparison.Differences(subjects)}
	var kinds, models []string
	for _, s := range subjects {
		if kind := energyKind(s.Summary.MeterKind); !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
		if model := cmp.Or(s.Summary.Model, "unknown"); !slices.Contains(models, model) {
			models = append(models, model)
		}
		d.Modelled = d.Modelled || derivation.Modelled(s.Summary.MeterKind)
		d.Runs = append(d.Runs, oneRun{s.Name, badge(s.Summary.Validity.Verdict), energyKind(s.Summary.MeterKind), s.Summary, findings(s.Summary), madeAgain(s.Run)})
	}
	d.EnergyKind, d.Model = strings.Join(kinds, "; "), strings.Join(models, ", ")
	c, err := comparison.Choose(subjects, o)
	if err != nil {
		d.NoChoice = err.Error()
		return d
	}
	d.SLO = c.SLO
	one := shown(c)
	one.Charts = decisionCharts(c, subjects)
	d.Choice = &one
	all, best := overlay(subjects), bestOf(c, subjects)
	for _, s := range []section{
		{ID: "energy", Title: "Energy per request", Charts: energyCharts(all),
			Text: "Energy of the window over the requests completed in it, in the steady window where there is one. Bars are 95 % confidence intervals, as the ranking has them."},
		{ID: "footprint", Title: "Life-cycle cost, C_FU", Charts: footprintCharts(best),
			Text: "Cost of one request by stage of the life cycle, of each run's cheapest load point."},
		{ID: "latency", Title: "Latency", Charts: latencyCharts(best),
			Text: "Share of completed requests at or below a latency, of each run's cheapest load point, in its first repeat."},
	} {
		if len(s.Charts) > 0 {
			d.Sections = append(d.Sections, s)
		}
	}
	return d
}

// overlay is the runs' load points and cells as those of one run, each under its
// run's name.
func overlay(subjects []comparison.Subject) summary.Summary {
	all := summary.Summary{LifetimeInferences: subjects[0].Summary.LifetimeInferences}
	for _, s := range subjects {
		if s.Summary.LifetimeInferences != all.LifetimeInferences {
			all.LifetimeInferences = summary.Unknown() // no one curve over it
		}
		if all.MeterKind == "" || derivation.Modelled(s.Summary.MeterKind) {
			all.MeterKind = s.Summary.MeterKind
		}
		under := func(name string) string { return s.Name + ":" + name }
		for _, c := range s.Summary.Cells {
			c.Cell = under(c.Cell)
			all.Cells = append(all.Cells, c)
		}
		for _, p := range s.Summary.Points {
			cells := make([]string, len(p.Cells))
			for i, c := range p.Cells {
				cells[i] = under(c)
			}
			p.Name, p.Cells = under(p.Name), cells
			p.Label = strings.TrimSuffix(s.Name+" "+p.Label, " ")
			all.Points = append(all.Points, p)
		}
	}
	return all
}

// bestOf is the overlay with each run's best load point only.
func bestOf(c comparison.Choice, subjects []comparison.Subject) summary.Summary {
	all := overlay(subjects)
	var names []string
	seen := map[int]bool{}
	for i, r := range c.Rows {
		if !seen[c.From[i]] {
			seen[c.From[i]] = true
			names = append(names, r.Name)
		}
	}
	all.Points = slices.DeleteFunc(all.Points, func(p summary.Point) bool { return !slices.Contains(names, p.Name) })
	return all
}
