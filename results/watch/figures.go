package watch

import (
	"fmt"
	"time"

	"cfubench/attribution"
	"cfubench/internal/si"
	"cfubench/loadgen/engine"
	"cfubench/results/derivation"
)

const (
	// lately is the time of the joules per token and request, hourLong that by which
	// prefill and decode are told apart.
	lately   = 5 * time.Minute
	hourLong = time.Hour
)

// figures are what is known of now.
type figures struct {
	open    derivation.Interval // under way, if it is begun
	begun   bool
	waiting []derivation.Interval // for the meters
	past    []derivation.Interval // of the last hour, with their energies
	late    int                   // of them the first of the last minutes

	recent derivation.Served
	costs  attribution.ServedCosts
	reason string // why there are none
}

func newFigures() figures { return figures{reason: "nothing has been served yet"} }

// served makes the interval under way longer.
func (w *Watcher) served(s engine.Stretch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.underLocked(); p != nil {
		p.end = s.To
	}
	f := &w.figures
	if !f.begun {
		f.open, f.begun = derivation.BeginInterval(s.From), true
	}
	if f.open.Add(s); f.open.Length() >= w.length() {
		f.close()
	}
}

// close ends the interval under way.
func (f *figures) close() {
	if f.begun {
		f.waiting = append(f.waiting, f.open)
	}
	f.begun = false
}

// settle takes the intervals that the meters have shown since, or never will.
func (w *Watcher) settle(now time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := &w.figures
	defer func() { w.divide(now) }()
	n := 0
	for n < len(f.waiting) && (w.recent.shows(w.domains, f.waiting[n].End, true) || f.waiting[n].End+w.lag < now) {
		n++
	}
	if n == 0 && !f.aged(now) {
		return
	}
	settled := f.waiting[:n:n]
	f.waiting = append([]derivation.Interval(nil), f.waiting[n:]...)
	w.recent.energies(w.domains, settled)
	for _, i := range settled {
		if !i.Energy.Known {
			w.live.Uncounted("meters", i.Length())
			continue
		}
		w.live.Counted(i)
		w.tenants.counted(i)
		f.past = append(f.past, i)
	}
	f.sum(now)
	w.live.Recent(f.recent)
	w.live.Split(f.costs, f.reason == "")
}

// aged reports whether an interval of the figures is too old for them by now: while the
// server is away none comes that would take its place.
func (f *figures) aged(now time.Duration) bool {
	return f.late < len(f.past) && f.past[f.late].End < now-lately || len(f.past) > 0 && f.past[0].End < now-hourLong
}

// sum makes the figures of what is not too old.
func (f *figures) sum(now time.Duration) {
	old, late := 0, 0
	for i := range f.past {
		if f.past[i].End < now-hourLong {
			old = i + 1
		}
		if f.past[i].End < now-lately {
			late = i + 1
		}
	}
	f.recent, f.late = derivation.SumServed(f.past[late:]), late-old
	f.past = append([]derivation.Interval(nil), f.past[old:]...)
	f.costs, f.reason = derivation.FitIntervals(f.past)
}

// Line is what is known now, in one line.
func (w *Watcher) Line() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := &w.figures
	switch {
	case w.silent != "":
		return fmt.Sprintf("the server has not answered for %v: %s", (w.clock() - w.lastGood).Round(time.Second), w.silent)
	case f.recent.Time == 0:
		return "measuring"
	}
	s := f.recent
	line := si.Format(s.Energy.Energy.Joules()/s.Time.Seconds(), "W")
	if derivation.Modelled(w.kind()) {
		line += " (model)"
	}
	if e, ok := s.PerOutputToken(); ok {
		line += ", " + si.Format(e.Value, "J/output token")
	}
	if e, ok := s.PerRequest(); ok {
		line += ", " + si.Format(e.Value, "J/request")
	}
	if share, ok := s.IdleShare(); ok {
		line += fmt.Sprintf(", %.0f %% idle", 100*share)
	}
	line += fmt.Sprintf(" over %v; ", s.Time.Round(time.Second))
	if f.reason != "" {
		return line + "prefill and decode not told apart: " + f.reason
	}
	return line + fmt.Sprintf("prompt token %s, output token %s over %v", si.Format(f.costs.Prefill.Value, "J"), si.Format(f.costs.Decode.Value, "J"), time.Duration(f.costs.Intervals)*w.length())
}
