package sweep

import (
	"math"
	"math/rand/v2"
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

// launch is one start of a server and the cells that are measured on it.
type launch struct {
	configuration runfolder.Configuration
	batch         int
	repeats       []int
	cells         []plannedCell // none where a rate has to be found first
}

// point is what the launch's cells have in common.
func (l launch) point() runfolder.Point {
	return runfolder.Point{Batch: l.batch, Label: l.configuration.Label}
}

// count is how many cells are measured on the launch.
func (l launch) count() int {
	if len(l.cells) == 0 {
		return len(l.repeats)
	}
	return len(l.cells)
}

// String names the launch in messages: "batch 8", "dtype=float16, batch 8".
func (l launch) String() string {
	return runfolder.ServerName(l.configuration.Label, l.batch)
}

// launches lists the servers to be started in order with their cells. Repeats
// come outermost within a launch, so that a drift of the machine falls on all
// loads alike and not on the last one.
func (c Config) launches() []launch {
	var all []launch
	rng := rand.New(rand.NewPCG(uint64(c.Seed), 20))
	rounds, each := 1, c.Repeat
	if c.Order != runfolder.OrderGrouped && c.Order != "" {
		rounds, each = c.Repeat, 1
	}
	for round := range rounds {
		var these []launch
		for _, k := range c.configurations() {
			for _, batch := range c.Batch {
				l := launch{configuration: k, batch: batch}
				for r := range each {
					l.repeats = append(l.repeats, round+r+1)
					for _, load := range c.loads() {
						l.cells = append(l.cells, planned(runfolder.Point{Batch: batch, Load: load, Label: k.Label}, round+r+1))
					}
				}
				these = append(these, l)
			}
		}
		if c.Order == runfolder.OrderRandom {
			rng.Shuffle(len(these), func(i, j int) { these[i], these[j] = these[j], these[i] })
		}
		all = append(all, these...)
	}
	return all
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
