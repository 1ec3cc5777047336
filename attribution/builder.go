package attribution

import (
	"cmp"
	"slices"
	"time"

	"cfubench/meter"
	"cfubench/meter/gauge"
)

// Builder makes a curve from readings as they come, so that a long table need
// not be held. Readings are taken with their status: glitches and failed reads
// are left out, wraps are unwrapped, a reset ends an epoch. A fall of the
// register that no status explains is taken for a wrap if the domain's range
// and limit allow one, else for a reset.
type Builder struct {
	curve  *Curve
	period time.Duration
	// fresh: the value is never older than one period at the read. A model
	// states that; of a register it is only observed.
	fresh bool
	open  bool // an epoch is open
	prev  meter.Reading
	// total is the unwrapped value of prev since the epoch's begin, offset
	// what wraps have added to it less what the register stood at.
	total, offset meter.Energy
	// samples are a gauge's readings so far.
	samples samples
	// looks counts a gauge's readings, blank those that hold no power.
	looks, blank int
	// flat is the latest read since prev's edge that showed no change.
	flat    meter.Reading
	hasFlat bool
	stalled bool

	warnings []Warning
}

// NewBuilder returns a builder of the curve of domain d.
func NewBuilder(d meter.Domain) *Builder {
	c := &Curve{domain: d, floor: rate(d.Floor), limit: excursion * rate(d.Limit), sustained: rate(d.Limit), quantum: float64(d.Quantum), gauge: gauge.OfDomain(d)}
	if d.Kind == meter.KindModel { // what a model states holds at every instant
		c.limit = c.sustained
	}
	return &Builder{curve: c, period: d.UpdatePeriod, fresh: d.Kind == meter.KindModel}
}

// Add takes the next reading in time order.
func (b *Builder) Add(r meter.Reading) {
	if b.curve.domain.Kind == meter.KindPower {
		b.look(r)
	} else {
		b.count(r)
	}
}

// Curve ends the curve, and returns it with what was dropped or contradicted.
// The builder must not be used after.
func (b *Builder) Curve() (*Curve, []Warning) {
	c := b.curve
	b.closeEpoch()
	if c.domain.Kind == meter.KindPower {
		b.publish()
	}
	slices.SortStableFunc(c.doubts, func(x, y doubt) int { return cmp.Compare(x.begin, y.begin) })
	if c.domain.Kind != meter.KindPower {
		b.warnings = append(b.warnings, c.checkLimits()...)
	}
	if len(c.epochs) == 0 {
		b.warnings = append(b.warnings, Warning{"no_readings", c.domain.Name, -1, "no usable reading"})
	}
	return c, b.warnings
}

// count takes a reading of a register.
func (b *Builder) count(r meter.Reading) {
	last := b.prev
	if b.hasFlat {
		last = b.flat
	}
	switch r.Status {
	case meter.StatusGlitch:
		b.doubt(FlagGlitch, r.Before, r.After)
		return
	case meter.StatusTransient:
		return
	case meter.StatusLost:
		b.closeEpoch()
		return
	case meter.StatusStalled:
		if b.open {
			b.doubt(FlagStalled, last.Before, r.After)
		}
		b.stalled = true
	case meter.StatusGap:
		if b.open {
			b.doubt(FlagGap, last.Before, r.After)
		}
	case meter.StatusClockStep:
		if b.open {
			b.doubt(FlagClockStep, last.Before, r.After)
		}
	}
	if !r.HasEnergy {
		return
	}
	if !b.open {
		b.openEpoch(r)
		return
	}
	total := b.offset + r.Energy
	if r.Status == meter.StatusReset || total < b.total && !b.wrapped(r) {
		b.warnings = append(b.warnings, Warning{"reset", b.curve.domain.Name, r.Before, "the register was reset: windows across it have no energy"})
		b.closeEpoch()
		b.openEpoch(r)
		return
	}
	if total < b.total {
		// The range is the highest value: the step after it is to zero.
		b.offset += b.curve.domain.Range + b.curve.domain.Quantum
		total = b.offset + r.Energy
	}
	if total == b.total {
		b.flat, b.hasFlat = r, true
		return
	}
	b.edge(r, last, total)
}

