package attribution

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// gap is the time from one part of an answer to the next, which has so many tokens.
type gap struct {
	took   time.Duration
	tokens float64
}

// cadence is how an engine's tokens come.
type cadence struct {
	period time.Duration // a step
	// held: a part of several tokens is of as many steps, whose text the server held
	// back: characters of several tokens, or a part every so many steps. Else it is one
	// step of speculative decoding.
	held bool
}

// common is the share of the parts that is enough for their time to be known.
const common = 0.05

// cadenceOf tells it from the time that parts take: of several tokens that one step
// made, as long as others; of held ones, as much longer as they have more tokens.
// Gaps within a burst are left out. A run in which all parts have as many tokens does
// not tell, and a part then counts as a step.
func cadenceOf(gaps []gap) cadence {
	var sum time.Duration
	for _, g := range gaps {
		sum += g.took
	}
	if len(gaps) > 0 {
		burst := sum / time.Duration(len(gaps)) / 10
		gaps = slices.DeleteFunc(gaps, func(g gap) bool { return g.took <= burst })
	}
	if len(gaps) == 0 {
		return cadence{period: time.Millisecond}
	}
	slices.SortFunc(gaps, func(a, b gap) int { return cmp.Compare(a.took, b.took) })
	all := cadence{period: gaps[len(gaps)/2].took}
	byTokens := map[float64][]time.Duration{} // each in order
	for _, g := range gaps {
		byTokens[g.tokens] = append(byTokens[g.tokens], g.took)
	}
	fewest := math.Inf(1)
	for tokens, took := range byTokens {
		if tokens >= 1 && float64(len(took)) >= common*float64(len(gaps)) {
			fewest = min(fewest, tokens)
		}
	}
	var short time.Duration
	if took := byTokens[fewest]; len(took) > 0 {
		short = took[len(took)/2]
	}
	var powers []float64 // of the tokens, by which parts take longer
	for _, g := range gaps {
		if g.tokens > fewest {
			powers = append(powers, math.Log(float64(g.took)/float64(short))/math.Log(g.tokens/fewest))
		}
	}
	if slices.Sort(powers); len(powers) > 0 && powers[len(powers)/2] > 0.5 {
		return cadence{time.Duration(float64(short) / fewest), true}
	}
	return all
}

// apart puts before each of r's parts of several tokens, where those were held back,
// the steps that made all but the last, as far as time tells: evenly between one part
// and the next, and before the first part one step after the other, since its prompt
// comes before. Such an event is supposed.
func (r *runner) apart(period time.Duration) {
	steps := 0
	for _, n := range r.count {
		steps += max(int(n+0.5), 1)
	}
	if steps == len(r.at) {
		return
	}
	at, count, supposed := make([]time.Duration, 0, steps), make([]float32, 0, steps), make([]bool, 0, steps)
	before := r.sent
	for k, t := range r.at {
		n := max(int(r.count[k]+0.5), 1)
		each := (t - before) / time.Duration(n)
		if k == 0 {
			each = min(period, each)
		}
		for back := n - 1; back >= 0; back-- {
			at, count, supposed = append(at, t-time.Duration(back)*each), append(count, r.count[k]/float32(n)), append(supposed, back > 0)
		}
		before = t
	}
	r.at, r.count, r.supposed = at, count, supposed
}

// isSupposed reports whether nothing was seen of r's event k.
func (r *runner) isSupposed(k int) bool { return k < len(r.supposed) && r.supposed[k] }
