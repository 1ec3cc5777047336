// Package report writes a run as one HTML file that needs nothing else: no
// network, readable in light and dark, on a phone and on paper. Its one script
// zooms the power traces, which without it show the whole.
//
// Every figure in it can be found in summary.json or the tables. Modelled
// energy says so in every heading and axis, and an invalid cell shows its
// reasons in the place of figures.
package report

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"cfubench/internal/si"
	"cfubench/internal/texttable"
	"cfubench/results/commandline"
	"cfubench/results/comparison"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

//go:embed parts.html.tmpl
var parts string

//go:embed report.html.tmpl
var page string

//go:embed style.css
var style string

//go:embed zoom.js
var zoom string

// document is what the template shows.
type document struct {
	Style             template.CSS
	Script            template.JS // "" on a page without a power trace
	Summary           summary.Summary
	Run               runfolder.Run
	Title             string
	Modelled          bool
	EnergyKind        string  // "counter (measured)"
	Verdict           string  // CSS class
	Choice            *choice // nil with a single load point
	TableTitle        string
	Table, Points     numbers // by cell; by load point, where some were repeated
	Apart             bool    // there is something of what follows, up to Roofline
	Idle              numbers
	IdleNote          string
	CacheLines        []string
	Steps, Roofline   numbers
	Sections          []section
	Findings          []finding
	Sensors           []sensorRow
	SensorsRest       string
	Settings          []setting
	Again             *commandline.Line // nil where no command makes the run
	SelfTest          string
	HasSLO, HasEnergy bool
}

// numbers is a table of figures. One without rows is not there.
type numbers struct {
	Label       string
	First, Tall bool // its first column stays in sight; it scrolls in a box
	Columns     []texttable.Column
	Rows        []numbersRow
	Rest        string // what is said of rows that are not shown
}

// rowsShown is how many rows of a table stand on the page: more are slow to open and
// no one reads them there.
const rowsShown = 1000

// first are the rows that a table on the page shows, and what it says of the others.
func first[R any](rows []R) (shown []R, rest string) {
	if n := len(rows); n > rowsShown {
		return rows[:rowsShown:rowsShown], fmt.Sprintf("The first %d of %d rows; the figures of all are in %s.", rowsShown, n, runfolder.SummaryFile)
	}
	return rows, ""
}

type numbersRow struct {
	Class string // for CSS
	Cells []string
}

// numbersOf is a table of a summary on the page.
func numbersOf(label string, columns []texttable.Column, rows []summary.TableRow) numbers {
	n := numbers{Label: label, Columns: columns}
	rows, n.Rest = first(rows)
	for _, r := range rows {
		n.Rows = append(n.Rows, numbersRow{Cells: r.Cells})
	}
	return n
}

// classed gives the rows of what is steady or invalid their class.
func (n numbers) classed(rows []summary.TableRow) numbers {
	for i, r := range rows[:len(n.Rows)] {
		switch {
		case r.Steady:
			n.Rows[i].Class = "steady"
		case r.Verdict == summary.Invalid:
			n.Rows[i].Class = "invalid"
		}
	}
	return n
}

type section struct {
	ID, Title, Text string
	Charts          []chart
	Folded          []chart // shown when asked for
}

// chart is one drawing with its caption.
type chart struct {
	SVG     template.HTML
	Caption string
	Wide    bool // it scrolls on a narrow screen rather than shrink
}

type finding struct {
	Severity, Code, Text, Where string
}

type sensorRow struct {
	Cell string
	summary.SensorSummary
}

type setting struct{ Name, Value string }

// Write writes the report of a run. s must have been made with Options.Traces,
// or the report has no power traces.
func Write(w io.Writer, run runfolder.Run, s summary.Summary) error {
	return write(w, page, build(run, s))
}

// write fills the parts and a page with what they show.
func write(w io.Writer, page string, shows any) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"short": func(f summary.Figure) string { return si.Short(float64(f)) },
		// A name of several settings may go on in the next line after each.
		"breakable": func(name string) template.HTML {
			return template.HTML(strings.ReplaceAll(html.EscapeString(name), ",", ",<wbr>"))
		},
		"percent": func(f float64) string { return si.Short(100*f) + " %" },
	}).Parse(parts + page)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, shows); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err = w.Write(out.Bytes())
	return err
}

