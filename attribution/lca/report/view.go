// Package report writes a life cycle assessment for people and machines: a
// short table, the report in the four phases of ISO 14040/14044 as text and as
// one self-contained HTML file, and the disclosure block that
// arXiv 2606.07632 asks developers to publish.
package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"cfubench/attribution/lca"
	"cfubench/meter"
)

// view is what both renderings show, in the order of the four phases.
type view struct {
	Title, Description, Date string
	Scope                    []item
	Cells                    []cellLine
	Figures                  []figureLine
	Kinds                    []lca.Stage // the columns of Impacts
	Impacts                  []impactTable
	Sites                    []siteLine
	BreakEven                []breakEvenLine
	Issues                   []issueLine
	Swings                   []swingLine
	SCI                      []item
	Completeness             []checkLine
	Consistency              []item
	Scenarios                []scenarioLine
	Variances                []varianceLine
	Conclusions              []string
	Warnings, Limits         []string
}

type item struct{ Name, Text string }

type cellLine struct{ Cell, Requests, Tokens, Energy, Bracket, Kind, Boundary, BusyTime, Source string }

type figureLine struct{ Field, Value, Boundary, Quality, Spread, Year, Source, Place, Note string }

type impactTable struct {
	Cell, Unit string
	Rows       []impactRow
}

type impactRow struct {
	Category string
	Stages   []string // as the view's Kinds, "–" where there is no figure
	Total    string
	Interval string
	Boundary string
	Trace    []item // stage, source
}

// siteLine is what one place of serving comes to in a category, per request.
type siteLine struct{ Cell, Site, Hosts, Grid, Energy, Devices, Category, Operation, Hardware string }

type breakEvenLine struct{ Cell, Category, Compared, Upfront, PerRequest, Requests, Interval string }

type issueLine struct {
	Cell, Category, Term, Share string
	Percent                     float64
}

type swingLine struct {
	Cell, Category, Input, Place, Low, Base, High string
}

// compose builds the view. At least one assessment is needed; all must come
// from one inventory and one set of options.
func compose(list []lca.Assessment, now time.Time) (view, error) {
	if len(list) == 0 {
		return view{}, fmt.Errorf("write report: nothing was assessed")
	}
	v := view{
		Date:     now.UTC().Format("2006-01-02"),
		Scope:    scope(list),
		Figures:  figureLines(list),
		Warnings: lca.Warnings(list),
		Limits:   limits(),
		Kinds:    kindsOf(list),
	}
	v.Title, v.Description = title(list)
	scale := sizes{}
	for i := range list {
		scale.add(&list[i])
	}
	for i := range list {
		a := &list[i]
		v.Cells = append(v.Cells, cellOf(a))
		v.Impacts = append(v.Impacts, impacts(a, v.Kinds, scale)...)
		v.Sites = append(v.Sites, sites(a)...)
		v.BreakEven = append(v.BreakEven, breakEvens(a)...)
		v.Issues = append(v.Issues, issues(a)...)
		if sci, err := a.SCI(); err != nil {
			v.SCI = append(v.SCI, item{a.Usage.Cell, "none: " + err.Error()})
		} else {
			v.SCI = append(v.SCI, item{a.Usage.Cell, fmt.Sprintf("%s per request = %s × %.4g kg CO2e/kWh + %s embodied",
				gwp(sci.Score), lca.Impact{Category: lca.Energy, Value: sci.Energy}.Readable(), sci.Intensity, gwp(sci.Embodied))})
		}
	}
	v.Consistency = consistency(list)
	for _, one := range firsts(list) {
		v.Completeness = append(v.Completeness, completeness(one, v.Kinds)...)
	}
	v.Conclusions = conclusions(list)
	for i := range list {
		v.Variances = append(v.Variances, variances(&list[i])...)
	}
	ends := list[:1] // of a sweep both ends
	if last := len(list) - 1; last > 0 {
		ends = []lca.Assessment{list[0], list[last]}
	}
	for i := range ends {
		v.Swings, v.Scenarios = append(v.Swings, swings(&ends[i])...), append(v.Scenarios, scenarios(&ends[i])...)
	}
	return v, nil
}

// firsts are the first assessments of each model.
func firsts(list []lca.Assessment) []*lca.Assessment {
	var all []*lca.Assessment
	for i := range list {
		if !slices.ContainsFunc(all, func(a *lca.Assessment) bool { return a.Inventory.Model.Title == list[i].Inventory.Model.Title }) {
			all = append(all, &list[i])
		}
	}
	return all
}

// modelNames are the titles of the models.
func modelNames(list []lca.Assessment) string {
	var names []string
	for _, a := range firsts(list) {
		names = append(names, a.Inventory.Model.Title)
	}
	return strings.Join(names, ", ")
}

