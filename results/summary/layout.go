package summary

import (
	"cfubench/internal/texttable"
)

// line is a row of a table before it is laid out.
type line struct {
	cells   []texttable.Cell
	verdict string
	steady  bool
}

// lay is Lay for the rows of a summary's table.
func lay(columns []texttable.Column, lines []line) ([]texttable.Column, []TableRow) {
	cells := make([][]texttable.Cell, len(lines))
	for i, l := range lines {
		cells[i] = l.cells
	}
	columns, texts := texttable.Lay(columns, cells)
	var rows []TableRow
	for i, l := range lines {
		rows = append(rows, TableRow{texts[i], l.verdict, l.steady})
	}
	return columns, rows
}

// cellsOf are the rows' cells.
func cellsOf(rows []TableRow) [][]string {
	cells := make([][]string, len(rows))
	for i, r := range rows {
		cells[i] = r.Cells
	}
	return cells
}