func build(run runfolder.Run, s summary.Summary) document {
	d := document{
		Style: template.CSS(style), Summary: s, Run: run, Modelled: derivation.Modelled(s.MeterKind),
		Title: "Energy and life-cycle cost per request", HasSLO: s.SLO != "", HasEnergy: s.MeterKind != "",
		Verdict: badge(s.Validity.Verdict), TableTitle: "Load points",
	}
	if s.Record {
		d.Title, d.TableTitle = "Energy of a record", "Parts"
	}
	d.EnergyKind = energyKind(s.MeterKind)
	if n := len(runfolder.Summed(run.Domains)); n > 1 && d.HasEnergy {
		d.EnergyKind += ", " + derivation.SumOf(n) + " domains"
	}
	d.Choice = choose([]comparison.Subject{{Run: run, Summary: s}}, comparison.ChooseOptions{Share: run.Config.SLOShare, Seed: 1})
	columns, rows := energyFirst(summary.TableOf(s))
	d.Table = numbersOf("Table of results", columns, rows).classed(rows)
	columns, rows = energyFirst(summary.PointTableOf(s))
	d.Points = numbersOf("Table of load points", columns, rows).classed(rows)
	columns, rows = summary.IdleTableOf(s)
	d.Idle = numbersOf("Energy above idle", columns, rows)
	for _, t := range []*numbers{&d.Table, &d.Points, &d.Idle} {
		t.First = true
	}
	d.IdleNote = s.IdleNote()
	columns, rows = summary.StepTableOf(s)
	d.Steps = numbersOf("Costs of the engine's steps", columns, rows)
	columns, rows = summary.RooflineTableOf(s)
	d.Roofline = numbersOf("Costs against the model's size", columns, rows)
	d.CacheLines = s.CacheLines()
	d.Apart = len(d.Idle.Rows)+len(d.Steps.Rows)+len(d.Roofline.Rows)+len(d.CacheLines) > 0
	for _, t := range []*numbers{&d.Table, &d.Points, &d.Idle, &d.Steps, &d.Roofline} {
		t.Tall = len(t.Rows) > tall
	}
	d.Sections = sections(s)
	if slices.ContainsFunc(d.Sections, func(one section) bool { return one.ID == traceSection }) {
		d.Script = template.JS(zoom)
	}
	d.Findings = findings(s)
	for _, c := range s.Cells {
		for _, sensor := range c.Sensors {
			d.Sensors = append(d.Sensors, sensorRow{c.Cell, sensor})
		}
	}
	d.Sensors, d.SensorsRest = first(d.Sensors)
	d.Settings, d.Again = settings(run), madeAgain(run)
	if run.SelfTest != nil {
		if text, err := json.MarshalIndent(run.SelfTest, "", "  "); err == nil {
			d.SelfTest = string(text)
		}
	}
	return d
}

// energyFirst puts the columns of energy and carbon behind the first, where a narrow
// screen shows them.
func energyFirst(columns []texttable.Column, rows []summary.TableRow) ([]texttable.Column, []summary.TableRow) {
	var order []int
	rank := func(i int) int {
		switch {
		case i == 0:
			return 0
		case columns[i].Name == "energy" || columns[i].Name == "operation" || columns[i].Name == "C_FU":
			return 1
		}
		return 2
	}
	for i := range columns {
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(a, b int) int { return rank(a) - rank(b) })
	moved := make([]texttable.Column, len(columns))
	for to, from := range order {
		moved[to] = columns[from]
	}
	out := slices.Clone(rows)
	for k, row := range rows {
		out[k].Cells = make([]string, len(row.Cells))
		for to, from := range order {
			out[k].Cells[to] = row.Cells[from]
		}
	}
	return moved, out
}

// badge is the class of a verdict.
func badge(verdict string) string {
	return map[string]string{summary.Valid: "good", summary.ValidWarnings: "doubt", summary.Invalid: "bad"}[verdict]
}

// energyKind says what the joules of a kind of meter are worth.
func energyKind(kind string) string {
	switch {
	case kind == "":
		return "none: no meter was read"
	case derivation.Modelled(kind):
		return kind + ": modelled, not measured"
	}
	return kind + ": measured"
}

// placesShown is how many cells a finding names.
const placesShown = 30