// title and description name the inventory, or the models if there are several.
func title(list []lca.Assessment) (title, description string) {
	inv := &list[0].Inventory
	if len(firsts(list)) > 1 {
		return modelNames(list) + " with the factors of inventory " + inv.Name, "Several models, each with its own making, under the hardware, place and lifetime of one inventory."
	}
	return inv.Title, inv.Description
}

func gwp(kg float64) string { return lca.Impact{Category: lca.GWP, Value: kg}.Readable() }

// scope is the first phase: goal, functional unit, boundary, conventions.
func scope(list []lca.Assessment) []item {
	a := list[0]
	var units []string
	for _, r := range a.Rows {
		if !slices.Contains(units, r.FunctionalUnit) {
			units = append(units, r.FunctionalUnit)
		}
	}
	slo := ""
	if slices.Contains(units, string(lca.PerSLORequest)) {
		slo = " (slo_request: " + a.Usage.SLO + ")"
	}
	intervals := "the meter's bracket of the energy; no other input is varied"
	if a.Options.Draws > 0 {
		intervals = fmt.Sprintf("95 %%, Monte Carlo of %d draws, seed %d, over every input", a.Options.Draws, a.Options.Seed)
	}
	var categories []string
	for _, c := range a.Assessed() {
		categories = append(categories, c.Title()+" in "+a.Unit(c))
	}
	lifetime := a.Inventory.LifetimeInferences
	boundary, outside := boundaryText(list)
	number, of := a.Inventory.Lifetime()
	spread := fmt.Sprintf("%s %ss (%s; %s)", lca.Count(number), strings.ReplaceAll(string(of), "_", " "), lifetime.Quality, cmp.Or(lifetime.Reason, lifetime.Source))
	if makesNothing(&a.Inventory) {
		spread = "not used: nothing is spread over them"
	}
	items := study(&a.Inventory)
	for _, one := range firsts(list) {
		items = append(items, item{"product system of " + one.Inventory.Model.Title, flow(&one.Inventory, units[0])})
	}
	return append(items, []item{
		{"goal", "C_FU, the life cycle cost of a functional unit of inference with " + modelNames(list) + ", by stage, to see which stage matters and from how many requests on"},
		{"functional units", strings.Join(units, ", ") + slo},
		{"system boundary", boundary + "; outside are " + outside},
		{"formula", "C_FU = C_PerInference + utilisation time × C_Embodied / lifespan + (C_Experimentation + C_Training) / lifetime inferences (arXiv 2606.07632)"},
		{"impact categories", strings.Join(categories, "; ")},
		{"characterisation", "GWP100 of " + strings.ToUpper(string(a.Options.GWP)) + " where the inventory gives gases; water by " + string(a.Options.Water) + ", " + a.Options.Water.Formula()},
		{"carbon basis", string(a.Options.Basis) + "-based"},
		{"embodied share", string(a.Options.Embodied) + " hours of the hardware's life"},
		{"lifetime inferences", spread},
		{"intervals", intervals},
		{"inventory", a.Inventory.Name + " (" + a.Inventory.File + ")"},
	}...)
}

// boundaryText is what of the life cycle the assessments have figures of, and what not.
func boundaryText(list []lca.Assessment) (inside, outside string) {
	names := map[lca.Stage]string{
		lca.Inference: "inference", lca.Idle: "machines that wait", lca.Embodied: "making of the hardware (by time share)", lca.Service: "other servers that a request asks",
		lca.Training: "training", lca.Data: "data", lca.Experimentation: "experimentation", lca.Evaluation: "evaluation", lca.EndOfLife: "end of life",
	}
	var in, out []string
	has := map[lca.Stage]bool{}
	for _, k := range []lca.Stage{lca.Embodied, lca.Data, lca.Training, lca.Experimentation, lca.Evaluation, lca.Inference, lca.Idle, lca.Service, lca.EndOfLife} {
		has[k] = slices.ContainsFunc(list, func(a lca.Assessment) bool {
			return slices.ContainsFunc(a.Kinds, func(o lca.Outcome) bool { return o.Kind == k })
		})
		switch {
		case has[k]:
			in = append(in, names[k])
		case ofFormula(k) || k == lca.EndOfLife:
			out = append(out, names[k])
		}
	}
	inside = strings.Join(in, ", ")
	switch {
	case has[lca.Embodied] && has[lca.EndOfLife]:
		inside = "cradle to use and end of life: " + inside
	case has[lca.Embodied]:
		inside = "cradle to use: " + inside
	}
	return inside, strings.Join(append(out, "networks", "user devices"), ", ")
}

