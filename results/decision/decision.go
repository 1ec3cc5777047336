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
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mathext"

	"cfubench/internal/stats"
)

// Candidate is one configuration: its values, one a repeat, or one a batch of
// consecutive requests where there is a single repeat.
type Candidate struct {
	Name   string
	Values []float64
	// Figure is what the candidate costs where others say so and not the values'
	// geometric mean: their mean, or what a whole window says of which they are
	// batches. The candidate is ranked by it, and the values say how sure it is. 0
	// without one.
	Figure float64
	// Rejected says why the candidate may not be chosen, such as an objective that
	// it misses; "" if it may. It is ranked all the same.
	Rejected string
}

// Options of a decision.
type Options struct {
	// Paired: the i-th values of all candidates were measured together (in one
	// round, on one block of requests), so that what they have in common cancels.
	// All candidates then have as many values.
	Paired bool
	// Confidence of the intervals, 0 for 0.95.
	Confidence float64
	// Draws of the posterior, 0 for 20,000; Seed draws them.
	Draws int
	Seed  uint64
}

// Row is one candidate in the ranking.
type Row struct {
	Candidate
	// Estimate is the candidate's figure, else the geometric mean of its values, in
	// their unit; Lo and Hi its interval, NaN where the values give none.
	Estimate, Lo, Hi float64
	// Best is the probability that this candidate is the cheapest of those that
	// may be chosen; 0 for a rejected one, NaN where nothing says.
	Best float64
	// Ratio is this candidate over the baseline, with its interval; Different says
	// that they differ at the stated confidence, with all comparisons of the
	// ranking taken together (Holm).
	Ratio, RatioLo, RatioHi float64
	Different               bool
	// Reduction is the mean over rounds of what this candidate saves of the
	// baseline's value in the same round, relative to it, and ReductionLo its
	// one-sided lower bound at the stated confidence; NaN where values are not
	// paired.
	Reduction, ReductionLo float64
}

// Decision is a ranking, the cheapest first, those that may be chosen before the
// rejected.
type Decision struct {
	Rows []Row
	// Baseline is the name of the candidate that ratios are of: the first given.
	Baseline string
	// Sure says that the first row is the cheapest with at least the stated
	// confidence.
	Sure bool
	// Settle is about how many values each candidate needs for the first two to
	// be told apart, 0 where they are or nothing says.
	Settle int
	// Spread is the standard deviation of one value on the logarithmic scale,
	// pooled over the candidates; NaN where there is none.
	Spread   float64
	Warnings []string
}

// Decide ranks the candidates. At least one is needed, each with at least one
// value above zero.
func Decide(candidates []Candidate, o Options) (Decision, error) {
	if o.Confidence == 0 {
		o.Confidence = 0.95
	}
	if o.Draws == 0 {
		o.Draws = 20000
	}
	if len(candidates) == 0 {
		return Decision{}, errors.New("decide: there is nothing to choose from")
	}
	layout, err := layOut(candidates, o.Paired)
	if err != nil {
		return Decision{}, fmt.Errorf("decide: %w", err)
	}
	d := Decision{Baseline: candidates[0].Name, Spread: math.Sqrt(layout.variance)}
	best := layout.probabilities(candidates, o)
	for i, c := range candidates {
		row := Row{Candidate: c, Estimate: c.Figure, Lo: math.NaN(), Hi: math.NaN(), Best: best[i], Ratio: math.Exp(layout.mean[i] - layout.mean[0]), RatioLo: math.NaN(), RatioHi: math.NaN(), Reduction: math.NaN(), ReductionLo: math.NaN()}
		if row.Estimate == 0 {
			row.Estimate = math.Exp(layout.mean[i])
		}
		if o.Paired && i > 0 {
			row.Reduction, row.ReductionLo = reduction(candidates[0].Values, c.Values, o.Confidence)
		}
		if t, ok := layout.quantile(o.Confidence); ok {
			half := t * layout.error(i)
			row.Lo, row.Hi = math.Exp(layout.mean[i]-half), math.Exp(layout.mean[i]+half)
			if i > 0 {
				half = t * layout.difference(0, i)
				row.RatioLo, row.RatioHi = math.Exp(layout.mean[i]-layout.mean[0]-half), math.Exp(layout.mean[i]-layout.mean[0]+half)
			}
		}
		d.Rows = append(d.Rows, row)
	}
	layout.compare(d.Rows, o.Confidence)
	slices.SortStableFunc(d.Rows, func(a, b Row) int {
		if (a.Rejected == "") != (b.Rejected == "") {
			if a.Rejected == "" {
				return -1
			}
			return 1
		}
		switch {
		case a.Estimate < b.Estimate:
			return -1
		case a.Estimate > b.Estimate:
			return 1
		}
		return 0
	})
	if d.Rows[0].Rejected != "" {
		d.Warnings = append(d.Warnings, "no candidate may be chosen: "+d.Rows[0].Name+" "+d.Rows[0].Rejected)
		return d, nil
	}
	switch {
	case math.IsNaN(layout.variance):
		d.Warnings = append(d.Warnings, "each candidate has one value: nothing says how sure the ranking is; repeat the measurement")
	case len(d.Rows) == 1 || d.Rows[1].Rejected != "":
		d.Sure = true
	default:
		d.Sure = d.Rows[0].Best >= o.Confidence
		if !d.Sure {
			d.Settle = layout.settle(math.Log(d.Rows[1].Estimate/d.Rows[0].Estimate), o.Confidence)
		}
	}
	return d, nil
}

