package stats_test

import (
	"math"
	"slices"
	"testing"
)

// rule is what can be done for the interval of one load point beside any number of
// others whose noise, 1, is known: a reach for each spread that it may show.
type rule struct {
	equal, outlier []float64 // the probability of each spread where σ is 1, and 3
	reaches        []float64
	held, heldThen []float64 // the share that each reach holds where σ is 1, and 3
}

func newRule(freedom float64) rule {
	var r rule
	const from, to, n = -9.0, 5.0, 140 // of the logarithm of the spread's square
	density := func(logs, sigma float64) float64 {
		x := freedom * math.Exp(logs) / (sigma * sigma)
		return math.Exp(freedom/2*math.Log(x/2) - x/2)
	}
	for i := range n {
		logs := from + (to-from)*(float64(i)+0.5)/n
		r.equal, r.outlier = append(r.equal, density(logs, 1)), append(r.outlier, density(logs, 3))
	}
	for _, p := range [][]float64{r.equal, r.outlier} {
		sum := 0.0
		for _, v := range p {
			sum += v
		}
		for i := range p {
			p[i] /= sum
		}
	}
	for h := 0.0; h < 30; h += 0.05 {
		r.reaches = append(r.reaches, h)
		r.held, r.heldThen = append(r.held, math.Erf(h/math.Sqrt2)), append(r.heldThen, math.Erf(h/3/math.Sqrt2))
	}
	return r
}

// least is the rule with the least mean reach for an equal load point less the prices of
// what it holds.
func (r rule) least(price, priceThen float64) (mean, held, heldThen float64) {
	for i := range r.equal {
		best, at := math.Inf(1), 0
		for k, h := range r.reaches {
			if cost := r.equal[i]*(h-price*r.held[k]) - priceThen*r.outlier[i]*r.heldThen[k]; cost < best {
				best, at = cost, k
			}
		}
		mean, held, heldThen = mean+r.equal[i]*r.reaches[at], held+r.equal[i]*r.held[at], heldThen+r.outlier[i]*r.heldThen[at]
	}
	return mean, held, heldThen
}

// mean is the least mean reach for an equal load point of the rules that hold its mean in
// 95 %, and that of one three times as noisy in so many.
func (r rule) mean(want float64) float64 {
	price, priceThen := 0.0, 0.0
	rise := func(to *float64, enough func() bool) {
		low, high := 0.0, 2000.0
		for high-low > 0.02 {
			if *to = (low + high) / 2; enough() {
				high = *to
			} else {
				low = *to
			}
		}
		*to = high
	}
	rise(&priceThen, func() bool {
		rise(&price, func() bool { _, held, _ := r.least(price, priceThen); return held >= 0.95 })
		_, _, heldThen := r.least(price, priceThen)
		return heldThen >= want
	})
	mean, _, _ := r.least(price, priceThen)
	return mean
}

// The more often a rule holds the mean of a load point three times as noisy as others that
// are alike, the wider the intervals of these must be, whatever the rule: without others
// they are Student's.
func TestWhatHoldingAnOutlierCosts(t *testing.T) {
	for _, row := range []struct {
		freedom, student float64 // the mean reach of Student's interval
	}{{2, 4.303 * 0.886}, {4, 2.776 * 0.940}} {
		r := newRule(row.freedom)
		var means []float64
		for _, want := range []float64{0.86, 0.89, 0.92, 0.945} {
			means = append(means, r.mean(want))
			t.Logf("%g degrees of freedom, an outlier held in %.1f %%: a mean reach of %.2f σ for an equal one, %.0f %% more than with σ known", row.freedom, 100*want, means[len(means)-1], 100*(means[len(means)-1]/1.96-1))
		}
		if !slices.IsSorted(means) || means[0] < 1.96 || means[len(means)-1] > 1.02*row.student {
			t.Errorf("%g degrees of freedom: mean reaches %.2f, want them rising from 1.96 to Student's %.2f at most", row.freedom, means, row.student)
		}
	}
}
