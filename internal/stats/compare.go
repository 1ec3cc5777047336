package stats

import (
	"fmt"
	"math"

	"golang.org/x/perf/benchmath"
)

// Test is an assumption about samples, and with it the test of difference.
type Test string

// Tests. Welch assumes means that are about normal, which means of batches and
// of runs are; MannWhitney assumes nothing of the shape and needs at least four
// samples a side to tell anything at the level of 5 %.
const (
	Welch       Test = "welch"
	MannWhitney Test = "mann-whitney"
)

// ParseTest reads a test's name.
func ParseTest(name string) (Test, error) {
	switch t := Test(name); t {
	case Welch, MannWhitney:
		return t, nil
	}
	return "", fmt.Errorf("test %q is unknown: use %s or %s", name, Welch, MannWhitney)
}

// Comparison is the difference of sample b from sample a.
type Comparison struct {
	// A and B are the centers: means under Welch, medians under MannWhitney.
	A, B float64
	// Delta is B/A−1 and Lo, Hi its interval at Confidence: under Welch that of
	// the ratio of means (Fieller), under MannWhitney that of the shift (Hodges
	// and Lehmann) over A. NaN where the data give none.
	Delta, Lo, Hi float64
	// P is the probability of a difference at least as large if there is none,
	// NaN if no test was possible.
	P float64
	// Different: P is at most the level.
	Different bool
	NA, NB    int
	Warnings  []string
}

// Compare tests samples a and b for difference at the level 1−Confidence.
func Compare(test Test, a, b []float64) Comparison {
	c := Comparison{Delta: math.NaN(), Lo: math.NaN(), Hi: math.NaN(), P: math.NaN(), NA: len(a), NB: len(b)}
	c.A, c.B = center(test, a), center(test, b)
	if c.A != 0 {
		c.Delta = c.B/c.A - 1
	}
	if len(a) < 2 || len(b) < 2 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%d against %d samples: a test needs at least 2 of each", len(a), len(b)))
		return c
	}
	thresholds := &benchmath.Thresholds{CompareAlpha: 1 - Confidence}
	assumption := benchmath.Assumption(benchmath.AssumeNormal)
	if test == MannWhitney {
		assumption = benchmath.AssumeNothing
	}
	if Deviation(a) == 0 && Deviation(b) == 0 {
		c.constant()
		return c
	}
	tested := assumption.Compare(benchmath.NewSample(a, thresholds), benchmath.NewSample(b, thresholds))
	for _, w := range tested.Warnings {
		c.Warnings = append(c.Warnings, w.Error())
	}
	c.P = tested.P
	c.Different = c.P <= 1-Confidence
	if c.A == 0 {
		return c
	}
	if test == Welch {
		c.Lo, c.Hi = ratioInterval(a, b)
		return c
	}
	lo, hi := shiftInterval(a, b)
	c.Lo, c.Hi = lo/c.A, hi/c.A
	if c.A < 0 {
		c.Lo, c.Hi = c.Hi, c.Lo
	}
	return c
}

// constant is the comparison of two samples without any spread: exact figures,
// such as token counts, which differ or do not.
func (c *Comparison) constant() {
	c.P, c.Different = 1, false
	if c.A != c.B {
		c.P, c.Different = 0, true
	}
	c.Lo, c.Hi = c.Delta, c.Delta
}

func center(test Test, values []float64) float64 {
	if test == MannWhitney {
		return Quantile(sorted(values), 0.5)
	}
	return Mean(values)
}

// ratioInterval is Fieller's interval of mean(b)/mean(a)−1 with unequal
// variances and Welch and Satterthwaite's degrees of freedom: it leaves out zero
// exactly where Welch's test rejects. NaN where a's mean is not told from zero.
func ratioInterval(a, b []float64) (lo, hi float64) {
	na, nb := float64(len(a)), float64(len(b))
	ma, mb := Mean(a), Mean(b)
	va, vb := math.Pow(Deviation(a), 2)/na, math.Pow(Deviation(b), 2)/nb
	freedom := (va + vb) * (va + vb) / (va*va/(na-1) + vb*vb/(nb-1))
	_, t := studentT(0, 1, freedom, Confidence)
	da, db := ma*ma-t*t*va, mb*mb-t*t*vb
	root := ma*mb*ma*mb - da*db
	if da <= 0 || root < 0 {
		return math.NaN(), math.NaN()
	}
	return (ma*mb-math.Sqrt(root))/da - 1, (ma*mb+math.Sqrt(root))/da - 1
}

// shiftInterval is the distribution-free interval of the shift of b from a:
// order statistics of all pairwise differences, at the ranks that the normal
// approximation to Mann and Whitney's U gives (Lehmann 1975).
func shiftInterval(a, b []float64) (lo, hi float64) {
	differences := make([]float64, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			differences = append(differences, y-x)
		}
	}
	differences = sorted(differences)
	na, nb := float64(len(a)), float64(len(b))
	rank := int(math.Floor(na*nb/2 - 1.959963984540054*math.Sqrt(na*nb*(na+nb+1)/12)))
	if rank < 1 {
		return math.NaN(), math.NaN()
	}
	return differences[rank-1], differences[len(differences)-rank]
}

// FormatDelta is the difference as text: "+3.2 %", or "~" where the data do not
// support one.
func (c Comparison) FormatDelta() string {
	switch {
	case math.IsNaN(c.P) || math.IsNaN(c.Delta):
		return "?"
	case !c.Different:
		return "~"
	}
	return fmt.Sprintf("%+.1f %%", 100*c.Delta)
}
