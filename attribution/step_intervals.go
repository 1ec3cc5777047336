package attribution

import (
	"cfubench/meter"
	"math"
	"slices"
	"time"

	"cfubench/internal/leastsquares"
)

// stretch is what lies between two publications of the register.
type stretch struct {
	energy float64 // J above idle
	work   [terms]float64
	from   time.Duration // of the work
	length time.Duration
	joined bool // with the one before: they share a publication
}

// intervalsOf cuts the window at publications of the register, where its value
// is exact but for the moment, and takes each interval's energy above idle and
// the work done in it. Those without work are left out.
// shift is how much later than the curve has it a publication shows the work.
func intervalsOf(w *work, c *Curve, in meter.Window, idle Idle, shift time.Duration) []stretch {
	e, flag := c.cover(in)
	if flag != "" {
		return nil
	}
	floor := 0.0
	if idle.Known {
		floor = rate(idle.Loaded)
	}
	width := fitWidth(w, c, in)
	first := after(&c.knot, e, -1, in.Start)
	out := make([]stretch, 0, min(e.last-first, int(in.Length()/width)+1))
	cursor := newCursor(c, e)
	var before [terms]float64
	var from time.Duration
	energy, joined, open := 0.0, false, false
	for k := first; k < e.last && c.knot.at(k) <= in.End; k++ {
		at := c.knot.at(k)
		if open && at-from < width {
			continue
		}
		now, value := w.by(at+shift), cursor.at(at).energy
		if open {
			x := stretch{energy: (value - energy - floor*float64(at-from)) / 1e6, from: from + shift, length: at - from, joined: joined}
			for t := range terms {
				x.work[t] = now[t] - before[t]
			}
			if joined = x.work[termStep]+x.work[termPrompt] > 1e-6; joined {
				out = append(out, x)
			}
		}
		before, from, energy, open = now, at, value, true
	}
	return out
}

// fitWidth is the least length of an interval: a publication, two steps, and no
// more than two hundred thousand of them.
func fitWidth(w *work, c *Curve, in meter.Window) time.Duration {
	return max(c.domain.UpdatePeriod*7/10, 2*w.period, in.Length()/200_000, 2*time.Millisecond)
}

// maxShifts bounds the shifts that are tried to either side, on at most so many
// intervals.
const (
	maxShifts            = 10
	alignedIntervalsMost = 5000
)

// alignedIntervals returns the intervals with the work shifted to where it
// explains the energy best: reads at a fixed distance after the publications
// put all of them too late or too early by as much, and tokens arrive a little
// after their step ended. The shift is at most what the reads leave open, and a
// step.
func alignedIntervals(w *work, c *Curve, in meter.Window, idle Idle) aligned {
	most := min(c.doubtOf(in)/2, c.domain.UpdatePeriod/2) + min(w.period/2, 5*time.Millisecond)
	var thetas [2*maxShifts + 1][terms]float64
	var best int
	var out aligned
	least := math.Inf(1)
	part := in
	part.End = min(part.End, part.Start+alignedIntervalsMost*fitWidth(w, c, in))
	for k := range thetas {
		shift := most * time.Duration(k-maxShifts) / maxShifts
		intervals := intervalsOf(w, c, part, idle, shift)
		n := normalOf(intervals, 1, 0, nil)
		gram, moment := n.matrices(termContext)
		copy(thetas[k][:], leastsquares.NonNegative(gram, moment))
		if left, _ := autocovariance(intervals, thetas[k]); left < least {
			out, best, least = aligned{intervals: intervals, shift: shift}, k, left
		}
	}
	if part != in {
		out.intervals = intervalsOf(w, c, in, idle, out.shift)
	}
	before, after := thetas[max(best-1, 0)], thetas[min(best+1, 2*maxShifts)]
	for t := range terms {
		out.doubt[t] = (after[t] - before[t]) / 2
	}
	return out
}

// aligned are intervals whose work is where the register showed it.
type aligned struct {
	intervals []stretch
	shift     time.Duration
	// doubt is what the costs change by if the shift is one of those next to it.
	doubt [terms]float64
}

// doubtOf is the typical time within which the curve knows a publication.
func (c *Curve) doubtOf(w meter.Window) time.Duration {
	var widths []time.Duration
	for k := range c.knot.len() {
		if c.knot.at(k) >= w.Start && c.knot.at(k) <= w.End && c.ceilAt.at(k) != never {
			widths = append(widths, c.floorAt.at(k)-c.ceilAt.at(k))
		}
		if len(widths) == 1000 {
			break
		}
	}
	if len(widths) == 0 {
		return 0
	}
	slices.Sort(widths)
	return widths[len(widths)/2]
}
