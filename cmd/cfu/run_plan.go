package main

import (
	"fmt"
	"math"
	"strconv"
)

// loadPoint is one way of loading a server: a closed loop or a schedule.
type loadPoint struct {
	concurrency int     // closed loop, 0 for open
	rate        float64 // requests/s, +Inf for all at once, 0 for schedules without one
	trace       bool    // the trace's own times
}

// name is the load point's part of a cell's name: "c8", "rate4", "rateinf".
func (p loadPoint) name() string {
	switch {
	case p.concurrency > 0:
		return "c" + strconv.Itoa(p.concurrency)
	case p.trace:
		return "trace"
	case math.IsInf(p.rate, 1):
		return "rateinf"
	default:
		return "rate" + strconv.FormatFloat(p.rate, 'g', -1, 64)
	}
}

// plannedCell is a cell before it ran.
type plannedCell struct {
	id     string
	batch  int
	load   loadPoint
	repeat int
}

// loadPoints lists the load points of a configuration, closed loops first.
func (c runConfig) loadPoints() []loadPoint {
	var out []loadPoint
	for _, n := range c.concurrency {
		out = append(out, loadPoint{concurrency: n})
	}
	for _, r := range c.rates {
		out = append(out, loadPoint{rate: r})
	}
	if c.traceTimes {
		out = append(out, loadPoint{trace: true})
	}
	return out
}

// cells lists the cells of one batch size. Repeats come outermost, so that a
// drift of the machine falls on all load points alike and not on the last one.
func (c runConfig) cells(batch int) []plannedCell {
	var out []plannedCell
	for r := 1; r <= c.repeat; r++ {
		for _, p := range c.loadPoints() {
			out = append(out, plannedCell{fmt.Sprintf("b%d-%s-r%d", batch, p.name(), r), batch, p, r})
		}
	}
	return out
}
