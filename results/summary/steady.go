package summary

import (
	"cfubench/meter"
	"cfubench/results/runfolder"
	"fmt"
	"slices"
	"time"
)

// SteadyRule is the rule by which the steady window is found, as reports print
// it.
const SteadyRule = "from the first moment with L requests in flight and min(L, B) first tokens received, to the last send; " +
	"L is the concurrency in closed loop and the time-weighted median number in flight between first and last send in open loop, B the batch size. " +
	"Refused where fewer than 10 requests complete in it."

// minSteady is the least number of requests that must complete in a steady
// window.
const minSteady = 10

// steadyWindow finds the steady window of a cell by SteadyRule. Where there is
// none, refused says why.
func (t *requestTable) steadyWindow(cell runfolder.Cell) (w meter.Window, refused string) {
	events := t.inFlight()
	if len(events) == 0 {
		return w, "no request was sent"
	}
	lastSend := slices.Max(t.sent)
	level := cell.Concurrency
	if level <= 0 {
		level = medianLevel(events, events[0].at, lastSend)
	}
	if level <= 0 {
		return w, "the median number of requests in flight is zero: there is no steady load"
	}
	started := level
	if cell.Batch > 0 {
		started = min(level, cell.Batch)
	}
	firsts := make([]int64, 0, len(t.first))
	for _, at := range t.first {
		if at >= 0 {
			firsts = append(firsts, at)
		}
	}
	if len(firsts) < started {
		return w, fmt.Sprintf("only %d requests of the %d that fill the server had a first token", len(firsts), started)
	}
	slices.Sort(firsts)
	full, ok := reached(events, level)
	if !ok {
		return w, fmt.Sprintf("there were never %d requests in flight", level)
	}
	w = meter.Window{Start: time.Duration(max(full, firsts[started-1])), End: time.Duration(lastSend)}
	if w.End <= w.Start {
		return meter.Window{}, "the last request was sent before the server was full"
	}
	n := 0
	t.in(w, func(int) { n++ })
	if n < minSteady {
		return meter.Window{}, fmt.Sprintf("%d requests completed between the server's filling and the last send, want %d", n, minSteady)
	}
	return w, ""
}

// step is a change of the number of requests in flight, which is n after it.
type step struct {
	at int64
	n  int
}

// inFlight is the number of requests in flight over time, from send to end.
func (t *requestTable) inFlight() []step {
	type event struct {
		at int64
		by int
	}
	events := make([]event, 0, 2*len(t.id))
	for i := range t.id {
		if t.sent[i] < 0 {
			continue
		}
		events = append(events, event{t.sent[i], 1})
		if end := max(t.done[i], t.last[i]); end >= t.sent[i] {
			events = append(events, event{end, -1})
		}
	}
	// At one moment ends come before sends: a worker that sends its next
	// request when the last ends is one in flight, not two.
	slices.SortFunc(events, func(a, b event) int {
		switch {
		case a.at != b.at:
			if a.at < b.at {
				return -1
			}
			return 1
		}
		return a.by - b.by
	})
	steps := make([]step, 0, len(events))
	n := 0
	for _, e := range events {
		n += e.by
		steps = append(steps, step{e.at, n})
	}
	return steps
}

// reached is the first time at which level requests are in flight.
func reached(steps []step, level int) (int64, bool) {
	for _, s := range steps {
		if s.n >= level {
			return s.at, true
		}
	}
	return 0, false
}

// medianLevel is the time-weighted median number in flight from start to end.
func medianLevel(steps []step, start, end int64) int {
	weight := map[int]int64{}
	for i, s := range steps {
		until := end
		if i+1 < len(steps) {
			until = min(end, steps[i+1].at)
		}
		if from := max(start, s.at); until > from {
			weight[s.n] += until - from
		}
	}
	levels := make([]int, 0, len(weight))
	for n := range weight {
		levels = append(levels, n)
	}
	slices.Sort(levels)
	var passed int64
	for _, n := range levels {
		if passed += weight[n]; 2*passed >= end-start {
			return n
		}
	}
	return 0
}

// meanInFlight is the time-weighted mean number in flight over w.
func meanInFlight(steps []step, w meter.Window) Figure {
	var area float64
	for i, s := range steps {
		until := int64(w.End)
		if i+1 < len(steps) {
			until = min(until, steps[i+1].at)
		}
		if from := max(int64(w.Start), s.at); until > from {
			area += float64(s.n) * float64(until-from)
		}
	}
	return per(area, float64(w.Length()))
}
