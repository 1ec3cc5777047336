package agent

import (
	"math"
	"time"
)

// maxDrift bounds how fast two monotonic clocks run apart: NTP corrects each by
// at most 500 ppm, and crystals are good to 100 ppm. A clock that is slewed
// faster (chrony does so after a start) contradicts itself and is marked.
const maxDrift = 1.2e-3

// keptExchanges bounds the alignment's memory: a minute at ten a second. Older
// ones say nothing that the drift has not made vague; while the connection is
// broken there are none, and those before and after it stay.
const keptExchanges = 600

// exchange is one comparison of the clocks: what the client's clock said before
// the question and after the answer, and what the agent's said in between.
type exchange struct{ asked, answered, received, sent time.Duration }

// offset is the interval that holds agent clock − client clock during the
// exchange. Nothing is assumed of the two ways of the network, only that an
// answer follows its question.
func (e exchange) offset() interval { return interval{e.sent - e.answered, e.received - e.asked} }

// at is the middle of the exchange on the client's clock.
func (e exchange) at() time.Duration { return e.asked + (e.answered-e.asked)/2 }

// interval is a closed interval of clock offsets.
type interval struct{ lo, hi time.Duration }

func (i interval) width() time.Duration { return i.hi - i.lo }

// alignment is what is known of the agent's clock. The zero value knows
// nothing.
type alignment struct {
	exchanges []exchange
	steps     int // times at which the exchanges contradicted each other
}

// add takes in an exchange. If no clock that drifts by maxDrift at most could
// have answered both it and the ones before, one of the clocks was stepped or
// one host suspended: what was known before is forgotten, and add reports it.
func (a *alignment) add(e exchange) (stepped bool) {
	if len(a.exchanges) > 0 {
		i, _ := a.offset(e.at())
		own := e.offset()
		slack := drifted(e.answered - e.asked)
		if own.lo-slack > i.hi || own.hi+slack < i.lo {
			a.exchanges, stepped = nil, true
			a.steps++
		}
	}
	if len(a.exchanges) == keptExchanges {
		a.exchanges = append(a.exchanges[:0], a.exchanges[keptExchanges/4:]...)
	}
	a.exchanges = append(a.exchanges, e)
	return stepped
}

// drifted is how far the clocks may move against each other in d, with a
// nanosecond for the rounding of each.
func drifted(d time.Duration) time.Duration {
	return time.Duration(math.Ceil(maxDrift*float64(d.Abs()))) + 2
}

// offset is the interval that holds agent clock − client clock at client time
// t: the intersection of what each exchange says, widened by the drift that may
// lie between the exchange and t. It is false before the first exchange.
func (a *alignment) offset(t time.Duration) (interval, bool) {
	if len(a.exchanges) == 0 {
		return interval{}, false
	}
	out := interval{math.MinInt64, math.MaxInt64}
	for _, e := range a.exchanges {
		// The agent looked at its clock somewhere between question and answer.
		slack := drifted(max((t - e.asked).Abs(), (t - e.answered).Abs()))
		i := e.offset()
		out.lo, out.hi = max(out.lo, i.lo-slack), min(out.hi, i.hi+slack)
	}
	if out.lo > out.hi { // within what add tolerates: no narrower than a point
		middle := out.hi + (out.lo-out.hi)/2
		out = interval{middle, middle}
	}
	return out, true
}

// bounds converts the agent's time to the client's: it lies in the interval
// that is returned.
func (a *alignment) bounds(agent time.Duration) (interval, bool) {
	at, off := a.roughly(agent)
	i, ok := a.offset(at)
	slack := drifted(off)
	return interval{agent - i.hi - slack, agent - i.lo + slack}, ok
}

// roughly is the agent's time on the client's clock by the latest exchange, good
// enough to say how long ago the others were, and by how much it may be off.
func (a *alignment) roughly(agent time.Duration) (at, off time.Duration) {
	if len(a.exchanges) == 0 {
		return agent, 0
	}
	e := a.exchanges[len(a.exchanges)-1]
	i := e.offset()
	at = agent - i.lo - i.width()/2
	return at, i.width() + drifted(max((at-e.asked).Abs(), (at-e.answered).Abs()))
}

// drift estimates how fast the agent's clock runs against the client's, in
// seconds a second: the slope between the narrowest exchange of the older half
// and that of the newer. It is false before there are ten seconds of exchanges.
func (a *alignment) drift() (estimate, uncertainty float64, ok bool) {
	if len(a.exchanges) < 4 {
		return 0, 0, false
	}
	half := len(a.exchanges) / 2
	x, y := narrowest(a.exchanges[:half]), narrowest(a.exchanges[half:])
	apart := y.at() - x.at()
	if apart < 10*time.Second {
		return 0, 0, false
	}
	i, j := x.offset(), y.offset()
	middle := float64(j.lo+j.width()/2) - float64(i.lo+i.width()/2)
	return middle / float64(apart), float64(i.width()+j.width()) / 2 / float64(apart), true
}

func narrowest(all []exchange) exchange {
	best := all[0]
	for _, e := range all[1:] {
		if e.offset().width() < best.offset().width() {
			best = e
		}
	}
	return best
}
