package figure

import (
	"fmt"
	"io"
	"math"
	"strings"

	"cfubench/attribution/lca"
	"cfubench/meter"
)

// style is the look of both panels. The palette is Okabe and Ito's, which
// stays apart for colour-blind readers; ink follows the reader's scheme.
const style = `<style>
.lca{background:#fff;font:13px system-ui,sans-serif}
.lca .title{font-weight:600;font-size:15px;fill:#1a1a1a}.lca .label{fill:#1a1a1a}.lca .tick{fill:#555;font-size:12px}
.lca .grid{stroke:#ddd}.lca .curve{fill:none;stroke-width:2}.lca .mark{stroke-width:1;stroke-dasharray:2 3}.lca .dashed{stroke-dasharray:7 4}
.lca .c0{stroke:#0072b2}.lca .c1{stroke:#d55e00}.lca .c2{stroke:#1a1a1a}.lca .c5{stroke:#56b4e9}.lca .c3{stroke:#cc79a7}.lca .c4{stroke:#e69f00}.lca .c6{stroke:#888}
.lca .f0{fill:#0072b2}.lca .f1{fill:#b34a00}.lca .f3{fill:#9a3f75}.lca .f4{fill:#8a6000}.lca .f5{fill:#1f6f9c}.lca .f6{fill:#5f5f5f}
@media (prefers-color-scheme:dark){.lca{background:#161616}.lca .title,.lca .label{fill:#eee}.lca .tick{fill:#aaa}.lca .grid{stroke:#333}
.lca .c0{stroke:#4aa8e0}.lca .c2{stroke:#eee}.lca .f0{fill:#4aa8e0}.lca .f1{fill:#ff9050}.lca .f3{fill:#e09cc4}.lca .f4{fill:#f0b840}.lca .f5{fill:#7cc8f0}.lca .f6{fill:#aaa}}
</style>
`

func pow(p int) float64 { return math.Pow(10, float64(p)) }

// ends picks the least and the most efficient assessment by the marginal cost
// of a request; they are the same if there is only one.
func ends(list []lca.Assessment, c lca.Category) (worst, best *lca.Assessment) {
	for i := range list {
		b := list[i].Balance(c).Marginal()
		if worst == nil || b > worst.Balance(c).Marginal() {
			worst = &list[i]
		}
		if best == nil || b < best.Balance(c).Marginal() {
			best = &list[i]
		}
	}
	return worst, best
}

