package stats

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mathext"
)

// Spread is what a candidate's values show of their noise: the sum of their squared
// deviations from what they should be, and its degrees of freedom. The zero value
// shows nothing.
type Spread struct{ Squares, Freedom float64 }

// SpreadOf is the spread of values about their mean.
func SpreadOf(values []float64) Spread {
	if len(values) < 2 {
		return Spread{}
	}
	n := float64(len(values) - 1)
	return Spread{n * math.Pow(Deviation(values), 2), n}
}

// Noise is what several candidates' values show of the standard deviation σ of one
// value of each.
//
// Each candidate has a σ of its own, and the logarithms of all σ are one population
// of unknown centre μ and width τ: log σ = μ + τt, with t of Student's distribution
// with populationFreedom degrees, so that one candidate may lie far from all others.
// Where the spreads are alike, each candidate has nearly the freedom of all together;
// where they differ, each keeps nearly its own. A candidate by itself has Student's
// distribution, and one without a spread a σ from the population. (Gelman et al.,
// Bayesian Data Analysis, 3rd edition, chapter 5, for variances in place of means.)
//
// All is summed over a grid of log σ and of (μ, τ), without draws: the same spreads
// give the same figures to whoever asks. What depends on a candidate's own spread is
// computed at knots and interpolated between them, so that ten thousand candidates
// cost little more than fifty.
type Noise struct {
	confidence float64
	step, low  float64 // of the grid of log σ: its step and its first cell
	cells      int
	population [][]float64 // density of log σ by τ and place beside μ in cells, n.cells−1 at μ
	nodes      []node
	knots      []*knot
	at         []place // by candidate
	contrasts  map[contrastKey]*mixture
	exact      bool // there are spreads, and all are zero
}

// Of the grid. A trapezoid of steps up to twice the standard deviation of a smooth
// density is good to a percent, and one of equal steps far better: log s of ν degrees
// of freedom has one of about 1/√(2ν).
const (
	fineStep, coarseStep = 0.1, 0.2
	coarseFreedom        = 6    // of one candidate, up to which coarse steps do
	coarseTogether       = 200  // of all together
	mostFreedom          = 100  // no spread counts for more
	leastSpread          = 1e-3 // of the largest: below it a spread is one of rounding
	nodesKept            = 0.9999
	densityKept          = 1e-7 // of the largest
)

// populationFreedom and widths are the prior of the population of log σ: its tails, and
// the values of τ to the side of less and of more noise, each pair as likely as another.
// A narrower population would make intervals of equal noises narrower and those of an
// outlier among many too narrow; one with longer tails would find fewer differences
// among few repeats. docs/sweep.md has what these come to, beside the best that any
// rule can do.
const populationFreedom = 4

var widths = []width{{0.1, 0.6}, {0.2, 0.8}, {0.4, 1}, {0.8, 1.2}}

type width struct{ less, more float64 }

// node is a value of (μ, τ) with its posterior weight.
type node struct {
	mu, tau int // cell, place in widths
	weight  float64
}

// place is a candidate's among the knots: a share of the way from a to b.
type place struct {
	a, b  int
	share float64
}

// knot is a spread on the grid.
type knot struct {
	likelihood []float64 // of log σ by cell
	from, to   int       // the cells that hold it
	evidence   []float64 // of each node
	posterior  mixture
}

