package loadgen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// FindOptions configures FindRate.
type FindOptions struct {
	SLO SLO
	// Percentile of requests that must keep the SLO, in (0, 1); default 0.99.
	Percentile float64
	// Confidence of the verdict on each rate, over all looks at it; default 0.99.
	Confidence float64
	// Requests is how many there are at each rate at most, unless a backlog
	// would take more to show; default 2000.
	Requests int
	// Throughput is the rate at which the server completed requests when it had as
	// many as it could take, in requests/s; 0 if that is not known. It is where the
	// search looks for the limit first, and bounds nothing.
	Throughput float64
	// Start is the first rate tried, in requests/s; default half the throughput, or
	// 1 where that is not known.
	Start float64
	// Max bounds the rates upwards, default 1e6; Min the halving, default Start/64:
	// a server that fails at such a rate fails without a queue.
	Max, Min float64
	// Resolution is the ratio of failing to passing rate at which the search
	// ends, less 1; default 0.05.
	Resolution float64
	// Trials bounds the number of rates tried; default 20.
	Trials int
	// Effort bounds the time of the bisection, as a multiple of the least in which
	// its best rate can pass; default 6. With the way up to it, which begins near
	// the throughput, a search takes about 10 times that.
	Effort float64
	// Fits, if it is not nil, tells whether there is time for a further trial, which takes
	// so long if it passes; without it the search ends.
	Fits func(time.Duration) bool
	// Tell, if it is not nil, is called as the search goes on: when a trial begins,
	// after each of its requests, and at its end.
	Tell func(SearchProgress)
}

// SearchProgress is how far a search is.
type SearchProgress struct {
	// Passed and Failed are the highest rate that passed and the lowest that did
	// not, in requests/s, 0 for none yet.
	Passed, Failed float64
	// Number counts the trials from 1. Trial is the one under way; it has a verdict
	// when it is over.
	Number int
	Trial  Trial
	// Least and Most are how many requests it takes to pass without a miss, and at
	// the most.
	Least, Most int
}

// Left is how long the trial goes on at the least, if it passes without a further
// miss, and at the most; it is not known of requests one at a time.
func (p SearchProgress) Left() (least, most time.Duration) {
	at := func(requests int) time.Duration {
		return time.Duration(float64(max(0, requests-p.Trial.Requests)) / p.Trial.Rate * float64(time.Second))
	}
	return at(p.Least), at(p.Most)
}

// Trial is one rate that was tried.
type Trial struct {
	Rate     float64 `json:"rate"` // requests/s
	Requests int     `json:"requests"`
	Met      int     `json:"met"`
	Verdict  string  `json:"verdict"` // "passes", "fails", "undecided"
}

// FoundRate is the outcome of a search.
type FoundRate struct {
	// Rate is the highest rate that passed, in requests/s, 0 if none did;
	// FailedAt the lowest that did not, 0 if all passed.
	Rate     float64 `json:"rate"`
	FailedAt float64 `json:"failed_at"`
	Trials   []Trial `json:"trials"`
	// Alone is what requests came to that were sent one at a time, where no rate had
	// passed yet; its rate is 0.
	Alone *Trial `json:"alone,omitempty"`
	// Warnings are doubts: a search that ended before its resolution, an
	// undecided trial.
	Warnings []string `json:"warnings,omitempty"`
}

// ErrNoTime says that there was no time to find a rate that passes.
var ErrNoTime = errors.New("no time for a further trial")

// TryRate runs so many requests at one Poisson rate, or at the rate 0 one at a time, the
// next when the one before has ended, and calls observe for each, with
// its place in the order of starting and whether it kept the SLO: as it finishes, or as
// soon as it is known to miss. What is observed of a request again does not count.
// observe returns false once enough have been seen, after which the trial is to start
// no more.
type TryRate func(ctx context.Context, rate float64, requests int, observe func(order int, met bool) bool) error

