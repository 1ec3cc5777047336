package decision

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Of the draws: sets of noises and of the populations' width, and how many times as
// many draws of means. With thousands of candidates there are fewer of both.
const (
	drawnSets  = 200
	leastSets  = 20
	mostGrid   = 20_000_000 // sets × candidates × steps of a grid
	mostDrawn  = 20_000_000 // draws × candidates
	gridSteps  = 60
	leastNoise = 1e-300 // of a variance
)

// probabilities are each candidate's of being the cheapest of those that may be
// chosen.
//
// The candidates' means are taken to come from one normal population of unknown
// mean and width τ, with a uniform prior on both (Gelman et al., Bayesian Data
// Analysis, 3rd edition, section 5.4): the more alike the candidates are beside
// the noise, the nearer the estimates are drawn together. Without that the
// luckiest of many equals would be called best too surely. The noises are drawn from
// their own posterior.
func (l layout) probabilities(candidates []Candidate, o Options) []float64 {
	out := make([]float64, len(candidates))
	var at []int
	for i, c := range candidates {
		if c.Rejected == "" {
			at = append(at, i)
		}
	}
	switch {
	case len(at) == 0:
		return out
	case len(at) == 1:
		out[at[0]] = 1
		return out
	case l.noise == nil:
		for _, i := range at {
			out[i] = math.NaN()
		}
		return out
	}
	rng := rand.New(rand.NewPCG(o.Seed, 2606))
	sets := min(drawnSets, max(leastSets, mostGrid/(gridSteps*len(at))))
	per := max(1, min(o.Draws, mostDrawn/len(at))/sets)
	wins := make([]int, len(at))
	noise := make([]float64, len(candidates))
	for range sets {
		l.noise.Draw(rng, noise)
		grid := newPopulation(l, at, noise)
		for range per {
			wins[grid.cheapest(rng)]++
		}
	}
	for k, i := range at {
		out[i] = float64(wins[k]) / float64(sets*per)
	}
	return out
}

// population is the posterior of τ for one draw of the noises, on a grid.
type population struct {
	means, errors []float64 // of the candidates, errors squared
	// precisions are 1/errors, shares means/errors.
	precisions, shares []float64
	tau                []float64
	weight             []float64 // cumulative
}

func newPopulation(l layout, at []int, noise []float64) population {
	var p population
	low, high := math.Inf(1), math.Inf(-1)
	widest := 0.0
	for _, i := range at {
		p.means = append(p.means, l.mean[i])
		e := max(noise[i]*noise[i]/l.count[i], leastNoise)
		p.errors, p.precisions, p.shares = append(p.errors, e), append(p.precisions, 1/e), append(p.shares, l.mean[i]/e)
		low, high = min(low, l.mean[i]), max(high, l.mean[i])
		widest = max(widest, e)
	}
	top := 3*(high-low) + 3*math.Sqrt(widest)
	logs := make([]float64, gridSteps)
	peak := math.Inf(-1)
	for s := range gridSteps {
		tau := top * (float64(s) + 0.5) / gridSteps
		p.tau = append(p.tau, tau)
		mean, precision := p.pooled(tau)
		logs[s] = -0.5 * math.Log(precision)
		product := 1.0 // of variances, whose logarithm is taken a few at a time
		for k, m := range p.means {
			v := p.errors[k] + tau*tau
			if product *= v / widest; product < 1e-200 || product > 1e200 {
				logs[s] -= 0.5 * math.Log(product)
				product = 1
			}
			logs[s] -= (m - mean) * (m - mean) / (2 * v)
		}
		logs[s] -= 0.5 * math.Log(product)
		peak = max(peak, logs[s])
	}
	sum := 0.0
	for s := range gridSteps {
		sum += math.Exp(logs[s] - peak)
		p.weight = append(p.weight, sum)
	}
	return p
}

// pooled is the population's mean for one τ, and its precision.
func (p population) pooled(tau float64) (mean, precision float64) {
	for k, m := range p.means {
		w := 1 / (p.errors[k] + tau*tau)
		mean += w * m
		precision += w
	}
	return mean / precision, precision
}

// cheapest draws the candidates' true means once and says which is the least.
func (p population) cheapest(rng *rand.Rand) int {
	s, _ := slices.BinarySearch(p.weight, rng.Float64()*p.weight[len(p.weight)-1])
	tau := p.tau[min(s, len(p.tau)-1)]
	mean, precision := p.pooled(tau)
	mu := mean + rng.NormFloat64()/math.Sqrt(precision)
	best, least := 0, math.Inf(1)
	precision, share := 1/(tau*tau), mu/(tau*tau)
	for k := range p.means {
		v := 1 / (p.precisions[k] + precision)
		theta := v*(p.shares[k]+share) + rng.NormFloat64()*math.Sqrt(v)
		if theta < least {
			best, least = k, theta
		}
	}
	return best
}
