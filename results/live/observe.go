package live

import (
	"strconv"
	"time"

	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// SetRun says how many cells the sweep has and when it began.
func (l *Live) SetRun(cells int, started time.Time) {
	l.cells.Set(float64(cells))
	l.started.Set(float64(started.UnixNano()) / 1e9)
}

// SetCell says which cell begins, the number'th from 1.
func (l *Live) SetCell(number int, cell, model, engine string) {
	l.info.Reset()
	l.info.WithLabelValues(model, engine, cell).Set(1)
	l.cellsDone.Set(float64(number - 1))
	l.mu.Lock()
	defer l.mu.Unlock()
	// A new cell may have a new server and with it new registers.
	clear(l.domains)
}

// SetDone says how many cells have ended, and how long the rest should take.
func (l *Live) SetDone(cells int, remaining time.Duration) {
	l.cellsDone.Set(float64(cells))
	l.remaining.Set(max(0, remaining.Seconds()))
}

// SetInFlight says how many requests are sent and not ended.
func (l *Live) SetInFlight(n int) { l.inFlight.Set(float64(n)) }

// ObserveRequest takes a request that ended.
func (l *Live) ObserveRequest(r loadgen.Record) {
	outcome := "completed"
	if !r.OK() {
		outcome = "failed"
	}
	l.requests.WithLabelValues(outcome).Inc()
	l.promptTokens.Add(float64(max(0, r.PromptTokens)))
	l.outputTokens.Add(float64(max(0, r.Tokens())))
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
}

// ObserveReadings takes a batch of readings in time order; domains are those
// that the readings number, and say which of them are summed.
func (l *Live) ObserveReadings(domains []runfolder.DomainInfo, readings []meter.Reading) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range readings {
		info := &domains[r.Domain]
		l.readings.WithLabelValues(info.Name, string(r.Status)).Inc()
		d := l.domains[info.Name]
		if d == nil {
			d = &domain{summed: info.Summed(), kind: info.Kind}
			l.domains[info.Name] = d
		}
		labels := []string{info.Name, string(info.Kind), strconv.FormatBool(info.Summed())}
		if r.HasEnergy {
			if used := d.advance(info.Domain, r); used > 0 {
				l.energy.WithLabelValues(labels...).Add(used.Joules())
			}
		}
		// A register's power is its own slope, as in the tables: the gauge beside
		// it is another sensor.
		if info.Kind == meter.KindPower && r.HasPower {
			d.watts, d.known = r.Power.Watts(), true
		}
		if d.known {
			l.power.WithLabelValues(labels...).Set(d.watts)
		}
	}
}

// slopeTime is the least time over which a register's power is taken.
const slopeTime = time.Second

// advance takes a register's value and returns what it advanced since the last
// one. A fall by a known range is a wrap; another is a reset, across which
// nothing is known.
func (d *domain) advance(of meter.Domain, r meter.Reading) meter.Energy {
	before, seen := d.last, d.seen
	if r.Status == meter.StatusGlitch {
		return 0
	}
	d.last, d.seen = r.Energy, true
	if !seen || r.Status == meter.StatusReset {
		d.anchor, d.anchored = 0, r.At()
		return 0
	}
	used := r.Energy - before
	if used < 0 && of.Range > 0 {
		used += of.Range
	}
	used = max(used, 0)
	d.anchor += used
	if past := r.At() - d.anchored; past >= max(slopeTime, 2*of.UpdatePeriod) {
		d.watts, d.known = d.anchor.Joules()/past.Seconds(), true
		d.anchor, d.anchored = 0, r.At()
	}
	return used
}