// FindRate finds the highest rate at which the SLO is kept: upwards from Start,
// towards the throughput and past it by doubling, until a rate fails, then
// bisection. Where the first rate fails, requests one at a time show whether the server
// keeps the SLO without a queue; if it does not, no rate does. Each trial ends as soon as MLPerf LoadGen's early-stopping bound
// decides it at one of the looks of its plan, or as soon as so many requests missed
// the SLO that it cannot pass any more; one that is undecided counts as failed.
func FindRate(ctx context.Context, o FindOptions, try TryRate) (FoundRate, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return FoundRate{}, err
	}
	var found FoundRate
	err := o.search(ctx, &found, try)
	if doubt := found.undecided(o); doubt != "" {
		found.Warnings = append([]string{doubt}, found.Warnings...)
	}
	return found, err
}

// undecided says which trials had no verdict, "" if all had: the rate that was
// found may then be lower than that of the server.
func (f FoundRate) undecided(o FindOptions) string {
	var open []Trial
	for _, t := range f.Trials {
		if t.Verdict == Undecided.String() {
			open = append(open, t)
		}
	}
	if len(open) == 0 {
		return ""
	}
	lowest := slices.MinFunc(open, func(a, b Trial) int { return cmp.Compare(a.Rate, b.Rate) })
	text := fmt.Sprintf("%.4g requests/s: after %d requests, of which %d met the SLO, inconclusive at %g %% confidence; counted as failed",
		lowest.Rate, lowest.Requests, lowest.Met, 100*o.Confidence)
	if more := len(open) - 1; more > 0 {
		text += fmt.Sprintf(", as %d higher rates", more)
	}
	return text
}

// search tries rates until the limit is known to the resolution.
func (o FindOptions) search(ctx context.Context, found *FoundRate, try TryRate) error {
	spent := 0.0 // seconds of the bisection
	rate := o.Start
	for len(found.Trials) < o.Trials {
		if o.Fits != nil && !o.Fits(time.Duration(float64(o.plan(rate).soonest())/rate*float64(time.Second))) {
			if found.Rate == 0 {
				return ErrNoTime
			}
			found.Warnings = append(found.Warnings, fmt.Sprintf("search ended before a trial at %.4g requests/s: there was no time for it", rate))
			return nil
		}
		enough := o
		bisects := found.Rate > 0 && found.FailedAt > 0
		if bisects {
			most := o.Effort*float64(o.plan(found.Rate).needed(0))/found.Rate - spent
			if most*rate < float64(o.plan(rate).needed(0)) {
				found.Warnings = append(found.Warnings, fmt.Sprintf("search ended at a resolution of %.0f %%, not %.0f %%: a further trial would take its bisection beyond %g times what its best rate takes to pass",
					100*(found.FailedAt/found.Rate-1), 100*o.Resolution, o.Effort))
				return nil
			}
			enough.Requests = int(math.Min(float64(o.Requests), most*rate))
		}
		trial, err := enough.trial(ctx, rate, enough.plan(rate), SearchProgress{Passed: found.Rate, Failed: found.FailedAt, Number: len(found.Trials) + 1}, try)
		if err != nil {
			return fmt.Errorf("try %.4g requests/s: %w", rate, err)
		}
		if bisects {
			spent += float64(trial.Requests) / rate
		}
		found.Trials = append(found.Trials, trial)
		if trial.Verdict == Passes.String() {
			found.Rate = rate
		} else {
			found.FailedAt = rate
		}
		if found.Rate == 0 && found.Alone == nil {
			alone, err := o.trial(ctx, 0, o.alone(), SearchProgress{Failed: rate, Number: len(found.Trials)}, try)
			if err != nil {
				return fmt.Errorf("try one request at a time: %w", err)
			}
			if found.Alone = &alone; alone.Verdict == Fails.String() {
				found.Warnings = append(found.Warnings, fmt.Sprintf("no rate keeps the SLO: of %d requests sent one at a time %d met it", alone.Requests, alone.Met))
				return nil
			}
		}
		switch {
		case found.FailedAt == 0 && rate >= o.Max:
			found.Warnings = append(found.Warnings, fmt.Sprintf("every rate up to %.4g requests/s keeps the SLO", rate))
			return nil
		case found.FailedAt == 0:
			rate = math.Min(o.above(rate), o.Max)
		case found.Rate == 0 && rate/2 < o.Min:
			found.Warnings = append(found.Warnings, fmt.Sprintf("no rate from %.4g requests/s up keeps the SLO: lower ones were not tried, since a server that fails at this one fails without a queue", rate))
			return nil
		case found.Rate == 0:
			rate /= 2
		case found.FailedAt/found.Rate <= 1+o.Resolution:
			return nil
		default:
			rate = math.Sqrt(found.Rate * found.FailedAt)
		}
	}
	found.Warnings = append(found.Warnings, fmt.Sprintf("search ended after %d trials, before its resolution of %g %%", o.Trials, 100*o.Resolution))
	return nil
}

