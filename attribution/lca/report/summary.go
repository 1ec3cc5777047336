package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"cfubench/attribution/lca"
	"cfubench/internal/prose"
	"cfubench/internal/texttable"
	"cfubench/meter"
)

// Summary prints C_FU as a table, one line per cell, functional unit and
// category, then the break-even points and the terms that matter. If no
// functional units were asked for, only requests and what an evaluation counted are
// shown; the footprint table has the others. It keeps the texts of its lines until
// Close.
type Summary struct {
	w        io.Writer
	head     string // what all assessments rest on, "" before the first
	interval string // what the intervals are
	asked    bool   // functional units were asked for
	kinds    []lca.Stage
	has      map[lca.Stage]bool // kinds that some assessment has
	category lca.Category       // of the break-even points
	sizes    sizes
	lines    []summaryLine
	hidden   bool // a cost of electricity alone was left out
	evens    []evenLine
	issues   [][]string
	// published says that some assessment is of a published run.
	published bool
}

// summaryLine is a line of the first table; its stages are in the order of the
// summary's kinds.
type summaryLine struct {
	cell, unit, category string
	stages               []string
	total, interval      string
	kind                 meter.Kind
}

// evenLine is a break-even point; printed is the published one.
type evenLine struct {
	breakEvenLine
	kind    meter.Kind
	printed string
}

// NewSummary makes a summary that Close prints to w.
func NewSummary(w io.Writer) *Summary {
	return &Summary{w: w, kinds: lca.Stages(), has: map[lca.Stage]bool{}, sizes: sizes{}}
}

// Add takes one assessment.
func (s *Summary) Add(a *lca.Assessment) error {
	if s.head == "" {
		s.begin(a)
	}
	for _, o := range a.Kinds {
		s.has[o.Kind] = true
	}
	s.sizes.add(a)
	// Cost without the hardware's price would be a headline two orders of
	// magnitude too low.
	_, priced := a.Outcome(lca.Cost, lca.Embodied)
	partial := !priced && len(a.Options.Categories) == 0
	shown := *a
	if !s.asked {
		shown.Rows = nil
		for _, r := range a.Rows {
			isOutcome := slices.ContainsFunc(a.Usage.Outcomes, func(o lca.OutcomeCount) bool { return o.Name == r.FunctionalUnit })
			if isOutcome || r.FunctionalUnit == string(lca.PerRequest) {
				shown.Rows = append(shown.Rows, r)
			}
		}
	}
	for _, t := range impacts(&shown, s.kinds, s.sizes) {
		for _, r := range t.Rows {
			if partial && r.Category == lca.Cost.Title() {
				s.hidden = true
				continue
			}
			s.lines = append(s.lines, summaryLine{a.Usage.Cell, t.Unit, r.Category, r.Stages, r.Total, r.Interval, kind(a)})
		}
	}
	s.published = s.published || a.Run != nil
	for k, l := range breakEvens(a) {
		b := a.BreakEven[k]
		if b.Category != s.category {
			continue
		}
		printed := "–"
		if b.UpfrontTerms == "training" && a.Run != nil && a.Run.BreakEven != nil {
			printed = lca.Count(a.Run.BreakEven.Canonical())
		}
		s.evens = append(s.evens, evenLine{l, kind(a), printed})
	}
	lines := issues(a)
	for start := 0; start < len(lines); {
		end := start
		var terms []string
		for ; end < len(lines) && lines[end].Category == lines[start].Category; end++ {
			terms = append(terms, lines[end].Term+" "+lines[end].Share)
		}
		s.issues = append(s.issues, []string{lines[start].Cell, lines[start].Category, strings.Join(terms, ", ")})
		start = end
	}
	return nil
}

// begin takes what all assessments have in common.
func (s *Summary) begin(first *lca.Assessment) {
	s.head = fmt.Sprintf("C_FU by inventory %s (%s); ", first.Inventory.Name, first.Inventory.File)
	if lifetime := first.Inventory.LifetimeInferences; makesNothing(&first.Inventory) {
		s.head += "training and experimentation are outside, for want of figures\n\n"
	} else {
		n, of := first.Inventory.Lifetime()
		s.head += fmt.Sprintf("training spread over %s %ss (%s)\n\n", lca.Count(n), strings.ReplaceAll(string(of), "_", " "), lifetime.Quality)
	}
	s.asked = len(first.Options.FunctionalUnits)+len(first.Options.Custom) > 0
	if s.interval = "bracket"; first.Options.Draws > 0 {
		s.interval = "95 % interval"
	}
	if s.category = lca.GWP; !slices.Contains(first.Assessed(), s.category) {
		s.category = first.Assessed()[0]
	}
}

