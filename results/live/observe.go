package live

import (
	"time"

	"cfubench/loadgen"
	"cfubench/meter"
)

// SetRun says how many cells the sweep has and when it began.
func (l *Live) SetRun(cells int, started time.Time) {
	l.cells.Set(float64(cells))
	l.started.Set(float64(started.UnixNano()) / 1e9)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.snapshot.Cells = cells
}

// SetCell says which cell begins, the number'th from 1.
func (l *Live) SetCell(number int, cell, model, engine string) {
	l.info.Reset()
	l.info.WithLabelValues(model, engine, cell).Set(1)
	l.cellsDone.Set(float64(number - 1))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.snapshot.Cell, l.snapshot.Number = cell, number
	// A new cell may have a new server and with it new registers.
	clear(l.counters)
}

// SetDone says how many cells have ended, and how long the rest should take.
func (l *Live) SetDone(cells int, remaining time.Duration) {
	l.cellsDone.Set(float64(cells))
	l.remaining.Set(max(0, remaining.Seconds()))
}

// SetInFlight says how many requests are sent and not ended.
func (l *Live) SetInFlight(n int) {
	l.inFlight.Set(float64(n))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.snapshot.InFlight = n
}

// ObserveRequest takes a request that ended.
func (l *Live) ObserveRequest(r loadgen.Record) {
	outcome := "completed"
	if !r.OK() {
		outcome = "failed"
	}
	l.requests.WithLabelValues(outcome).Inc()
	l.promptTokens.Add(float64(max(0, r.PromptTokens)))
	l.outputTokens.Add(float64(max(0, r.OutputTokens)))
	l.cachedTokens.Add(float64(max(0, r.CachedTokens)))
	if late := r.Lateness(); late != loadgen.Never {
		l.lateness.Observe(late.Seconds())
	}
	if r.OK() {
		l.latency.Observe((r.Done - r.Sent).Seconds())
		if r.FirstToken != loadgen.Never {
			l.ttft.Observe((r.FirstToken - r.Sent).Seconds())
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.snapshot
	if r.OK() {
		s.Completed++
	} else {
		s.Failed++
	}
	s.PromptTokens += int64(max(0, r.PromptTokens))
	s.OutputTokens += int64(max(0, r.OutputTokens))
	s.LatenessMax = max(s.LatenessMax, r.Lateness())
}

// ObserveReadings takes a batch of readings in time order; domains are those
// that the readings number. Only domains that may be added should be given, or
// the sum counts energy twice.
func (l *Live) ObserveReadings(domains []meter.Domain, readings []meter.Reading) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range readings {
		d := &domains[r.Domain]
		l.readings.WithLabelValues(d.Name, string(r.Status)).Inc()
		if d.Kind == meter.KindModel || l.snapshot.Kind == "" {
			l.snapshot.Kind = d.Kind
		}
		if r.HasPower {
			l.watts[d.Name] = r.Power.Watts()
			l.power.WithLabelValues(d.Name, string(d.Kind)).Set(r.Power.Watts())
		}
		if r.HasEnergy {
			l.observeCounter(d, r)
		}
	}
}

// observeCounter adds what the counter of d advanced since its last reading. A
// fall by a known range is a wrap; another is a reset, across which nothing is
// known.
func (l *Live) observeCounter(d *meter.Domain, r meter.Reading) {
	before, seen := l.counters[d.Name]
	l.counters[d.Name] = r.Energy
	if !seen || r.Status == meter.StatusGlitch || r.Status == meter.StatusReset {
		return
	}
	used := r.Energy - before
	if used < 0 && d.Range > 0 {
		used += d.Range
	}
	if used <= 0 {
		return
	}
	l.snapshot.Energy += used
	l.energy.WithLabelValues(d.Name, string(d.Kind)).Add(used.Joules())
}

// SetPower gives the mean power of a domain that has no gauge, as computed by
// whoever keeps its readings.
func (l *Live) SetPower(d meter.Domain, p meter.Power) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watts[d.Name] = p.Watts()
	l.power.WithLabelValues(d.Name, string(d.Kind)).Set(p.Watts())
}
