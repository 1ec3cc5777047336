package attribution

import (
	"fmt"
	"math"
	"time"

	"cfubench/internal/leastsquares"
	"cfubench/internal/stats"
	"cfubench/meter"
)

// Served is what a server did in one interval, by its own totals, and the energy
// of the domains that count in it.
type Served struct {
	Length time.Duration
	Energy meter.Energy
	// Computed are the prompt tokens that were computed, not those of the prefix
	// cache; Output those that were generated. Steps are forward passes, NaN where
	// the server does not count them.
	Computed, Output, Steps float64
}

// ServedCosts say what a server's prompt and output tokens cost, as far as its
// totals tell it. Prefill is what a computed prompt token adds, Decode what an
// output token adds with its part of the engine's steps, Base the power that is
// there without either.
type ServedCosts struct {
	Prefill Fitted  `json:"prefill_j_per_prompt_token"`
	Decode  Fitted  `json:"decode_j_per_output_token"`
	Base    Fitted  `json:"base_w"`
	Share   Fitted  `json:"prefill_share"` // of the energy above the base
	R2      float64 `json:"r2"`
	// Intervals were fitted, Working of them with tokens.
	Intervals int `json:"intervals"`
	Working   int `json:"working_intervals"`
}

// Terms of the fit of what was served.
const (
	servedTime = iota
	servedPrompt
	servedOutput
	servedSteps
	servedTerms
)

// Limits of a fit of what was served.
const (
	minServedIntervals = 30
	// minServedR2 is the least share of the energy's variation that it explains.
	minServedR2 = 0.5
	// maxShareWidth is how wide the 95 % interval of the prefill's share may be.
	maxShareWidth = 0.5
)

// FitServed fits, by least squares over intervals of about one length,
//
//	energy = base · time + a · computed prompt tokens + b · output tokens + s · steps
//
// with no coefficient negative, and s only where every interval has steps. The
// prefill's energy is a's term, the decode's those of b and s. The standard errors
// are those of independent residuals, made wider where neighbours are alike. The
// reason is "" where the costs can be told, and else says why they cannot.
func FitServed(intervals []Served) (costs ServedCosts, reason string) {
	f := newServedFit(intervals)
	costs.Intervals, costs.Working = len(intervals), f.working
	switch {
	case f.working < minServedIntervals:
		return costs, fmt.Sprintf("%d intervals with tokens are too few, want %d", f.working, minServedIntervals)
	case f.sum[servedPrompt] == 0:
		return costs, "no prompt token was computed"
	case f.sum[servedOutput] == 0:
		return costs, "no output token was generated"
	case f.alike() > maxFitCorrelation:
		return costs, "prompt and output tokens always come together"
	}
	f.solve()
	costs.R2 = f.r2()
	prefill, decode := f.theta[servedPrompt]*f.sum[servedPrompt], f.theta[servedOutput]*f.sum[servedOutput]+f.theta[servedSteps]*f.sum[servedSteps]
	switch {
	case prefill <= 0:
		return costs, "prompt tokens add no energy that can be seen"
	case decode <= 0:
		return costs, "output tokens add no energy that can be seen"
	case costs.R2 < minServedR2:
		return costs, fmt.Sprintf("tokens explain %.0f %% of how the energy varies, want %.0f %%", 100*costs.R2, 100*minServedR2)
	case !f.spread():
		return costs, "prompt tokens, output tokens and steps cannot be told apart"
	}
	perOutput := [servedTerms]float64{servedOutput: 1, servedSteps: f.sum[servedSteps] / f.sum[servedOutput]}
	costs.Prefill = f.of([servedTerms]float64{servedPrompt: 1})
	costs.Decode = f.of(perOutput)
	costs.Base = f.of([servedTerms]float64{servedTime: 1})
	costs.Share = f.share(prefill, decode)
	if width := costs.Share.Hi - costs.Share.Lo; width > maxShareWidth {
		return costs, fmt.Sprintf("the prefill's share is known to ±%.0f %% only", 50*width)
	}
	return costs, ""
}

// servedFit is a fit of intervals.
type servedFit struct {
	rows       [][servedTerms]float64
	energy     []float64 // J
	index      []int     // the terms that are fitted
	working    int
	sum        [servedTerms]float64
	theta      [servedTerms]float64
	covariance [][]float64 // of the terms in free
	free       []int       // the terms above zero
	quantile   float64
}

