package summary

import (
	"fmt"
	"strings"

	"cfubench/internal/texttable"
)

// IdleTableOf sets the energy of a request beside what of it is above idle, one
// row a valid cell, over the window that its figures are stated of: all of it, above
// what the loaded server draws when nothing is asked of it, and above what the hardware
// draws without it. There is no row where nothing was metered.
func IdleTableOf(s Summary) (columns []texttable.Column, rows []TableRow) {
	if s.Record { // what it used above idle is no request's
		return nil, nil
	}
	var lines []line
	kind := s.modelledKind()
	columns = []texttable.Column{
		{Name: "cell", Text: true}, {Name: "loaded idle", Unit: "W", Kind: kind}, {Name: "bare idle", Unit: "W", Kind: kind, Beside: true},
		{Name: "energy", Unit: "J/req", Kind: kind}, {Name: "above loaded idle", Unit: "J/req", Kind: kind, Beside: true}, {Name: "above bare idle", Unit: "J/req", Kind: kind, Beside: true},
	}
	for _, c := range s.Cells {
		e := c.Best().Energy
		if e == nil || !c.Validity.Valid() {
			continue
		}
		cells := []texttable.Cell{texttable.Words(c.Cell)}
		for _, v := range []Figure{c.IdleWatts, c.BareIdleWatts, e.PerRequest, e.AboveLoadedIdle, e.AboveBareIdle} {
			cells = append(cells, texttable.Figures(v))
		}
		lines = append(lines, line{cells, c.Validity.Verdict, false})
	}
	return lay(columns, lines)
}

// IdleNote says what the table of IdleTableOf cannot: why a column is empty.
func (s Summary) IdleNote() string {
	for _, c := range s.Cells {
		if c.Whole.Energy != nil && c.Validity.Valid() && !c.BareIdleWatts.Known() {
			if s.BareIdle == "" {
				return "bare idle: not available for every summed domain"
			}
			return "bare idle was not measured: " + s.BareIdle
		}
	}
	return ""
}

func (s Summary) idleTable(b *strings.Builder) {
	columns, rows := IdleTableOf(s)
	if len(rows) == 0 {
		return
	}
	b.WriteByte('\n')
	texttable.Write(b, columns, cellsOf(rows))
	if note := s.IdleNote(); note != "" {
		fmt.Fprintln(b, note)
	}
}
