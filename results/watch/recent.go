package watch

import (
	"slices"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
)

// recent holds the readings of the last moments, by domain and in their order: the
// energies of now are made from them, and a cell begins with them.
type recent struct {
	keep     time.Duration
	byDomain [][]meter.Reading
}

func newRecent(domains int, keep time.Duration) recent {
	return recent{keep: keep, byDomain: make([][]meter.Reading, domains)}
}

// add takes the next readings and lets go of those that are older than keep.
func (r *recent) add(batch []meter.Reading) {
	for _, one := range batch {
		list := append(r.byDomain[one.Domain], one)
		if old := one.At() - r.keep; len(list) > 64 && list[len(list)/2].At() < old { // half of it at a time
			list = slices.Delete(list, 0, len(list)/2)
		}
		r.byDomain[one.Domain] = list
	}
}

// since are the readings of all domains from a moment on, in the order of their
// times.
func (r *recent) since(at time.Duration) (all []meter.Reading) {
	for _, list := range r.byDomain {
		i, _ := slices.BinarySearchFunc(list, at, func(one meter.Reading, at time.Duration) int { return int(one.At() - at) })
		all = append(all, list[i:]...)
	}
	slices.SortStableFunc(all, func(a, b meter.Reading) int { return int(a.At() - b.At()) })
	return all
}

// shows reports whether every summed domain has been read with a value before and,
// with after, also from a moment on.
func (r *recent) shows(domains []runfolder.DomainInfo, at time.Duration, after bool) bool {
	for i, list := range r.byDomain {
		if !domains[i].Summed() {
			continue
		}
		one := func(match func(meter.Reading) bool) bool {
			return slices.ContainsFunc(list, func(r meter.Reading) bool { return (r.HasEnergy || r.HasPower) && match(r) })
		}
		if !one(func(r meter.Reading) bool { return r.After <= at }) || after && !one(func(r meter.Reading) bool { return r.Before >= at }) {
			return false
		}
	}
	return true
}

// energies sets the energies of intervals from the readings, by the curves of the
// tables.
func (r *recent) energies(domains []runfolder.DomainInfo, intervals []derivation.Interval) {
	m := derivation.Meters{Domains: domains}
	for i, d := range domains {
		curve, _ := attribution.NewCurve(d.Domain, r.byDomain[i])
		m.Curves = append(m.Curves, curve)
	}
	for i := range intervals {
		intervals[i].Energy = m.Energy(intervals[i].Window)
	}
}
