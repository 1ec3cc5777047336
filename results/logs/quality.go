package logs

import (
	"fmt"
	"math"
	"math/bits"
	"strings"
	"time"

	"cfubench/meter"
)

// Window is a span of Unix time in ns.
type Window struct{ Begin, End int64 }

// Length is the window's duration.
func (w Window) Length() time.Duration { return time.Duration(w.End - w.Begin) }

// Quality is what a power log's samples of one device are worth for a window.
type Quality struct {
	Device  string
	Samples int64 // with a value
	Failed  int64 // without one
	Inside  int64 // in the window, of a gauge
	// First and Last are the Unix times of the first and last samples.
	First, Last int64
	// Interval is the median time between two samples, within 1 %; not what the
	// logger was asked for.
	Interval time.Duration
	// Change is the median time between two changes of the gauge's value: its
	// own update period, where that is longer than the interval.
	Change time.Duration
	// LongestGap is the longest time without a sample, in the window.
	LongestGap time.Duration
	// Gaps is the number of times in the window without a sample for over five
	// intervals, and Covered the share of the window that is not in one.
	Gaps    int64
	Covered float64
	// Bracketed reports samples at or before the window's begin and at or after
	// its end.
	Bracketed bool
	// Constant reports a gauge that never changed.
	Constant bool
	// Lowest and Highest are the gauge's over the whole log, Mean the plain mean
	// in the window.
	Lowest, Highest, Mean meter.Power
	// Deviation is the standard deviation of the gauge over the whole log, relative
	// to its mean there.
	Deviation float64
}

// Inspector follows the samples of a log and judges them for a window. The
// memory of it is that of the devices.
type Inspector struct {
	window  Window
	devices []*inspected
}

// NewInspector judges for a window; the zero Window is the log's own span.
func NewInspector(w Window) *Inspector { return &Inspector{window: w} }

// gapFactor is how many intervals without a sample make a gap.
const gapFactor = 5

// settled is the number of steps after which the interval is taken as known.
const settled = 100

type inspected struct {
	q               Quality
	steps, changes  histogram
	lastChange      int64
	lastValue       meter.Power
	value           bool
	all, square     float64 // sums over the log
	powers          float64 // their number
	sum             float64
	inside          int64
	missing         int64 // ns of the window in gaps
	early           []int64
	limit           int64
	before, after   bool
	energyFirst     meter.Energy
	changed, energy bool
}

// Take follows one sample.
func (x *Inspector) Take(s Sample) {
	for len(x.devices) <= s.Device {
		x.devices = append(x.devices, &inspected{})
	}
	d := x.devices[s.Device]
	if !s.HasPower && !s.HasEnergy {
		d.q.Failed++
		return
	}
	if d.q.Samples > 0 {
		step := s.UnixNS - d.q.Last
		d.steps.add(step)
		x.gap(d, d.q.Last, s.UnixNS)
	} else {
		d.q.First = s.UnixNS
	}
	d.q.Samples++
	d.q.Last = s.UnixNS
	d.before = d.before || s.UnixNS <= x.window.Begin
	d.after = d.after || s.UnixNS >= x.window.End
	if s.HasEnergy {
		if !d.energy {
			d.energyFirst, d.energy = s.Energy, true
		}
		d.changed = d.changed || s.Energy != d.energyFirst
	}
	if !s.HasPower {
		return
	}
	if d.value && s.Power != d.lastValue {
		if d.lastChange != 0 {
			d.changes.add(s.UnixNS - d.lastChange)
		}
		d.lastChange, d.changed = s.UnixNS, true
	}
	d.lastValue, d.value = s.Power, true
	if d.q.Lowest == 0 || s.Power < d.q.Lowest {
		d.q.Lowest = s.Power
	}
	d.q.Highest = max(d.q.Highest, s.Power)
	watts := s.Power.Watts()
	d.all, d.square, d.powers = d.all+watts, d.square+watts*watts, d.powers+1
	if x.window == (Window{}) || s.UnixNS >= x.window.Begin && s.UnixNS <= x.window.End {
		d.sum += float64(s.Power)
		d.inside++
	}
}

