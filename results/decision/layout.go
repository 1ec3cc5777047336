package decision

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"cfubench/internal/stats"
)

// layout is the candidates' values on the logarithmic scale, with their noise.
type layout struct {
	logs  [][]float64 // of paired ones in the order of the rounds that all have
	mean  []float64   // of the figures
	count []float64   // of the values
	// noise is that of one value of each, of paired ones about what a round's have in
	// common; nil where nothing says how sure a value is.
	noise *stats.Noise
	known []bool // whose values say so, and not only the others'
	// pairs is the noise of a round's differences from the baseline, by candidate; nil
	// where values are not paired.
	pairs *stats.Noise
	// batches is how many there are within a candidate's only value where they say how
	// sure it is, else 0.
	batches []int
}

func layOut(candidates []Candidate, o Options) (layout, []string, error) {
	var l layout
	for _, c := range candidates {
		if len(c.Values) == 0 {
			return l, nil, fmt.Errorf("%s has no value", c.Name)
		}
		for _, v := range c.Values {
			if !(v > 0) || math.IsInf(v, 0) {
				return l, nil, fmt.Errorf("%s: value %g: want a number above zero", c.Name, v)
			}
		}
		logs := stats.Logs(c.Values)
		mean := stats.Mean(logs)
		if f := c.Figure; f != 0 {
			if !(f > 0) || math.IsInf(f, 0) {
				return l, nil, fmt.Errorf("%s: figure %g: want a number above zero", c.Name, f)
			}
			mean = math.Log(f)
		}
		l.logs, l.mean, l.count = append(l.logs, logs), append(l.mean, mean), append(l.count, float64(len(logs)))
		batches := 0
		if c.Within() {
			batches = len(c.Batches)
		}
		l.batches = append(l.batches, batches)
	}
	if o.Paired && len(candidates) > 1 {
		warnings, err := l.pair(candidates, o.Confidence)
		return l, warnings, err
	}
	spreads := make([]stats.Spread, len(candidates))
	for i, c := range candidates {
		spreads[i] = c.LogSpread()
	}
	l.learn(spreads, o.Confidence)
	return l, nil, nil
}

// learn takes the noise from the candidates' spreads.
func (l *layout) learn(spreads []stats.Spread, confidence float64) {
	for _, s := range spreads {
		l.known = append(l.known, s.Freedom > 0)
	}
	if noise, ok := stats.NewNoise(spreads, confidence); ok {
		l.noise = noise
	}
}

// pair takes the values of the rounds that all candidates have. What a round has in
// common is in none of the noises.
func (l *layout) pair(candidates []Candidate, confidence float64) (warnings []string, err error) {
	rounds, left, err := common(candidates)
	if err != nil {
		return nil, err
	}
	if len(left) > 0 {
		warnings = append(warnings, "left out of the pairs, for not all have them: "+strings.Join(left, "; "))
	}
	for i, c := range candidates {
		all := stats.Mean(l.logs[i])
		own := make([]float64, len(rounds))
		for k, round := range rounds {
			own[k] = l.logs[i][slices.Index(c.Rounds, round)]
		}
		l.logs[i], l.count[i] = own, float64(len(rounds))
		l.mean[i] += stats.Mean(own) - all // of these rounds
	}
	n, k := float64(len(rounds)), float64(len(candidates))
	shared := make([]float64, len(rounds)) // what the candidates of a round have in common
	for _, own := range l.logs {
		mean := stats.Mean(own)
		for r, v := range own {
			shared[r] += (v - mean) / k
		}
	}
	alone, differences := make([]stats.Spread, len(candidates)), make([]stats.Spread, len(candidates))
	for i, own := range l.logs {
		mean := stats.Mean(own)
		for r, v := range own {
			alone[i].Squares += math.Pow(v-mean-shared[r], 2)
		}
		alone[i].Freedom = (n - 1) * (1 - 1/k) // of all together (n−1)(k−1)
		if i > 0 {
			differences[i] = stats.SpreadOf(minus(own, l.logs[0]))
		}
	}
	l.learn(alone, confidence)
	l.pairs, _ = stats.NewNoise(differences, confidence)
	return warnings, nil
}

// common are the rounds that all candidates have, and those that only some have, in
// words.
func common(candidates []Candidate) (rounds []int, left []string, err error) {
	for _, c := range candidates {
		if len(c.Rounds) != len(c.Values) {
			return nil, nil, fmt.Errorf("%s has %d values and the rounds of %d: paired values need one each", c.Name, len(c.Values), len(c.Rounds))
		}
	}
	has := map[int]int{}
	for _, c := range candidates {
		for _, r := range c.Rounds {
			has[r]++
		}
	}
	for _, r := range candidates[0].Rounds {
		if has[r] == len(candidates) {
			rounds = append(rounds, r)
		}
	}
	slices.Sort(rounds)
	for _, c := range candidates {
		var own []string
		for _, r := range c.Rounds {
			if has[r] < len(candidates) {
				own = append(own, fmt.Sprint(r))
			}
		}
		if len(own) > 0 {
			left = append(left, fmt.Sprintf("%s of %s", strings.Join(own, ", "), c.Name))
		}
	}
	if len(rounds) < 2 {
		return nil, nil, fmt.Errorf("pairs need two rounds that all candidates have, and there is %s: measure more repeats, or do not pair", []string{"none", "one"}[len(rounds)])
	}
	return rounds, left, nil
}

// minus is the difference of values in the same places.
func minus(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}

// borrowed reports whether a candidate's noise is only that of the others.
func (l layout) borrowed(i int) bool { return l.noise != nil && !l.known[i] }

// reach is half the interval of the logarithm of candidate i's ratio to the baseline.
func (l layout) reach(i int) (float64, bool) {
	switch {
	case l.noise == nil:
		return math.NaN(), false
	case l.pairs != nil:
		return l.pairs.Reach(i, l.count[i]), true
	}
	return l.noise.Contrast(0, i, l.count[0], l.count[i]).Reach(), true
}

// p is the probability of a ratio to the baseline as far from 1 if there is none.
func (l layout) p(i int) float64 {
	difference := l.mean[i] - l.mean[0]
	if l.pairs != nil {
		return l.pairs.PValue(i, l.count[i], difference)
	}
	return l.noise.Contrast(0, i, l.count[0], l.count[i]).PValue(difference)
}

// settle is about how many values tell two candidates apart. Of batches within one
// value each is as many times as noisy as there are.
func (l layout) settle(i, j int, confidence float64) int {
	variance, have := 0.0, 0
	if l.pairs != nil {
		s := stats.SpreadOf(minus(l.logs[i], l.logs[j]))
		variance, have = s.Squares/s.Freedom, len(l.logs[i])
	} else {
		for _, k := range []int{i, j} {
			sigma, values := l.noise.Typical(k), len(l.logs[k])
			variance += sigma * sigma * float64(max(1, l.batches[i]))
			have = max(have, values)
		}
		have *= max(1, l.batches[i])
	}
	return stats.Settle(l.mean[j]-l.mean[i], variance, confidence, have)
}
