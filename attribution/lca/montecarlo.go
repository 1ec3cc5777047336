package lca

import (
	"context"
	"math/rand/v2"
	"slices"

	"cfubench/meter"
)

// drawer draws the inputs of one or several systems together: what stands at
// one place of an inventory, or has one cause, is drawn once for all of them.
type drawer struct {
	rng     *rand.Rand
	z       []float64
	systems []*system
	of      [][]int // per system and input, its place in z
}

// newDrawer draws the systems of these cells; what was metered of one cell is one
// draw, and so is a figure that stands alike in the same field of several inventories.
// Without cells what was metered is one for each system.
func newDrawer(seed uint64, cells []string, systems ...*system) *drawer {
	d := &drawer{rng: rand.New(rand.NewPCG(seed, 0)), systems: systems}
	shared := map[inputKey]int{}
	fresh := func() int { d.z = append(d.z, 0); return len(d.z) - 1 }
	for k, s := range systems {
		groups, of, twins := map[int]int{}, make([]int, len(s.values)), map[inputKey]int{}
		for i := range s.values {
			key := inputKey{value: s.values[i]}
			if datum := s.data[i]; datum != nil && datum.cause != "" {
				key = inputKey{place: Place{File: datum.cause}} // one assessment or record errs alike wherever it is taken in
			} else if datum != nil && len(systems) > 1 {
				key.place = datum.fact()
				twins[key]++ // of one system each is another
				key.place.Line = twins[key]
			} else if datum != nil {
				key.place = datum.place
			} else if h := s.hosts[i/meterInputs]; i%meterInputs == energyInput && h.EnergyKind == meter.KindModel {
				// One model errs alike wherever it stands in for a meter, by a factor.
				key = inputKey{place: Place{File: h.Host, Field: "modelled energy"}}
			} else if name := h.Meter.Meter; i%meterInputs == gainInput && name != "" {
				key.place = Place{File: name, Field: "gain of the meter"}
			} else if cells != nil {
				name, _ := s.inputName(i)
				key.place = Place{File: cells[k], Field: name}
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

// sample is what one system's inputs are drawn as. Systems whose inputs differ in
// nothing but the meters', such as the cells of a run under one inventory, have one
// sample.
type sample struct {
	draws  int
	seed   uint64
	of     []int          // per input, its place among the sources
	spread []distribution // of the inputs behind the meters'
	kept   []block        // all of them, nil where they are too many to be kept
	// z and zz sum the sources and their squares over the draws that are kept.
	z, zz []float64
}

// block is some draws in a row: of each the sources, which are standard normal, and
// the inputs.
type block struct {
	draws, sources, inputs int
	z, x                   []float64
}

func (b *block) zOf(draw int) []float64 { return b.z[draw*b.sources : (draw+1)*b.sources] }
func (b *block) xOf(draw int) []float64 { return b.x[draw*b.inputs : (draw+1)*b.inputs] }

// sum adds the sources, and their squares, of each draw.
func (b *block) sum(z, zz []float64) {
	for draw := range b.draws {
		for i, zi := range b.zOf(draw) {
			z[i] += zi
			zz[i] += zi * zi
		}
	}
}

// keptNumbers is how many numbers of a sample are kept, 12 MiB of them: 10,000 draws
// of 75 inputs.
const keptNumbers = 3 << 19

// newSample draws the inputs of s as often as its options say.
func newSample(ctx context.Context, s *system) (*sample, error) {
	d := newDrawer(s.options.Seed, nil, s)
	p := &sample{draws: s.options.Draws, seed: s.options.Seed, of: d.of[0], spread: s.spread[s.metered():]}
	if p.draws*(len(d.z)+len(s.values)) > keptNumbers {
		return p, nil
	}
	p.z, p.zz = make([]float64, len(d.z)), make([]float64, len(d.z))
	err := p.each(ctx, s, func(b *block) {
		p.kept = append(p.kept, block{b.draws, b.sources, b.inputs, slices.Clone(b.z), slices.Clone(b.x)})
		b.sum(p.z, p.zz)
	})
	return p, err
}

// isOf reports whether s has the sample, but for the meter's inputs.
func (p *sample) isOf(s *system) bool {
	return p.draws == s.options.Draws && p.seed == s.options.Seed &&
		slices.Equal(p.spread, s.spread[s.metered():]) && slices.Equal(p.of, newDrawer(p.seed, nil, s).of[0])
}

// each calls f with the draws in their order, until ctx ends. The meter's inputs in
// them are those of some system of the sample.
func (p *sample) each(ctx context.Context, s *system, f func(b *block)) error {
	if p.kept != nil {
		for i := range p.kept {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			f(&p.kept[i])
		}
		return nil
	}
	d := newDrawer(p.seed, nil, s)
	b := block{sources: len(d.z), inputs: len(s.values), z: make([]float64, patience*len(d.z)), x: make([]float64, patience*len(s.values))}
	z, x := b.z, b.x
	for from := 0; from < p.draws; from += patience {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b.draws = min(patience, p.draws-from)
		b.z, b.x = z[:b.draws*b.sources], x[:b.draws*b.inputs]
		for i := range b.draws {
			d.draw([][]float64{b.xOf(i)})
			copy(b.zOf(i), d.z)
		}
		f(&b)
	}
	return nil
}

// column is what is drawn of one outcome.
type column struct {
	category int
	terms    []int // nil for the total
	outcome  *Outcome
	draws    histogram
}

// desk is the memory of simulating one system after another.
type desk struct {
	columns   []column
	evens     []histogram
	variances variances
	x         []float64
	// drawn are some draws of each outcome in a row, columns first, then break-even
	// points, then the totals of the categories: by draw they would go round memory
	// that is many times the processor's nearest.
	drawn []float64
}

// abreast is how many draws of an outcome are taken in a row.
const abreast = 64

// column gives the next of n columns, empty.
func (d *desk) column(n int, category int, terms []int, o *Outcome) {
	if n == len(d.columns) {
		d.columns = append(d.columns, column{})
	}
	c := &d.columns[n]
	c.category, c.terms, c.outcome = category, terms, o
	c.draws.reset()
}

// simulate draws every input from its distribution, the same draw for all
// categories and stages (what two stages share is correlated), and sets the
// 95 % intervals, means and parts of the variance.
func (a *Assessment) simulate(ctx context.Context, p *sample, d *desk) error {
	s := a.system
	stages, kinds := s.stages(), s.kinds()
	termsOf := func(list []stageTerms, stage Stage) []int {
		for _, st := range list {
			if st.stage == stage {
				return st.terms
			}
		}
		return nil
	}
	n := 0
	for i := range a.Outcomes {
		o := &a.Outcomes[i]
		d.column(n, index(o.Category), termsOf(stages, o.Stage), o)
		n++
	}
	for i := range a.Kinds {
		if o := &a.Kinds[i]; a.alone(*o) < 0 {
			d.column(n, index(o.Category), termsOf(kinds, o.Stage), o)
			n++
		}
	}
	columns := d.columns[:n]
	for len(d.evens) < len(a.BreakEven) {
		d.evens = append(d.evens, histogram{})
	}
	evens := d.evens[:len(a.BreakEven)]
	for i := range evens {
		evens[i].reset()
	}
	d.variances.reset(s, p)
	d.x = append(d.x[:0], s.values...)
	d.drawn = slices.Grow(d.drawn[:0], abreast*(n+len(evens)+len(categoryTable)))[:abreast*(n+len(evens)+len(categoryTable))]
	row := func(i int) []float64 { return d.drawn[i*abreast : (i+1)*abreast] }
	ofEven, ofTotal := n, n+len(evens)
	x, drawn := d.x, s.newCosts()
	err := p.each(ctx, s, func(b *block) {
		for from := 0; from < b.draws; from += abreast {
			some := min(abreast, b.draws-from)
			for k := range some {
				z := b.zOf(from + k)
				copy(x, b.xOf(from+k))
				for i := range s.metered() {
					x[i] = s.spread[i].at(z[p.of[i]])
				}
				s.evaluate(x, drawn)
				for _, c := range s.active {
					row(ofTotal + c)[k] = s.total(drawn, c)
				}
				for i := range columns {
					if col := &columns[i]; col.terms != nil {
						row(i)[k] = drawn.sumOf(col.category, col.terms)
					}
				}
				if len(evens) > 0 {
					share := s.amortized(x)
					for i := range evens {
						up, per := s.sides(drawn, a.BreakEven[i], share)
						row(ofEven + i)[k] = requestsFor(up, per)
					}
				}
			}
			for i := range columns {
				from := i
				if columns[i].terms == nil {
					from = ofTotal + columns[i].category
				}
				columns[i].draws.addAll(row(from)[:some])
			}
			for i := range evens {
				evens[i].addAll(row(ofEven + i)[:some])
			}
			for _, c := range s.active {
				d.variances.add(b, from, c, row(ofTotal + c)[:some])
			}
		}
		d.variances.count(b)
	})
	if err != nil {
		return err
	}
	for i := range columns {
		o, h := columns[i].outcome, &columns[i].draws
		o.Mean, o.Median, o.Lo, o.Hi = h.mean(), h.quantile(0.5), h.quantile(0.025), h.quantile(0.975)
		columns[i].terms, columns[i].outcome = nil, nil // they are the assessment's
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
	a.Variance = d.variances.ranked(p.of)
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
