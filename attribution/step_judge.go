package attribution

import (
	"fmt"
	"math"
	"strings"

	"cfubench/internal/leastsquares"
	"cfubench/internal/stats"
)

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
		f.Doubt = fmt.Sprintf("the costs miss an interval's energy by %.0f %% and do not follow its changes", 100*f.Residual)
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
	f.CurvaturePValue = stats.StudentPValue(t, freedom)
	for k := range copied {
		moved := copied[k].energy - copied[k].residual(extended)
		f.Curvature += math.Abs(moved) / 2 / (mean * float64(len(copied)))
	}
}

// Miss is by how much the costs miss the energy of an interval, relative to the
// mean; false where they were not fitted to this run's intervals alone.
func (f *StepCosts) Miss() (share float64, known bool) {
	return f.Residual, f.Source == SourceFit && f.Intervals >= minFitIntervals
}

// Told says in words which of the costs the run's load tells from the others.
func (f *StepCosts) Told() string {
	switch {
	case f.Source == SourcePrior:
		return "as given"
	case len(f.NotTold) == 0:
		return "all"
	}
	return "not " + strings.Join(f.NotTold, ", ")
}
