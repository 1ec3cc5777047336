package figure

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"cfubench/attribution/lca"
)

// Crossover draws the cost of a functional unit of every design against the
// number of units over its life, in one category, with a mark where two of them
// cost the same.
func Crossover(w io.Writer, list []lca.Assessment, r lca.Comparison, c lca.Category) error {
	low, high := r.Usage/1e3, r.Usage*1e3
	p := panel{title: "Cost per " + r.FunctionalUnit + ": " + c.Title(), xTitle: r.FunctionalUnit + "s over the life", yTitle: list[0].Unit(c) + " per " + r.FunctionalUnit}
	colours := []int{0, 1, 3, 4, 6, 5}
	for _, x := range r.Crossings {
		if x.Category != c || math.IsInf(x.Usage, 0) {
			continue
		}
		low, high = min(low, x.Usage/1e2), max(high, x.Usage*1e2)
		colour := colours[max(0, slices.Index(r.Designs, x.Second))%len(colours)]
		p.marks = append(p.marks, mark{fmt.Sprintf("%s overtakes at %s", x.Second, lca.Count(x.Usage)), colour, x.Usage})
	}
	low, high = pow(int(math.Floor(math.Log10(low)))), pow(int(math.Ceil(math.Log10(high))))
	p.xLow, p.xHigh = low, high
	for i := range list {
		design := list[i].Curve(c, r.FunctionalUnit)
		p.lines = append(p.lines, line{r.Designs[i], colours[i%len(colours)], false, curve(low, high, func(n float64) float64 { return design.Upfront/n + design.Marginal })})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<svg class=\"lca\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s of designs against usage\">\n", panelWidth, panelHeight, c)
	b.WriteString(style)
	p.draw(&b, 0)
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}