// reduction is the mean of 1 − value/base over the rounds, with Student's
// one-sided lower bound, NaN for a single round.
func reduction(base, values []float64, confidence float64) (mean, lo float64) {
	n := float64(len(values))
	for i, v := range values {
		mean += (1 - v/base[i]) / n
	}
	if n < 2 {
		return mean, math.NaN()
	}
	squares := 0.0
	for i, v := range values {
		r := 1 - v/base[i] - mean
		squares += r * r
	}
	t := stats.StudentQuantile(confidence, n-1)
	return mean, mean - t*math.Sqrt(squares/(n-1)/n)
}

// layout is the candidates' values on the logarithmic scale.
type layout struct {
	mean     []float64
	count    []float64
	variance float64 // of one value, pooled; NaN where no candidate has two
	freedom  float64 // degrees of it
	paired   bool
}

func layOut(candidates []Candidate, paired bool) (layout, error) {
	l := layout{variance: math.NaN(), paired: paired}
	var logs [][]float64
	var centre []float64 // the mean of each candidate's logarithms
	for _, c := range candidates {
		if len(c.Values) == 0 {
			return l, fmt.Errorf("%s has no value", c.Name)
		}
		if paired && len(c.Values) != len(candidates[0].Values) {
			return l, fmt.Errorf("paired values: %s has %d, %s has %d", c.Name, len(c.Values), candidates[0].Name, len(candidates[0].Values))
		}
		own, sum := make([]float64, len(c.Values)), 0.0
		for k, v := range c.Values {
			if !(v > 0) || math.IsInf(v, 0) {
				return l, fmt.Errorf("%s: value %g: want a number above zero", c.Name, v)
			}
			own[k] = math.Log(v)
			sum += own[k]
		}
		logs = append(logs, own)
		centre = append(centre, sum/float64(len(own)))
		switch f := c.Figure; {
		case f == 0:
			l.mean = append(l.mean, centre[len(centre)-1])
		case !(f > 0) || math.IsInf(f, 0):
			return l, fmt.Errorf("%s: figure %g: want a number above zero", c.Name, f)
		default:
			l.mean = append(l.mean, math.Log(f))
		}
		l.count = append(l.count, float64(len(own)))
	}
	// Residuals about the candidate's mean and, in a paired design, about what the
	// candidates of one round have in common.
	rounds := len(logs[0])
	common := make([]float64, rounds)
	if paired {
		for k := range rounds {
			for i := range logs {
				common[k] += (logs[i][k] - centre[i]) / float64(len(logs))
			}
		}
	}
	squares := 0.0
	for i, own := range logs {
		for k, v := range own {
			r := v - centre[i]
			if paired {
				r -= common[k]
			}
			squares += r * r
		}
		l.freedom += l.count[i] - 1
	}
	if paired {
		l.freedom -= float64(rounds - 1)
	}
	if l.freedom >= 1 {
		l.variance = squares / l.freedom
	}
	return l, nil
}

// quantile is Student's for a two-sided interval, false without a variance.
func (l layout) quantile(confidence float64) (float64, bool) {
	if math.IsNaN(l.variance) {
		return 0, false
	}
	return stats.StudentT(l.freedom, confidence), true
}

// error is the standard error of a candidate's mean, difference that of the
// difference of two.
func (l layout) error(i int) float64 { return math.Sqrt(l.variance / l.count[i]) }

func (l layout) difference(i, j int) float64 {
	return math.Sqrt(l.variance * (1/l.count[i] + 1/l.count[j]))
}

