package lca

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Comparison sets designs that deliver one functional unit side by side over
// their usage.
type Comparison struct {
	// FunctionalUnit is what usage counts.
	FunctionalUnit string
	Designs        []string
	// Usage is the number of functional units at which Best is told.
	Usage     float64
	Crossings []Crossing
	Best      []Best
	// Draws were paired: what the designs share was drawn once for all.
	Draws int
	// Warnings say which categories are left out, and where the designs do not
	// cover the same stages.
	Warnings []string
}

// Crossing is where two designs cost the same in one category.
type Crossing struct {
	Category Category
	// First is cheaper below Usage and Second beyond it; where Usage is +Inf,
	// First is cheaper at every usage.
	First, Second string
	// Usage is upfront difference over marginal difference; Lo and Hi are its
	// 95 % interval, +Inf where the draws do not cross.
	Usage, Lo, Hi float64
	// Probability that the designs cross, in this direction.
	Probability float64
	// Difference of Second less First per functional unit at the comparison's
	// usage, with its interval.
	Difference, DifferenceLo, DifferenceHi Impact
}

// Best is how often a design costs the least at a usage.
type Best struct {
	Category    Category
	Design      string
	Usage       float64
	Value       Impact // per functional unit, at the point
	Probability float64
}

// Draw is one draw of one design, of so many, in one category: what is paid once, and
// per functional unit.
type Draw struct {
	Number, Design   int
	Upfront, PerUnit Impact
}

// Curve is a design's two sides in one draw: what is paid once, and per
// functional unit.
type Curve struct{ Upfront, Marginal float64 }

// at is the cost of a functional unit when n are delivered.
func (c Curve) at(n float64) float64 { return c.Upfront/n + c.Marginal }

// crossing is the usage at which two curves meet, +Inf if they do not.
func crossing(a, b Curve) float64 {
	n := (b.Upfront - a.Upfront) / (a.Marginal - b.Marginal)
	if !(n > 0) {
		return math.Inf(1)
	}
	return n
}

// Compare compares assessments, a design each, per functional unit. requests is
// the lifetime at which it tells which is best, 0 for that of the first; it is
// told in as many functional units as the first delivers in it. each, if not nil, gets
// every draw of every design and category.
func Compare(ctx context.Context, list []Assessment, unit FunctionalUnit, requests float64, each func(Draw) error) (Comparison, error) {
	if len(list) < 2 {
		return Comparison{}, errors.New("compare designs: there is one only: give two or more")
	}
	p, err := pair(list, unit)
	if err != nil {
		return Comparison{}, fmt.Errorf("compare designs: %w", err)
	}
	s := list[0].system
	if requests == 0 {
		if requests, _ = list[0].Inventory.Lifetime(); s.delivered > 0 {
			requests = s.lifetimeRequests()
		}
	}
	usage := requests / p.perUnit[0]
	r := Comparison{FunctionalUnit: string(unit), Usage: usage, Designs: p.names, Warnings: p.warnings, Draws: list[0].Options.Draws}
	point := p.curves(p.points())
	for _, c := range p.categories {
		for a := range list {
			for b := a + 1; b < len(list); b++ {
				first, second := a, b
				if x, y := point[c][a], point[c][b]; x.Upfront > y.Upfront || x.Upfront == y.Upfront && x.Marginal > y.Marginal {
					first, second = b, a
				}
				p.pairs = append(p.pairs, pairing{category: c, first: first, second: second})
			}
		}
	}
	if err := p.draw(ctx, usage, each); err != nil {
		return r, err
	}
	for i := range p.pairs {
		q := &p.pairs[i]
		a, b := point[q.category][q.first], point[q.category][q.second]
		category := categoryTable[q.category].name
		impact := func(v float64) Impact { return list[0].Impact(category, v) }
		x := Crossing{Category: category, First: p.names[q.first], Second: p.names[q.second], Usage: crossing(a, b), Difference: impact(b.at(usage) - a.at(usage))}
		x.Lo, x.Hi, x.DifferenceLo, x.DifferenceHi = x.Usage, x.Usage, x.Difference, x.Difference
		if x.Probability = 1; math.IsInf(x.Usage, 1) {
			x.Probability = 0
		}
		if r.Draws > 0 {
			x.Lo, x.Hi = q.usage.quantile(0.025), q.usage.quantile(0.975)
			x.Probability = 1 - float64(q.usage.never)/float64(q.usage.n)
			x.DifferenceLo, x.DifferenceHi = impact(q.difference.quantile(0.025)), impact(q.difference.quantile(0.975))
		}
		r.Crossings = append(r.Crossings, x)
	}
	for k, c := range p.categories {
		for d, name := range p.names {
			best := Best{Category: categoryTable[c].name, Design: name, Usage: usage, Value: list[d].Impact(categoryTable[c].name, point[c][d].at(usage))}
			if r.Draws > 0 {
				best.Probability = float64(p.best[k][d]) / float64(r.Draws)
			} else if d == cheapest(point[c], usage) {
				best.Probability = 1
			}
			r.Best = append(r.Best, best)
		}
	}
	return r, nil
}

// paired are systems that are drawn together.
type paired struct {
	list       []Assessment
	names      []string
	categories []int
	perUnit    []float64 // requests per functional unit of each design
	pairs      []pairing
	best       [][]int64 // per category and design
	warnings   []string
}

