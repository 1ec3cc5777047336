package sweep

import (
	"math"
	"strconv"
	"strings"

	"cfubench/results/runfolder"
)

// plannedCell is a cell before it ran.
type plannedCell struct {
	id string
	runfolder.Point
	repeat int
}

// planned is a repeat of a point before it ran.
func planned(p runfolder.Point, repeat int) plannedCell {
	return plannedCell{p.Cell(repeat), p, repeat}
}

// traceTimes reports whether requests are sent at the trace's own times.
func (c Config) traceTimes() bool {
	return c.Arrival == "trace" || strings.HasPrefix(c.Arrival, "trace:")
}

// parseRate reads a rate: requests/s above 0, or "inf".
func parseRate(text string) (float64, bool) {
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil && v > 0
}

// formatRate is how a rate is kept, so that 4 and 4.0 are one.
func formatRate(v float64) string {
	if math.IsInf(v, 1) {
		return "inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// loads lists the loads of a configuration, closed loops first.
func (c Config) loads() []runfolder.Load {
	var out []runfolder.Load
	for _, n := range c.Concurrency {
		out = append(out, runfolder.Load{Concurrency: n})
	}
	for _, text := range c.Rate {
		if r, ok := parseRate(text); ok { // Check has refused the others
			out = append(out, runfolder.AtRate(r))
		}
	}
	if c.traceTimes() {
		out = append(out, runfolder.Load{Trace: true})
	}
	return out
}

// cells lists the cells of one batch size. Repeats come outermost, so that a
// drift of the machine falls on all loads alike and not on the last one.
func (c Config) cells(batch int) []plannedCell {
	var out []plannedCell
	for r := 1; r <= c.Repeat; r++ {
		for _, l := range c.loads() {
			out = append(out, planned(runfolder.Point{Batch: batch, Load: l}, r))
		}
	}
	return out
}