// beyondThroughput is by how much of the throughput the rates that are tried may lie
// above it before the search takes it for what it is not, a limit: a saturated
// server batches more, and a queue costs it nothing.
const beyondThroughput = 1.25

// above is the rate to try after one that passed while none has failed.
func (o FindOptions) above(rate float64) float64 {
	if rate < o.Throughput {
		return math.Sqrt(rate * beyondThroughput * o.Throughput)
	}
	return 2 * rate
}

func (o FindOptions) withDefaults() FindOptions {
	if o.Percentile == 0 {
		o.Percentile = 0.99
	}
	if o.Confidence == 0 {
		o.Confidence = 0.99
	}
	if o.Start == 0 {
		o.Start = 1
		if o.Throughput > 0 {
			o.Start = o.Throughput / 2
		}
	}
	if o.Min == 0 {
		o.Min = o.Start / 64
	}
	if o.Max == 0 {
		o.Max = 1e6
	}
	if o.Resolution == 0 {
		o.Resolution = 0.05
	}
	if o.Trials == 0 {
		o.Trials = 20
	}
	if o.Effort == 0 {
		o.Effort = 6
	}
	if o.Requests == 0 {
		o.Requests = 2000
	}
	return o
}

func (o FindOptions) check() error {
	switch {
	case o.SLO == SLO{}:
		return fmt.Errorf("find rate: want an SLO such as ttft=500ms,tpot=50ms")
	case !(o.Percentile > 0 && o.Percentile < 1), !(o.Confidence > 0 && o.Confidence < 1):
		return fmt.Errorf("find rate: want a percentile and a confidence between 0 and 1, got %v and %v", o.Percentile, o.Confidence)
	case !(o.Start > 0), !(o.Resolution > 0), o.Trials < 1, o.Requests < 1, o.Max < o.Start:
		return fmt.Errorf("find rate: want rates, resolution, requests and trials above 0 and start %v at most %v", o.Start, o.Max)
	case o.Throughput < 0 || math.IsInf(o.Throughput, 0) || math.IsNaN(o.Throughput):
		return fmt.Errorf("find rate: want a throughput of 0 or more, got %v", o.Throughput)
	}
	return nil
}

// trial tries one rate until its plan decides.
func (o FindOptions) trial(ctx context.Context, rate float64, plan trialPlan, p SearchProgress, try TryRate) (Trial, error) {
	p.Trial, p.Least, p.Most = Trial{Rate: rate}, plan.soonest(), plan.limit()
	t := &p.Trial
	tell := func() {
		if o.Tell != nil {
			o.Tell(p)
		}
	}
	tell()
	verdict, over := Undecided, false
	early := make(map[int]bool) // met, of those that are known before one started earlier
	err := try(ctx, rate, plan.limit(), func(order int, met bool) bool {
		if over {
			return false // stragglers of a decided trial
		}
		if _, known := early[order]; order < t.Requests || known {
			return true
		}
		early[order] = met
		for !over {
			met, ok := early[t.Requests]
			if !ok {
				break
			}
			delete(early, t.Requests)
			t.Requests++
			if met {
				t.Met++
			}
			missed := t.Requests - t.Met
			verdict = plan.decide(t.Requests, missed)
			over = verdict != Undecided || plan.lost(missed) || plan.keeps(t.Requests, missed)
			tell()
		}
		return !over
	})
	if err != nil {
		return *t, err
	}
	t.Verdict = verdict.String()
	tell()
	return *t, nil
}
