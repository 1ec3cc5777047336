package segments

import (
	"math"
	"time"

	"cfubench/meter"
	"cfubench/results/runfolder"
)

// second is what power is rolled up to, block the seconds of which readings are.
const (
	second = time.Second
	block  = 10
)

// stretch is the least time over which a counter's mean power counts as one of
// its lowest or highest.
const stretch = 100 * time.Millisecond

// rollup thins the readings of one domain, in their order, second by second. The
// power of each second, with its lowest and highest, is a row of its own; of the
// readings those stay that carry the energy.
//
// Of a register's ten seconds two readings stay as they are: the last that showed
// a change, and the one before it. These two place the change in time exactly as
// all readings do, so that the energy at it, with its bounds, is what all of them
// would give. Of a gauge's ten seconds two rows stay, at their begin and their end,
// with the mean of what the gauge showed: their energy is kept. A second that is
// not whole, or in which anything but plain readings happened, stays as it is.
type rollup struct {
	domain meter.Domain
	keep   func(meter.Reading) error
	power  func(runfolder.PowerSecond) error

	held   []meter.Reading // of the second under way
	number int64           // of that second
	before meter.Reading   // the last reading before it
	begun  bool            // before is set
	edge   point           // the last change
	kept   time.Duration   // of the last reading that was kept
	// Of a gauge: the energy of the seconds since from, in µW·ns, with what whole
	// microwatts left over before.
	sum  float64
	from time.Duration
	to   time.Duration
}

// put keeps a reading unless it was kept before.
func (r *rollup) put(one meter.Reading) error {
	if one.At() <= r.kept {
		return nil
	}
	r.kept = one.At()
	return r.keep(one)
}

// point is a register's value at a moment.
type point struct {
	at     time.Duration
	energy meter.Energy
	known  bool
}

// add takes the next reading.
func (r *rollup) add(reading meter.Reading) error {
	if n := int64(reading.At() / second); len(r.held) == 0 {
		r.number = n
	} else if n != r.number {
		if err := r.flush(&reading); err != nil {
			return err
		}
		r.number = n
	}
	r.held = append(r.held, reading)
	return nil
}

// end keeps what is held: its second is not whole.
func (r *rollup) end() error { return r.flush(nil) }

// flush decides on the second that is held; next is the reading after it, nil
// at the end.
func (r *rollup) flush(next *meter.Reading) error {
	if len(r.held) == 0 {
		return nil
	}
	held, whole := r.held, next != nil && r.begun
	r.held = r.held[:0]
	var err error
	switch {
	case !whole || !plain(held) || !plain([]meter.Reading{*next, r.before}):
		if r.domain.Kind == meter.KindPower {
			err = r.rectangle(held[0].Domain)
		} else if r.begun {
			err = r.put(r.before) // what follows is dated by it
		}
		for _, one := range dull(held) {
			if err == nil {
				err = r.put(one)
			}
			r.note(one)
		}
	case r.domain.Kind == meter.KindPower:
		err = r.gauge(held, *next)
	default:
		err = r.register(held)
	}
	r.before, r.begun = held[len(held)-1], true
	return err
}

// note remembers the last value kept of a register.
func (r *rollup) note(one meter.Reading) {
	if one.HasEnergy {
		r.edge = point{one.At(), one.Energy, true}
	}
}

// plain reports whether nothing happened but readings with the value that the
// domain's kind has.
func plain(readings []meter.Reading) bool {
	for _, one := range readings {
		if one.Status != meter.StatusOK || !one.HasEnergy && !one.HasPower {
			return false
		}
	}
	return true
}

// dull leaves the first and the last of readings that all failed in the same
// way: a device that is gone for days says so twice a second.
func dull(readings []meter.Reading) []meter.Reading {
	for _, one := range readings {
		if one.HasEnergy || one.HasPower || one.Status != readings[0].Status {
			return readings
		}
	}
	if len(readings) > 2 {
		return []meter.Reading{readings[0], readings[len(readings)-1]}
	}
	return readings
}

