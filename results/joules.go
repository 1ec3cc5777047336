package results

import (
	"errors"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/results/arrowfile"
)

// joules is the energy side of one cell: a curve for each domain of the
// antichain that is summed, and what energy.arrow says of the requests.
type joules struct {
	kind     string // "counter", "power", "model", or several joined by "+"
	curves   []*attribution.Curve
	readings Readings
	summed   []int                   // indices into readings.Domains
	counters map[string]meter.Energy // from energy.arrow, by domain
	warnings []string
}

// readJoules reads readings.arrow of a cell; infos hold what calibration
// measured of its domains. A cell without one has no domains.
func readJoules(dir, cell string, infos []DomainInfo) (*joules, error) {
	j := &joules{}
	var err error
	j.readings, err = ReadReadings(cellPath(dir, cell, ReadingsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return j, nil
	}
	if err != nil {
		return nil, err
	}
	var kinds []string
	kept, _ := meter.Antichain(j.readings.Domains)
	for _, d := range kept {
		i := slices.IndexFunc(j.readings.Domains, func(e meter.Domain) bool { return e.Name == d.Name })
		d.UpdatePeriod = measuredPeriod(d, infos)
		j.summed = append(j.summed, i)
		curve, warnings := attribution.NewCurve(d, j.readings.ByDomain[i])
		for _, w := range warnings {
			j.warnings = append(j.warnings, w.String())
		}
		j.curves = append(j.curves, curve)
		if !slices.Contains(kinds, string(d.Kind)) {
			kinds = append(kinds, string(d.Kind))
		}
	}
	slices.Sort(kinds)
	j.kind = strings.Join(kinds, "+")
	return j, nil
}

// measuredPeriod is the domain's update period as calibration measured it, else
// as documented. A model has no register to measure.
func measuredPeriod(d meter.Domain, infos []DomainInfo) time.Duration {
	for _, info := range infos {
		if info.Name == d.Name && info.UpdatePeriod > 0 && d.Kind != meter.KindModel {
			return info.UpdatePeriod
		}
	}
	return d.UpdatePeriod
}

// estimate is an energy with its bracket, in joules; unknown figures where the
// readings give none.
type estimate struct{ value, lo, hi Figure }

// counter is the registers' own difference over w, with the bracket of the
// energy that was used in it.
func (j *joules) counter(w attribution.Window) estimate {
	return j.sum(func(c *attribution.Curve) (meter.Energy, bool) {
		if e, ok := j.counters[c.Domain().Name]; ok {
			return e, true
		}
		d := c.Counter(w)
		return d.Energy, d.Flag == ""
	}, w)
}

// used is the energy used in w, by interpolation.
func (j *joules) used(w attribution.Window) estimate {
	return j.sum(func(c *attribution.Curve) (meter.Energy, bool) {
		i := c.Energy(w)
		return i.Energy, i.HasEnergy
	}, w)
}

func (j *joules) sum(value func(*attribution.Curve) (meter.Energy, bool), w attribution.Window) estimate {
	unknown := estimate{Unknown(), Unknown(), Unknown()}
	if len(j.curves) == 0 || w.Length() <= 0 {
		return unknown
	}
	var total estimate
	for _, c := range j.curves {
		e, ok := value(c)
		if !ok {
			return unknown
		}
		total.value += Figure(e.Joules())
		bracket := c.Energy(w)
		switch {
		case slices.Contains(bracket.Flags, attribution.FlagOutside) || slices.Contains(bracket.Flags, attribution.FlagInvalidReset):
			total.lo, total.hi = Unknown(), Unknown()
		case bracket.Hi == attribution.Unbounded:
			total.lo += Figure(min(e, bracket.Lo).Joules())
			total.hi = Unknown()
		default:
			total.lo += Figure(min(e, bracket.Lo).Joules())
			total.hi += Figure(max(e, bracket.Hi).Joules())
		}
	}
	return total
}

// idleWatts is the sum of the summed domains' power while nothing is asked, with
// the server and without; unknown where one of them is.
type idleWatts struct{ loaded, bare Figure }

// idle is the idle power of the summed domains, and the drift of each.
func (j *joules) idle(cell Cell, bare BareCurves) (watts idleWatts, drift map[string]Figure) {
	drift = map[string]Figure{}
	if len(j.curves) == 0 {
		return idleWatts{Unknown(), Unknown()}, drift
	}
	for _, c := range j.curves {
		// The warnings are those of attribution, which prints them.
		idle, _ := attribution.MeasureIdle(c, cell.IdleBefore, cell.IdleAfter)
		_ = bare.Measure(c.Domain(), &idle)
		loaded, without := Unknown(), Unknown()
		if idle.Known {
			loaded = Figure(idle.Loaded.Watts())
		}
		if idle.HasBare {
			without = Figure(idle.Bare.Watts())
		}
		watts.loaded += loaded // unknown stays unknown
		watts.bare += without
		if idle.Known && cell.IdleBefore.Length() > 0 && cell.IdleAfter.Length() > 0 {
			drift[c.Domain().Name] = Figure(idle.Drift)
		}
	}
	return watts, drift
}

// health is what the readings of each summed domain show over w.
func (j *joules) health(w attribution.Window, drift map[string]Figure) []SensorHealth {
	var all []SensorHealth
	for k, i := range j.summed {
		d := j.readings.Domains[i]
		h := SensorHealth{Domain: d.Name, Kind: d.Kind, Coarse: d.Coarse, CounterToPower: Unknown(), IdleDrift: Unknown(), Bracket: Unknown()}
		if v, ok := drift[d.Name]; ok {
			h.IdleDrift = v
		}
		var gap time.Duration
		var last time.Duration
		first := true
		for _, r := range j.readings.ByDomain[i] {
			if r.Status == meter.StatusLost && r.Before < w.End {
				h.Lost = true
			}
			if r.At() < w.Start || r.At() > w.End {
				last, first = r.At(), false
				continue
			}
			h.Readings++
			switch r.Status {
			case meter.StatusGap:
				h.Gaps++
				if !first {
					gap += r.At() - max(last, w.Start)
				}
			case meter.StatusReset:
				h.Reset = true
			case meter.StatusStalled:
				h.Stalled++
			}
			last, first = r.At(), false
		}
		if w.Length() > 0 {
			h.GapShare = float64(gap) / float64(w.Length())
		}
		curve := j.curves[k]
		span := curve.Span()
		h.Covered = span.Start <= w.Start && span.End >= w.End
		difference, bracket := curve.Counter(w), curve.Energy(w)
		h.Advanced = difference.Flag == "" && difference.Energy > 0
		if bracket.HasEnergy && bracket.Energy > 0 && bracket.Hi != attribution.Unbounded {
			h.Bracket = Figure(float64(bracket.Hi-bracket.Lo) / float64(bracket.Energy))
		}
		if d.Kind == meter.KindCounter {
			h.CounterToPower = counterToPower(j.readings.ByDomain[i], bracket, w)
		}
		all = append(all, h)
	}
	return all
}

// counterToPower is the counter's energy over w by the integral of the gauge
// that was read with it, by trapezoids; unknown without a gauge or where its
// readings do not bracket w.
func counterToPower(readings []meter.Reading, energy attribution.Interval, w attribution.Window) Figure {
	if !energy.HasEnergy {
		return Unknown()
	}
	var integral float64 // joules
	var before *meter.Reading
	covered := false
	for i := range readings {
		r := &readings[i]
		if !r.HasPower {
			continue
		}
		if before != nil {
			from, to := max(before.At(), w.Start), min(r.At(), w.End)
			if to > from {
				at := func(t time.Duration) float64 {
					share := float64(t-before.At()) / float64(r.At()-before.At())
					return before.Power.Watts() + share*(r.Power.Watts()-before.Power.Watts())
				}
				integral += (at(from) + at(to)) / 2 * (to - from).Seconds()
			}
			covered = covered || r.At() >= w.End
		} else if r.At() > w.Start {
			return Unknown()
		}
		before = r
	}
	if !covered {
		return Unknown()
	}
	return per(energy.Energy.Joules(), integral)
}

// shares is what energy.arrow says by one convention, summed over the domains.
type shares struct {
	convention         string
	energy             []float64 // J, in the order of the request table's rows; NaN where there is none
	prefill, decode    float64   // J, of all requests
	idlePart           float64   // J of the requests that idle power would have used
	idle, unattributed float64   // J, the rows beside the requests
	missing            int       // requests of the table without a row
}

// readShares reads energy.arrow of a cell, one element a convention in the
// order of the file, for the domains that are summed. A cell without the table
// has none.
func (j *joules) readShares(dir, cell string, t *requestTable) ([]*shares, error) {
	path := cellPath(dir, cell, EnergyFile)
	row := rowsByID(t.id)
	summed := map[string]bool{}
	for _, i := range j.summed {
		summed[j.readings.Domains[i].Name] = true
	}
	var all []*shares
	byName := map[string]*shares{}
	j.counters = map[string]meter.Energy{}
	opened := func(r *arrowfile.Reader) error {
		for key, value := range r.Metadata() {
			if domain, ok := strings.CutPrefix(key, MetaCounter); ok {
				uj, err := strconv.ParseInt(value, 10, 64)
				if err != nil {
					return err
				}
				j.counters[domain] = meter.Energy(uj)
			}
		}
		return nil
	}
	for batch, err := range batches(path, "energy", opened) {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		c, err := energyColumnsOf(batch)
		if err != nil {
			return nil, err
		}
		var s *shares
		for i := range int(batch.NumRows()) {
			if !summed[c.domain.Value(i)] {
				continue
			}
			if name := c.convention.Value(i); s == nil || s.convention != name {
				if s = byName[name]; s == nil {
					name = strings.Clone(name)
					s = &shares{convention: name, energy: make([]float64, len(t.id))}
					for k := range s.energy {
						s.energy[k] = math.NaN()
					}
					byName[name] = s
					all = append(all, s)
				}
			}
			s.add(&c, i, row)
		}
	}
	for _, s := range all {
		for _, e := range s.energy {
			if math.IsNaN(e) {
				s.missing++
			}
		}
	}
	return all, nil
}

func (s *shares) add(c *energyColumns, i int, row func(int64) int) {
	energy := c.energy.Value(i)
	switch id := c.request.Value(i); id {
	case attribution.IdleRow:
		s.idle += energy
	case attribution.UnattributedRow:
		s.unattributed += energy
	default:
		k := row(id)
		if k < 0 {
			return
		}
		if math.IsNaN(s.energy[k]) {
			s.energy[k] = 0
		}
		s.energy[k] += energy
		s.prefill += c.prefill.Value(i)
		s.decode += c.decode.Value(i)
		s.idlePart += c.idle.Value(i)
	}
}

// rowsByID returns the row of an id, −1 if there is none. Most runs number
// their requests from zero in order of completion, so a dense table serves.
func rowsByID(ids []int64) func(int64) int {
	if len(ids) == 0 {
		return func(int64) int { return -1 }
	}
	if top := slices.Max(ids); top < int64(64*len(ids)+1024) && slices.Min(ids) >= 0 {
		dense := make([]int32, top+1)
		for i := range dense {
			dense[i] = -1
		}
		for k, id := range ids {
			dense[id] = int32(k)
		}
		return func(id int64) int {
			if id < 0 || id >= int64(len(dense)) {
				return -1
			}
			return int(dense[id])
		}
	}
	sparse := make(map[int64]int, len(ids))
	for k, id := range ids {
		sparse[id] = k
	}
	return func(id int64) int {
		if k, ok := sparse[id]; ok {
			return k
		}
		return -1
	}
}