// LifeCycle draws the two panels of Figure 2 of arXiv 2606.07632 for the least
// and the most efficient cell of the list: the aggregate cost of every stage
// against the number of requests, and the cost of a request as the upfront cost
// is amortized over them. It refuses assessments without an upfront cost, for
// which there is nothing to amortize.
func LifeCycle(w io.Writer, list []lca.Assessment, c lca.Category) error {
	worst, best := ends(list, c)
	if worst == nil {
		return fmt.Errorf("draw figure: nothing was assessed")
	}
	for i := range list {
		if a, b := list[i].Inventory.Model.Title, list[0].Inventory.Model.Title; a != b {
			return fmt.Errorf("draw figure: %s and %s are two models with upfront costs of their own: choose one, or compare them with --crossover", b, a)
		}
	}
	if worst.Balance(c).Upfront() <= 0 {
		return fmt.Errorf("draw figure: the inventory %q has no training or experimentation in %s: there is no upfront cost to amortize", worst.Inventory.Name, c)
	}
	if worst.Balance(c).Marginal() <= 0 {
		return fmt.Errorf("draw figure: a request costs nothing in %s: there is no break-even to show", c)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<svg class=\"lca\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"Life cycle %s against inference requests\">\n",
		2*panelWidth, panelHeight, c)
	b.WriteString(style)
	aggregate(worst, best, c).draw(&b, 0)
	perRequest(worst, best, c).draw(&b, panelWidth)
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// span is the range of requests that shows every crossing: from three decades
// below the first break-even to three above the last.
func span(worst, best *lca.Assessment, c lca.Category) (low, high float64) {
	first, last := worst.Balance(c).BreakEven(), best.Balance(c).BreakEven()
	if math.IsInf(last, 0) {
		last = first
	}
	return pow(int(math.Floor(math.Log10(first))) - 3), pow(int(math.Ceil(math.Log10(last))) + 2)
}

// curve samples f along the axis, eight points a decade.
func curve(low, high float64, f func(n float64) float64) [][2]float64 {
	var points [][2]float64
	steps := int(math.Round(math.Log10(high/low) * 8))
	for i := range steps + 1 {
		n := low * math.Pow(10, float64(i)/8)
		if v := f(n); v > 0 {
			points = append(points, [2]float64{n, v})
		}
	}
	return points
}

// label names a cell, and says so if its energy is modelled.
func label(a *lca.Assessment) string {
	if a.Usage.EnergyKind == meter.KindModel {
		return a.Usage.Cell + " (model)"
	}
	return a.Usage.Cell
}

// aggregate is the first panel: cost of each stage as requests are served.
func aggregate(worst, best *lca.Assessment, c lca.Category) panel {
	low, high := span(worst, best, c)
	p := panel{
		title:  "Aggregate cost: " + c.Title(),
		xTitle: "inference requests", yTitle: c.Unit(), xLow: low, xHigh: high,
	}
	w, m := worst.Balance(c), best.Balance(c)
	add := func(name string, color int, dashed bool, f func(float64) float64) {
		if points := curve(low, high, f); len(points) > 0 {
			p.lines = append(p.lines, line{name, color, dashed, points})
		}
	}
	add("experimentation", 3, true, func(float64) float64 { return w.Experimentation })
	add("training", 4, true, func(float64) float64 { return w.Training })
	add("upfront, all of it", 2, true, func(float64) float64 { return w.Upfront() })
	if worst != best {
		add("embodied: "+label(worst), 5, false, func(n float64) float64 { return w.UpfrontHardware + n*w.Hardware })
	}
	add("embodied: "+label(best), 6, false, func(n float64) float64 { return m.UpfrontHardware + n*m.Hardware })
	add("other servers: "+label(best), 4, false, func(n float64) float64 { return n * m.Services })
	add("inference: "+label(worst), 1, false, func(n float64) float64 { return n * w.Operation })
	if worst != best {
		add("inference: "+label(best), 0, false, func(n float64) float64 { return n * m.Operation })
	}
	breakEvenMarks(&p, worst, best, c)
	return p
}

// perRequest is the second panel: the cost of a request against the number
// that the model serves in its life.
func perRequest(worst, best *lca.Assessment, c lca.Category) panel {
	low, high := span(worst, best, c)
	p := panel{
		title:  "Cost per request",
		xTitle: "lifetime inference requests", yTitle: c.Unit() + " per request", xLow: low, xHigh: high,
	}
	w, m := worst.Balance(c), best.Balance(c)
	p.lines = append(p.lines,
		line{"upfront cost ÷ requests", 6, true, curve(low, high, func(n float64) float64 { return w.Upfront() / n })},
		line{"total: " + label(worst), 1, false, curve(low, high, w.PerRequest)})
	if worst != best {
		p.lines = append(p.lines, line{"total: " + label(best), 0, false, curve(low, high, m.PerRequest)})
	}
	p.lines = append(p.lines, line{"marginal: " + label(worst), 1, true, curve(low, high, func(float64) float64 { return w.Marginal() })})
	if worst != best {
		p.lines = append(p.lines, line{"marginal: " + label(best), 0, true, curve(low, high, func(float64) float64 { return m.Marginal() })})
	}
	breakEvenMarks(&p, worst, best, c)
	return p
}

// breakEvenMarks marks where requests have cost as much as what came before.
func breakEvenMarks(p *panel, worst, best *lca.Assessment, c lca.Category) {
	add := func(a *lca.Assessment, color int) {
		if n := a.Balance(c).BreakEven(); !math.IsInf(n, 0) {
			p.marks = append(p.marks, mark{"break-even " + lca.Count(n), color, n})
		}
	}
	add(worst, 1)
	if worst != best {
		add(best, 0)
	}
}