// Close prints the summary.
func (s *Summary) Close() error {
	if s.head == "" {
		return fmt.Errorf("print summary: nothing was assessed")
	}
	if err := prose.Print(s.w, s.head); err != nil {
		return err
	}
	var shown []int // places among the kinds
	for i, kind := range s.kinds {
		if s.has[kind] || ofFormula(kind) {
			shown = append(shown, i)
		}
	}
	columns := []texttable.Column{{Name: "cell", Text: true, Key: true}, {Name: "per", Text: true, Key: true}, {Name: "category", Text: true, Key: true}}
	for _, i := range shown {
		columns = append(columns, texttable.Column{Name: titles(s.kinds)[i], Text: true})
	}
	columns = append(columns, texttable.Column{Name: "C_FU", Text: true, Break: true}, texttable.Column{Name: s.interval, Text: true}, texttable.Column{Name: "energy", Text: true})
	var rows [][]string
	for _, l := range s.lines {
		row := []string{l.cell, l.unit, l.category}
		for _, i := range shown {
			row = append(row, l.stages[i])
		}
		rows = append(rows, append(row, l.total, l.interval, string(l.kind)))
	}
	if one := s.unit(); one != "" { // said once
		fmt.Fprintf(s.w, "per %s:\n", one)
		columns = slices.Delete(columns, 1, 2)
		for i := range rows {
			rows[i] = slices.Delete(rows[i], 1, 2)
		}
	}
	if err := texttable.Write(s.w, columns, rows); err != nil {
		return err
	}
	if s.hidden {
		fmt.Fprintln(s.w, "\ncost is that of electricity alone, for the hardware has no price: --category cost prints it")
	}
	if err := s.closeBreakEven(); err != nil {
		return err
	}
	fmt.Fprintln(s.w, "\nsignificant issues (a tenth of the total or more)")
	return texttable.Write(s.w, words("", "", ""), s.issues)
}

// unit is the functional unit of all lines, "" if they are of several.
func (s *Summary) unit() string {
	if len(s.lines) == 0 || slices.ContainsFunc(s.lines, func(l summaryLine) bool { return l.unit != s.lines[0].unit }) {
		return ""
	}
	return s.lines[0].unit
}

// closeBreakEven prints the break-even points in carbon, or in the first
// category there is, beside the published ones where there are any.
func (s *Summary) closeBreakEven() error {
	if len(s.evens) == 0 {
		return nil
	}
	fmt.Fprintf(s.w, "\nrequests at which inference has cost as much as what came before it (%s)\n", s.category.Title())
	columns := []texttable.Column{{Name: "cell", Text: true}, {Name: "requests", Text: true}, {Name: "95 % interval", Text: true}, {Name: "energy", Text: true}}
	if s.published {
		columns = append(columns, texttable.Column{Name: "published", Text: true})
	}
	var compared []string
	rows := map[string][][]string{}
	for _, l := range s.evens {
		row := []string{l.Cell, l.Requests, l.Interval, string(l.kind)}
		if s.published {
			row = append(row, l.printed)
		}
		if rows[l.Compared] == nil {
			compared = append(compared, l.Compared)
		}
		rows[l.Compared] = append(rows[l.Compared], row)
	}
	for _, what := range compared {
		fmt.Fprintf(s.w, "\n%s:\n", what)
		if err := texttable.Write(s.w, columns, rows[what]); err != nil {
			return err
		}
	}
	return nil
}

// makesNothing reports whether the inventory has nothing to spread over requests.
func makesNothing(inv *lca.Inventory) bool {
	return !slices.ContainsFunc(inv.Upfront, func(p lca.Process) bool { return p.Kind != lca.Service })
}

// kind is how the energy is known.
func kind(a *lca.Assessment) meter.Kind {
	if a.Usage.EnergyKind == "" {
		return "published"
	}
	return a.Usage.EnergyKind
}

func titles(kinds []lca.Stage) []string {
	var names []string
	for _, kind := range kinds {
		names = append(names, strings.ReplaceAll(string(kind), "_", " "))
	}
	return names
}
