package svg

import (
	"fmt"
	"html"
	"math"
)

// Trace is a chart of curves over time with what happened below them, on one
// time axis. What moves with time lies in an inner drawing of the class "time",
// whose viewBox a page may narrow to zoom in; the labels of the time axis are
// the group "ticks", and what stands above a point of time has its place in
// data-x.
type Trace struct {
	Title, Description string
	XTitle, YTitle     string
	Start, End         float64 // of the time axis
	Series             []Series
	// Bands mark stretches of time behind the curves, such as the steady window.
	Bands []Band
	// Phases names the colours of spans and layers, from colour 4 on so that
	// they differ from the curves'.
	Phases []string
	// Lanes are requests, one a row, drawn when there are few; Layers the number
	// in each phase over time, stacked, drawn when Lanes is empty.
	Lanes  [][]Span
	Layers []Series
	// LayersTitle is the axis title of Layers.
	LayersTitle string
	Width       float64 // 0 for 920
}

// Band is a stretch of time with a name.
type Band struct {
	From, To float64
	Name     string
}

// Span is a stretch of a lane in one phase.
type Span struct {
	From, To float64
	Phase    int
	Hint     string
}

// phaseColor keeps phases apart from the curves above them.
const phaseColor = 4

// About how many values the axes of time, power and counts have.
const timeTicks, powerTicks, countTicks = 10, 4, 3

// SVG draws the chart, "" without curves and lanes.
func (t Trace) SVG() string {
	if len(t.Series) == 0 && len(t.Lanes) == 0 && len(t.Layers) == 0 {
		return ""
	}
	width := t.Width
	if width == 0 {
		width = 920
	}
	var entries []entry
	for i, s := range t.Series {
		entries = append(entries, entry{index: i, name: s.Name, line: true})
	}
	for i, name := range t.Phases {
		entries = append(entries, entry{index: phaseColor + i, name: name, fill: true})
	}
	legend := layout(entries, width)
	power := plot{left: 58, top: 18, right: width - 16, bottom: 200}
	below := plot{left: power.left, top: power.bottom + 14, right: power.right}
	switch lanes := len(t.Lanes); {
	case lanes > 0:
		below.bottom = below.top + min(220, max(40, float64(lanes)*6))
	case len(t.Layers) > 0:
		below.bottom = below.top + 90
	default:
		below.bottom = power.bottom
	}
	c := newCanvas(width, below.bottom+46+float64(len(legend))*legendLine, t.Title, t.Description)
	x := scale{min: t.Start, max: t.End, from: power.left, to: power.right}
	watts, yTitle := linear(0, max(t.highest(), 1e-9), power.bottom, power.top).titled(t.YTitle)
	count := linear(0, max(1, t.busiest()), below.bottom, below.top)
	fmt.Fprintf(&c.b, `<svg class="time" x="%s" y="%s" width="%s" height="%[4]s" viewBox="%[1]s %[2]s %[3]s %[4]s" preserveAspectRatio="none" data-from="%[5]g" data-to="%[6]g">`+"\n",
		num(power.left), num(power.top), num(power.right-power.left), num(below.bottom-power.top), t.Start, t.End)
	var names []Point
	for _, band := range t.Bands {
		from, to := x.at(max(t.Start, band.From)), x.at(min(t.End, band.To))
		if to <= from {
			continue
		}
		c.rect(from, power.top, to-from, below.bottom-power.top, "var(--band)", band.Name)
		if w := 6.6 * float64(len([]rune(band.Name))); w < to-from {
			names = append(names, Point{X: from, Label: band.Name})
		}
	}
	c.curves(t, power, x, watts)
	if len(t.Lanes) > 0 {
		c.lanes(t, below, x)
	} else if len(t.Layers) > 0 {
		c.layers(t, below, x, count)
	}
	c.b.WriteString("</svg>\n")
	for _, name := range names {
		fmt.Fprintf(&c.b, `<text class="label" x="%s" y="%s" data-x="%s">%s</text>`+"\n", num(name.X+3), num(power.top-5), num(name.X), html.EscapeString(name.Label))
	}
	c.levels(power, watts, powerTicks)
	c.line(power.left, power.top, power.left, power.bottom, "axis")
	c.line(power.left, power.bottom, power.right, power.bottom, "axis")
	c.verticalText(14, (power.top+power.bottom)/2, "title", yTitle)
	switch {
	case len(t.Lanes) > 0:
		c.verticalText(14, (below.top+below.bottom)/2, "title", "requests")
	case len(t.Layers) > 0:
		c.levels(below, count, countTicks)
		c.verticalText(14, (below.top+below.bottom)/2, "title", t.LayersTitle)
	}
	fmt.Fprintf(&c.b, `<g class="ticks" data-y="%s">`+"\n", num(below.bottom))
	for _, v := range x.ticks(timeTicks) {
		at := x.at(v)
		c.line(at, below.bottom, at, below.bottom+4, "axis")
		c.text(at, below.bottom+17, "middle", "tick", label(v))
	}
	c.b.WriteString("</g>\n")
	c.line(below.left, below.bottom, below.right, below.bottom, "axis")
	c.text((below.left+below.right)/2, below.bottom+35, "middle", "title", t.XTitle)
	c.legend(legend, below.bottom+54)
	return c.String()
}

