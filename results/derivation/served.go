package derivation

import (
	"context"
	"fmt"
	"iter"
	"math"
	"time"

	"cfubench/attribution"
	"cfubench/attribution/lca"
	"cfubench/loadgen/engine"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// Interval is a time of a server in production, with what its totals advanced by.
type Interval struct {
	meter.Window
	engine.Counts
	// Idle says that the server had nothing to do in all of it.
	Idle bool
	// Energy of the domains that count, once it is known.
	Energy Estimate
}

// BeginInterval is an empty interval.
func BeginInterval(at time.Duration) Interval {
	return Interval{Window: meter.Window{Start: at, End: at}, Counts: engine.NoCounts(), Idle: true}
}

// Add makes the interval longer by a stretch whose counts are known.
func (i *Interval) Add(s engine.Stretch) {
	i.End, i.Counts, i.Idle = s.To, i.Plus(s.Counts), i.Idle && s.Idle
}

// Served sums up intervals of a server in production. Figures that its totals or
// the meters do not tell are not there.
type Served struct {
	Time, IdleTime time.Duration
	engine.Counts
	Energy, IdleEnergy Estimate
}

// SumServed sums up intervals whose energy is known; the others are left out, with
// what was served in them.
func SumServed(intervals []Interval) Served {
	s := Served{Counts: engine.NoCounts(), Energy: Estimate{Known: true}, IdleEnergy: Estimate{Known: true}}
	for _, i := range intervals {
		s.Add(i)
	}
	return s
}

// Add takes an interval; one whose energy is not known is left out.
func (s *Served) Add(i Interval) {
	if !i.Energy.Known {
		return
	}
	s.Time += i.Length()
	s.Counts, s.Energy = s.Plus(i.Counts), s.Energy.plus(i.Energy)
	if i.Idle {
		s.IdleTime += i.Length()
		s.IdleEnergy = s.IdleEnergy.plus(i.Energy)
	}
}

// PerOutputToken are joules per generated token; false where the server does not
// count them or none was generated.
func (s Served) PerOutputToken() (attribution.Fitted, bool) { return s.per(s.OutputTokens) }

// PerRequest are joules per finished request; false where the server does not
// count them or none has finished.
func (s Served) PerRequest() (attribution.Fitted, bool) { return s.per(s.Requests) }

// per divides the energy; a Hi of 0 is one that nothing bounds.
func (s Served) per(n float64) (attribution.Fitted, bool) {
	if !(n > 0) || !s.Energy.Known || s.Time == 0 {
		return attribution.Fitted{}, false
	}
	f := attribution.Fitted{Value: s.Energy.Energy.Joules() / n, Lo: s.Energy.Lo.Joules() / n}
	if s.Energy.Hi != meter.Unbounded {
		f.Hi = s.Energy.Hi.Joules() / n
	}
	return f, true
}

// IdleShare is the share of the energy that was used while the server had nothing
// to do; false where there is no energy.
func (s Served) IdleShare() (float64, bool) {
	if !s.Energy.Known || s.Energy.Energy <= 0 {
		return 0, false
	}
	return float64(s.IdleEnergy.Energy) / float64(s.Energy.Energy), true
}

// FitIntervals fits what prompt and output tokens cost; the reason is "" where the
// intervals tell it.
func FitIntervals(intervals []Interval) (attribution.ServedCosts, string) {
	var rows []attribution.Served
	for _, i := range intervals {
		if !i.Energy.Known {
			continue
		}
		row := attribution.Served{Length: i.Length(), Energy: i.Energy.Energy,
			Computed: known(i.PromptTokens) - known(i.CachedTokens), Output: known(i.OutputTokens), Steps: i.Steps}
		rows = append(rows, row)
	}
	return attribution.FitServed(rows)
}

// known is a count, zero where the total had not begun.
func known(n float64) float64 {
	if math.IsNaN(n) {
		return 0
	}
	return n
}

// stretches yields the stretches of a cell of a server in production, from its
// engine.arrow. The cell was cut where one is not counted.
func stretches(ctx context.Context, dir string, cell runfolder.Cell) iter.Seq2[engine.Stretch, error] {
	return func(yield func(engine.Stretch, error) bool) {
		progress := engine.Progress{Patience: math.MaxInt64}
		for row, err := range runfolder.EngineSamples().Scan(ctx, runfolder.CellFile(dir, cell.ID, runfolder.EngineFile)) {
			if err != nil {
				yield(engine.Stretch{}, err)
				return
			}
			s, ok := progress.Add(row.Sample())
			if !ok || s.From < cell.Window.Start || s.To > cell.Window.End {
				continue
			}
			if s.Break == engine.Unbroken && !yield(s, nil) {
				return
			}
		}
	}
}

// countServed counts what the server itself says that it delivered in a cell.
func countServed(ctx context.Context, u *lca.Usage, dir string, cell runfolder.Cell) error {
	counts := engine.NoCounts()
	for s, err := range stretches(ctx, dir, cell) {
		if err != nil {
			return err
		}
		counts = counts.Plus(s.Counts)
	}
	if math.IsNaN(counts.Requests) {
		return fmt.Errorf("cell %s: its server does not count the requests that it finishes: %w", cell.ID, errNotAssessable)
	}
	u.Requests, u.OutputTokens = int64(counts.Requests), int64(known(counts.OutputTokens))
	if !math.IsNaN(counts.PromptTokens) { // else a part would stand for all
		u.TotalTokens = u.OutputTokens + int64(counts.PromptTokens)
	}
	return nil
}

// Intervals are those of a cell of a server in production, none shorter than
// ServedLength but the last, with their energies. Where the readings were rolled up
// to ten seconds they are six times as long: what lies between two readings that
// are left is spread evenly.
func Intervals(ctx context.Context, dir string, cell runfolder.Cell) ([]Interval, error) {
	length := ServedLength
	if _, err := runfolder.Stat(runfolder.CellFile(dir, cell.ID, runfolder.PowerFile)); err == nil {
		length *= 6
	}
	meters, err := ReadMeters(ctx, dir, cell, Bare{}, 0)
	if err != nil {
		return nil, err
	}
	var all []Interval
	one, begun := Interval{}, false
	end := func() {
		one.Energy, begun = meters.Energy(one.Window), false
		all = append(all, one)
	}
	for s, err := range stretches(ctx, dir, cell) {
		if err != nil {
			return nil, err
		}
		if !begun {
			one, begun = BeginInterval(s.From), true
		}
		if one.Add(s); one.Length() >= length {
			end()
		}
	}
	if begun {
		end()
	}
	return all, nil
}