// cellOf is a cell's line of the inventory phase.
func cellOf(a *lca.Assessment) cellLine {
	u := a.Usage
	kind := string(u.EnergyKind)
	if kind == "" {
		kind = "published"
	}
	bracket := "none known"
	if u.EnergyLo < u.EnergyHi {
		bracket = readableEnergy(u.EnergyLo) + " to " + readableEnergy(u.EnergyHi)
	}
	boundary := string(u.Metered)
	if u.OverheadIncluded {
		boundary += ", facility overhead included"
	}
	tokens := "–"
	if u.OutputTokens > 0 {
		tokens = fmt.Sprint(u.OutputTokens)
	}
	return cellLine{
		Cell: u.Cell, Requests: fmt.Sprint(u.Requests), Tokens: tokens, Energy: readableEnergy(u.Energy), Bracket: bracket, Kind: kind,
		Boundary: boundary, BusyTime: u.BusyTime.Round(time.Millisecond).String(), Source: u.Source,
	}
}

// readableEnergy gives joules above a thousand in watt-hours as well.
func readableEnergy(e meter.Energy) string {
	wh := lca.Impact{Category: lca.Energy, Value: e.Joules() / 3.6e6}.Readable()
	if e < 1000*meter.Joule {
		return e.String()
	}
	return fmt.Sprintf("%s (%.0f J)", wh, e.Joules())
}

// figureLines lists every figure used by any assessment, once.
func figureLines(list []lca.Assessment) []figureLine {
	var lines []figureLine
	seen := map[lca.Place]bool{}
	for i := range list {
		devices := map[*lca.Datum]string{}
		for d, h := range list[i].Inventory.PartsOfFigures() {
			devices[d] = "for " + deviceCount(h)
		}
		for k := range list[i].Inventory.Upfront {
			if p := &list[i].Inventory.Upfront[k]; p.Energy != nil && p.OverheadIncluded {
				devices[p.Energy] = "the facility's overhead is in it"
			}
		}
		for _, d := range list[i].Inventory.Figures() {
			if seen[d.Place()] {
				continue
			}
			seen[d.Place()] = true
			spread := d.SpreadOf().String()
			switch {
			case d.Spread != nil:
			case d.Pedigree != nil:
				spread += " (pedigree)"
			default:
				spread += " (default)"
			}
			note := strings.TrimSuffix(strings.Join([]string{devices[d], d.Note}, "; "), "; ")
			note = strings.TrimPrefix(note, "; ")
			if d.Reason != "" {
				note = strings.TrimPrefix(note+"; "+d.Reason, "; ")
			}
			lines = append(lines, figureLine{
				Field: d.Place().Field, Value: d.String(), Boundary: string(d.Boundary), Quality: string(d.Quality),
				Spread: spread, Year: fmt.Sprint(d.Year), Source: d.Source, Place: d.Place().String(), Note: note,
			})
		}
	}
	return lines
}

// deviceCount is what a part's figures are for: "8 accelerators".
func deviceCount(h *lca.Hardware) string {
	what := cmp.Or(string(h.Counts), "devices")
	if h.Devices == 1 {
		what = strings.TrimSuffix(what, "s")
	}
	return fmt.Sprintf("%d %s", h.Devices, what)
}

// kindsOf lists the kinds of stages that any assessment has, and the formula's
// own four in any case.
func kindsOf(list []lca.Assessment) []lca.Stage {
	return slices.DeleteFunc(lca.Stages(), func(kind lca.Stage) bool {
		return !ofFormula(kind) && !slices.ContainsFunc(list, func(a lca.Assessment) bool {
			return slices.ContainsFunc(a.Kinds, func(o lca.Outcome) bool { return o.Kind == kind })
		})
	})
}

// ofFormula reports whether a kind of stage is one of the formula's own four.
func ofFormula(kind lca.Stage) bool {
	return slices.Contains([]lca.Stage{lca.Inference, lca.Embodied, lca.Training, lca.Experimentation}, kind)
}

// size says what has one unit and prefix wherever it stands in a table: a category
// per functional unit.
type size struct {
	unit     string
	category lca.Category
}

// sizes are the totals, of the first cell that has one, by which prefixes are chosen.
type sizes map[size]float64

// add takes one more cell.
func (s sizes) add(a *lca.Assessment) {
	for _, r := range a.Rows {
		of := size{r.FunctionalUnit, r.Category}
		if r.Stage == lca.Total && s[of] == 0 {
			s[of] = r.Value
		}
	}
}

