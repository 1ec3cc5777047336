package attribution

import (
	"math"
	"slices"

	"cfubench/internal/leastsquares"
)

// timing is how long a step took, and for what.
type timing struct{ took, prompt, members float64 }

// fit returns what a step takes beside its parts, and what a prompt token and a
// request in it add, in ns, by least squares of the flushed steps' times, and
// the typical size of what that leaves: twice its lower quartile, which is the
// median of normal errors and stays small while most prompts are misplaced;
// squares sums up what it leaves, relative to the steps.
func (s *stepper) fit() (t timing, noise, squares float64) {
	if len(s.timings) == 0 {
		return t, 0, 0
	}
	left := make([]float64, len(s.timings))
	for k, x := range s.timings {
		left[k] = x.took
	}
	slices.Sort(left)
	middle := left[len(left)/2]
	gram, moment := make([][]float64, 3), make([]float64, 3)
	for k := range gram {
		gram[k] = make([]float64, 3)
	}
	for _, x := range s.timings {
		weight := 1 / ((middle + x.took) * (middle + x.took)) // errors grow with the step
		row := [3]float64{1, x.prompt, x.members}
		for a := range row {
			moment[a] += weight * row[a] * x.took
			for b := range row {
				gram[a][b] += weight * row[a] * row[b]
			}
		}
	}
	x := leastsquares.NonNegative(gram, moment)
	for k, y := range s.timings {
		left[k] = math.Abs(y.took - x[0] - x[1]*y.prompt - x[2]*y.members)
		relative := left[k] / (middle + y.took)
		squares += relative * relative
	}
	slices.Sort(left)
	return timing{x[0], x[1], x[2]}, 2 * left[len(left)/4], squares
}

// longest takes all of the time beyond that of a short step (the fifth part of
// them are no longer) for prompts'.
func (s *stepper) longest() (t timing, noise float64) {
	if len(s.timings) == 0 {
		return t, 0
	}
	took := make([]float64, len(s.timings))
	prompts := 0.0
	for k, x := range s.timings {
		took[k] = x.took
		prompts += x.prompt
	}
	slices.Sort(took)
	short := took[len(took)/5]
	beyond := 0.0
	for _, x := range took {
		if x > 1.25*short {
			beyond += x - short
		}
	}
	if prompts == 0 {
		return t, 0
	}
	return timing{took: short, prompt: beyond / prompts}, short / 10
}
