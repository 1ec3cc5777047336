package stats

import "math"

// Contrast is how far the difference of two candidates' means may be from the true
// one: a normal distribution mixed over the joint posterior of both σ.
type Contrast struct {
	a, b       *mixture // at the two knots of the second candidate
	share      float64  // of b
	confidence float64
}

type contrastKey struct {
	first, knot int
	na, nb      float64
}

// Contrast is that of candidates i and j, the means of na and nb values.
func (n *Noise) Contrast(i, j int, na, nb float64) Contrast {
	if n.exact {
		return Contrast{confidence: n.confidence}
	}
	p := n.at[j]
	return Contrast{n.contrast(i, p.a, na, nb), n.contrast(i, p.b, na, nb), p.share, n.confidence}
}

// contrast is the mixture of a candidate and a knot, each once.
func (n *Noise) contrast(i, at int, na, nb float64) *mixture {
	key := contrastKey{i, at, na, nb}
	if m := n.contrasts[key]; m != nil {
		return m
	}
	first, k := n.at[i], n.knots[at]
	joint := make([]float64, n.cells*n.cells) // by the cells of both
	own, other := make([]float64, n.cells), make([]float64, n.cells)
	for node := range n.nodes {
		for c := range own {
			own[c] = n.nodes[node].weight * ((1-first.share)*n.density(n.knots[first.a], node, c) + first.share*n.density(n.knots[first.b], node, c))
		}
		for c := k.from; c < k.to; c++ {
			other[c] = n.density(k, node, c)
		}
		for c, w := range own {
			if w < densityKept/float64(n.cells) {
				continue
			}
			row := joint[c*n.cells : (c+1)*n.cells]
			for d := k.from; d < k.to; d++ {
				row[d] += w * other[d]
			}
		}
	}
	// The logarithm of √(σ²/na + σ′²/nb) on a grid of the same step, each between two
	// of its cells.
	m := &mixture{}
	sums := make([]float64, 3*n.cells)
	offsets := make([]float64, 2*n.cells) // over log σ, by the distance of log σ′ from it
	for d := range offsets {
		offsets[d] = math.Log(1/na+math.Exp(2*float64(d-n.cells)*n.step)/nb) / 2 / n.step
	}
	least := math.Floor(math.Log(1/na) / 2 / n.step) // the least of the offsets
	for c := range n.cells {
		for d := k.from; d < k.to; d++ {
			x := float64(c) + offsets[d-c+n.cells] - least
			below := math.Floor(x)
			at := min(max(int(below), 0), len(sums)-2)
			sums[at] += joint[c*n.cells+d] * (1 - (x - below))
			sums[at+1] += joint[c*n.cells+d] * (x - below)
		}
	}
	for at, w := range sums {
		m.add(n.sigma(float64(at)+least), w)
	}
	n.contrasts[key] = m
	return m
}

// PValue is the probability of a difference at least as far from zero if there is
// none.
func (c Contrast) PValue(difference float64) float64 {
	if c.a == nil {
		if difference == 0 {
			return 1
		}
		return 0
	}
	return (1-c.share)*c.a.beyond(math.Abs(difference)) + c.share*c.b.beyond(math.Abs(difference))
}

// Reach is half the interval of the difference.
func (c Contrast) Reach() float64 {
	if c.a == nil {
		return 0
	}
	return math.Pow(c.a.reach(c.confidence), 1-c.share) * math.Pow(c.b.reach(c.confidence), c.share)
}

// mixture is one of normal distributions about zero.
type mixture struct {
	deviations, weights []float64
	reached             float64 // reach, once it was asked for
}

func (m *mixture) add(deviation, weight float64) {
	if weight > 0 {
		m.deviations, m.weights = append(m.deviations, deviation), append(m.weights, weight)
	}
}

// beyond is the probability of being farther than x from zero.
func (m *mixture) beyond(x float64) float64 {
	p, sum := 0.0, 0.0
	for i, w := range m.weights {
		p += w * math.Erfc(x/(m.deviations[i]*math.Sqrt2))
		sum += w
	}
	return p / sum
}

// reach is how far from zero it lies with a confidence, which is always the same.
func (m *mixture) reach(confidence float64) float64 {
	if m.reached > 0 {
		return m.reached
	}
	low, high := math.Log(m.deviations[0])-5, math.Log(m.deviations[len(m.deviations)-1])+5
	for high-low > 1e-9 {
		middle := (low + high) / 2
		if m.beyond(math.Exp(middle)) > 1-confidence {
			low = middle
		} else {
			high = middle
		}
	}
	m.reached = math.Exp((low + high) / 2)
	return m.reached
}

// meanLog is the mean logarithm of the deviations.
func (m *mixture) meanLog() float64 {
	mean, sum := 0.0, 0.0
	for i, w := range m.weights {
		mean += w * math.Log(m.deviations[i])
		sum += w
	}
	return mean / sum
}
