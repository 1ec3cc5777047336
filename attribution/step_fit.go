package attribution

import (
	"fmt"
	"math"
	"time"

	"cfubench/internal/leastsquares"
	"cfubench/internal/stats"
	"cfubench/meter"
)

// Fitted is a number with the 95 % interval that its fit leaves it.
type Fitted struct {
	Value float64 `json:"value"`
	Lo    float64 `json:"lo"`
	Hi    float64 `json:"hi"`
}

// StepCosts are joules above idle of an engine's steps, of one domain, and how
// well they are known. They are a finding about the engine, not only a means to
// divide its energy.
type StepCosts struct {
	Domain string `json:"domain"`
	// Source is how they came about: SourceFit from this run, SourceCells from
	// it and the run's other cells, SourcePrior from what was given.
	Source string `json:"source"`
	// Role is the part of the work that the domain's device does, "" for all.
	Role Role `json:"role,omitempty"`
	// Step is for reading the weights, once a step; Prompt for a prompt token
	// computed; Decode for a decoded token at the run's mean context; Context is
	// what a thousand tokens of context more add to one, zero if the run does
	// not tell.
	Step    Fitted `json:"step_j"`
	Prompt  Fitted `json:"prompt_token_j"`
	Decode  Fitted `json:"output_token_j"`
	Context Fitted `json:"context_ktoken_j"`
	// MeanContext is thousands of tokens a decode, MeanBatch the requests in a
	// step, Steps their number, StepTime the typical time between two.
	MeanContext float64       `json:"mean_context_ktokens"`
	MeanBatch   float64       `json:"mean_batch"`
	Steps       int           `json:"steps"`
	StepTime    time.Duration `json:"step_ns"`
	// Shift is how much later than assumed the register showed the work.
	Shift time.Duration `json:"shift_ns"`
	// Intervals of mean length Interval were fitted. R2 is how much less they
	// leave than a constant power would, zero if not less. Residual is the standard deviation of an
	// interval's energy about the fit, relative to the mean, beyond what the
	// uncertain moments of publication explain.
	Intervals int           `json:"intervals"`
	Interval  time.Duration `json:"interval_ns"`
	R2        float64       `json:"r2"`
	Residual  float64       `json:"residual"`
	// Curvature is how much of the energy a quadratic term would move from one
	// interval to another, CurvaturePValue how likely as much is by chance.
	Curvature       float64 `json:"curvature"`
	CurvaturePValue float64 `json:"curvature_p"`
	// NotTold are the costs whose 95 % interval reaches zero: the run's load does
	// not tell them from the others. A batch that is always full, for one, makes
	// steps and output tokens rise together.
	NotTold []string `json:"not_told,omitempty"`
	// Doubt says why the costs do not describe the run, "" if they do.
	Doubt string `json:"doubt,omitempty"`

	// theta are the costs by term, covariance theirs; normal the sums that they
	// came from, by which cells are pooled.
	theta      [terms]float64
	covariance [terms][terms]float64
	normal     normal
	// shiftDoubt is what the costs change by if the register was shifted otherwise.
	shiftDoubt [terms]float64
	// scaling is what the energy was beyond the costs, nil if they are constant.
	scaling *scaling
}

// Kept is a copy that can be kept and pooled: without how the energy was beyond the
// costs over time, megabytes of a long cell that only dividing its energy needs.
func (f *StepCosts) Kept() *StepCosts {
	kept := *f
	kept.scaling = nil
	return &kept
}

// Sources of step costs.
const (
	SourceFit   = "fit"
	SourceCells = "cells"
	SourcePrior = "prior"
)

// normal are the normal equations of a fit: sums that add up over runs.
type normal struct {
	gram    [terms][terms]float64
	moment  [terms]float64
	scatter [terms][terms]float64 // of gradients, for the covariance
	squares float64               // of the residuals
	n       int
}

// Limits of a fit that can be believed.
const (
	minFitIntervals = 8
	// minContextIntervals are the data that the context's term needs.
	minContextIntervals = 30
	// maxCurvature is the share of energy that a quadratic term may move.
	maxCurvature = 0.05
	significance = 0.01
	// modelDoubt is the standard uncertainty of every cost, relative to it, for
	// what no interval shows: in which of two steps a token or a part of a prompt
	// was. It is the scatter on simulated engines beyond the fit's own.
	modelDoubt = 0.003
	// A fit that explains less than minR2 of the variation and leaves more than
	// maxResidual of the mean describes something else.
	minR2       = 0.3
	maxResidual = 0.15
)

// fitSteps fits the costs of curve's domain to the work: weighted least squares,
// no cost negative, of
//
//	energy above idle = Step · steps + Prompt · prompt tokens + Decode · decoded + Context · context
//
// over intervals between publications. The moment of a publication is uncertain,
// so what one interval has too much its neighbour has too little: the residuals
// are a moving average of order one, whose covariance is estimated from a first
// fit and divided out in a second. The costs' own covariance is the sandwich
// estimate, which holds though intervals of more power scatter more.
func fitSteps(w *work, c *Curve, in meter.Window, idle Idle) (*StepCosts, string) {
	if w.unknown != "" {
		return nil, w.unknown
	}
	at := alignedIntervals(w, c, in, idle)
	intervals := at.intervals
	f := &StepCosts{Domain: c.domain.Name, Source: SourceFit, Intervals: len(intervals), Steps: w.steps, StepTime: w.period, Shift: at.shift, shiftDoubt: at.doubt}
	f.measure(intervals)
	if len(intervals) == 0 {
		return nil, "no interval with work lies between two publications"
	}
	variance, neighbours := 1.0, 0.0
	for range 2 {
		f.normal = normalOf(intervals, variance, neighbours, nil)
		f.solve()
		variance, neighbours = autocovariance(intervals, f.theta)
	}
	f.normal = normalOf(intervals, variance, neighbours, &f.theta)
	f.solve()
	f.normal = normalOf(intervals, variance, neighbours, &f.theta) // with the final residuals
	f.finish()
	if len(intervals) < minFitIntervals {
		return f, fmt.Sprintf("%d intervals with work are too few", len(intervals))
	}
	f.judge(w, intervals, variance, neighbours)
	return f, ""
}