// gap counts the step between two samples if it is one. Until the interval is
// known steps are kept.
func (x *Inspector) gap(d *inspected, from, to int64) {
	if x.window != (Window{}) {
		from, to = max(from, x.window.Begin), min(to, x.window.End)
	}
	if to <= from {
		return
	}
	step := to - from
	d.q.LongestGap = max(d.q.LongestGap, time.Duration(step))
	if d.limit == 0 {
		d.early = append(d.early, step)
		if len(d.early) < settled {
			return
		}
		d.settle()
		return
	}
	if step > d.limit {
		d.q.Gaps++
		d.missing += step
	}
}

func (d *inspected) settle() {
	d.limit = max(1, int64(gapFactor*float64(d.steps.median())))
	for _, step := range d.early {
		if step > d.limit {
			d.q.Gaps++
			d.missing += step
		}
	}
	d.early = nil
}

// Result returns the qualities of the devices of p.
func (x *Inspector) Result(p *Power) []Quality {
	var all []Quality
	for i, d := range x.devices {
		if d.limit == 0 && len(d.early) > 0 {
			d.settle()
		}
		q := d.q
		q.Inside = d.inside
		q.Device = p.Devices[i].Name
		q.Interval, q.Change = time.Duration(d.steps.median()), time.Duration(d.changes.median())
		q.Constant = q.Samples > 1 && !d.changed
		w := x.window
		if w == (Window{}) {
			w, q.Bracketed = Window{q.First, q.Last}, true
		} else {
			q.Bracketed = d.before && d.after
		}
		missing := d.missing
		if q.Samples > 0 {
			missing += max(0, min(q.First, w.End)-w.Begin) + max(0, w.End-max(q.Last, w.Begin))
		} else {
			missing = w.End - w.Begin
		}
		if w.End > w.Begin {
			q.Covered = max(0, 1-float64(missing)/float64(w.End-w.Begin))
		}
		if mean := d.all / d.powers; mean > 0 {
			q.Deviation = math.Sqrt(max(d.square/d.powers-mean*mean, 0)) / mean
		}
		if d.inside > 0 {
			q.Mean = meter.Power(math.Round(d.sum / float64(d.inside)))
		}
		all = append(all, q)
	}
	return all
}

// idles reports a GPU that draws clearly less than the busiest one and, over
// the whole log, hardly moves while that one does. Seven idle MI300X beside one
// in use drew 0.4 to 0.6 of its power and scattered by 1 to 2 %, with a look or
// two at 20 % more.
func (q Quality) idles(busiest Quality) bool {
	return q.Mean*4 < busiest.Mean*3 && q.Deviation < 0.05 && busiest.swing() > 0.25
}

// swing is the range of the gauge over its highest value.
func (q Quality) swing() float64 {
	if q.Highest == 0 {
		return 0
	}
	return float64(q.Highest-q.Lowest) / float64(q.Highest)
}

func unix(ns int64) string { return time.Unix(0, ns).UTC().Format("2006-01-02 15:04:05Z") }

// histogram counts durations in bins of 1/64 of a power of two, and keeps the
// mean of each: steps that are all alike come out as they are.
type histogram struct {
	bins  []bin
	count int64
}

type bin struct{ n, sum int64 }

// binOf is the bin of a positive duration; small ones have bins of their own.
func binOf(ns int64) int {
	n := bits.Len64(uint64(ns))
	if n <= 7 {
		return int(ns)
	}
	return (n-7)<<6 + int(uint64(ns)>>(n-7))
}

func (h *histogram) add(ns int64) {
	if ns <= 0 {
		return
	}
	i := binOf(ns)
	if i >= len(h.bins) {
		h.bins = append(h.bins, make([]bin, i+1-len(h.bins))...)
	}
	h.bins[i].n++
	h.bins[i].sum += ns
	h.count++
}

// median is the mean of the bin that the median lies in.
func (h *histogram) median() int64 {
	seen := int64(0)
	for _, b := range h.bins {
		if seen += b.n; b.n > 0 && 2*seen >= h.count {
			return b.sum / b.n
		}
	}
	return 0
}

// ParseWindow reads "BEGIN,END" in Unix seconds.
func ParseWindow(text string) (Window, error) {
	begin, end, _ := strings.Cut(text, ",")
	b, err := parseSeconds(begin)
	if err != nil {
		return Window{}, err
	}
	e, err := parseSeconds(end)
	if err != nil {
		return Window{}, err
	}
	if e <= b || basisOf(b) != BasisEpoch {
		return Window{}, fmt.Errorf("%q is no window: want BEGIN,END in Unix seconds", clip(text))
	}
	return Window{b, e}, nil
}
