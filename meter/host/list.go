package host

import (
	"slices"
	"time"

	"cfubench/meter"
)

// Entry is one domain of the host, or one that it does not give, as listed.
type Entry struct {
	Source, Domain, Device string
	Kind                   meter.Kind
	Scope                  meter.Scope
	Readable               bool
	// Summed is set for the domains of the antichain, whose energies a run adds.
	Summed bool
	// Reason says why the domain is not readable or not summed, or what there
	// is to know of it; Remedy what to do.
	Reason, Remedy string
	Limit          meter.Power   // 0 if unknown
	UpdatePeriod   time.Duration // 0 if unknown
	Poll           time.Duration // what a run would read it every
	CallP50        time.Duration // 0 if not readable
	// Calibration is nil unless there was one.
	Calibration *meter.Calibration
}

// latencyCalls is how many reads the call latency of a listing is taken from.
const latencyCalls = 11

// List lists the domains of the set, those of the antichain first and what is
// left out last. Calibrations, if not nil, are those of the set's domains in
// their order; without them every source is read a few times, and one whose
// calls do not return is left out.
func (s Set) List(clock meter.Clock, calibrations []meter.Calibration) []Entry {
	calls := make([]time.Duration, len(s.Sources))
	if calibrations == nil {
		s, calls = s.answering(clock)
	}
	domains := meter.Domains(s.Sources)
	keep, contained := meter.Antichain(domains)
	var entries []Entry
	i := 0
	for k, src := range s.Sources {
		own := src.Domains()
		poll := meter.PollPeriod(own)
		for range own {
			d := domains[i]
			e := Entry{
				Source: d.Source, Domain: d.Name, Device: d.Device, Kind: d.Kind, Scope: d.Scope,
				Readable: true, Reason: d.Note, Limit: d.Limit, UpdatePeriod: d.UpdatePeriod, Poll: poll, CallP50: calls[k],
				Summed: slices.ContainsFunc(keep, func(k meter.Domain) bool { return k.Name == d.Name }),
			}
			for _, r := range contained {
				if r.Domain == d.Name {
					e.Reason = r.Reason
				}
			}
			if calibrations != nil {
				e.Calibration = &calibrations[i]
				e.CallP50 = calibrations[i].CallP50
			}
			entries = append(entries, e)
			i++
		}
	}
	slices.SortStableFunc(entries, func(a, b Entry) int {
		switch {
		case a.Summed == b.Summed:
			return 0
		case a.Summed:
			return -1
		}
		return 1
	})
	for _, r := range s.LeftOut {
		entries = append(entries, Entry{Source: r.Source, Domain: r.Domain, Reason: r.Reason, Remedy: r.Remedy})
	}
	return entries
}

// answering is the set without the sources that do not answer, and how long a
// read of each of the others takes.
func (s Set) answering(clock meter.Clock) (out Set, calls []time.Duration) {
	out.LeftOut = slices.Clone(s.LeftOut)
	for _, src := range s.Sources {
		var call time.Duration
		if !meter.Within(meter.Patience, func() { call = latency(clock, src) }) {
			out.LeftOut = append(out.LeftOut, blockedRefusals(src)...)
			continue
		}
		out.Sources, calls = append(out.Sources, src), append(calls, call)
	}
	return out, calls
}

// latency is the median time that one read of src takes.
func latency(clock meter.Clock, src meter.Source) time.Duration {
	calls := latencyCalls
	for _, d := range src.Domains() {
		if d.Coarse {
			calls = 1
		}
	}
	var took []time.Duration
	var dst []meter.Reading
	for range calls {
		before := clock()
		dst = src.Read(dst[:0])
		took = append(took, clock()-before)
	}
	slices.Sort(took)
	return took[len(took)/2]
}
