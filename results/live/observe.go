package live

import (
	"time"

	"cfubench/loadgen"
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
	l.forget() // a new cell may have a new server and with it new registers
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