// register keeps the last change of a second and the reading before it.
func (r *rollup) register(held []meter.Reading) error {
	last, previous := -1, r.before
	lowest, highest := meter.Power(0), meter.Power(0)
	told := false
	from := r.edge
	for i, one := range held {
		if one.HasPower {
			lowest, highest = widen(told, lowest, highest, one.Power)
			told = true
		}
		if !one.HasEnergy || one.Energy == previous.Energy && previous.HasEnergy {
			previous = one
			continue
		}
		last, previous = i, one
		if here := (point{one.At(), one.Energy, true}); !one.HasPower && (!from.known || here.at-from.at >= stretch) {
			if p, ok := mean(from, here); ok {
				lowest, highest = widen(told, lowest, highest, p)
				told = true
			}
			from = here
		}
	}
	stays := (r.number+1)%block == 0
	if last < 0 { // it stood still: the last reading says until when
		if stays {
			if err := r.put(held[len(held)-1]); err != nil {
				return err
			}
		}
		return r.say(0, lowest, highest, told)
	}
	sight := r.before
	if last > 0 {
		sight = held[last-1]
	}
	one := held[last]
	if stays {
		for _, kept := range []meter.Reading{sight, one} {
			if err := r.put(kept); err != nil {
				return err
			}
		}
	}
	p, ok := mean(r.edge, point{one.At(), one.Energy, true})
	r.note(one)
	if !ok {
		return nil
	}
	return r.say(p, lowest, highest, told)
}

// gauge sums up a second, in which every figure holds until the next.
func (r *rollup) gauge(held []meter.Reading, next meter.Reading) error {
	begin := time.Duration(r.number) * second
	at, power := begin, r.before.Power
	lowest, highest := power, power
	sum := 0.0
	for _, one := range held {
		sum += float64(power) * float64(one.At()-at)
		at, power = one.At(), one.Power
		lowest, highest = min(lowest, power), max(highest, power)
	}
	sum += float64(power) * float64(begin+second-at)
	if r.to != begin {
		r.from = begin
	}
	r.sum, r.to = r.sum+sum, begin+second
	if (r.number+1)%block == 0 {
		if err := r.rectangle(held[0].Domain); err != nil {
			return err
		}
	}
	return r.say(meter.Power(math.Round(sum/float64(second))), lowest, highest, true)
}

// rectangle keeps the mean of a gauge's seconds that are summed up.
func (r *rollup) rectangle(domain int) error {
	length := float64(r.to - r.from)
	if length == 0 {
		return nil
	}
	one := meter.Reading{Domain: domain, Power: meter.Power(math.Round(r.sum / length)), HasPower: true, Status: meter.StatusOK}
	r.sum -= float64(one.Power) * length
	for _, at := range []time.Duration{r.from, r.to - 1} {
		one.Before, one.After = at, at
		if err := r.put(one); err != nil {
			return err
		}
	}
	r.from = r.to
	return nil
}

// say writes the second's power.
func (r *rollup) say(mean, lowest, highest meter.Power, told bool) error {
	if !told {
		lowest, highest = mean, mean
	}
	return r.power(runfolder.PowerSecond{Domain: r.domain.Name, From: time.Duration(r.number) * second,
		Min: min(lowest, mean), Mean: mean, Max: max(highest, mean)})
}

func widen(told bool, lowest, highest, p meter.Power) (meter.Power, meter.Power) {
	if !told {
		return p, p
	}
	return min(lowest, p), max(highest, p)
}

// mean is the power between two values of a register.
func mean(from, to point) (meter.Power, bool) {
	if !from.known || to.at <= from.at || to.energy < from.energy {
		return 0, false
	}
	return meter.Power(float64(to.energy-from.energy)/float64(to.at-from.at)*1e9 + 0.5), true
}