// highest is the highest point of the curves.
func (t Trace) highest() float64 {
	top := 0.0
	for _, s := range t.Series {
		for _, v := range s.Points {
			if !math.IsNaN(v.Y) {
				top = max(top, v.Y)
			}
		}
	}
	return top
}

// busiest is the highest sum of the layers.
func (t Trace) busiest() float64 {
	top := 0.0
	for _, sum := range t.sums() {
		for _, v := range sum {
			top = max(top, v)
		}
	}
	return top
}

// sums are the layers stacked: each with those before it.
func (t Trace) sums() [][]float64 {
	sums := make([][]float64, len(t.Layers))
	for i, l := range t.Layers {
		sums[i] = make([]float64, len(l.Points))
		for k, v := range l.Points {
			sums[i][k] = v.Y
			if i > 0 {
				sums[i][k] += sums[i-1][k]
			}
		}
	}
	return sums
}

// levels labels the values of a vertical axis.
func (c *canvas) levels(p plot, y scale, n int) {
	for _, v := range y.ticks(n) {
		c.text(p.left-6, y.at(v)+4, "end", "tick", y.label(v))
	}
}

// rules are the lines of a vertical axis' values.
func (c *canvas) rules(p plot, y scale, n int) {
	for _, v := range y.ticks(n) {
		c.line(p.left, y.at(v), p.right, y.at(v), "grid")
	}
}

func (c *canvas) curves(t Trace, p plot, x, y scale) {
	c.rules(p, y, powerTicks)
	for i, s := range t.Series {
		var run []Point
		for _, v := range s.Points {
			if math.IsNaN(v.Y) { // a gap stays a gap
				c.path(run, i, 1.4)
				run = nil
				continue
			}
			run = append(run, Point{X: x.at(v.X), Y: y.at(v.Y)})
		}
		c.path(run, i, 1.4)
	}
}

func (c *canvas) lanes(t Trace, p plot, x scale) {
	height := (p.bottom - p.top) / float64(len(t.Lanes))
	for i, lane := range t.Lanes {
		for _, s := range lane {
			from, to := x.at(s.From), x.at(s.To)
			c.rect(from, p.top+float64(i)*height, max(0.5, to-from), max(0.8, height-1), color(phaseColor+s.Phase), s.Hint)
		}
	}
}

func (c *canvas) layers(t Trace, p plot, x, y scale) {
	c.rules(p, y, countTicks)
	sums := t.sums()
	// From the top layer down, so that each is seen above the one before.
	for i := len(t.Layers) - 1; i >= 0; i-- {
		var points []Point
		for k, v := range t.Layers[i].Points {
			points = append(points, Point{X: x.at(v.X), Y: y.at(sums[i][k])})
		}
		c.area(points, p.bottom, color(phaseColor+i), 1)
	}
}
