// Package decision says which of several configurations costs least, by how much,
// and how sure that is.
//
// Values are positive and lower is better: joules, grams or dollars per request.
// They are compared on the logarithmic scale, on which a ratio is a difference
// and no interval reaches below zero. It is made of pure functions: where the
// values come from is the caller's business.
package decision

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"cfubench/internal/stats"
)

// Candidate is one configuration with its values.
type Candidate struct {
	Name string
	stats.Sample
	// Rounds are the values' numbers, for a paired decision: values of one number
	// were measured together.
	Rounds []int
	// Figure is what the candidate costs where others say so and not the values'
	// geometric mean: their mean, say. The candidate is ranked by it, and the values
	// say how sure it is. 0 without one.
	Figure float64
	// Rejected says why the candidate may not be chosen, such as an objective that
	// it misses; "" if it may. It is ranked all the same.
	Rejected string
}

// Options of a decision.
type Options struct {
	// Paired: values of one round were measured together (one after the other, or on
	// one block of requests), so that what they have in common cancels. Only rounds
	// that all candidates have are taken.
	Paired bool
	// Confidence of the intervals, 0 for 0.95.
	Confidence float64
	// Draws of the posterior, 0 for 20,000; Seed draws them. Only the probabilities
	// of being the best are drawn.
	Draws int
	Seed  uint64
}

// Row is one candidate in the ranking.
type Row struct {
	Candidate
	// Estimate is the candidate's figure, else the geometric mean of its values, in
	// their unit.
	Estimate float64
	// Borrowed: the candidate has one value and nothing within it that says how sure
	// it is, and is taken to be as noisy as the others may be.
	Borrowed bool
	// Best is the probability that this candidate is the cheapest of those that
	// may be chosen; 0 for a rejected one, NaN where nothing says.
	Best float64
	// Ratio is this candidate over the baseline, with its interval, NaN where nothing
	// gives one; Different says that they differ at the stated confidence, with all
	// comparisons of the ranking taken together (Holm).
	Ratio, RatioLo, RatioHi float64
	Different               bool
	// Reduction is the mean over rounds of what this candidate saves of the
	// baseline's value in the same round, relative to it, and ReductionLo its
	// one-sided lower bound at the stated confidence; NaN where values are not
	// paired. Pairs is how many rounds there are.
	Reduction, ReductionLo float64
	Pairs                  int
}

// Decision is a ranking, the cheapest first, those that may be chosen before the
// rejected: if the first is one of these, none may be.
type Decision struct {
	Rows []Row
	// Baseline is the name of the candidate that ratios are of: the first given.
	Baseline string
	// Sure says that the first row is the cheapest with at least the stated
	// confidence.
	Sure bool
	// Settle is about how many values (of one repeat: batches) each candidate needs for
	// the first two to be told apart, more than stats.MostToSettle where they are as
	// good as each other, 0 where they are told apart or nothing says.
	Settle   int
	Warnings []string
}

// Decide ranks the candidates. At least one is needed, each with at least one
// value above zero, and of paired ones two rounds that all have.
func Decide(candidates []Candidate, o Options) (Decision, error) {
	if o.Confidence == 0 {
		o.Confidence = stats.Confidence
	}
	if o.Draws == 0 {
		o.Draws = 20000
	}
	if len(candidates) == 0 {
		return Decision{}, errors.New("decide: there is nothing to choose from")
	}
	l, warnings, err := layOut(candidates, o)
	if err != nil {
		return Decision{}, fmt.Errorf("decide: %w", err)
	}
	d := Decision{Baseline: candidates[0].Name, Warnings: warnings}
	best := l.probabilities(candidates, o)
	for i, c := range candidates {
		row := Row{Candidate: c, Estimate: c.Figure, Best: best[i], Borrowed: l.borrowed(i), Ratio: math.Exp(l.mean[i] - l.mean[0]), RatioLo: math.NaN(), RatioHi: math.NaN(), Reduction: math.NaN(), ReductionLo: math.NaN()}
		if row.Estimate == 0 {
			row.Estimate = math.Exp(l.mean[i])
		}
		if i > 0 {
			if o.Paired {
				row.Reduction, row.ReductionLo = reduction(l.logs[0], l.logs[i], o.Confidence)
				row.Pairs = len(l.logs[i])
			}
			if reach, ok := l.reach(i); ok {
				row.RatioLo, row.RatioHi = row.Ratio*math.Exp(-reach), row.Ratio*math.Exp(reach)
			}
		}
		d.Rows = append(d.Rows, row)
	}
	l.compare(d.Rows, o.Confidence)
	order := make([]int, len(d.Rows)) // of the candidates by rank
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := d.Rows[i], d.Rows[j]
		if (a.Rejected == "") != (b.Rejected == "") {
			if a.Rejected == "" {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Estimate, b.Estimate)
	})
	ranked := make([]Row, len(order))
	for rank, i := range order {
		ranked[rank] = d.Rows[i]
	}
	d.Rows = ranked
	if d.Rows[0].Rejected != "" {
		return d, nil
	}
	switch {
	case l.noise == nil:
		d.Warnings = append(d.Warnings, "each candidate has one value: nothing says how sure the ranking is; repeat the measurement")
	case len(d.Rows) == 1 || d.Rows[1].Rejected != "":
		d.Sure = true
	default:
		d.Sure = d.Rows[0].Best >= o.Confidence
		if !d.Sure {
			d.Settle = l.settle(order[0], order[1], o.Confidence)
		}
	}
	return d, nil
}

// reduction is the mean of 1 − value/base over the rounds, with Student's
// one-sided lower bound. It takes logarithms.
func reduction(base, values []float64, confidence float64) (mean, lo float64) {
	saved := make([]float64, len(values))
	for k, v := range values {
		saved[k] = 1 - math.Exp(v-base[k])
	}
	n := float64(len(saved))
	mean = stats.Mean(saved)
	return mean, mean - stats.StudentQuantile(confidence, n-1)*stats.Deviation(saved)/math.Sqrt(n)
}

// compare tests every candidate against the baseline, the first row, by Holm's
// step-down: the chance of one false difference among all is 1 − confidence.
func (l layout) compare(rows []Row, confidence float64) {
	if l.noise == nil {
		return
	}
	type test struct {
		row int
		p   float64
	}
	var tests []test
	for i := 1; i < len(rows); i++ {
		tests = append(tests, test{i, l.p(i)})
	}
	slices.SortFunc(tests, func(a, b test) int {
		return cmp.Compare(a.p, b.p)
	})
	for k, t := range tests {
		if t.p > (1-confidence)/float64(len(tests)-k) {
			return
		}
		rows[t.row].Different = true
	}
}
