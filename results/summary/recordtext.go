package summary

import (
	"strings"
	"time"

	"cfubench/internal/texttable"
	"cfubench/meter"
)

// recordTable is the table of a record: the energy of each part, and below it by
// domain. What is not summed stands in parentheses.
func recordTable(s Summary) (columns []texttable.Column, rows []TableRow) {
	var lines []line
	kind := s.modelledKind()
	columns = []texttable.Column{
		{Name: "cell", Text: true}, {Name: "time", Unit: "s"}, {Name: "energy", Unit: "J", Kind: kind}, {Name: "from", Unit: "J", Kind: kind, Beside: true},
		{Name: "to", Unit: "J", Kind: kind, Beside: true}, {Name: "U95", Unit: "J", Kind: kind, Beside: true}, {Name: "power", Unit: "W", Kind: kind}, {Name: "idle", Unit: "W", Kind: kind, Beside: true},
		{Name: "verdict", Text: true, Wrap: true},
	}
	for _, c := range s.Cells {
		verdict, length := c.Validity.Verdict, c.Whole.Window.Length()
		short := verdict
		switch verdict {
		case ValidWarnings:
			short = "warnings"
		case Invalid:
			short = "invalid: " + strings.Join(c.Validity.Fatal(), ", ")
		}
		none := texttable.Figures(Unknown())
		cells := []texttable.Cell{texttable.Words(c.Cell), texttable.Figures(length.Seconds()), none, none, none, none, none, texttable.Figures(c.IdleWatts), texttable.Words(short)}
		if e := c.Whole.Energy; e != nil && c.Validity.Valid() {
			u95 := Unknown()
			if e.Uncertainty != nil {
				u95 = joulesOf(e.Uncertainty.U95())
			}
			for i, f := range []Figure{e.Joules, e.Lo, e.Hi, u95, e.MeanWatts} {
				cells[2+i] = texttable.Figures(f)
			}
		}
		lines = append(lines, line{cells, verdict, false})
		if !c.Validity.Valid() {
			continue
		}
		for _, d := range c.Domains {
			name := "  " + d.Name
			if !d.Summed {
				name = "  (" + d.Name + ")"
			}
			if d.Missing != "" {
				lines = append(lines, line{[]texttable.Cell{texttable.Words(name), texttable.Words(""), none, none, none, none, none, none, texttable.Words(d.Missing)}, verdict, false})
				continue
			}
			cells := []texttable.Cell{texttable.Words(name), texttable.Words("")}
			idle := Unknown()
			if d.HasLoaded {
				idle = Figure(d.Loaded.Watts())
			}
			for _, f := range []Figure{joulesOf(d.Energy), joulesOf(d.Lo), joulesOf(meter.Energy(d.Hi)), joulesOf(d.Uncertainty.U95()), per(d.Energy.Joules(), float64(length)/float64(time.Second)), idle} {
				cells = append(cells, texttable.Figures(f))
			}
			lines = append(lines, line{append(cells, texttable.Words("")), verdict, false})
		}
	}
	return lay(columns, lines)
}

// joulesOf is an energy in joules, unknown where nothing bounds it.
func joulesOf(e meter.Energy) Figure {
	if e == meter.Unbounded {
		return Unknown()
	}
	return Figure(e.Joules())
}
