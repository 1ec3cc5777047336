package lca

import (
	"cmp"
	"math"
	"slices"
)

// Contribution is one term's share of a category's total.
type Contribution struct {
	Category Category
	Term     string
	Value    float64 // of the whole cell
	Share    float64 // of the category's total
}

// Significant reports whether the term is an issue in the sense of ISO 14044
// §4.5.2 by this program's threshold: a tenth of the total.
func (c Contribution) Significant() bool { return c.Share >= 0.10 }

// contributions ranks the terms of each category.
func (s *system) contributions() []Contribution {
	point := s.at(s.values)
	var list []Contribution
	for _, category := range s.categories() {
		c := index(category)
		total := s.total(point, c)
		start := len(list)
		for t, has := range s.has[c] {
			if has {
				share := 0.0
				if total > 0 {
					share = point.row(c)[t] / total
				}
				list = append(list, Contribution{category, s.termName(t), point.row(c)[t], share})
			}
		}
		slices.SortStableFunc(list[start:], func(a, b Contribution) int { return cmp.Compare(b.Value, a.Value) })
	}
	return list
}

// inputName is an input in words and where it stands.
func (s *system) inputName(i int) (string, Place) {
	if i < s.metered() {
		name := []string{"metered energy", "gain of the meter", "sampling of the meter", "offset of the meter"}[i%meterInputs]
		if len(s.hosts) > 1 {
			name += " of host " + cmp.Or(s.hosts[i/meterInputs].Host, "of the client")
		}
		return name, Place{}
	}
	return s.data[i].place.Field, s.data[i].place
}

// Swing is what one input does to a category's total when it alone moves over
// the central 95 % of its distribution.
type Swing struct {
	Category Category
	// Input names the figure, or the metered energy.
	Input string
	Place Place
	// Low and High are the total of the whole cell at the input's 2.5 % and
	// 97.5 % points; Base is the total as assessed.
	Low, Base, High float64
}

// Width is the size of the swing.
func (w Swing) Width() float64 { return math.Abs(w.High - w.Low) }

// tornado moves each input alone. Inputs that do not move the total are left
// out.
func (s *system) tornado() []Swing {
	point, ends := s.at(s.values), [2]*costs{s.newCosts(), s.newCosts()}
	x := slices.Clone(s.values)
	byCategory := map[Category][]Swing{}
	for i, d := range s.spread {
		if d.shape == Fixed {
			continue
		}
		name, place := s.inputName(i)
		for e, p := range []float64{0.025, 0.975} {
			x[i] = d.quantile(p)
			s.evaluate(x, ends[e])
		}
		x[i] = s.values[i]
		for _, category := range s.categories() {
			c := index(category)
			w := Swing{category, name, place, s.total(ends[0], c), s.total(point, c), s.total(ends[1], c)}
			if w.Width() > 0 {
				byCategory[category] = append(byCategory[category], w)
			}
		}
	}
	var list []Swing
	for _, category := range s.categories() {
		swings := byCategory[category]
		slices.SortStableFunc(swings, func(a, b Swing) int { return cmp.Compare(b.Width(), a.Width()) })
		list = append(list, swings...)
	}
	return list
}