// NewNoise learns the noise from the candidates' spreads, for intervals at a
// confidence. It is false where no candidate has a spread.
func NewNoise(spreads []Spread, confidence float64) (*Noise, bool) {
	n := &Noise{confidence: confidence, step: coarseStep, contrasts: map[contrastKey]*mixture{}}
	largest, together, most := 0.0, 0.0, 0.0
	for _, s := range spreads {
		if s.Freedom > 0 {
			largest, together, most = max(largest, s.Squares/s.Freedom), together+s.Freedom, max(most, s.Freedom)
		}
	}
	if together == 0 {
		return nil, false
	}
	if n.exact = largest == 0; n.exact {
		return n, true
	}
	if most > coarseFreedom || together > coarseTogether {
		n.step = fineStep
	}
	logs := make([]float64, len(spreads)) // log s
	low, high, centre := math.Inf(1), math.Inf(-1), 0.0
	for i, s := range spreads {
		if s.Freedom <= 0 {
			continue
		}
		logs[i] = max(math.Log(leastSpread*math.Sqrt(largest)), math.Log(s.Squares/s.Freedom)/2)
		low, high = min(low, logs[i]), max(high, logs[i])
		bias := (mathext.Digamma(s.Freedom/2) - math.Log(s.Freedom/2)) / 2 // E(log s) − log σ
		centre += s.Freedom / together * (logs[i] - bias)
	}
	// A cell lies on the likely μ: of thousands of candidates one cell has all weight.
	margin := min(8, max(3.5, 24/together))
	below, above := math.Ceil((centre-low+margin)/n.step), math.Ceil((high-centre+margin)/n.step)
	n.low, n.cells = centre-below*n.step, int(below+above)+1
	n.populate()
	n.learn(n.placed(spreads, logs))
	return n, true
}

// populate tabulates the density of log σ about μ for each τ.
func (n *Noise) populate() {
	for _, tau := range widths {
		density := make([]float64, 2*n.cells-1)
		sum := 0.0
		for at := range density {
			x := float64(at-n.cells+1) * n.step
			if x < 0 {
				x /= tau.less
			} else {
				x /= tau.more
			}
			density[at] = math.Pow(1+x*x/populationFreedom, -(populationFreedom+1)/2.0)
			sum += density[at]
		}
		for at := range density {
			density[at] /= sum
		}
		n.population = append(n.population, density)
	}
}

// placed puts each candidate between two knots and counts those at each knot.
func (n *Noise) placed(spreads []Spread, logs []float64) (counts []float64) {
	type key struct {
		freedom float64
		cell    int
	}
	index := map[key]int{}
	find := func(freedom float64, cell int) int {
		k := key{freedom, cell}
		if _, ok := index[k]; !ok {
			index[k] = len(n.knots)
			n.knots, counts = append(n.knots, n.knot(freedom, cell)), append(counts, 0)
		}
		return index[k]
	}
	for i, s := range spreads {
		p := place{}
		if freedom := min(s.Freedom, mostFreedom); freedom > 0 {
			x := (logs[i] - n.low) / n.step
			below := math.Floor(x)
			p = place{find(freedom, int(below)), find(freedom, int(below)+1), x - below}
		} else {
			p.a = find(0, 0)
			p.b = p.a
		}
		counts[p.a] += 1 - p.share
		counts[p.b] += p.share
		n.at = append(n.at, p)
	}
	return counts
}

// knot is the likelihood of a spread whose log s is a cell: σ^−ν exp(−νs²/2σ²), up to
// a factor.
func (n *Noise) knot(freedom float64, cell int) *knot {
	k := &knot{likelihood: make([]float64, n.cells), to: n.cells}
	for c := range k.likelihood {
		d := float64(cell-c) * n.step // log s − log σ
		k.likelihood[c] = math.Exp(freedom * (d - math.Exp(2*d)/2 + 0.5))
	}
	least := densityKept * slices.Max(k.likelihood)
	for k.likelihood[k.from] < least {
		k.from++
	}
	for k.likelihood[k.to-1] < least {
		k.to--
	}
	return k
}