// measure sums up the work of the intervals.
func (f *StepCosts) measure(intervals []stretch) {
	var length time.Duration
	var sum [terms]float64
	for _, x := range intervals {
		length += x.length
		for t := range terms {
			sum[t] += x.work[t]
		}
	}
	if n := len(intervals); n > 0 {
		f.Interval = length / time.Duration(n)
	}
	if sum[termDecode] > 0 {
		f.MeanContext = sum[termContext] / sum[termDecode]
	}
	if sum[termStep] > 0 {
		f.MeanBatch = sum[termDecode] / sum[termStep]
	}
}

// residual is what theta leaves of an interval.
func (x *stretch) residual(theta [terms]float64) float64 {
	e := x.energy
	for t := range terms {
		e -= theta[t] * x.work[t]
	}
	return e
}

// matrices returns the normal equations of the first so many terms.
func (n *normal) matrices(count int) (gram [][]float64, moment []float64) {
	for a := range count {
		gram = append(gram, n.gram[a][:count])
	}
	return gram, n.moment[:count]
}

// solve sets theta: with the context's term if there is enough to tell it from
// the decodes' own.
func (f *StepCosts) solve() {
	f.theta = [terms]float64{}
	count := termContext
	if f.normal.n >= minContextIntervals {
		count = terms
	}
	gram, moment := f.normal.matrices(count)
	copy(f.theta[:], leastsquares.NonNegative(gram, moment))
}

// finish works out the covariance and the intervals of the costs.
func (f *StepCosts) finish() {
	n := &f.normal
	index := []int{}
	for t := range terms {
		if n.gram[t][t] > 0 && (t != termContext || f.theta[t] > 0) {
			index = append(index, t)
		}
	}
	gram := make([][]float64, len(index))
	for a, i := range index {
		for _, j := range index {
			gram[a] = append(gram[a], n.gram[i][j])
		}
	}
	f.covariance = [terms][terms]float64{}
	freedom := float64(max(n.n-len(index), 1))
	if inverse, ok := leastsquares.Inverse(gram); ok {
		small := float64(n.n) / freedom
		for a, i := range index {
			for b, j := range index {
				sum := 0.0
				for c, k := range index {
					for d, l := range index {
						sum += inverse[a][c] * n.scatter[k][l] * inverse[d][b]
					}
				}
				f.covariance[i][j] = sum * small
			}
		}
		f.atLeastIndependent(index, inverse, n.squares/freedom)
	}
	for _, i := range index {
		f.covariance[i][i] += modelDoubt * modelDoubt * f.theta[i] * f.theta[i]
		for _, j := range index {
			f.covariance[i][j] += f.shiftDoubt[i] * f.shiftDoubt[j] / 3 // evenly between its neighbours
		}
	}
	f.estimates(stats.StudentT(freedom, 0.95))
}

// atLeastIndependent makes the covariance never less than that of independent
// residuals of a variance would be. Where work of two kinds always coincides the
// sandwich is rounding error, and theirs stands for it: wide along what the load
// leaves open, and narrow across it, as for a sum of costs.
func (f *StepCosts) atLeastIndependent(index []int, inverse [][]float64, variance float64) {
	const rounding = 1e-6
	for a, i := range index {
		if !(f.covariance[i][i] > rounding*inverse[a][a]*variance) {
			for a, i := range index {
				for b, j := range index {
					f.covariance[i][j] = inverse[a][b] * variance
				}
			}
			return
		}
	}
	for a, i := range index {
		if plain := inverse[a][a] * variance; f.covariance[i][i] < plain {
			ratio := math.Sqrt(plain / f.covariance[i][i])
			for j := range terms {
				f.covariance[i][j] *= ratio
				f.covariance[j][i] *= ratio
			}
		}
	}
}

// estimates states the costs with intervals of so many standard errors.
func (f *StepCosts) estimates(quantile float64) {
	of := func(gradient [terms]float64) Fitted {
		value, variance := 0.0, 0.0
		for a := range terms {
			value += gradient[a] * f.theta[a]
			for b := range terms {
				variance += gradient[a] * f.covariance[a][b] * gradient[b]
			}
		}
		half := quantile * math.Sqrt(max(variance, 0))
		return Fitted{value, max(value-half, 0), value + half}
	}
	f.Step = of([terms]float64{termStep: 1})
	f.Prompt = of([terms]float64{termPrompt: 1})
	f.Decode = of([terms]float64{termDecode: 1, termContext: f.MeanContext})
	f.Context = of([terms]float64{termContext: 1})
	f.NotTold = nil
	for _, cost := range []struct {
		name string
		of   Fitted
		term int
	}{{"step", f.Step, termStep}, {"prompt token", f.Prompt, termPrompt}, {"output token", f.Decode, termDecode}} {
		if f.normal.gram[cost.term][cost.term] > 0 && cost.of.Lo <= 0 { // where there was such work
			f.NotTold = append(f.NotTold, cost.name)
		}
	}
}
