package lca

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
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

// Compare compares assessments, a design each, per functional unit of that name: one
// that the run counts, one of an outcome, or one of the user's own. requests is
// the lifetime at which it tells which is best, 0 for that of the first; it is
// told in as many functional units as the first delivers in it. each, if not nil, gets
// every draw of every design and category.
func Compare(ctx context.Context, list []Assessment, unit string, requests float64, each func(Draw) error) (Comparison, error) {
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
	r := Comparison{FunctionalUnit: unit, Usage: usage, Designs: p.names, Warnings: p.warnings, Draws: list[0].Options.Draws}
	point := p.curves(p.points(), p.perUnit)
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
				best.Probability = p.best[k][d] / float64(r.Draws)
			} else if least := cheapest(point[c], usage); slices.Contains(least, d) {
				best.Probability = 1 / float64(len(least))
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
	counts     []counted // functional units of each design's cell
	pairs      []pairing
	best       [][]float64 // per category and design; designs that cost the same share a draw
	warnings   []string
}

type pairing struct {
	category, first, second int
	usage, difference       histogram
}

// pair checks that the designs can be compared, and in what.
func pair(list []Assessment, unit string) (*paired, error) {
	p := &paired{list: list, names: DesignNames(list)}
	for i := range list {
		a := &list[i]
		if a.Options.GWP != list[0].Options.GWP || a.Options.Water != list[0].Options.Water || a.Options.Basis != list[0].Options.Basis || a.Options.Embodied != list[0].Options.Embodied {
			return nil, fmt.Errorf("%s was assessed by other conventions than %s", p.names[i], p.names[0])
		}
		n, ok := a.delivered(unit)
		if !ok {
			return nil, fmt.Errorf("%s has no count of functional unit %s", p.names[i], unit)
		}
		p.counts, p.perUnit = append(p.counts, n), append(p.perUnit, float64(a.Usage.Requests)/n.count)
	}
	for _, category := range list[0].Assessed() {
		if problem := p.incomparable(category); problem != "" {
			p.warnings = append(p.warnings, fmt.Sprintf("%s is not compared: %s", category, problem))
			continue
		}
		p.categories = append(p.categories, index(category))
	}
	p.doubtKinds()
	p.doubtCover()
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
			if t := upfrontTerm + 2*k + 1; !s.has[c][t] && u.time != absent && p.someHas(c, func(o *system) []int { return o.hardwareOfMaking() }) {
				return fmt.Sprintf("%s has no figure of the hardware of %s in it", p.names[i], u.process.Name)
			}
		}
		for _, t := range []int{inferenceTerm + 1, idleTerm, idleTerm + 1} {
			provisioned := t == inferenceTerm+1 || s.idleTime != absent
			if provisioned && !s.has[c][t] && p.someHas(c, func(*system) []int { return []int{t} }) {
				return fmt.Sprintf("%s has no figure of %s in it", p.names[i], s.termName(t))
			}
		}
	}
	return ""
}

// someHas reports whether any design has a figure of one of the terms in the category.
func (p *paired) someHas(c int, terms func(*system) []int) bool {
	return slices.ContainsFunc(p.list, func(a Assessment) bool { return a.system.hasAny(c, terms(a.system)) })
}

// hardwareOfMaking are the terms of the hardware of the upfront stages.
func (s *system) hardwareOfMaking() (terms []int) {
	for t := upfrontTerm + 1; t < upfrontTerm+2*len(s.upfront); t += 2 {
		terms = append(terms, t)
	}
	return terms
}

// doubtKinds warns where one design has a kind of stage that another has not, or the
// hardware of its making.
func (p *paired) doubtKinds() {
	for _, kind := range ListedKinds() {
		p.doubt(string(kind), func(a *Assessment) bool {
			return slices.ContainsFunc(a.Inventory.Upfront, func(s Process) bool { return s.Kind == kind })
		})
	}
	p.doubt("machines that wait", func(a *Assessment) bool { return a.system.idleTime != absent })
	for _, c := range p.categories {
		hardware := fmt.Sprintf("the hardware of its making in %s", categoryTable[c].name)
		p.doubt(hardware, func(a *Assessment) bool {
			s := a.system
			return len(s.upfront) == 0 || s.hasAny(c, s.hardwareOfMaking())
		})
	}
}