// learn weighs the nodes by all candidates, keeps those that matter and gives each
// knot the posterior of its log σ.
func (n *Noise) learn(counts []float64) {
	logs := make([]float64, n.cells*len(widths))
	for i, k := range n.knots {
		k.evidence = make([]float64, len(logs))
		for at := range logs {
			mu, population := at%n.cells, n.population[at/n.cells]
			for c := k.from; c < k.to; c++ {
				k.evidence[at] += k.likelihood[c] * population[c-mu+n.cells-1]
			}
			logs[at] += counts[i] * math.Log(k.evidence[at])
		}
	}
	peak := slices.Max(logs)
	sum := 0.0
	for at, l := range logs {
		w := math.Exp(l - peak)
		n.nodes = append(n.nodes, node{at % n.cells, at / n.cells, w})
		sum += w
	}
	slices.SortStableFunc(n.nodes, func(a, b node) int {
		switch {
		case a.weight > b.weight:
			return -1
		case a.weight < b.weight:
			return 1
		}
		return 0
	})
	kept, last := 0.0, 0
	for ; kept < nodesKept*sum && last < len(n.nodes); last++ {
		kept += n.nodes[last].weight
	}
	n.nodes = n.nodes[:last]
	for _, k := range n.knots {
		all := k.evidence
		k.evidence = make([]float64, len(n.nodes))
		density := make([]float64, n.cells)
		for i := range n.nodes {
			node := &n.nodes[i]
			k.evidence[i] = all[node.tau*n.cells+node.mu]
			for c := k.from; c < k.to; c++ {
				density[c] += node.weight * n.density(k, i, c)
			}
		}
		for c, w := range density {
			k.posterior.add(n.sigma(float64(c)), w)
		}
	}
}

// density is that of log σ in a cell for a knot under a node.
func (n *Noise) density(k *knot, i, cell int) float64 {
	node := &n.nodes[i]
	return k.likelihood[cell] * n.population[node.tau][cell-node.mu+n.cells-1] / k.evidence[i]
}

// sigma is σ in a cell.
func (n *Noise) sigma(cell float64) float64 { return math.Exp(n.low + cell*n.step) }

// Reach is half an interval of candidate i's mean of so many values.
func (n *Noise) Reach(i int, values float64) float64 {
	if n.exact {
		return 0
	}
	p := n.at[i]
	a, b := n.knots[p.a].posterior.reach(n.confidence), n.knots[p.b].posterior.reach(n.confidence)
	return math.Pow(a, 1-p.share) * math.Pow(b, p.share) / math.Sqrt(values)
}

// PValue is the probability that candidate i's mean of so many values is at least so
// far from its true one.
func (n *Noise) PValue(i int, values, distance float64) float64 {
	if n.exact {
		return Contrast{}.PValue(distance)
	}
	p, x := n.at[i], math.Abs(distance)*math.Sqrt(values)
	return (1-p.share)*n.knots[p.a].posterior.beyond(x) + p.share*n.knots[p.b].posterior.beyond(x)
}

// Typical is the middle of candidate i's σ: the exponential of its mean logarithm.
func (n *Noise) Typical(i int) float64 {
	if n.exact {
		return 0
	}
	p := n.at[i]
	return math.Exp((1-p.share)*n.knots[p.a].posterior.meanLog() + p.share*n.knots[p.b].posterior.meanLog())
}

// Draw draws a σ for every candidate, all under one population.
func (n *Noise) Draw(rng *rand.Rand, sigma []float64) {
	if n.exact {
		clear(sigma)
		return
	}
	total := 0.0
	for _, node := range n.nodes {
		total += node.weight
	}
	i, left := 0, rng.Float64()*total
	for ; i < len(n.nodes)-1 && left > n.nodes[i].weight; i++ {
		left -= n.nodes[i].weight
	}
	sums := make([][]float64, len(n.knots)) // cumulative
	for at, k := range n.knots {
		sum := 0.0
		for c := k.from; c < k.to; c++ {
			sum += n.density(k, i, c)
			sums[at] = append(sums[at], sum)
		}
	}
	for at := range sigma {
		p := n.at[at]
		k := p.a
		if rng.Float64() < p.share {
			k = p.b
		}
		s := sums[k]
		c, _ := slices.BinarySearch(s, rng.Float64()*s[len(s)-1])
		sigma[at] = n.sigma(float64(n.knots[k].from+min(c, len(s)-1)) + rng.Float64() - 0.5)
	}
}