// impacts is the third phase of one cell: a table a functional unit.
func impacts(a *lca.Assessment, kinds []lca.Stage, scale sizes) []impactTable {
	var tables []impactTable
	sums := map[lca.Stage]float64{}
	for _, r := range a.Rows {
		if len(tables) == 0 || tables[len(tables)-1].Unit != r.FunctionalUnit {
			tables = append(tables, impactTable{Cell: a.Usage.Cell, Unit: r.FunctionalUnit})
		}
		t := &tables[len(tables)-1]
		if len(t.Rows) == 0 || t.Rows[len(t.Rows)-1].Category != r.Category.Title() {
			clear(sums)
			t.Rows = append(t.Rows, impactRow{Category: r.Category.Title(), Stages: slices.Repeat([]string{"–"}, len(kinds))})
		}
		row := &t.Rows[len(t.Rows)-1]
		readable := func(v float64) string {
			return a.Impact(r.Category, v).ReadableBeside(scale[size{r.FunctionalUnit, r.Category}])
		}
		if r.Stage == lca.Total {
			row.Total, row.Boundary = readable(r.Value), r.Boundary
			row.Interval = readable(r.Lo) + " to " + readable(r.Hi)
		} else {
			sums[r.Kind] += r.Value
			row.Stages[slices.Index(kinds, r.Kind)] = readable(sums[r.Kind])
		}
		row.Trace = append(row.Trace, item{string(r.Stage), r.Source + " [" + r.Boundary + "]"})
	}
	if a.Usage.EnergyKind == meter.KindModel {
		for i := range tables {
			tables[i].Cell += " (energy: model)"
		}
	}
	return tables
}

// sites are the places of serving of one cell, none where it has one.
func sites(a *lca.Assessment) []siteLine {
	var lines []siteLine
	n := float64(a.Usage.Requests)
	for _, s := range a.Sites() {
		hosts := make([]string, len(s.Hosts))
		for i, h := range s.Hosts {
			hosts[i] = cmp.Or(h, "the client's")
		}
		readable := func(v float64) string {
			if v == 0 {
				return "–" // the inventory has no figure
			}
			return a.Impact(s.Category, v/n).Readable()
		}
		lines = append(lines, siteLine{a.Usage.Cell, cmp.Or(s.Site, "the inventory's own"), strings.Join(hosts, ", "), s.Grid, readableEnergy(s.Energy),
			fmt.Sprintf("%.0f %%", 100*s.Devices), s.Category.Title(), readable(s.Operation), readable(s.Hardware)})
	}
	return lines
}

func breakEvens(a *lca.Assessment) []breakEvenLine {
	var lines []breakEvenLine
	for _, b := range a.BreakEven {
		interval := "–"
		if b.Lo < b.Hi {
			interval = lca.Count(b.Lo) + " to " + lca.Count(b.Hi)
		}
		lines = append(lines, breakEvenLine{
			Cell: a.Usage.Cell, Category: b.Category.Title(), Compared: b.UpfrontTerms + " against " + b.RequestTerms,
			Upfront: b.Upfront.Readable(), PerRequest: b.PerRequest.Readable(), Requests: lca.Count(b.Requests), Interval: interval,
		})
	}
	return lines
}

// issues are the significant contributions.
func issues(a *lca.Assessment) []issueLine {
	var lines []issueLine
	for _, c := range a.Contributions {
		if c.Significant() {
			lines = append(lines, issueLine{a.Usage.Cell, c.Category.Title(), c.Term, fmt.Sprintf("%.0f %%", 100*c.Share), 100 * c.Share})
		}
	}
	return lines
}

// swings are the five widest of each category, per request.
func swings(a *lca.Assessment) []swingLine {
	var lines []swingLine
	perCategory := map[lca.Category]int{}
	for _, w := range a.Sensitivity {
		if perCategory[w.Category]++; perCategory[w.Category] > 5 {
			continue
		}
		readable := func(v float64) string {
			return a.Impact(w.Category, v/float64(a.Usage.Requests)).Readable()
		}
		lines = append(lines, swingLine{a.Usage.Cell, w.Category.Title(), w.Input, w.Place.String(), readable(w.Low), readable(w.Base), readable(w.High)})
	}
	return lines
}

// limits are what no inventory changes.
func limits() []string {
	return append(mandatory(), []string{
		"The time share of embodied costs is a convention; which allocation is right is an open research question (arXiv 2606.07632, §3.5).",
		"Lifetime inferences are rarely published; C_FU of training is inversely proportional to them.",
		"Default spreads follow the quality tag of a figure and are conventions, not estimates of its error.",
		"Figures of one source share their errors; the Monte Carlo ties only what has one cause: one place of the inventory, one machine's life, one run's meter.",
		"Networks, storage of weights, user devices and, where no stage says it, end of life are not counted.",
		"ISO 14044 requires a critical review for comparative assertions disclosed to the public; what there was of one is under goal and scope.",
	}...)
}