// compare tests every candidate against the baseline, the first row, by Holm's
// step-down: the chance of one false difference among all is 1 − confidence.
func (l layout) compare(rows []Row, confidence float64) {
	if math.IsNaN(l.variance) {
		return
	}
	type test struct {
		row int
		p   float64
	}
	var tests []test
	for i := 1; i < len(rows); i++ {
		p := 1.0
		if se := l.difference(0, i); se > 0 {
			p = stats.StudentPValue((l.mean[i]-l.mean[0])/se, l.freedom)
		} else if l.mean[i] != l.mean[0] {
			p = 0
		}
		tests = append(tests, test{i, p})
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

// settle is about how many values each of two candidates needs for a difference
// of their logarithms to be told from none with 80 % power.
func (l layout) settle(difference, confidence float64) int {
	if difference <= 0 {
		return 0
	}
	z := mathext.NormalQuantile(confidence) + mathext.NormalQuantile(0.8)
	return int(math.Ceil(2 * l.variance * z * z / (difference * difference)))
}

// probabilities are each candidate's of being the cheapest of those that may be
// chosen.
//
// The candidates' means are taken to come from one normal population of unknown
// mean and width τ, with a uniform prior on both (Gelman et al., Bayesian Data
// Analysis, 3rd edition, section 5.4): the more alike the candidates are beside
// the noise, the nearer the estimates are drawn together. Without that the
// luckiest of many equals would be called best too surely. The variance of a
// value is drawn from its own posterior, a scaled inverse χ².
func (l layout) probabilities(candidates []Candidate, o Options) []float64 {
	out := make([]float64, len(candidates))
	var at []int
	for i, c := range candidates {
		if c.Rejected == "" {
			at = append(at, i)
		}
	}
	switch {
	case len(at) == 0:
		return out
	case len(at) == 1:
		out[at[0]] = 1
		return out
	case math.IsNaN(l.variance):
		for _, i := range at {
			out[i] = math.NaN()
		}
		return out
	}
	rng := rand.New(rand.NewPCG(o.Seed, 2606))
	const sets = 200 // of variance and τ grid; several draws from each
	per := max(1, o.Draws/sets)
	wins := make([]int, len(at))
	for range sets {
		chiSquared := 2 * stats.Gamma(rng, l.freedom/2)
		variance := max(l.variance*l.freedom/chiSquared, 1e-300)
		grid := newPopulation(l, at, variance)
		for range per {
			wins[grid.cheapest(rng)]++
		}
	}
	for k, i := range at {
		out[i] = float64(wins[k]) / float64(sets*per)
	}
	return out
}

// population is the posterior of τ for one variance of a value, on a grid.
type population struct {
	means, errors []float64 // of the candidates, errors squared
	// precisions are 1/errors, shares means/errors.
	precisions, shares []float64
	tau                []float64
	weight             []float64 // cumulative
}

func newPopulation(l layout, at []int, variance float64) population {
	var p population
	low, high := math.Inf(1), math.Inf(-1)
	widest := 0.0
	for _, i := range at {
		p.means = append(p.means, l.mean[i])
		e := variance / l.count[i]
		p.errors, p.precisions, p.shares = append(p.errors, e), append(p.precisions, 1/e), append(p.shares, l.mean[i]/e)
		low, high = min(low, l.mean[i]), max(high, l.mean[i])
		widest = max(widest, e)
	}
	const steps = 60
	top := 3*(high-low) + 3*math.Sqrt(widest)
	logs := make([]float64, steps)
	peak := math.Inf(-1)
	for s := range steps {
		tau := top * (float64(s) + 0.5) / steps
		p.tau = append(p.tau, tau)
		mean, precision := p.pooled(tau)
		logs[s] = -0.5 * math.Log(precision)
		last, half := math.NaN(), 0.0 // candidates of as many repeats have one v
		for k, m := range p.means {
			v := p.errors[k] + tau*tau
			if v != last {
				last, half = v, 0.5*math.Log(v)
			}
			logs[s] -= half + (m-mean)*(m-mean)/(2*v)
		}
		peak = max(peak, logs[s])
	}
	sum := 0.0
	for s := range steps {
		sum += math.Exp(logs[s] - peak)
		p.weight = append(p.weight, sum)
	}
	return p
}

// pooled is the population's mean for one τ, and its precision.
func (p population) pooled(tau float64) (mean, precision float64) {
	for k, m := range p.means {
		w := 1 / (p.errors[k] + tau*tau)
		mean += w * m
		precision += w
	}
	return mean / precision, precision
}

// cheapest draws the candidates' true means once and says which is the least.
func (p population) cheapest(rng *rand.Rand) int {
	s, _ := slices.BinarySearch(p.weight, rng.Float64()*p.weight[len(p.weight)-1])
	tau := p.tau[min(s, len(p.tau)-1)]
	mean, precision := p.pooled(tau)
	mu := mean + rng.NormFloat64()/math.Sqrt(precision)
	best, least := 0, math.Inf(1)
	precision, share := 1/(tau*tau), mu/(tau*tau)
	for k := range p.means {
		v := 1 / (p.precisions[k] + precision)
		theta := v*(p.shares[k]+share) + rng.NormFloat64()*math.Sqrt(v)
		if theta < least {
			best, least = k, theta
		}
	}
	return best
}
