package report

import (
	"html"
	"regexp"
	"slices"
	"strings"

	"cfubench/internal/si"
	"cfubench/internal/texttable"
	"cfubench/results/comparison"
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
	PointColumns, PointRows    []string
	IdleNote                   string
	ViewChoice
	Sections          []ViewSection
	Findings, Sensors []string
	Settings          []string
}

// ViewChoice is a decision: its sentence, the ranking's columns and rows, what is
// said below it, and its charts.
type ViewChoice struct {
	Choice                  string
	ChoiceRows, ChoiceNotes []string
	ChoiceCharts            []ViewChart
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
	rows := func(from []numbersRow) (lines []string) {
		for _, r := range from {
			lines = append(lines, strings.Join(r.Cells, " | "))
		}
		return lines
	}
	v.Columns, v.Rows = columns(d.Table.Columns), rows(d.Table.Rows)
	v.PointColumns, v.PointRows = columns(d.Points.Columns), rows(d.Points.Rows)
	v.IdleColumns, v.IdleRows = columns(d.Idle.Columns), rows(d.Idle.Rows)
	v.ViewChoice = choiceView(d.Choice)
	v.Sections = sectionViews(d.Sections)
	v.Findings = findingViews(d.Findings)
	for _, one := range d.Sensors {
		v.Sensors = append(v.Sensors, strings.Join([]string{one.Cell, one.Domain, one.Kind, si.Short(float64(one.Bracket))}, " | "))
	}
	for _, one := range d.Settings {
		v.Settings = append(v.Settings, one.Name+": "+one.Value)
	}
	return v
}

func choiceView(c *choice) (v ViewChoice) {
	if c == nil {
		return v
	}
	v = ViewChoice{c.Sentence, []string{strings.Join(columns(c.Columns), " | ")}, c.Notes, charts(c.Charts)}
	for _, r := range c.Rows {
		line := r.Name + " | " + strings.Join(r.Cells, " | ")
		if r.Rejected {
			line += " (rejected)"
		}
		v.ChoiceRows = append(v.ChoiceRows, line)
	}
	return v
}

func sectionViews(all []section) (list []ViewSection) {
	for _, one := range all {
		list = append(list, ViewSection{one.Title, one.Text, charts(append(slices.Clone(one.Charts), one.Folded...))})
	}
	return list
}

func findingViews(all []finding) (list []string) {
	for _, f := range all {
		list = append(list, strings.Join([]string{f.Severity, f.Code, f.Text, f.Where}, " | "))
	}
	return list
}

func columns(from []texttable.Column) (names []string) {
	for _, c := range from {
		names = append(names, strings.TrimSpace(strings.Join([]string{c.Name, c.Unit, c.Kind}, " ")))
	}
	return names
}

// SeveralView is what the page of several runs shows, as data.
type SeveralView struct {
	Model, EnergyKind, SLO, NoChoice string
	ViewChoice
	Differences []comparison.Difference
	Warnings    []string
	Sections    []ViewSection
	Runs        []ViewRun
}

// ViewRun is a run of several with its own warnings.
type ViewRun struct {
	Name, Verdict, EnergyKind string
	Findings                  []string
}

// SeveralViewOf is the view of several runs.
func SeveralViewOf(subjects []comparison.Subject, warnings []string, o comparison.ChooseOptions) SeveralView {
	d := buildSeveral(subjects, warnings, o)
	v := SeveralView{d.Model, d.EnergyKind, d.SLO, d.NoChoice, choiceView(d.Choice), d.Differences, d.Warnings, sectionViews(d.Sections), nil}
	for _, r := range d.Runs {
		v.Runs = append(v.Runs, ViewRun{r.Name, r.Verdict, r.EnergyKind, findingViews(r.Findings)})
	}
	return v
}
