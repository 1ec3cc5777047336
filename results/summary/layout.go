package summary

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Column is one column of a printed table.
type Column struct {
	Name string
	Unit string // "" where there is none
	// Kind is that of the joules in the column where they are modelled; ""
	// for all others.
	Kind string
	Text bool // words, not figures
	// Hint says what the column is, for readers who ask; printed tables leave it out.
	Hint string
}

// WriteColumns prints rows below the columns' names, units and kinds, as far as
// any column has one: words to the left, figures to the right.
func WriteColumns(w io.Writer, columns []Column, rows [][]string) error {
	lines := make([][]string, 3, 3+len(rows))
	for _, c := range columns {
		for i, text := range []string{c.Name, c.Unit, c.Kind} {
			lines[i] = append(lines[i], text)
		}
	}
	for said := func(text string) bool { return text != "" }; len(lines) > 1 && !slices.ContainsFunc(lines[len(lines)-1], said); {
		lines = lines[:len(lines)-1]
	}
	lines = append(lines, rows...)
	widths := make([]int, len(columns))
	for _, line := range lines {
		for i, text := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	var b strings.Builder
	for _, line := range lines {
		var cells []string
		for i, text := range line {
			width := widths[i]
			if columns[i].Text {
				width = -width
			}
			cells = append(cells, fmt.Sprintf("%*s", width, text))
		}
		fmt.Fprintln(&b, strings.TrimRight(strings.Join(cells, "  "), " "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cellsOf are the rows' cells.
func cellsOf(rows []TableRow) [][]string {
	cells := make([][]string, len(rows))
	for i, r := range rows {
		cells[i] = r.Cells
	}
	return cells
}
