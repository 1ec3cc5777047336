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
	var point costs
	s.evaluate(s.values, &point)
	var list []Contribution
	for _, category := range s.categories() {
		c := index(category)
		total := point.stage(c, Total)
		start := len(list)
		for t := range terms {
			if s.has[c][t] {
				share := 0.0
				if total > 0 {
					share = point[c][t] / total
				}
				list = append(list, Contribution{category, t.String(), point[c][t], share})
			}
		}
		slices.SortStableFunc(list[start:], func(a, b Contribution) int { return cmp.Compare(b.Value, a.Value) })
	}
	return list
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
	var point, moved costs
	s.evaluate(s.values, &point)
	x := slices.Clone(s.values)
	byCategory := map[Category][]Swing{}
	for i, d := range s.spread {
		if d.shape == Fixed {
			continue
		}
		name, place := "metered energy", Place{}
		if s.data[i] != nil {
			name, place = s.data[i].place.Field, s.data[i].place
		}
		var ends [2]costs
		for e, p := range []float64{0.025, 0.975} {
			x[i] = d.quantile(p)
			s.evaluate(x, &moved)
			ends[e] = moved
		}
		x[i] = s.values[i]
		for _, category := range s.categories() {
			c := index(category)
			w := Swing{category, name, place, ends[0].stage(c, Total), point.stage(c, Total), ends[1].stage(c, Total)}
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
