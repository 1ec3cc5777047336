package loadgen

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Verdict is what the requests of one trial say about the claim that at least
// a given share of requests keeps the SLO.
type Verdict int

// Verdicts.
const (
	Undecided Verdict = iota
	Passes
	Fails
)

// FindOptions configures FindRate.
type FindOptions struct {
	SLO SLO
	// Percentile of requests that must keep the SLO, in (0, 1); default 0.99.
	Percentile float64
	// Confidence of the verdict on each rate; default 0.99.
	Confidence float64
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

// TryRate runs requests at one Poisson rate and calls observe for each as it
// finishes, with its verdict on the SLO; observe returns false once enough
// have been seen, after which the trial is to start no more.
type TryRate func(ctx context.Context, rate float64, observe func(met bool) bool) error

// FindRate finds the highest rate at which the SLO is kept: doubling from
// Start until a rate fails, then bisection. Each trial ends as soon as MLPerf
// LoadGen's early-stopping bound decides it; an undecided one counts as failed.
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
				"%.4g requests/s: %d requests, %d within the SLO, do not decide at %g %% confidence; taken as failed (at least %d needed)",
				rate, trial.Requests, trial.Met, 100*o.Confidence, MinQueries(o.Percentile, o.Confidence, trial.Requests-trial.Met)))
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
	return o
}

func (o FindOptions) check() error {
	switch {
	case o.SLO == SLO{}:
		return fmt.Errorf("find rate: want an SLO such as ttft=500ms,tpot=50ms")
	case !(o.Percentile > 0 && o.Percentile < 1), !(o.Confidence > 0 && o.Confidence < 1):
		return fmt.Errorf("find rate: want a percentile and a confidence between 0 and 1, got %v and %v", o.Percentile, o.Confidence)
	case !(o.Start > 0), !(o.Resolution > 0), o.Trials < 1, o.Max < o.Start:
		return fmt.Errorf("find rate: want rates, resolution and trials above 0 and start %v at most %v", o.Start, o.Max)
	}
	return nil
}

// trial tries one rate until the bound decides.
func (o FindOptions) trial(ctx context.Context, rate float64, try TryRate) (Trial, error) {
	t := Trial{Rate: rate}
	verdict := Undecided
	err := try(ctx, rate, func(met bool) bool {
		if verdict != Undecided {
			return false // stragglers of a decided trial
		}
		t.Requests++
		if met {
			t.Met++
		}
		verdict = Decide(o.Percentile, o.Confidence, t.Requests, t.Requests-t.Met)
		return verdict == Undecided
	})
	t.Verdict = verdict.String()
	return t, err
}

// String names a verdict as tables do.
func (v Verdict) String() string {
	switch v {
	case Passes:
		return "passes"
	case Fails:
		return "fails"
	}
	return "undecided"
}

// Decide says whether n requests of which over missed the bound show that at
// least the share p of all keeps it (Passes), or that less does (Fails), each
// at the given confidence. The passing side is MLPerf LoadGen's early
// stopping: n ≥ h + over, with h the least such that
// I(p; h, over+1) < 1 − confidence (regularised incomplete beta). The failing
// side is its mirror, I(1−p; over, n−over+1) < 1 − confidence: so many misses
// would be that unlikely if p kept it.
func Decide(p, confidence float64, n, over int) Verdict {
	met := n - over
	if met > 0 && mathext.RegIncBeta(float64(met), float64(over+1), p) < 1-confidence {
		return Passes
	}
	if over > 0 && mathext.RegIncBeta(float64(over), float64(met+1), 1-p) < 1-confidence {
		return Fails
	}
	return Undecided
}

// MinQueries is the least number of requests, so many of them over the bound,
// that can pass: h + over. With one over it is LoadGen's table: 11 at p50, 64
// at p90, 662 at p99.
func MinQueries(p, confidence float64, over int) int {
	passes := func(h int) bool {
		return mathext.RegIncBeta(float64(h), float64(over+1), p) < 1-confidence
	}
	high := 1
	for !passes(high) {
		high *= 2
	}
	low := high / 2
	for high-low > 1 {
		if mid := (low + high) / 2; passes(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return high + over
}