// doubt warns where only some designs have figures of something.
func (p *paired) doubt(what string, has func(*Assessment) bool) {
	var with, without []string
	for i := range p.list {
		if has(&p.list[i]) {
			with = append(with, p.names[i])
		} else {
			without = append(without, p.names[i])
		}
	}
	if len(with) > 0 && len(without) > 0 {
		p.warnings = append(p.warnings, fmt.Sprintf("%s has figures of %s and %s has none: the comparison favours the latter", strings.Join(with, " and "), what, strings.Join(without, " and ")))
	}
}

// doubtCover warns where the energies of designs cover different equipment.
func (p *paired) doubtCover() {
	first := p.list[0].energyBoundary()
	for i := range p.list {
		if other := p.list[i].energyBoundary(); other != first {
			p.warnings = append(p.warnings, fmt.Sprintf("the energy of %s is of the %s, that of %s of the %s: the comparison favours what covers less", p.names[0], first, p.names[i], other))
		}
	}
}

// DesignNames are the names of assessments that are compared: their own, or else their
// cells', each once.
func DesignNames(list []Assessment) []string {
	var names []string
	for i := range list {
		name := cmp.Or(list[i].Design, list[i].Usage.Cell)
		if slices.Contains(names, name) {
			name = fmt.Sprintf("%s (%d)", name, i+1)
		}
		names = append(names, name)
	}
	return names
}

func (p *paired) points() [][]float64 {
	x := make([][]float64, len(p.list))
	for i := range p.list {
		x[i] = slices.Clone(p.list[i].system.values)
	}
	return x
}

// curves are the two sides of every design, by category, with so many requests per
// functional unit.
func (p *paired) curves(x [][]float64, perUnit []float64) map[int][]Curve {
	all := map[int][]Curve{}
	for i := range p.list {
		s := p.list[i].system
		costs := s.inFull(x[i])
		for _, c := range p.categories {
			b := s.balance(costs, c)
			all[c] = append(all[c], Curve{b.Upfront(), b.Marginal() * perUnit[i]})
		}
	}
	return all
}

// cheapest are the designs that cost the least per unit at n of them: several where they
// cost the same.
func cheapest(curves []Curve, n float64) (least []int) {
	for i := range curves {
		if len(least) > 0 && curves[i].at(n) > curves[least[0]].at(n) {
			continue
		}
		if len(least) > 0 && curves[i].at(n) < curves[least[0]].at(n) {
			least = least[:0]
		}
		least = append(least, i)
	}
	return least
}

// draw draws all designs together.
func (p *paired) draw(ctx context.Context, usage float64, each func(Draw) error) error {
	systems, cells := make([]*system, len(p.list)), make([]string, len(p.list))
	for i := range p.list {
		systems[i], cells[i] = p.list[i].system, p.list[i].Usage.Cell
	}
	d, x := newDrawer(p.list[0].Options.Seed, cells, systems...), p.points()
	p.best = make([][]float64, len(p.categories))
	for k := range p.best {
		p.best[k] = make([]float64, len(p.list))
	}
	judged := newJudgement(p.list, p.counts, p.list[0].Options.Seed)
	for draw := range p.list[0].Options.Draws {
		if draw%patience == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		d.draw(x)
		curves := p.curves(x, judged.draw(p.perUnit))
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
			least := cheapest(curves[c], usage)
			for _, d := range least {
				p.best[k][d] += 1 / float64(len(least))
			}
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

// Curve is the assessment's two sides in a category per functional unit, which the cell
// delivered.
func (a *Assessment) Curve(c Category, unit string) Curve {
	b := a.Balance(c)
	n, _ := a.delivered(unit)
	return Curve{b.Upfront(), b.Marginal() * float64(a.Usage.Requests) / n.count}
}