// findings lists the reasons of all cells and the warnings, the worst first.
func findings(s summary.Summary) []finding {
	var list []finding
	where := map[finding][]string{}
	add := func(f finding) {
		of := f
		of.Where = ""
		places := where[of]
		if places == nil {
			list = append(list, of)
		}
		// Those of one cell come one after another.
		if n := len(places); n == 0 || places[n-1] != f.Where {
			where[of] = append(places, f.Where)
		}
	}
	for _, invalid := range []bool{true, false} {
		for _, c := range s.Cells {
			for _, r := range c.Validity.Reasons {
				if r.Invalid == invalid {
					severity := "warning"
					if invalid {
						severity = "invalid"
					}
					add(finding{severity, r.Code, r.Text, c.Cell})
				}
			}
		}
	}
	ofCells := map[string]bool{}
	for _, f := range list {
		ofCells[f.Code] = true
	}
	for _, r := range s.Validity.Reasons {
		if !ofCells[r.Code] {
			ofCells[r.Code] = true
			add(finding{"warning", r.Code, r.Text, "run"})
		}
	}
	for _, c := range s.Cells {
		for _, w := range c.Warnings {
			add(finding{"warning", "", w, c.Cell})
		}
	}
	for _, p := range s.Points {
		for _, w := range p.Warnings {
			add(finding{"warning", "", w, p.Name})
		}
	}
	for _, w := range s.Warnings {
		add(finding{"warning", "", w, "run"})
	}
	for _, n := range s.FootprintNotes {
		add(finding{"note", "C_FU", n, "run"})
	}
	for i, f := range list {
		switch places := where[f]; {
		case len(places) == len(s.Cells) && len(places) > 1:
			list[i].Where = "all cells"
		case len(places) > placesShown:
			list[i].Where = fmt.Sprintf("%s and %d more", strings.Join(places[:placesShown], ", "), len(places)-placesShown)
		default:
			list[i].Where = strings.Join(places, ", ")
		}
	}
	return list
}

// madeAgain is the command line that makes the run again, nil if there is none.
func madeAgain(run runfolder.Run) *commandline.Line {
	if line, ok := commandline.Of(run); ok {
		return &line
	}
	return nil
}

// settings is the full configuration, one line each.
func settings(run runfolder.Run) []setting {
	var list []setting
	add := func(name string, value any) {
		text := fmt.Sprint(value)
		if text != "" && text != "[]" && text != "map[]" {
			list = append(list, setting{name, text})
		}
	}
	add("cfu version", run.Cfu)
	add("started", run.Started)
	for _, f := range run.Config.Flags() {
		if run.Record == nil || commandline.OfRecord(f.Name) { // the other flags are no record's
			add(f.Name, f.Text)
		}
	}
	add("config hash", run.ConfigHash)
	if run.Record != nil {
		add("label", run.Record.Label)
		add("kind of stage", run.Record.Stage)
		for _, p := range run.Record.Parts {
			text := strings.TrimSpace(p.Of + " " + strings.Join(p.Command, " "))
			if p.Exit != nil {
				text += fmt.Sprintf(", exit code %d", *p.Exit)
			}
			if p.Cut {
				text += ", cut short"
			}
			if p.Gap > 0 {
				text += fmt.Sprintf(", after a gap of %v", p.Gap.Round(time.Second))
			}
			add("part "+p.Cell, text)
		}
	} else {
		add("trace", fmt.Sprintf("%s, selection %s, %d requests, tokenizer %s", run.Trace.Source, cmp.Or(run.Trace.Selection, "unknown"), run.Trace.Requests, cmp.Or(run.Trace.Tokenizer, "unknown")))
	}
	add("trace hash", run.TraceHash)
	for _, k := range slices.Sorted(maps.Keys(run.Trace.Dropped)) {
		add("dropped, "+k, run.Trace.Dropped[k])
	}
	for _, k := range slices.Sorted(maps.Keys(run.ScheduleHash)) {
		add("schedule hash, "+k, run.ScheduleHash[k])
	}
	add("host", fmt.Sprintf("%s, %d cores, %.1f GiB, %s %s", cmp.Or(run.Host.CPU, "unknown"), run.Host.Cores, float64(run.Host.Memory)/(1<<30), run.Host.OS, run.Host.Kernel))
	for _, e := range run.Engine {
		name := "engine"
		if e.Batch > 0 {
			name = fmt.Sprintf("engine, batch %d", e.Batch)
		}
		text := strings.TrimSpace(e.Kind + " " + e.Version + ", model " + cmp.Or(e.Model, "unknown"))
		if e.EffectiveBatch > 0 {
			text += fmt.Sprintf(", works with batch %d", e.EffectiveBatch)
		}
		if e.Command != "" {
			text += ", " + e.Command
		}
		if len(e.Unknown) > 0 {
			text += "; unknown: " + strings.Join(e.Unknown, ", ")
		}
		add(name, text)
	}
	for _, m := range run.Domains {
		text := fmt.Sprintf("%s of %s (%s), update period %v, polled every %v", m.Kind, m.Scope, m.Source, m.UpdatePeriod, m.Poll)
		if m.Device != "" {
			text += ", " + m.Device
		}
		if m.Note != "" {
			text += ": " + m.Note
		}
		if m.NotSummed != "" {
			text += "; not in the sum: " + m.NotSummed
		}
		add("meter "+m.Name, text)
	}
	for _, r := range run.LeftOut {
		text := r.Reason
		if r.Remedy != "" {
			text += "; to get it: " + r.Remedy
		}
		add("not metered: "+strings.TrimSpace(r.Source+" "+r.Domain), text)
	}
	return list
}
