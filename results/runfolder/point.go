package runfolder

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Load is one way of loading a server: a closed loop, a schedule at a rate, all
// at once, or the trace's own times. Exactly one of its fields is set.
type Load struct {
	Concurrency int     `json:"concurrency,omitempty"` // closed loop: requests in flight
	Rate        float64 `json:"rate,omitempty"`        // open loop: requests/s
	RateInf     bool    `json:"rate_inf,omitempty"`    // open loop: all at once
	Trace       bool    `json:"trace,omitempty"`       // open loop: the trace's own times
}

// AtRate is the open loop at r requests/s, +Inf for all at once.
func AtRate(r float64) Load {
	if math.IsInf(r, 1) {
		return Load{RateInf: true}
	}
	return Load{Rate: r}
}

// Closed reports whether the load is a closed loop.
func (l Load) Closed() bool { return l.Concurrency > 0 }

// PerSecond is the rate of an open loop in requests/s: +Inf for all at once, 0
// where there is none.
func (l Load) PerSecond() float64 {
	if l.RateInf {
		return math.Inf(1)
	}
	return l.Rate
}

// String is the load's part of a cell's name: "c8", "rate4", "rateinf", "trace", and ""
// for that of a server that others ask.
func (l Load) String() string {
	switch {
	case l == Load{}:
		return ""
	case l.Concurrency > 0:
		return "c" + strconv.Itoa(l.Concurrency)
	case l.Trace:
		return "trace"
	case l.RateInf:
		return "rateinf"
	default:
		return "rate" + strconv.FormatFloat(l.Rate, 'g', -1, 64)
	}
}

// ParseLoad reads what String wrote.
func ParseLoad(text string) (Load, error) {
	wrong := fmt.Errorf("load %.40q: want c8, rate4, rateinf or trace", text)
	if text == "trace" {
		return Load{Trace: true}, nil
	}
	if rest, ok := strings.CutPrefix(text, "rate"); ok {
		r, err := strconv.ParseFloat(rest, 64)
		if err != nil || !(r > 0) {
			return Load{}, wrong
		}
		return AtRate(r), nil
	}
	if rest, ok := strings.CutPrefix(text, "c"); ok {
		if n, err := strconv.Atoi(rest); err == nil && n > 0 {
			return Load{Concurrency: n}, nil
		}
	}
	return Load{}, wrong
}

// Point is what the repeats of a cell have in common: the server's batch size
// and the load, and the label of the configuration where a run has several.
type Point struct {
	Batch int `json:"batch"`
	Load
	Label string `json:"label,omitempty"`
}

// String is the point's name: "b8-c16", with a label "LABEL-b8-c16".
func (p Point) String() string {
	name := fmt.Sprintf("b%d-%s", p.Batch, p.Load)
	if p.Label != "" {
		name = p.Label + "-" + name
	}
	return name
}

// Cell is the name of a repeat of the point, from 1: "b8-c16-r1".
func (p Point) Cell(repeat int) string { return fmt.Sprintf("%s-r%d", p, repeat) }
