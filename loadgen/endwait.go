package loadgen

import (
	"sync/atomic"
	"time"
)

// How long the end mark of an answer is waited for once its finish reason has
// come: with the usage all has come that matters, without it the usage may follow.
// Some servers keep the connection open for ever (vllm-mlx's issue 101, OmniRoute's
// 6777).
const (
	endPatience   = 5 * time.Second
	usagePatience = 30 * time.Second
)

// endWait gives up the wait for the end of a stream whose answer is complete. Only what
// counts of an answer makes it begin again: a server that says nothing new, by comments or
// the usage once more, must not hold the request.
type endWait struct {
	cancel func() // ends the request
	timer  *time.Timer
	gaveUp atomic.Bool
}

// begin starts the wait, again if something came meanwhile.
func (e *endWait) begin(counted bool) {
	patience := usagePatience
	if counted {
		patience = endPatience
	}
	if e.timer != nil {
		e.timer.Reset(patience)
		return
	}
	e.timer = time.AfterFunc(patience, func() {
		e.gaveUp.Store(true)
		e.cancel()
	})
}

// stop ends the wait.
func (e *endWait) stop() {
	if e.timer != nil {
		e.timer.Stop()
	}
}
