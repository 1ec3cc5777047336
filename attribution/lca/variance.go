package lca

import (
	"cmp"
	"math"
	"slices"
)

// Variance is an input's part of the variance of a category's total.
type Variance struct {
	Category Category
	Input    string
	Place    Place
	// Share is the squared correlation of the total's logarithm with what the
	// input was drawn from.
	Share float64
}

// variances sums what the correlations of draws and totals need.
type variances struct {
	s     *system
	n     float64
	z, zz []float64
	told  bool        // z and zz are known: they are the sample's
	y, yy []float64   // per category
	zy    [][]float64 // per category and draw source
	logs  [abreast]float64
}

// reset starts the sums for a system that is drawn as p has it.
func (v *variances) reset(s *system, p *sample) {
	zeros := func(list []float64, n int) []float64 {
		list = slices.Grow(list[:0], n)[:n]
		clear(list)
		return list
	}
	sources := len(p.of)
	v.s, v.n, v.told = s, 0, p.kept != nil
	v.z, v.zz = zeros(v.z, sources), zeros(v.zz, sources)
	if v.told {
		copy(v.z, p.z)
		copy(v.zz, p.zz)
	}
	v.y, v.yy = zeros(v.y, len(categoryTable)), zeros(v.yy, len(categoryTable))
	if v.zy == nil {
		v.zy = make([][]float64, len(categoryTable))
	}
	for _, c := range s.active {
		v.zy[c] = zeros(v.zy[c], sources)
	}
}

// count counts the draws of a block.
func (v *variances) count(b *block) {
	v.n += float64(b.draws)
	if !v.told {
		b.sum(v.z, v.zz)
	}
}

// add takes the totals of category c in at most abreast draws of the block, from one
// of them on.
func (v *variances) add(b *block, from, c int, totals []float64) {
	logs := v.logs[:len(totals)]
	for k, total := range totals {
		y := math.Log(math.Max(total, math.SmallestNonzeroFloat64))
		v.y[c] += y
		v.yy[c] += y * y
		logs[k] = y
	}
	for k, y := range logs {
		z := b.zOf(from + k)
		zy := v.zy[c][:len(z)]
		for i, zi := range z {
			zy[i] += zi * y
		}
	}
}

// ranked gives the parts of a thousandth or more, largest first, of the inputs that
// are drawn from the sources of.
func (v *variances) ranked(of []int) []Variance {
	first := map[int]int{} // the first uncertain input of each source of draws
	for i := len(v.s.spread) - 1; i >= 0; i-- {
		if v.s.spread[i].shape != Fixed {
			first[of[i]] = i
		}
	}
	var list []Variance
	for _, category := range v.s.categories() {
		c, start := index(category), len(list)
		vy := v.yy[c]/v.n - v.y[c]/v.n*v.y[c]/v.n
		for source := range v.z {
			input, ok := first[source]
			vz := v.zz[source]/v.n - v.z[source]/v.n*v.z[source]/v.n
			cov := v.zy[c][source]/v.n - v.z[source]/v.n*v.y[c]/v.n
			if share := cov * cov / (vz * vy); ok && share >= 0.001 {
				name, place := v.s.inputName(input)
				list = append(list, Variance{category, name, place, share})
			}
		}
		slices.SortStableFunc(list[start:], func(a, b Variance) int { return cmp.Compare(b.Share, a.Share) })
	}
	return list
}
