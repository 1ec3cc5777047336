// Package texttable prints tables for people: figures to the right, with one SI prefix
// a column, and no line wider than a page; what does not fit stands below.
package texttable

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"cfubench/internal/si"
)

// Column is one column of a printed table.
type Column struct {
	Name string
	Unit string // "" where there is none
	// Kind is that of the joules in the column where they are modelled; ""
	// for all others.
	Kind string
	Text bool // words, not figures
	// Beside: it has the prefix of the column before it, if that has its unit, to be
	// compared with it.
	Beside bool `json:"-"`
	// Break: it begins a table of its own where all columns do not fit a line. Key: it
	// stands in each such table; of columns none of which is one the first does, and
	// the words behind it.
	Break, Key bool `json:"-"`
	// Hint says what the column is, for readers who ask; printed tables leave it out.
	Hint string
}

// Cell is a cell of a table whose columns have no prefixes yet: its figures, in base
// units, stand in the layout for "%s" each. A cell of words has no figures.
type Cell struct {
	Layout  string
	Figures []float64
}

// Words is a cell of words.
func Words(text string) Cell { return Cell{Layout: text} }

// Figures is a cell of figures, with a slash between two.
func Figures[F ~float64](values ...F) Cell {
	c := Cell{Layout: strings.Join(slices.Repeat([]string{"%s"}, len(values)), " / ")}
	for _, v := range values {
		c.Figures = append(c.Figures, float64(v))
	}
	return c
}

// written is the cell in the unit of its column.
func (c Cell) written(p si.Prefix) string {
	if c.Figures == nil {
		return c.Layout
	}
	texts := make([]any, len(c.Figures))
	for i, v := range c.Figures {
		texts[i] = p.Short(v)
	}
	return fmt.Sprintf(c.Layout, texts...)
}

// Lay gives each column the SI prefix that fits the first figures of its cells, one
// for a whole column, and writes the cells in it.
func Lay(columns []Column, rows [][]Cell) ([]Column, [][]string) {
	columns = slices.Clone(columns)
	texts := make([][]string, len(rows))
	for from := 0; from < len(columns); {
		to := from + 1
		for to < len(columns) && columns[to].Beside && columns[to].Unit == columns[from].Unit {
			to++
		}
		var sizes []float64
		for _, row := range rows {
			for _, c := range row[from:min(to, len(row))] {
				sizes = append(sizes, c.Figures[:min(1, len(c.Figures))]...)
			}
		}
		p := si.For(columns[from].Unit, sizes...)
		for i := from; i < to; i++ {
			columns[i].Unit = p.Unit(columns[i].Unit)
			for k, row := range rows {
				if i < len(row) {
					texts[k] = append(texts[k], row[i].written(p))
				}
			}
		}
		from = to
	}
	return columns, texts
}

// Write prints rows below the columns' names, units and kinds, as far as
// any column has one: words to the left, figures to the right. What does not fit a
// line stands below, as a table of its own.
func Write(w io.Writer, columns []Column, rows [][]string) error {
	lines := make([][]string, 3, 3+len(rows))
	for _, c := range columns {
		for i, text := range []string{c.Name, c.Unit, c.Kind} {
			lines[i] = append(lines[i], text)
		}
	}
	for said := func(text string) bool { return text != "" }; len(lines) > 1 && !slices.ContainsFunc(lines[len(lines)-1], said); {
		lines = lines[:len(lines)-1]
	}
	heads := len(lines)
	lines = append(lines, rows...)
	widths := make([]int, len(columns))
	for _, line := range lines {
		for i, text := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	var b strings.Builder
	key := keyColumns(columns, widths)
	for n, block := range blocks(columns, widths, key) {
		if n > 0 {
			b.WriteByte('\n')
		}
		for k, line := range lines {
			said := func(i int) bool { return i < len(line) && line[i] != "" }
			if (n > 0 || k < heads) && !slices.ContainsFunc(block, said) {
				continue // nothing has a kind here, or the row has no more to say
			}
			var cells []string
			for _, i := range slices.Concat(key, block) {
				if i >= len(line) {
					break
				}
				width := widths[i]
				if columns[i].Text {
					width = -width
				}
				cells = append(cells, fmt.Sprintf("%*s", width, line[i]))
			}
			fmt.Fprintln(&b, strings.TrimRight(strings.Join(cells, "  "), " "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// lineWidth is how many characters of a table stand beside each other, keyWidth how
// many of these may be the columns that say which row it is.
const lineWidth, keyWidth = 100, 40

// keyColumns are those that say which row it is: the first column and the words behind
// it, as far as there is room, unless the columns say which.
func keyColumns(columns []Column, widths []int) []int {
	if n := slices.IndexFunc(columns, func(c Column) bool { return !c.Key }); n > 0 {
		key := make([]int, n)
		for i := range key {
			key[i] = i
		}
		return key
	}
	key, used := []int{0}, widths[0]
	for i := 1; i < len(columns) && columns[i].Text && used+2+widths[i] <= keyWidth; i++ {
		key, used = append(key, i), used+2+widths[i]
	}
	return key
}

// blocks divides the columns behind the key of a table that is wider than a line into
// several that are not, at the columns that break it if there are some.
func blocks(columns []Column, widths, key []int) [][]int {
	total := func(columns []int) (n int) {
		for _, i := range columns {
			n += widths[i] + 2
		}
		return n
	}
	var rest []int
	for i := len(key); i < len(columns); i++ {
		rest = append(rest, i)
	}
	if total(key)+total(rest)-2 <= lineWidth {
		return [][]int{rest}
	}
	var all [][]int
	for _, i := range rest {
		last := len(all) - 1
		if last < 0 || columns[i].Break || total(key)+total(all[last])+widths[i] > lineWidth {
			all, last = append(all, nil), last+1
		}
		all[last] = append(all[last], i)
	}
	return all
}
