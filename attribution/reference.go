package attribution

import (
	"errors"
	"fmt"
	"math"

	"cfubench/internal/leastsquares"
	"cfubench/internal/stats"
	"cfubench/meter"
	"cfubench/meter/gauge"
)

// Plateau is the mean power over one stretch of a reference meter (a wall meter,
// a node's BMC) and of the domains that it is compared with.
type Plateau struct {
	Over      meter.Window
	Reference meter.Power
	Domains   []meter.Power
}

func (p Plateau) sum() float64 {
	total := 0.0
	for _, d := range p.Domains {
		total += d.Watts()
	}
	return total
}

// Plateaus returns the mean powers over the windows that all curves cover. The
// windows are best stretches of steady power at different loads, longer than
// the reference's update.
func Plateaus(reference *Curve, domains []*Curve, windows []meter.Window) []Plateau {
	var out []Plateau
next:
	for _, w := range windows {
		p, e := reference.MeanPower(w)
		if !e.HasEnergy {
			continue
		}
		at := Plateau{Over: w, Reference: p}
		for _, d := range domains {
			p, e := d.MeanPower(w)
			if !e.HasEnergy {
				continue next
			}
			at.Domains = append(at.Domains, p)
		}
		out = append(out, at)
	}
	return out
}

// Reference is how a reference meter follows the sum of the domains,
//
//	reference = Offset + Slope · Σ domains,
//
// by least squares.
type Reference struct {
	Slope, SlopeError float64 // and its standard error, 0 of two plateaus
	Offset            meter.Power
	OffsetError       meter.Power
	// SlopeU95 and OffsetU95 are half of the 95 % intervals (Student's t), 0 of
	// two plateaus. They hold what scatters from plateau to plateau and not the
	// reference's own gain.
	SlopeU95  float64
	OffsetU95 meter.Power
	R2        float64
	Plateaus  int
	// HostFactor is that of all domains, zero if the meter is blind.
	HostFactor HostFactor
	// Slopes are those of each domain by itself, nil where the plateaus do not
	// tell them apart.
	Slopes []float64
	// Blind says that the meter does not see this load.
	Blind    bool
	Warnings []Warning
}

const (
	// blindSlope is the least slope of a meter that sees the load.
	blindSlope = 0.3
	// leastSpread is the least part of the highest power by which the load must
	// have changed for a slope to be found.
	leastSpread = 0.1
	// mostCondition is the condition number beyond which domains rise and fall
	// together.
	mostCondition = 100
)

// FitReference regresses the reference on the sum of the domains. Two plateaus
// suffice if the load differs between them. Too few, and a load that did not
// change, are errors.
func FitReference(plateaus []Plateau) (Reference, error) {
	n := float64(len(plateaus))
	if n < 2 {
		return Reference{}, errors.New("reference meter: two plateaus of different load are needed")
	}
	var x, y, low, high float64
	low = math.Inf(1)
	for i, p := range plateaus {
		if len(p.Domains) == 0 || len(p.Domains) != len(plateaus[0].Domains) {
			return Reference{}, fmt.Errorf("reference meter: plateau %d has %d domains, the first %d", i, len(p.Domains), len(plateaus[0].Domains))
		}
		s := p.sum()
		x, y, low, high = x+s/n, y+p.Reference.Watts()/n, min(low, s), max(high, s)
	}
	if high-low < leastSpread*high {
		return Reference{}, fmt.Errorf("reference meter: the domains' power only went from %.1f to %.1f W: measure idle and load", low, high)
	}
	var xx, xy, yy float64
	for _, p := range plateaus {
		dx, dy := p.sum()-x, p.Reference.Watts()-y
		xx, xy, yy = xx+dx*dx, xy+dx*dy, yy+dy*dy
	}
	slope := xy / xx
	out := Reference{Slope: slope, Offset: watts(y - slope*x), Plateaus: len(plateaus), R2: 1, Blind: slope < blindSlope}
	if yy > 0 {
		out.R2 = xy * xy / (xx * yy)
	}
	if n > 2 {
		residual := math.Sqrt(max(yy-slope*xy, 0) / (n - 2))
		out.SlopeError = residual / math.Sqrt(xx)
		offset := residual * math.Sqrt(1/n+x*x/xx)
		t := stats.StudentT(n-2, confidence)
		out.OffsetError, out.SlopeU95, out.OffsetU95 = watts(offset), t*out.SlopeError, watts(t*offset)
	}
	if out.Blind {
		out.Warnings = append(out.Warnings, Warning{"reference_blind", "", -1,
			fmt.Sprintf("the reference rises by %.2f W for each watt of the domains: this meter does not see this load", slope)})
		return out, nil
	}
	all := make([]int, len(plateaus[0].Domains))
	for i := range all {
		all[i] = i
	}
	out.HostFactor = HostFactorOf(plateaus, all)
	out.Slopes = slopes(plateaus)
	return out, nil
}

