package loadgen

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"cfubench/datasets"
	"cfubench/internal/stats"
)

// Schedule is when to send: the absolute offset of the n-th request, n from 0,
// from the window's start. It is a pure function of its parameters and n, does
// not fall with n, and does not depend on how the run goes: what is sent late
// is late, and the requests after it keep their own times. The second result
// is false past the end of a finite schedule. Implementations are safe for
// concurrent use.
type Schedule interface {
	Due(n int) (time.Duration, bool)
}

var (
	_ Schedule = immediate{}
	_ Schedule = constant{}
	_ Schedule = (*renewal)(nil)
	_ Schedule = ramp{}
	_ Schedule = replay{}
)

// immediate is rate inf: everything at once.
type immediate struct{}

func (immediate) Due(int) (time.Duration, bool) { return 0, true }

// constant sends each 1/rate, the first at once.
type constant struct{ rate float64 }

func (c constant) Due(n int) (time.Duration, bool) { return seconds(float64(n) / c.rate), true }

// renewal is an arrival process with independent gaps: gap n is a function of
// (seed, n) alone, and Due(n) the sum of gaps 0…n, without renormalisation, so
// the number of arrivals in a span varies as its law says. Sums are kept, 8
// bytes an arrival.
type renewal struct {
	gap func(n uint64) float64 // seconds

	mu  sync.Mutex
	sum []float64
}

func (r *renewal) Due(n int) (time.Duration, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.sum) <= n {
		last := 0.0
		if k := len(r.sum); k > 0 {
			last = r.sum[k-1]
		}
		r.sum = append(r.sum, last+r.gap(uint64(len(r.sum))))
	}
	return seconds(r.sum[n]), true
}

// poisson has exponential gaps of mean 1/rate, by inversion.
func poisson(rate float64, seed int64) *renewal {
	return &renewal{gap: func(n uint64) float64 {
		u := rand.New(rand.NewPCG(uint64(seed), n)).Float64() // [0, 1)
		return -math.Log1p(-u) / rate
	}}
}

// gamma has gaps of mean 1/rate and shape burstiness: 1 is Poisson, less is
// burstier, more is steadier (coefficient of variation 1/√burstiness).
func gamma(rate float64, seed int64, burstiness float64) *renewal {
	return &renewal{gap: func(n uint64) float64 {
		return stats.Gamma(rand.New(rand.NewPCG(uint64(seed), n)), burstiness) / (burstiness * rate)
	}}
}

// ramp sends at a rate that goes from one value to another over a span and
// stays there: arrivals are where the integral of the rate passes whole
// numbers, so it is as even as constant is.
type ramp struct {
	from, to    float64 // requests/s
	over        float64 // s
	exponential bool
}

func (r ramp) Due(n int) (time.Duration, bool) {
	k := float64(n)
	full := r.arrivals(r.over)
	if k >= full {
		return seconds(r.over + (k-full)/r.to), true
	}
	if r.exponential && r.from != r.to {
		growth := math.Log(r.to/r.from) / r.over
		return seconds(math.Log1p(k*growth/r.from) / growth), true
	}
	// from·t + slope·t²/2 = k, in the form that keeps its digits for small slopes.
	slope := (r.to - r.from) / r.over
	return seconds(2 * k / (r.from + math.Sqrt(r.from*r.from+2*slope*k))), true
}

// arrivals is the number of requests due in the first t seconds of the ramp.
func (r ramp) arrivals(t float64) float64 {
	if r.exponential && r.from != r.to {
		growth := math.Log(r.to/r.from) / r.over
		return r.from * math.Expm1(growth*t) / growth
	}
	return r.from*t + (r.to-r.from)/r.over*t*t/2
}

// replay sends at a trace's own times, stretched by scale. Looped, the trace
// starts over one mean gap after its end.
type replay struct {
	at     []time.Duration
	scale  float64
	loop   bool
	period time.Duration
}

func (r replay) Due(n int) (time.Duration, bool) {
	rounds := n / len(r.at)
	if rounds > 0 && !r.loop {
		return 0, false
	}
	at := float64(r.at[n%len(r.at)]) + float64(rounds)*float64(r.period)
	return time.Duration(math.Round(at * r.scale)), true
}

// seconds rounds to the nanosecond, saturating.
func seconds(s float64) time.Duration {
	ns := math.Round(s * 1e9)
	if ns >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(ns)
}

// ScheduleHash is the hash of the first n due times: equal hashes, equal
// schedules.
func ScheduleHash(s Schedule, n int) string {
	h := sha256.New()
	var b [8]byte
	for i := range n {
		due, ok := s.Due(i)
		if !ok {
			break
		}
		binary.LittleEndian.PutUint64(b[:], uint64(due))
		h.Write(b[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ClosedLoopHash is the counterpart of ScheduleHash for a closed loop: the
// concurrency, the think time and the order of the requests.
func ClosedLoopHash(concurrency int, think time.Duration, reqs []datasets.Request) string {
	h := sha256.New()
	var b [8]byte
	put := func(n int64) {
		binary.LittleEndian.PutUint64(b[:], uint64(n))
		h.Write(b[:])
	}
	put(int64(concurrency))
	put(int64(think))
	for _, r := range reqs {
		put(int64(r.Index))
		put(int64(r.Turn))
		put(int64(len(r.Conversation)))
		h.Write([]byte(r.Conversation))
	}
	return hex.EncodeToString(h.Sum(nil))
}
