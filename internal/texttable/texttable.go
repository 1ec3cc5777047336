// Package texttable prints tables for people: figures to the right, with one SI prefix
// a column, and no line wider than a page; what does not fit stands below.
package texttable

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"cfubench/internal/prose"
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
	// Wrap: its words go on in the next line where the table is wider than a page.
	Wrap bool `json:"-"`
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
// line stands below, as a table of its own, once the columns that wrap are narrow.
func Write(w io.Writer, columns []Column, rows [][]string) error {
	lines := make([][]string, 3, 3+len(rows))
	for _, c := range columns {
		for i, text := range []string{c.Name, c.Unit, c.Kind} {
			lines[i] = append(lines[i], text)
		}
	}
	for said := func(text string) bool { return text != "" }; len(lines) > 0 && !slices.ContainsFunc(lines[len(lines)-1], said); {
		lines = lines[:len(lines)-1]
	}
	heads := len(lines)
	lines = append(lines, rows...)
	full := make([]int, len(columns))   // widths with no cell wrapped
	narrow := make([]int, len(columns)) // with all that wrap as narrow as they get
	for _, line := range lines {
		for i, text := range line {
			full[i] = max(full[i], utf8.RuneCountInString(text))
			narrow[i] = full[i]
		}
	}
	for i, c := range columns {
		if c.Wrap {
			narrow[i] = min(full[i], max(narrowWidth, longestWord(lines, i)))
		}
	}
	var b strings.Builder
	key := keyColumns(columns, narrow)
	for n, block := range blocks(columns, narrow, key) {
		if n > 0 {
			b.WriteByte('\n')
		}
		shown := slices.Concat(key, block)
		widths := widened(shown, narrow, full)
		for k, line := range lines {
			said := func(i int) bool { return i < len(line) && line[i] != "" }
			if (n > 0 || k < heads) && !slices.ContainsFunc(block, said) {
				continue // nothing has a kind here, or the row has no more to say
			}
			writeRow(&b, columns, shown, widths, line)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeRow writes the shown cells of a row, on as many lines as the longest of those
// that wrap needs.
func writeRow(b *strings.Builder, columns []Column, shown, widths []int, row []string) {
	parts := make([][]string, len(columns))
	height := 1
	for _, i := range shown {
		if i >= len(row) {
			continue
		}
		if parts[i] = []string{row[i]}; columns[i].Wrap {
			parts[i] = broken(row[i], widths[i])
		}
		height = max(height, len(parts[i]))
	}
	for k := range height {
		var cells []string
		for _, i := range shown {
			text, width := "", widths[i]
			if k < len(parts[i]) {
				text = parts[i][k]
			}
			if columns[i].Text {
				width = -width
			}
			cells = append(cells, fmt.Sprintf("%*s", width, text))
		}
		fmt.Fprintln(b, strings.TrimRight(strings.Join(cells, "  "), " "))
	}
}

// narrowWidth is how many characters wide a column that wraps always is if it has so
// many, longWord how many of a word stand together.
const narrowWidth, longWord = 20, 48

// longestWord is the width of column i's longest word, longWord at most.
func longestWord(lines [][]string, i int) (width int) {
	for _, line := range lines {
		if i >= len(line) {
			continue
		}
		for word := range strings.FieldsSeq(line[i]) {
			width = max(width, utf8.RuneCountInString(word))
		}
	}
	return min(width, longWord)
}

// widened gives the columns that wrap what the others leave of a line.
func widened(shown, narrow, full []int) []int {
	widths := slices.Clone(narrow)
	left := prose.Width - total(shown, narrow)
	for _, i := range shown {
		grow := max(0, min(left, full[i]-narrow[i]))
		widths[i] += grow
		left -= grow
	}
	return widths
}

// broken is the text of a cell in lines of at most width characters.
func broken(text string, width int) []string {
	var lines []string
	for _, line := range prose.Break(text, width, width) {
		for utf8.RuneCountInString(line) > width { // a word such as an address
			runes := []rune(line)
			lines, line = append(lines, string(runes[:width])), string(runes[width:])
		}
		lines = append(lines, line)
	}
	return lines
}

// total is the width of columns with two spaces between them.
func total(columns, widths []int) int {
	n := 2 * (len(columns) - 1)
	for _, i := range columns {
		n += widths[i]
	}
	return n
}

// keyWidth is how many characters of a line may be the columns that say which row it is.
const keyWidth = 40

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
	var rest []int
	for i := len(key); i < len(columns); i++ {
		rest = append(rest, i)
	}
	if total(slices.Concat(key, rest), widths) <= prose.Width {
		return [][]int{rest}
	}
	var all [][]int
	for _, i := range rest {
		last := len(all) - 1
		if last < 0 || columns[i].Break || total(slices.Concat(key, all[last], []int{i}), widths) > prose.Width {
			all, last = append(all, nil), last+1
		}
		all[last] = append(all[last], i)
	}
	return all
}