// HostFactor is the reference over the power of some domains: what their energy
// is to be multiplied by to be that of all the reference covers, at that load.
type HostFactor struct {
	Value    float64
	U95      float64 // half of the 95 % interval, 0 of one plateau
	Plateaus int     // that it was taken from
}

// HostFactorOf is the host factor of the domains numbered of over the plateaus at
// which their power is in the upper half of its span. At idle it is another,
// larger one.
func HostFactorOf(plateaus []Plateau, of []int) HostFactor {
	sums := make([]float64, len(plateaus))
	low, high := math.Inf(1), 0.0
	for i, p := range plateaus {
		for _, k := range of {
			sums[i] += p.Domains[k].Watts()
		}
		low, high = min(low, sums[i]), max(high, sums[i])
	}
	var ratios []float64
	var above, seen float64
	for i, p := range plateaus {
		if sums[i] > 0 && sums[i] >= (low+high)/2 {
			ratios = append(ratios, p.Reference.Watts()/sums[i])
			above, seen = above+sums[i], seen+p.Reference.Watts()
		}
	}
	if len(ratios) == 0 {
		return HostFactor{}
	}
	out := HostFactor{Value: seen / above, Plateaus: len(ratios)}
	if r := stats.Repeats(ratios, confidence); len(ratios) > 1 {
		out.U95 = (r.Hi - r.Lo) / 2
	}
	return out
}

// confidence is that of the intervals.
const confidence = 0.95

func watts(w float64) meter.Power { return meter.Power(math.Round(w * float64(meter.Watt))) }

// slopes is the regression on each domain by itself, nil where they cannot be
// told apart.
func slopes(plateaus []Plateau) []float64 {
	n, k := len(plateaus), len(plateaus[0].Domains)
	if k < 2 || n < k+2 {
		return nil
	}
	gram, moment := make([][]float64, k+1), make([]float64, k+1)
	for i := range gram {
		gram[i] = make([]float64, k+1)
	}
	x := make([]float64, k+1)
	x[k] = 100 // of the size of the powers, for the condition's sake
	for _, p := range plateaus {
		for j, d := range p.Domains {
			x[j] = d.Watts()
		}
		for i := range x {
			moment[i] += x[i] * p.Reference.Watts()
			for j := range x {
				gram[i][j] += x[i] * x[j]
			}
		}
	}
	// The condition of the normal equations is the square of the plateaus' own.
	inverse, ok := leastsquares.Inverse(gram)
	if !ok || rowNorm(gram)*rowNorm(inverse) > mostCondition*mostCondition {
		return nil
	}
	out, _ := leastsquares.Solve(gram, moment)
	return out[:k]
}

// rowNorm is the largest sum of a row's absolute values.
func rowNorm(m [][]float64) (norm float64) {
	for _, row := range m {
		sum := 0.0
		for _, v := range row {
			sum += math.Abs(v)
		}
		norm = max(norm, sum)
	}
	return norm
}

// Calibrate returns g with the gain and the offset of domain i as the reference
// has shown them, of n domains in all: what g's figures are to be trusted
// within, not a correction of them. It is for a reference that covers the
// domains and nothing else, such as a meter in the cards' supply: a wall meter
// also sees fans and losses, and bounds the gain only. A blind reference tells
// nothing.
func (r Reference) Calibrate(g gauge.Gauge, i, n int) gauge.Gauge {
	if r.Blind || r.Slope <= 0 {
		return g
	}
	slope := r.Slope
	if r.Slopes != nil {
		slope = r.Slopes[i]
	}
	g.Gain = math.Hypot(1/slope-1, r.SlopeError/slope)
	g.Offset = watts(math.Hypot(r.Offset.Watts(), r.OffsetError.Watts()) / slope / float64(max(n, 1)))
	g.Calibrated = true
	g.Source = fmt.Sprintf("reference meter: slope %.4f over %d plateaus", slope, r.Plateaus)
	return g
}
