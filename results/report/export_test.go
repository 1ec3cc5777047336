package report

import (
	"html"
	"regexp"
	"strings"

	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// View is what the report of a run shows, as data. A drawing is there by what it
// says: how it is drawn is tested where drawings are made.
type View struct {
	Title, EnergyKind, Verdict string
	Modelled, Zooms            bool
	Columns, IdleColumns       []string
	Rows, IdleRows             []string
	IdleNote                   string
	Choice                     string // with the columns and rows of the ranking below
	ChoiceRows, ChoiceNotes    []string
	ChoiceCharts               []ViewChart
	Sections                   []ViewSection
	Findings, Sensors          []string
	Settings                   []string
}

// ViewSection is a section with its charts.
type ViewSection struct {
	Title, Text string
	Charts      []ViewChart
}

// ViewChart is a drawing: the words in it, and how many marks say more when
// they are pointed at.
type ViewChart struct {
	Caption string
	Wide    bool
	Words   string
	Hints   int
}

// charts are drawings by what they say.
func charts(all []chart) (list []ViewChart) {
	for _, c := range all {
		var says []string
		for _, w := range words.FindAllStringSubmatch(string(c.SVG), -1) {
			says = append(says, html.UnescapeString(w[1]))
		}
		list = append(list, ViewChart{c.Caption, c.Wide, strings.Join(says, " | "), strings.Count(string(c.SVG), "<title>")})
	}
	return list
}

var words = regexp.MustCompile(`<text[^>]*>([^<]*)</text>`)

// ViewOf is the view of a run.
func ViewOf(run runfolder.Run, s summary.Summary) View {
	d := build(run, s)
	v := View{Title: d.Title, EnergyKind: d.EnergyKind, Verdict: d.Verdict, Modelled: d.Modelled, Zooms: d.Script != "", IdleNote: d.IdleNote}
	columns := func(from []summary.Column) (names []string) {
		for _, c := range from {
			names = append(names, strings.TrimSpace(strings.Join([]string{c.Name, c.Unit, c.Kind}, " ")))
		}
		return names
	}
	rows := func(from []summary.TableRow) (lines []string) {
		for _, r := range from {
			lines = append(lines, strings.Join(r.Cells, " | "))
		}
		return lines
	}
	v.Columns, v.Rows = columns(d.Columns), rows(d.Rows)
	v.IdleColumns, v.IdleRows = columns(d.IdleColumns), rows(d.IdleRows)
	if d.Choice != nil {
		v.Choice = d.Choice.Sentence
		v.ChoiceRows = []string{strings.Join(columns(d.Choice.Columns), " | ")}
		v.ChoiceNotes, v.ChoiceCharts = d.Choice.Notes, charts(d.Choice.Charts)
		for _, r := range d.Choice.Rows {
			line := r.Name + " | " + strings.Join(r.Cells, " | ")
			if r.Rejected {
				line += " (rejected)"
			}
			v.ChoiceRows = append(v.ChoiceRows, line)
		}
	}
	for _, one := range d.Sections {
		section := ViewSection{Title: one.Title, Text: one.Text}
		section.Charts = charts(one.Charts)
		v.Sections = append(v.Sections, section)
	}
	for _, f := range d.Findings {
		v.Findings = append(v.Findings, strings.Join([]string{f.Severity, f.Code, f.Text, f.Where}, " | "))
	}
	for _, one := range d.Sensors {
		v.Sensors = append(v.Sensors, strings.Join([]string{one.Cell, one.Domain, one.Kind, summary.Short(float64(one.Bracket))}, " | "))
	}
	for _, one := range d.Settings {
		v.Settings = append(v.Settings, one.Name+": "+one.Value)
	}
	return v
}
