package outside

import (
	"encoding/csv"
	"io"
)

// CSV writes a CSV file whose cells are all as Cell makes them.
type CSV struct {
	out *csv.Writer
	row []string
}

// NewCSV makes a CSV that writes to w, its header first.
func NewCSV(w io.Writer, header ...string) *CSV {
	c := &CSV{out: csv.NewWriter(w)}
	c.Write(header...) // an error stays with the writer, which returns it again
	return c
}

// Write writes a row.
func (c *CSV) Write(cells ...string) error {
	c.row = c.row[:0]
	for _, text := range cells {
		c.row = append(c.row, Cell(text))
	}
	return c.out.Write(c.row)
}

// Close writes what is left of the rows.
func (c *CSV) Close() error {
	c.out.Flush()
	return c.out.Error()
}