// wrapped reports whether the fall to r is the register passing its range.
func (b *Builder) wrapped(r meter.Reading) bool {
	if b.curve.domain.Range == 0 {
		return false
	}
	if r.Status == meter.StatusWrap {
		return true
	}
	step := b.curve.domain.Range + b.curve.domain.Quantum - (b.total - b.offset) + r.Energy
	if b.curve.sustained > 0 {
		// As meter.Classifier has it: half as much again as the limit allows since
		// the last change, and two periods that may have been published at once.
		return float64(step) <= 1.5*b.curve.sustained*float64(r.After-b.prev.Before+2*b.period)+b.curve.quantum
	}
	return step < b.curve.domain.Range/2
}

// edge records that the register was seen to change at r; last is the latest
// read before it.
func (b *Builder) edge(r, last meter.Reading, total meter.Energy) {
	switch {
	case b.fresh:
		if b.hasFlat {
			b.fresher(b.flat, b.total)
		}
		b.fresher(r, total)
	default:
		// A register that showed no change for longer than its period was
		// being published all the same: no energy was used until then.
		if b.hasFlat && !b.stalled {
			if at := b.flat.At() - b.period/2; at > b.curve.knot.last()+b.period {
				b.knotAt(at, b.curve.floorAt.last(), b.curve.ceilAt.last(), b.total)
			}
		}
		// The value was published after the last read that did not show it
		// and, since publications are a period apart, not much longer than
		// one period before the read that did.
		from := last.Before
		if b.period > 0 {
			from = max(from, r.Before-b.period)
		}
		b.knotAt(from+(r.After-from)/2, r.After, last.Before, total)
	}
	b.prev, b.total, b.hasFlat, b.stalled = r, total, false, false
	b.curve.epochs[len(b.curve.epochs)-1].end = r.After
}

// fresher adds the knot of a reading that is at most a period old.
func (b *Builder) fresher(r meter.Reading, v meter.Energy) {
	b.knotAt(r.At()-b.period/2, r.After, r.Before-b.period, v)
}

func (b *Builder) knotAt(knot, floorAt, ceilAt time.Duration, v meter.Energy) {
	c := b.curve
	if c.knot.len() > c.epochs[len(c.epochs)-1].first {
		knot = max(knot, c.knot.last()+1)
	}
	c.knot.add(knot)
	c.floorAt.add(floorAt)
	c.ceilAt.add(ceilAt)
	c.value.add(v)
}

func (b *Builder) openEpoch(r meter.Reading) {
	b.curve.epochs = append(b.curve.epochs, epoch{first: b.curve.knot.len(), begin: r.After, end: r.After, base: r.Energy})
	b.offset, b.total, b.prev, b.hasFlat, b.stalled, b.open = -r.Energy, 0, r, false, false, true
	if b.fresh {
		b.fresher(r, 0)
	} else {
		// When this value was published is not known.
		b.knotAt(r.At()-b.period/2, r.After, never, 0)
	}
}

func (b *Builder) closeEpoch() {
	if !b.open {
		return
	}
	e := &b.curve.epochs[len(b.curve.epochs)-1]
	if b.hasFlat {
		e.end = b.flat.After
		switch at := b.flat.At() - b.period/2; {
		case b.fresh:
			b.fresher(b.flat, b.total)
		case !b.stalled && at > b.curve.knot.last()+b.period:
			b.knotAt(at, b.curve.floorAt.last(), b.curve.ceilAt.last(), b.total)
		}
	}
	e.last = b.curve.knot.len()
	b.open = false
}

// doubt records a flagged span, joined to the one before if they touch.
func (b *Builder) doubt(flag string, begin, end time.Duration) {
	if n := len(b.curve.doubts); n > 0 && b.curve.doubts[n-1].flag == flag && begin <= b.curve.doubts[n-1].end {
		b.curve.doubts[n-1].end = max(end, b.curve.doubts[n-1].end)
		return
	}
	b.curve.doubts = append(b.curve.doubts, doubt{flag, begin, end})
}
