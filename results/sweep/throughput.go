package sweep

import (
	"fmt"
	"sync"
	"time"

	"cfubench/loadgen"
)

// tokenRates is what the run's streams have carried so far: for the live line,
// and as the load at which the client is tested.
type tokenRates struct {
	mu       sync.Mutex
	requests int
	tokens   int
	gaps     time.Duration // Σ over requests of last − first token
	gapCount int
	from     time.Duration // of the cell's first record
	cell     struct {
		requests, tokens int
		busy             time.Duration // Σ over requests of done − sent
	}
	streams float64 // highest mean number of requests in flight of any cell
}

// begin starts a cell.
func (r *tokenRates) begin(now time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.from = now
	r.cell.requests, r.cell.tokens, r.cell.busy = 0, 0, 0
}

// end closes a cell.
func (r *tokenRates) end(now time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now > r.from {
		r.streams = max(r.streams, r.cell.busy.Seconds()/(now-r.from).Seconds())
	}
}

// observe adds a finished request.
func (r *tokenRates) observe(rec loadgen.Record) {
	if !rec.OK() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	r.cell.requests++
	r.cell.busy += rec.Done - rec.Sent
	tokens := rec.Tokens()
	if tokens > 0 {
		r.tokens += tokens
		r.cell.tokens += tokens
	}
	if tokens > 1 && rec.LastToken > rec.FirstToken {
		r.gaps += rec.LastToken - rec.FirstToken
		r.gapCount += tokens - 1
	}
}

// perStream is the mean token rate of one stream, 0 if there was none.
func (r *tokenRates) perStream() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gaps <= 0 {
		return 0
	}
	return float64(r.gapCount) / r.gaps.Seconds()
}

// begun is when the cell's load began.
func (r *tokenRates) begun() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.from
}

// line is the cell's throughput so far.
func (r *tokenRates) line(now time.Duration) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := (now - r.from).Seconds()
	if t <= 0 {
		return "0 req/s"
	}
	return fmt.Sprintf("%.2f req/s, %.0f tokens/s", float64(r.cell.requests)/t, float64(r.cell.tokens)/t)
}
