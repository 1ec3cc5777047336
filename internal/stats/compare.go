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
	// A and B are the centers: the figures of both, else the means under Welch and the
	// medians under MannWhitney.
	A, B float64
	// Delta is B/A−1 and Lo, Hi its interval at Confidence. Of samples above zero it is
	// on the logarithmic scale: under Welch Student's, under MannWhitney that of the
	// shift (Hodges and Lehmann). Else it is that of the ratio of means (Fieller), or of
	// the shift over A. NaN where the data give none.
	Delta, Lo, Hi float64
	// P is the probability of a difference at least as large if there is none,
	// NaN if no test was possible.
	P float64
	// Different: P is at most the level.
	Different bool
	NA, NB    int
	// Settle is about how many samples of each would tell the difference under Welch,
	// where these do not, as Settle has it; 0 where nothing says.
	Settle   int
	Warnings []string
}

// Side is a sample to compare.
type Side struct {
	Values []float64
	// Figure is what the sample is of where others say so: batches only say how sure
	// that is. NaN without one.
	Figure float64
}

// Compare tests samples a and b for difference at the level 1−Confidence.
func Compare(test Test, a, b []float64) Comparison {
	return CompareSides(test, Side{a, math.NaN()}, Side{b, math.NaN()})
}

// CompareSides is Compare of samples with figures of their own.
func CompareSides(test Test, a, b Side) Comparison {
	c := Comparison{Delta: math.NaN(), Lo: math.NaN(), Hi: math.NaN(), P: math.NaN(), NA: len(a.Values), NB: len(b.Values), A: a.center(test), B: b.center(test)}
	if c.A != 0 {
		c.Delta = c.B/c.A - 1
	}
	switch {
	case c.NA < 2 || c.NB < 2:
		c.Warnings = append(c.Warnings, fmt.Sprintf("%d against %d samples: a test needs at least 2 of each", c.NA, c.NB))
		return c
	case Deviation(a.Values) == 0 && Deviation(b.Values) == 0:
		c.constant()
		return c
	}
	logarithmic := positive(a.Values) && positive(b.Values) && c.A > 0 && c.B > 0
	switch {
	case test == MannWhitney:
		c.byRank(a.Values, b.Values, logarithmic)
	case logarithmic:
		c.ratio(Logs(a.Values), Logs(b.Values))
	default:
		c.means(a.Values, b.Values)
	}
	c.Different = c.P <= 1-Confidence
	if c.Different {
		c.Settle = 0
	}
	return c
}

func (s Side) center(test Test) float64 {
	switch {
	case !math.IsNaN(s.Figure):
		return s.Figure
	case test == MannWhitney:
		return Quantile(sorted(s.Values), 0.5)
	}
	return Mean(s.Values)
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

// ratio is Welch's test of the logarithm of B/A with the spread of the samples'
// logarithms: the interval leaves out zero exactly where the test rejects.
func (c *Comparison) ratio(a, b []float64) {
	va, vb, freedom := welch(a, b)
	difference, se := math.Log(c.B/c.A), math.Sqrt(va+vb)
	c.P = StudentPValue(difference/se, freedom)
	lo, hi := studentT(difference, se, freedom, Confidence)
	c.Lo, c.Hi = math.Exp(lo)-1, math.Exp(hi)-1
	n := max(c.NA, c.NB)
	c.Settle = Settle(difference, va*float64(c.NA)+vb*float64(c.NB), Confidence, n)
}

// means is Welch's test of samples that are not all above zero, with Fieller's
// interval of mean(b)/mean(a)−1: NaN where a's mean is not told from zero.
func (c *Comparison) means(a, b []float64) {
	va, vb, freedom := welch(a, b)
	c.P = StudentPValue((c.B-c.A)/math.Sqrt(va+vb), freedom)
	t := StudentT(freedom, Confidence)
	da, db := c.A*c.A-t*t*va, c.B*c.B-t*t*vb
	root := c.A*c.B*c.A*c.B - da*db
	if da > 0 && root >= 0 {
		c.Lo, c.Hi = (c.A*c.B-math.Sqrt(root))/da-1, (c.A*c.B+math.Sqrt(root))/da-1
	}
	c.Settle = Settle(c.B-c.A, va*float64(c.NA)+vb*float64(c.NB), Confidence, max(c.NA, c.NB))
}

// welch are the squared errors of two means, and Welch and Satterthwaite's degrees of
// freedom of their difference.
func welch(a, b []float64) (va, vb, freedom float64) {
	na, nb := float64(len(a)), float64(len(b))
	va, vb = math.Pow(Deviation(a), 2)/na, math.Pow(Deviation(b), 2)/nb
	return va, vb, (va + vb) * (va + vb) / (va*va/(na-1) + vb*vb/(nb-1))
}

// byRank is Mann and Whitney's test.
func (c *Comparison) byRank(a, b []float64, logarithmic bool) {
	thresholds := &benchmath.Thresholds{CompareAlpha: 1 - Confidence}
	tested := benchmath.AssumeNothing.Compare(benchmath.NewSample(a, thresholds), benchmath.NewSample(b, thresholds))
	for _, w := range tested.Warnings {
		c.Warnings = append(c.Warnings, w.Error())
	}
	c.P = tested.P
	switch {
	case logarithmic:
		lo, hi := shiftInterval(Logs(a), Logs(b))
		c.Lo, c.Hi = math.Exp(lo)-1, math.Exp(hi)-1
	case c.A != 0:
		lo, hi := shiftInterval(a, b)
		c.Lo, c.Hi = min(lo/c.A, hi/c.A), max(lo/c.A, hi/c.A)
	}
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
	rank := int(math.Floor(na*nb/2 - Normal95*math.Sqrt(na*nb*(na+nb+1)/12)))
	if rank < 1 {
		return math.NaN(), math.NaN()
	}
	return differences[rank-1], differences[len(differences)-rank]
}

// FormatDelta is the difference as text: "+3.2 %", with "~" before it where the data
// do not support one and "?" after it where they could not be tested.
func (c Comparison) FormatDelta() string {
	if math.IsNaN(c.Delta) {
		return "?"
	}
	text := FormatChange(c.Delta) + " %"
	switch {
	case math.IsNaN(c.P):
		return text + "?"
	case !c.Different:
		return "~" + text
	}
	return text
}

// FormatChange is a relative change in percent, with its sign: to a tenth, and one that
// rounds to none with its first digit.
func FormatChange(change float64) string {
	percent := 100 * change
	size := math.Abs(percent)
	if size < 1e-6 { // of rounding
		return "0.0"
	}
	digits := 1
	if size < 0.05 {
		digits = -int(math.Floor(math.Log10(size)))
	}
	return fmt.Sprintf("%+.*f", digits, percent)
}
