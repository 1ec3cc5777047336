package lca

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// drawer draws the inputs of one or several systems together: what stands at
// one place of an inventory, or has one cause, is drawn once for all of them.
type drawer struct {
	rng     *rand.Rand
	z       []float64
	systems []*system
	of      [][]int // per system and input, its place in z
}

func newDrawer(seed uint64, systems ...*system) *drawer {
	d := &drawer{rng: rand.New(rand.NewPCG(seed, 0)), systems: systems}
	shared := map[inputKey]int{}
	fresh := func() int { d.z = append(d.z, 0); return len(d.z) - 1 }
	for _, s := range systems {
		groups, of := map[int]int{}, make([]int, len(s.values))
		for i := range s.values {
			key := inputKey{value: s.values[i]}
			if s.data[i] != nil {
				key.place = s.data[i].place
			} else if i == gainInput && s.meter != "" {
				key.place = Place{File: s.meter, Field: "gain of the meter"}
			}
			at, known := shared[key]
			if tied, ok := groups[s.group[i]]; ok && s.group[i] != 0 {
				at, known = tied, true
			} else if key.place == (Place{}) {
				known = false
			}
			if !known {
				at = fresh()
			}
			if key.place != (Place{}) {
				shared[key] = at
			}
			if s.group[i] != 0 {
				groups[s.group[i]] = at
			}
			of[i] = at
		}
		d.of = append(d.of, of)
	}
	return d
}

// draw fills x, the inputs of every system.
func (d *drawer) draw(x [][]float64) {
	for i := range d.z {
		d.z[i] = d.rng.NormFloat64()
	}
	for k, s := range d.systems {
		for i := range s.spread {
			x[k][i] = s.spread[i].at(d.z[d.of[k][i]])
		}
	}
}

// patience is how many draws are made between two looks at the context.
const patience = 1024

// simulate draws every input from its distribution, the same draw for all
// categories and stages (what two stages share is correlated), and sets the
// 95 % intervals, means and parts of the variance.
func (a *Assessment) simulate(ctx context.Context) error {
	s := a.system
	if s.options.Draws == 0 {
		a.bracket()
		return nil
	}
	stages, kinds := s.stages(), s.kinds()
	termsOf := func(list []stageTerms, stage Stage) []int {
		for _, st := range list {
			if st.stage == stage {
				return st.terms
			}
		}
		return nil
	}
	type column struct {
		category int
		terms    []int // nil for the total
		outcome  *Outcome
		draws    histogram
	}
	columns := make([]column, 0, len(a.Outcomes)+len(a.Kinds)) // a histogram is too large to be moved
	for i := range a.Outcomes {
		o := &a.Outcomes[i]
		columns = append(columns, column{index(o.Category), termsOf(stages, o.Stage), o, histogram{}})
	}
	for i := range a.Kinds {
		if o := &a.Kinds[i]; a.alone(*o) < 0 {
			columns = append(columns, column{index(o.Category), termsOf(kinds, o.Stage), o, histogram{}})
		}
	}
	evens := make([]histogram, len(a.BreakEven))
	variances := newVariances(s)
	x, drawn := slices.Clone(s.values), s.newCosts()
	drawer, inputs := newDrawer(s.options.Seed, s), [][]float64{x}
	totals := make([]float64, len(categoryTable))
	for draw := range s.options.Draws {
		if draw%patience == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		drawer.draw(inputs)
		s.evaluate(x, drawn)
		for _, c := range s.active {
			totals[c] = s.total(drawn, c)
		}
		for i := range columns {
			if col := &columns[i]; col.terms == nil {
				col.draws.add(totals[col.category])
			} else {
				col.draws.add(drawn.sumOf(col.category, col.terms))
			}
		}
		if len(evens) > 0 {
			share := s.amortized(x)
			for i := range evens {
				up, per := s.sides(drawn, a.BreakEven[i], share)
				evens[i].add(requestsFor(up, per))
			}
		}
		variances.add(drawer.z, totals)
	}
	for i := range columns {
		o, h := columns[i].outcome, &columns[i].draws
		o.Mean, o.Median, o.Lo, o.Hi = h.mean(), h.quantile(0.5), h.quantile(0.025), h.quantile(0.975)
	}
	for i := range a.Kinds {
		if k := a.alone(a.Kinds[i]); k >= 0 {
			stage := a.Kinds[i].Stage
			a.Kinds[i] = a.Outcomes[k]
			a.Kinds[i].Stage = stage
		}
	}
	for i := range evens {
		a.BreakEven[i].Lo, a.BreakEven[i].Hi = evens[i].quantile(0.025), evens[i].quantile(0.975)
	}
	a.Variance = variances.ranked(drawer)
	return nil
}

// alone is the place of the only stage of a kind in a category, -1 if there are
// several.
func (a *Assessment) alone(kind Outcome) int {
	found := -1
	for i, o := range a.Outcomes {
		if o.Category == kind.Category && o.Kind == kind.Kind {
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
}

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
	y, yy []float64   // per category
	zy    [][]float64 // per category and draw source
}

func newVariances(s *system) *variances {
	return &variances{s: s, y: make([]float64, len(categoryTable)), yy: make([]float64, len(categoryTable)), zy: make([][]float64, len(categoryTable))}
}

func (v *variances) add(z, totals []float64) {
	if v.z == nil {
		v.z, v.zz = make([]float64, len(z)), make([]float64, len(z))
		for _, c := range v.s.active {
			v.zy[c] = make([]float64, len(z))
		}
	}
	v.n++
	for i, zi := range z {
		v.z[i] += zi
		v.zz[i] += zi * zi
	}
	for _, c := range v.s.active {
		y := math.Log(math.Max(totals[c], math.SmallestNonzeroFloat64))
		v.y[c] += y
		v.yy[c] += y * y
		zy := v.zy[c]
		for i, zi := range z {
			zy[i] += zi * y
		}
	}
}

// ranked gives the parts of a thousandth or more, largest first.
func (v *variances) ranked(d *drawer) []Variance {
	first := map[int]int{} // the first uncertain input of each source of draws
	for i := len(v.s.spread) - 1; i >= 0; i-- {
		if v.s.spread[i].shape != Fixed {
			first[d.of[0][i]] = i
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
