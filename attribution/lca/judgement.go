package lca

import (
	"math"
	"math/rand/v2"
	"slices"

	"cfubench/internal/stats"
)

// judgement draws how many functional units cells delivered, where a sample of them was
// judged: within the interval of the count, whose halves may differ. Designs of one cell
// have one draw.
type judgement struct {
	rng     *rand.Rand
	counts  []counted
	cells   []int // of each design, by the first that has it
	z, each []float64
}

func newJudgement(list []Assessment, counts []counted, seed uint64) *judgement {
	j := &judgement{rng: rand.New(rand.NewPCG(seed, 1)), counts: counts, z: make([]float64, len(list)), each: make([]float64, len(list))}
	for i := range list {
		j.cells = append(j.cells, slices.IndexFunc(list, func(a Assessment) bool { return a.Usage.Cell == list[i].Usage.Cell }))
	}
	return j
}

// draw is how many requests a functional unit of each design takes in the next draw;
// perUnit is at the counts themselves.
func (j *judgement) draw(perUnit []float64) []float64 {
	for i, n := range j.counts {
		if j.each[i] = perUnit[i]; n.lo == n.hi {
			continue
		}
		if j.cells[i] == i {
			j.z[i] = j.rng.NormFloat64()
		}
		z, half := j.z[j.cells[i]], n.hi-n.count
		if z < 0 {
			half = n.count - n.lo
		}
		// On the scale of the logarithm no draw is below nothing.
		j.each[i] = perUnit[i] * math.Exp(-z/stats.Normal95*half/n.count)
	}
	return j.each
}
