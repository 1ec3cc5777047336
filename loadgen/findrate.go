package loadgen

import (
	"context"
	"fmt"
	"math"
)

// FindOptions configures FindRate.
type FindOptions struct {
	SLO SLO
	// Percentile of requests that must keep the SLO, in (0, 1); default 0.99.
	Percentile float64
	// Confidence of the verdict on each rate, over all looks at it; default 0.99.
	Confidence float64
	// Requests is how many there are at each rate at most, unless a backlog
	// would take more to show; default 5000.
	Requests int
	// Start is the first rate tried, in requests/s; default 1.
	Start float64
	// Max bounds the doubling, default 1e6; Min the halving, default Start/64:
	// a server that fails at such a rate fails without a queue.
	Max, Min float64
	// Resolution is the ratio of failing to passing rate at which the search
	// ends, less 1; default 0.05.
	Resolution float64
	// Trials bounds the number of rates tried; default 20.
	Trials int
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
	// Warnings are doubts: a search that ended before its resolution, an
	// undecided trial.
	Warnings []string `json:"warnings,omitempty"`
}

// TryRate runs so many requests at one Poisson rate and calls observe for each
// as it finishes, with its place in the order of starting and whether it kept
// the SLO; observe returns false once enough have been seen, after which the
// trial is to start no more.
type TryRate func(ctx context.Context, rate float64, requests int, observe func(order int, met bool) bool) error

// FindRate finds the highest rate at which the SLO is kept: doubling from
// Start until a rate fails, then bisection. Each trial ends as soon as MLPerf
// LoadGen's early-stopping bound decides it at one of the looks of its plan; an
// undecided one counts as failed.
func FindRate(ctx context.Context, o FindOptions, try TryRate) (FoundRate, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return FoundRate{}, err
	}
	var found FoundRate
	rate := o.Start
	for len(found.Trials) < o.Trials {
		trial, err := o.trial(ctx, rate, try)
		if err != nil {
			return found, fmt.Errorf("try %.4g requests/s: %w", rate, err)
		}
		found.Trials = append(found.Trials, trial)
		if trial.Verdict == Undecided.String() {
			found.Warnings = append(found.Warnings, fmt.Sprintf(
				"%.4g requests/s: after %d requests, of which %d met the SLO, inconclusive at %g %% confidence; counted as failed (needs at least %d)",
				rate, trial.Requests, trial.Met, 100*o.Confidence, o.plan(rate).needed(trial.Requests-trial.Met)))
		}
		if trial.Verdict == Passes.String() {
			found.Rate = rate
		} else {
			found.FailedAt = rate
		}
		switch {
		case found.FailedAt == 0 && rate >= o.Max:
			found.Warnings = append(found.Warnings, fmt.Sprintf("every rate up to %.4g requests/s keeps the SLO", rate))
			return found, nil
		case found.FailedAt == 0:
			rate = math.Min(2*rate, o.Max)
		case found.Rate == 0 && rate/2 < o.Min:
			found.Warnings = append(found.Warnings, fmt.Sprintf("no rate from %.4g requests/s up keeps the SLO: lower ones were not tried, since a server that fails at this one fails without a queue", rate))
			return found, nil
		case found.Rate == 0:
			rate /= 2
		case found.FailedAt/found.Rate <= 1+o.Resolution:
			return found, nil
		default:
			rate = math.Sqrt(found.Rate * found.FailedAt)
		}
	}
	found.Warnings = append(found.Warnings, fmt.Sprintf("search ended after %d trials, before its resolution of %g %%", o.Trials, 100*o.Resolution))
	return found, nil
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
	if o.Requests == 0 {
		o.Requests = 5000
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
	}
	return nil
}

// trial tries one rate until its plan decides.
func (o FindOptions) trial(ctx context.Context, rate float64, try TryRate) (Trial, error) {
	plan := o.plan(rate)
	t := Trial{Rate: rate}
	verdict := Undecided
	early := make(map[int]bool) // met, of those that finished before one started earlier
	err := try(ctx, rate, plan.limit(), func(order int, met bool) bool {
		if verdict != Undecided {
			return false // stragglers of a decided trial
		}
		early[order] = met
		for verdict == Undecided {
			met, ok := early[t.Requests]
			if !ok {
				break
			}
			delete(early, t.Requests)
			t.Requests++
			if met {
				t.Met++
			}
			verdict = plan.decide(t.Requests, t.Requests-t.Met)
		}
		return verdict == Undecided
	})
	t.Verdict = verdict.String()
	return t, err
}
