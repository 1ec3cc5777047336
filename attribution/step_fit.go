package attribution

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"cfubench/internal/leastsquares"
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

// Sources of step costs.
const (
	SourceFit   = "fit"
	SourceCells = "cells"
	SourcePrior = "prior"
)

// normal are the normal equations of a fit: sums that add up over runs.
type normal struct {
	gram                  [terms][terms]float64
	moment                [terms]float64
	scatter               [terms][terms]float64 // of gradients, for the covariance
	squares               float64               // of the residuals
	n                     int
	batch, decodes, steps float64
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

// stretch is what lies between two publications of the register.
type stretch struct {
	energy float64 // J above idle
	work   [terms]float64
	from   time.Duration // of the work
	length time.Duration
	joined bool // with the one before: they share a publication
}

// intervalsOf cuts the window at publications of the register, where its value
// is exact but for the moment, and takes each interval's energy above idle and
// the work done in it. Those without work are left out.
// shift is how much later than the curve has it a publication shows the work.
func intervalsOf(w *work, c *Curve, in Window, idle Idle, shift time.Duration) []stretch {
	e, flag := c.cover(in)
	if flag != "" {
		return nil
	}
	floor := 0.0
	if idle.Known {
		floor = rate(idle.Loaded)
	}
	width := fitWidth(w, c, in)
	first := after(c.knot, e, -1, in.Start)
	out := make([]stretch, 0, min(e.last-first, int(in.Length()/width)+1))
	cursor := newCursor(c, e)
	var before [terms]float64
	var from time.Duration
	energy, joined, open := 0.0, false, false
	for k := first; k < e.last && c.knot[k] <= in.End; k++ {
		at := c.knot[k]
		if open && at-from < width {
			continue
		}
		now, value := w.by(at+shift), cursor.at(at).energy
		if open {
			x := stretch{energy: (value - energy - floor*float64(at-from)) / 1e6, from: from + shift, length: at - from, joined: joined}
			for t := range terms {
				x.work[t] = now[t] - before[t]
			}
			if joined = x.work[termStep]+x.work[termPrompt] > 1e-6; joined {
				out = append(out, x)
			}
		}
		before, from, energy, open = now, at, value, true
	}
	return out
}

// fitWidth is the least length of an interval: a publication, two steps, and no
// more than two hundred thousand of them.
func fitWidth(w *work, c *Curve, in Window) time.Duration {
	return max(c.domain.UpdatePeriod*7/10, 2*w.period, in.Length()/200_000, 2*time.Millisecond)
}

// maxShifts bounds the shifts that are tried to either side, on at most so many
// intervals.
const (
	maxShifts            = 10
	alignedIntervalsMost = 5000
)

// alignedIntervals returns the intervals with the work shifted to where it
// explains the energy best: reads at a fixed distance after the publications
// put all of them too late or too early by as much, and tokens arrive a little
// after their step ended. The shift is at most what the reads leave open, and a
// step.
func alignedIntervals(w *work, c *Curve, in Window, idle Idle) aligned {
	most := min(c.doubtOf(in)/2, c.domain.UpdatePeriod/2) + min(w.period/2, 5*time.Millisecond)
	var thetas [2*maxShifts + 1][terms]float64
	var best int
	var out aligned
	least := math.Inf(1)
	part := in
	part.End = min(part.End, part.Start+alignedIntervalsMost*fitWidth(w, c, in))
	for k := range thetas {
		shift := most * time.Duration(k-maxShifts) / maxShifts
		intervals := intervalsOf(w, c, part, idle, shift)
		n := normalOf(intervals, 1, 0, nil)
		gram, moment := n.matrices(termContext)
		copy(thetas[k][:], leastsquares.NonNegative(gram, moment))
		if left, _ := autocovariance(intervals, thetas[k]); left < least {
			out, best, least = aligned{intervals: intervals, shift: shift}, k, left
		}
	}
	if part != in {
		out.intervals = intervalsOf(w, c, in, idle, out.shift)
	}
	before, after := thetas[max(best-1, 0)], thetas[min(best+1, 2*maxShifts)]
	for t := range terms {
		out.doubt[t] = (after[t] - before[t]) / 2
	}
	return out
}

// aligned are intervals whose work is where the register showed it.
type aligned struct {
	intervals []stretch
	shift     time.Duration
	// doubt is what the costs change by if the shift is one of those next to it.
	doubt [terms]float64
}

// doubtOf is the typical time within which the curve knows a publication.
func (c *Curve) doubtOf(w Window) time.Duration {
	var widths []time.Duration
	for k := range c.knot {
		if c.knot[k] >= w.Start && c.knot[k] <= w.End && c.ceilAt[k] != never {
			widths = append(widths, c.floorAt[k]-c.ceilAt[k])
		}
		if len(widths) == 1000 {
			break
		}
	}
	if len(widths) == 0 {
		return 0
	}
	slices.Sort(widths)
	return widths[len(widths)/2]
}

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
func fitSteps(w *work, c *Curve, in Window, idle Idle) (*StepCosts, string) {
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

// autocovariance returns the variance of the residuals and the covariance of
// those that share a publication, which is not positive.
func autocovariance(intervals []stretch, theta [terms]float64) (variance, neighbours float64) {
	var sum, cross float64
	pairs := 0
	last := 0.0
	for k := range intervals {
		r := intervals[k].residual(theta)
		sum += r * r
		if intervals[k].joined {
			cross += r * last
			pairs++
		}
		last = r
	}
	variance = sum / float64(max(len(intervals), 1))
	if variance <= 0 {
		return 1, 0
	}
	if pairs > 0 {
		neighbours = cross / float64(pairs)
	}
	return variance, min(max(neighbours, -0.49*variance), 0)
}

// normalOf sums up the intervals, whitened for residuals of the given variance
// and covariance; with theta, their scatter about it too.
func normalOf(intervals []stretch, variance, neighbours float64, theta *[terms]float64) normal {
	var out normal
	var white whitener
	white.variance, white.neighbours = variance, neighbours
	var last [terms]float64
	for k := range intervals {
		x, y := white.next(&intervals[k])
		for a := range terms {
			out.moment[a] += x[a] * y
			for b := range terms {
				out.gram[a][b] += x[a] * x[b]
			}
		}
		out.n++
		if theta == nil {
			continue
		}
		r := y
		for t := range terms {
			r -= theta[t] * x[t]
		}
		out.squares += r * r
		// What the covariance's model leaves between neighbours is in it too.
		var g [terms]float64
		for a := range terms {
			g[a] = x[a] * r
		}
		for a := range terms {
			for b := range terms {
				out.scatter[a][b] += g[a] * g[b]
				if intervals[k].joined {
					out.scatter[a][b] += (g[a]*last[b] + last[a]*g[b]) / 2
				}
			}
		}
		last = g
	}
	return out
}

// whitener turns intervals whose residuals are a moving average into ones whose
// residuals are independent and of variance one.
type whitener struct {
	variance, neighbours float64
	pivot                float64
	work                 [terms]float64
	energy               float64
}

func (w *whitener) next(x *stretch) (work [terms]float64, energy float64) {
	if x.joined && w.pivot > 0 {
		l := w.neighbours / w.pivot
		w.pivot = w.variance - w.neighbours*l
		for t := range terms {
			w.work[t] = x.work[t] - l*w.work[t]
		}
		w.energy = x.energy - l*w.energy
	} else {
		w.pivot, w.work, w.energy = w.variance, x.work, x.energy
	}
	s := 1 / math.Sqrt(w.pivot)
	for t := range terms {
		work[t] = w.work[t] * s
	}
	return work, w.energy * s
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
		for a, i := range index { // never less than the covariance of independent residuals would be
			if plain := inverse[a][a] * n.squares / freedom; f.covariance[i][i] < plain {
				ratio := math.Sqrt(plain / max(f.covariance[i][i], plain*1e-6))
				for j := range terms {
					f.covariance[i][j] *= ratio
					f.covariance[j][i] *= ratio
				}
			}
		}
	}
	for _, i := range index {
		f.covariance[i][i] += modelDoubt * modelDoubt * f.theta[i] * f.theta[i]
		for _, j := range index {
			f.covariance[i][j] += f.shiftDoubt[i] * f.shiftDoubt[j] / 3 // evenly between its neighbours
		}
	}
	f.estimates(distuv.StudentsT{Sigma: 1, Nu: freedom}.Quantile(0.975))
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
}

// judge holds the fit against its own intervals.
func (f *StepCosts) judge(w *work, intervals []stretch, variance, neighbours float64) {
	mean := 0.0
	constant := make([]stretch, len(intervals)) // work for time alone
	for k, x := range intervals {
		mean += x.energy / float64(len(intervals))
		constant[k] = x
		constant[k].work = [terms]float64{float64(x.length)}
	}
	f.scaling = scalingOf(w, intervals, f.theta, variance, neighbours, mean)
	f.Residual = math.Sqrt(max(variance+2*neighbours, 0)) / mean
	null := normalOf(constant, variance, neighbours, nil)
	power := [terms]float64{null.moment[0] / null.gram[0][0]}
	if null = normalOf(constant, variance, neighbours, &power); null.squares > 0 {
		f.R2 = max(1-f.normal.squares/null.squares, 0)
	}
	f.curvature(intervals, variance, neighbours, mean)
	switch {
	case f.theta == [terms]float64{}:
		f.Doubt = "no cost is above zero"
	case f.R2 < minR2 && f.Residual > maxResidual:
		f.Doubt = fmt.Sprintf("the costs explain %.0f %% of the power's variation and leave %.0f %% of its mean", 100*f.R2, 100*f.Residual)
	case f.Curvature > maxCurvature && f.CurvaturePValue < significance:
		f.Doubt = fmt.Sprintf("a quadratic term would move %.0f %% of the energy: steps do not cost a sum of these terms", 100*f.Curvature)
	}
}

// curvature is Ramsey's test (RESET, 1969): whether the square of the fitted
// energy explains what the fit leaves.
func (f *StepCosts) curvature(intervals []stretch, variance, neighbours, mean float64) {
	f.CurvaturePValue = 1
	scale := 0.0
	fitted := func(x *stretch) float64 { return x.energy - x.residual(f.theta) }
	for k := range intervals {
		scale = max(scale, math.Abs(fitted(&intervals[k])))
	}
	if scale == 0 || mean <= 0 {
		return
	}
	// The square stands in for the context's term in a copy of the problem, and
	// what the fit says for the energy's other terms is taken out of it.
	copied := make([]stretch, len(intervals))
	for k := range intervals {
		copied[k] = intervals[k]
		y := fitted(&intervals[k]) / scale
		copied[k].work[termContext] = y * y
		copied[k].energy = intervals[k].residual(f.theta)
	}
	n := normalOf(copied, variance, neighbours, nil)
	gram, moment := n.matrices(terms)
	for t := range terms {
		if gram[t][t] == 0 {
			return
		}
	}
	x, ok := leastsquares.Solve(gram, moment)
	inverse, ok2 := leastsquares.Inverse(gram)
	if !ok || !ok2 {
		return
	}
	var extended [terms]float64
	copy(extended[:], x)
	n = normalOf(copied, variance, neighbours, &extended)
	freedom := float64(max(n.n-terms, 1))
	t := x[termContext] / math.Sqrt(max(inverse[termContext][termContext]*n.squares/freedom, math.SmallestNonzeroFloat64))
	f.CurvaturePValue = 2 * distuv.StudentsT{Sigma: 1, Nu: freedom}.CDF(-math.Abs(t))
	for k := range copied {
		moved := copied[k].energy - copied[k].residual(extended)
		f.Curvature += math.Abs(moved) / 2 / (mean * float64(len(copied)))
	}
}
