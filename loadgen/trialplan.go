package loadgen

import (
	"math"
	"slices"
	"sort"
	"time"
)

// trialPlan is when the requests of one trial are looked at, fixed before the
// first. Looking after each request and stopping at the first verdict would
// pass a server that just misses the objective far more often than the
// confidence says (6 % instead of 1 % at p99 in 5000 requests). So there are
// few looks, each half as many requests again after the one before, and the
// error that is allowed is split evenly between them (Bonferroni): the verdict
// of a whole trial is wrong at most that often, however the looks depend on
// each other.
type trialPlan struct {
	percentile  float64
	looks       []int   // numbers of requests, rising; the last is the limit
	passFrom    int     // the least number that may pass
	pass, fails float64 // confidence of one look
	spare       int     // the most misses with which the last look can pass
	enough      int     // of requests one at a time to end where they keep the SLO; 0 at a rate
}

// lookStep is the ratio of one look's requests to those of the look before.
const lookStep = 1.5

// backlogFactor is by how much a trial outlasts the time in which a rate above
// capacity by the search's resolution builds up a wait as long as the SLO's
// tightest bound on latency.
const backlogFactor = 1.5

// plan is that of a trial at one rate. A server overloaded by the share e falls
// behind by e of the time that goes by, so a short trial would pass a rate that
// it cannot sustain: none passes before a backlog of that size would show.
func (o FindOptions) plan(rate float64) trialPlan {
	shows := math.Ceil(rate * backlogFactor * o.SLO.tightest().Seconds() / o.Resolution)
	limit := max(o.Requests, int(min(shows, math.MaxInt32)))
	p := trialPlan{percentile: o.Percentile}
	for n := 1.0; int(math.Ceil(n)) < limit; n *= lookStep {
		if look := int(math.Ceil(n)); len(p.looks) == 0 || look > p.looks[len(p.looks)-1] {
			p.looks = append(p.looks, look)
		}
	}
	p.looks = append(p.looks, limit)
	p.passFrom = max(int(min(shows, float64(limit))), min(MinQueries(o.Percentile, o.Confidence, 0), limit))
	passing := 0
	for _, look := range p.looks {
		if look >= p.passFrom {
			passing++
		}
	}
	p.pass = 1 - (1-o.Confidence)/float64(passing)
	p.fails = 1 - (1-o.Confidence)/float64(len(p.looks))
	p.spare = sort.Search(limit, func(over int) bool { return Decide(p.percentile, p.pass, limit, over) != Passes }) - 1
	return p
}

// fewAlone is how many requests are sent one at a time, unless it takes more misses to
// show that the server fails: they decide nothing else. Where more of them miss the SLO
// than may, they go on to manyAlone times as many.
const fewAlone, manyAlone = 10, 5

// alone is the plan of requests one at a time. It ends when they show that the SLO is not
// kept, or, from three times as many as can show it on, when they do not look like it.
func (o FindOptions) alone() trialPlan {
	p := o.plan(0)
	p.enough = fewAlone
	if least := slices.IndexFunc(p.looks, func(n int) bool { return Decide(p.percentile, p.fails, n, n) == Fails }); least >= 0 {
		p.enough = max(p.enough, 3*p.looks[least])
	}
	if beyond := slices.IndexFunc(p.looks, func(n int) bool { return n > manyAlone*p.enough }); beyond > 0 {
		p.looks = p.looks[:beyond]
	}
	p.spare = p.limit() // it goes on however many missed, to the verdict
	return p
}

// keeps reports whether requests one at a time, enough of them, missed the SLO no more
// often than they may.
func (p trialPlan) keeps(n, over int) bool {
	return p.enough > 0 && n >= p.enough && slices.Contains(p.looks, n) && float64(over) <= (1-p.percentile)*float64(n)
}

// limit is the number of requests of the last look.
func (p trialPlan) limit() int { return p.looks[len(p.looks)-1] }

// decide is the verdict after n requests, over of which missed the SLO:
// Undecided between looks.
func (p trialPlan) decide(n, over int) Verdict {
	switch {
	case !slices.Contains(p.looks, n):
	case n >= p.passFrom && Decide(p.percentile, p.pass, n, over) == Passes:
		return Passes
	case Decide(p.percentile, p.fails, n, over) == Fails:
		return Fails
	}
	return Undecided
}

// lost reports whether a trial with so many misses cannot pass any more, however
// many of the requests to come meet the SLO. To go on would only tell a rate that
// fails from one that is undecided, and both count as failed.
func (p trialPlan) lost(over int) bool { return over > p.spare }

// needed is the least number of requests with so many over that can pass.
func (p trialPlan) needed(over int) int {
	return max(p.passFrom, MinQueries(p.percentile, p.pass, over))
}

// soonest is how many requests a trial takes that passes without a miss: those of the
// first look at which it can.
func (p trialPlan) soonest() int {
	for _, look := range p.looks {
		if look >= p.needed(0) {
			return look
		}
	}
	return p.limit()
}

// tightest is the least bound that a wait in a queue breaks, 0 if there is none.
func (s SLO) tightest() time.Duration {
	if s.TTFT > 0 && (s.E2E == 0 || s.TTFT < s.E2E) {
		return s.TTFT
	}
	return s.E2E
}