type pairing struct {
	category, first, second int
	usage, difference       histogram
}

// pair checks that the designs can be compared, and in what.
func pair(list []Assessment, unit FunctionalUnit) (*paired, error) {
	p := &paired{list: list}
	for i := range list {
		a := &list[i]
		if a.Options.GWP != list[0].Options.GWP || a.Options.Water != list[0].Options.Water || a.Options.Basis != list[0].Options.Basis || a.Options.Embodied != list[0].Options.Embodied {
			return nil, fmt.Errorf("%s was assessed by other conventions than %s", a.Usage.Cell, list[0].Usage.Cell)
		}
		n := a.Usage.count(unit)
		if n == 0 {
			return nil, fmt.Errorf("%s has no count of functional unit %s", a.Usage.Cell, unit)
		}
		name := a.Usage.Cell
		if slices.Contains(p.names, name) {
			name = fmt.Sprintf("%s (%d)", name, i+1)
		}
		p.names, p.perUnit = append(p.names, name), append(p.perUnit, float64(a.Usage.Requests)/float64(n))
	}
	for _, category := range list[0].Assessed() {
		if problem := p.incomparable(category); problem != "" {
			p.warnings = append(p.warnings, fmt.Sprintf("%s is not compared: %s", category, problem))
			continue
		}
		p.categories = append(p.categories, index(category))
	}
	p.doubtKinds()
	if len(p.categories) == 0 {
		return nil, errors.New("they have no impact category in common")
	}
	return p, nil
}

// incomparable says why the designs cannot be compared in a category: a design
// without a figure would look free.
func (p *paired) incomparable(category Category) string {
	c := index(category)
	for i := range p.list {
		s := p.list[i].system
		switch {
		case !slices.Contains(s.active, c):
			return p.names[i] + " has no figure in it"
		case category == Cost && s.currency != p.list[0].system.currency:
			return "currencies are never compared"
		}
		for k, u := range s.upfront {
			if !s.has[c][upfrontTerm+2*k] && (u.energy != absent || len(u.process.Printed) > 0) {
				return fmt.Sprintf("%s has no figure of %s in it", p.names[i], u.process.Name)
			}
		}
	}
	return ""
}

// doubtKinds warns where one design has a kind of stage that another has not.
func (p *paired) doubtKinds() {
	for _, kind := range ListedKinds() {
		var with, without []string
		for i := range p.list {
			if slices.ContainsFunc(p.list[i].Inventory.Upfront, func(s Process) bool { return s.Kind == kind }) {
				with = append(with, p.names[i])
			} else {
				without = append(without, p.names[i])
			}
		}
		if len(with) > 0 && len(without) > 0 {
			p.warnings = append(p.warnings, fmt.Sprintf("%v has figures of %s and %v has none: the comparison favours the latter", with, kind, without))
		}
	}
}

func (p *paired) points() [][]float64 {
	x := make([][]float64, len(p.list))
	for i := range p.list {
		x[i] = slices.Clone(p.list[i].system.values)
	}
	return x
}

// curves are the two sides of every design, by category.
func (p *paired) curves(x [][]float64) map[int][]Curve {
	all := map[int][]Curve{}
	for i := range p.list {
		s := p.list[i].system
		costs := s.at(x[i])
		for _, c := range p.categories {
			b := s.balance(costs, x[i], c)
			all[c] = append(all[c], Curve{b.Upfront(), b.Marginal() * p.perUnit[i]})
		}
	}
	return all
}

// cheapest is the design that costs the least per unit at n of them.
func cheapest(curves []Curve, n float64) int {
	best := 0
	for i := range curves {
		if curves[i].at(n) < curves[best].at(n) {
			best = i
		}
	}
	return best
}

// draw draws all designs together.
func (p *paired) draw(ctx context.Context, usage float64, each func(Draw) error) error {
	systems, cells := make([]*system, len(p.list)), make([]string, len(p.list))
	for i := range p.list {
		systems[i], cells[i] = p.list[i].system, p.list[i].Usage.Cell
	}
	d, x := newDrawer(p.list[0].Options.Seed, cells, systems...), p.points()
	p.best = make([][]int64, len(p.categories))
	for k := range p.best {
		p.best[k] = make([]int64, len(p.list))
	}
	for draw := range p.list[0].Options.Draws {
		if draw%patience == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		d.draw(x)
		curves := p.curves(x)
		for i := range p.pairs {
			q := &p.pairs[i]
			a, b := curves[q.category][q.first], curves[q.category][q.second]
			n := crossing(a, b)
			if b.Marginal > a.Marginal {
				n = math.Inf(1) // they cross the other way round
			}
			q.usage.add(n)
			q.difference.add(b.at(usage) - a.at(usage))
		}
		for k, c := range p.categories {
			p.best[k][cheapest(curves[c], usage)]++
			for i, curve := range curves[c] {
				if each != nil {
					a, name := &p.list[i], categoryTable[c].name
					if err := each(Draw{draw, i, a.Impact(name, curve.Upfront), a.Impact(name, curve.Marginal)}); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// Curve is the assessment's two sides in a category per functional unit.
func (a *Assessment) Curve(c Category, unit FunctionalUnit) Curve {
	b := a.Balance(c)
	return Curve{b.Upfront(), b.Marginal() * float64(a.Usage.Requests) / float64(max(a.Usage.count(unit), 1))}
}