func newServedFit(intervals []Served) *servedFit {
	f := &servedFit{index: []int{servedTime, servedPrompt, servedOutput, servedSteps}}
	for _, x := range intervals {
		row := [servedTerms]float64{x.Length.Seconds(), x.Computed, x.Output, x.Steps}
		if math.IsNaN(x.Steps) {
			f.index = []int{servedTime, servedPrompt, servedOutput}
		}
		if x.Computed > 0 || x.Output > 0 {
			f.working++
		}
		f.rows, f.energy = append(f.rows, row), append(f.energy, x.Energy.Joules())
	}
	if len(f.index) < servedTerms {
		for i := range f.rows {
			f.rows[i][servedSteps] = 0
		}
	}
	for _, row := range f.rows {
		for t, v := range row {
			f.sum[t] += v
		}
	}
	return f
}

// alike is the correlation of prompt and output tokens over the intervals.
func (f *servedFit) alike() float64 {
	n := float64(len(f.rows))
	var xx, yy, xy float64
	for _, row := range f.rows {
		x, y := row[servedPrompt]-f.sum[servedPrompt]/n, row[servedOutput]-f.sum[servedOutput]/n
		xx, yy, xy = xx+x*x, yy+y*y, xy+x*y
	}
	if xx == 0 || yy == 0 {
		return 1
	}
	return math.Abs(xy) / math.Sqrt(xx*yy)
}

// normal are the normal equations of some terms.
func (f *servedFit) normal(index []int) (gram [][]float64, moment []float64) {
	moment = make([]float64, len(index))
	for a, i := range index {
		gram = append(gram, make([]float64, len(index)))
		for k, row := range f.rows {
			moment[a] += row[i] * f.energy[k]
			for b, j := range index {
				gram[a][b] += row[i] * row[j]
			}
		}
	}
	return gram, moment
}

func (f *servedFit) solve() {
	for a, x := range leastsquares.NonNegative(f.normal(f.index)) {
		f.theta[f.index[a]] = x
	}
}

func (f *servedFit) residual(k int) float64 {
	r := f.energy[k]
	for t, v := range f.rows[k] {
		r -= f.theta[t] * v
	}
	return r
}

// r2 is how much less the fit leaves than the mean power would.
func (f *servedFit) r2() float64 {
	total := 0.0
	for _, e := range f.energy {
		total += e
	}
	power := total / f.sum[servedTime]
	var left, all float64
	for k := range f.rows {
		r, c := f.residual(k), f.energy[k]-power*f.rows[k][servedTime]
		left, all = left+r*r, all+c*c
	}
	if all == 0 {
		return 0
	}
	return max(1-left/all, 0)
}

// spread works out the covariance of the terms above zero; false where they
// coincide.
func (f *servedFit) spread() bool {
	for _, t := range f.index {
		if f.theta[t] > 0 {
			f.free = append(f.free, t)
		}
	}
	gram, _ := f.normal(f.free)
	inverse, ok := leastsquares.Inverse(gram)
	if !ok {
		return false
	}
	var squares, neighbours float64
	for k := range f.rows {
		r := f.residual(k)
		squares += r * r
		if k > 0 {
			neighbours += r * f.residual(k-1)
		}
	}
	freedom := float64(max(len(f.rows)-len(f.free), 1))
	variance := squares / freedom
	if squares > 0 { // of an autoregression of order one
		alike := min(max(neighbours/squares, 0), 0.9)
		variance *= (1 + alike) / (1 - alike)
	}
	for a := range inverse {
		for b := range inverse[a] {
			inverse[a][b] *= variance
		}
	}
	f.covariance, f.quantile = inverse, stats.StudentT(freedom, 0.95)
	return true
}

// deviation is the standard error of a combination of the terms.
func (f *servedFit) deviation(gradient [servedTerms]float64) float64 {
	variance := 0.0
	for a, i := range f.free {
		for b, j := range f.free {
			variance += gradient[i] * f.covariance[a][b] * gradient[j]
		}
	}
	return math.Sqrt(max(variance, 0))
}

// of is a combination of the terms with its interval.
func (f *servedFit) of(gradient [servedTerms]float64) Fitted {
	value := 0.0
	for t, g := range gradient {
		value += g * f.theta[t]
	}
	half := f.quantile * f.deviation(gradient)
	return Fitted{value, max(value-half, 0), value + half}
}

// share is the prefill's share of the energy above the base, by the delta method.
func (f *servedFit) share(prefill, decode float64) Fitted {
	all := prefill + decode
	half := f.quantile * f.deviation([servedTerms]float64{
		servedPrompt: f.sum[servedPrompt] * decode / (all * all),
		servedOutput: -f.sum[servedOutput] * prefill / (all * all),
		servedSteps:  -f.sum[servedSteps] * prefill / (all * all),
	})
	value := prefill / all
	return Fitted{value, max(value-half, 0), min(value+half, 1)}
}
