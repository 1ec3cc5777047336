package svg

import (
	"fmt"
	"math"
)

// Point is a value with its interval; Lo and Hi are NaN where there is none.
type Point struct {
	X, Y, Lo, Hi float64
	Label        string // written beside the point
	Hint         string // shown when pointed at
}

// Series is a line through points in the order given.
type Series struct {
	Name    string
	Points  []Point
	NoLine  bool // markers only
	NoMarks bool // line only
}

// Axis is one axis of a chart.
type Axis struct {
	Title string // with the unit
	Log   bool
	// FromZero makes a linear axis begin at zero.
	FromZero bool
	// Values are the ticks of a logarithmic axis whose values are few, such as
	// batch sizes; nil for round numbers.
	Values []float64
}

// Lines is a chart of one or more series.
type Lines struct {
	Title, Description string
	X, Y               Axis
	Series             []Series
	// Width and Height of the drawing; 0 for 440 by 300.
	Width, Height float64
}

// plot is the inner rectangle of a chart.
type plot struct{ left, top, right, bottom float64 }

const (
	defaultWidth, defaultHeight = 440, 300
	legendLine                  = 18
)

// SVG draws the chart, "" if no series has a point that can be shown.
func (l Lines) SVG() string {
	width, height := l.Width, l.Height
	if width == 0 {
		width = defaultWidth
	}
	if height == 0 {
		height = defaultHeight
	}
	l.clean()
	xlo, xhi, ylo, yhi, any := l.extent()
	if !any {
		return ""
	}
	legend := l.legendRows(width)
	height += float64(len(legend)) * legendLine
	c := newCanvas(width, height, l.Title, l.Description)
	p := plot{left: 58, top: 12, right: width - 16, bottom: height - 46 - float64(len(legend))*legendLine}
	x, y := l.X.scale(xlo, xhi, p.left, p.right), l.Y.scale(ylo, yhi, p.bottom, p.top)
	c.axes(p, x, y, l.X, l.Y)
	for i, s := range l.Series {
		c.series(i, s, x, y, p)
	}
	c.legend(legend, p.bottom+52)
	return c.String()
}

// clean leaves out what a logarithmic axis cannot show and what is no number.
func (l *Lines) clean() {
	series := make([]Series, len(l.Series))
	for i, s := range l.Series {
		series[i] = s
		series[i].Points = nil
		for _, p := range s.Points {
			bad := math.IsNaN(p.X+p.Y) || math.IsInf(p.X+p.Y, 0) || l.X.Log && p.X <= 0 || l.Y.Log && p.Y <= 0
			if bad {
				continue
			}
			if math.IsNaN(p.Lo) || math.IsNaN(p.Hi) || math.IsInf(p.Lo, 0) || math.IsInf(p.Hi, 0) || p.Hi < p.Lo || l.Y.Log && p.Lo <= 0 {
				p.Lo, p.Hi = math.NaN(), math.NaN()
			}
			series[i].Points = append(series[i].Points, p)
		}
	}
	l.Series = series
}

func (l Lines) extent() (xlo, xhi, ylo, yhi float64, any bool) {
	xlo, xhi, ylo, yhi = math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, s := range l.Series {
		for _, p := range s.Points {
			any = true
			xlo, xhi, ylo, yhi = min(xlo, p.X), max(xhi, p.X), min(ylo, p.Y), max(yhi, p.Y)
			// A very wide interval is cut at the edge rather than let flatten all
			// the rest.
			if !math.IsNaN(p.Lo) {
				ylo, yhi = min(ylo, max(p.Lo, p.Y/2)), max(yhi, min(p.Hi, 2*p.Y))
			}
		}
	}
	if l.X.FromZero && !l.X.Log {
		xlo = min(0, xlo)
	}
	if l.Y.FromZero && !l.Y.Log {
		ylo = min(0, ylo)
	}
	return xlo, xhi, ylo, yhi, any
}

// title is the axis's title, which says that the axis is logarithmic.
func (a Axis) title() string {
	if a.Log && a.Title != "" {
		return a.Title + " (log)"
	}
	return a.Title
}

func (a Axis) scale(low, high, from, to float64) scale {
	if a.Log {
		return logarithmic(low, high, from, to)
	}
	return linear(low, high, from, to)
}

// axes draws grid, ticks and titles.
func (c *canvas) axes(p plot, x, y scale, ax, ay Axis) {
	xs := x.ticks(int((p.right - p.left) / 70))
	if ax.Values != nil {
		xs = ax.Values
	}
	for _, v := range y.ticks(5) {
		at := y.at(v)
		c.line(p.left, at, p.right, at, "grid")
		c.text(p.left-6, at+4, "end", "tick", label(v))
	}
	last := math.Inf(-1)
	for _, v := range xs {
		at := x.at(v)
		c.line(at, p.bottom, at, p.bottom+4, "axis")
		if at-last < 30 {
			continue // no room for its label
		}
		last = at
		c.text(at, p.bottom+17, "middle", "tick", label(v))
	}
	c.line(p.left, p.bottom, p.right, p.bottom, "axis")
	c.line(p.left, p.top, p.left, p.bottom, "axis")
	c.text((p.left+p.right)/2, p.bottom+35, "middle", "title", ax.title())
	c.verticalText(14, (p.top+p.bottom)/2, "title", ay.title())
}

func (c *canvas) series(i int, s Series, x, y scale, p plot) {
	var pixels []Point
	for _, v := range s.Points {
		pixels = append(pixels, Point{X: x.at(v.X), Y: y.at(v.Y)})
	}
	if !s.NoLine {
		c.path(pixels, i, 1.8)
	}
	if s.NoMarks {
		return
	}
	for k, v := range s.Points {
		if !math.IsNaN(v.Lo) {
			at := pixels[k].X
			top, bottom := max(p.top, y.at(v.Hi)), min(p.bottom, y.at(v.Lo))
			fmt.Fprintf(&c.b, `<path fill="none" stroke="%s" stroke-width="1.2" d="M%s %sV%sM%s %sh8M%s %sh8"/>`+"\n",
				color(i), num(at), num(top), num(bottom), num(at-4), num(top), num(at-4), num(bottom))
		}
		hint := v.Hint
		if hint == "" {
			hint = fmt.Sprintf("%s: %s", s.Name, label(v.Y))
		}
		c.marker(pixels[k].X, pixels[k].Y, i, hint)
	}
	c.labels(s, pixels, p)
}

// labels writes the points' labels on the side that has room. One that would lie
// on another moves, and a thin line leads to its point.
func (c *canvas) labels(s Series, pixels []Point, p plot) {
	type box struct{ x1, y1, x2, y2 float64 }
	var taken []box
	for _, m := range pixels {
		taken = append(taken, box{m.X - 5, m.Y - 5, m.X + 5, m.Y + 5})
	}
	for k, v := range s.Points {
		if v.Label == "" {
			continue
		}
		width := 6.6 * float64(len([]rune(v.Label)))
		x, y, anchor, left := pixels[k].X+8, pixels[k].Y+4, "start", pixels[k].X+8
	search:
		for _, dy := range []float64{0, -13, 13, -26, 26, -39, 39, -52, 52} {
			for _, right := range []bool{true, false} {
				from := pixels[k].X + 8
				if !right {
					from = pixels[k].X - 8 - width
				}
				at := box{from, pixels[k].Y + dy - 7, from + width, pixels[k].Y + dy + 7}
				if at.x1 < p.left || at.x2 > p.right+10 || at.y1 < p.top-6 || at.y2 > p.bottom {
					continue
				}
				clear := true
				for _, t := range taken {
					clear = clear && (at.x1 >= t.x2 || t.x1 >= at.x2 || at.y1 >= t.y2 || t.y1 >= at.y2)
				}
				if clear {
					left, y, x, anchor = from, pixels[k].Y+dy+4, from, "start"
					if !right {
						x, anchor = from+width, "end"
					}
					break search
				}
			}
		}
		if away := y - 4 - pixels[k].Y; math.Abs(away) > 13 {
			end := x - 2
			if anchor == "end" {
				end = x + 2
			}
			c.line(pixels[k].X, pixels[k].Y, end, y-4, "grid")
		}
		taken = append(taken, box{left, y - 11, left + width, y + 3})
		c.text(x, y, anchor, "point", v.Label)
	}
}

// entry is one entry of a legend: a series' index and name.
type entry struct {
	index int
	name  string
	x     float64
	fill  bool // a filled square instead of line and marker
}

// legendRows lays names out in rows; none for a single unnamed series.
func (l Lines) legendRows(width float64) [][]entry {
	var entries []entry
	for i, s := range l.Series {
		if s.Name != "" {
			entries = append(entries, entry{index: i, name: s.Name})
		}
	}
	return layout(entries, width)
}

func layout(entries []entry, width float64) [][]entry {
	var rows [][]entry
	x := width
	for _, e := range entries {
		w := 34 + 6.8*float64(len([]rune(e.name)))
		if x+w > width-8 {
			rows = append(rows, nil)
			x = 16
		}
		e.x = x
		rows[len(rows)-1] = append(rows[len(rows)-1], e)
		x += w
	}
	return rows
}

func (c *canvas) legend(rows [][]entry, y float64) {
	for _, row := range rows {
		for _, e := range row {
			if e.fill {
				c.rect(e.x, y-8, 12, 10, color(e.index), "")
			} else {
				c.path([]Point{{X: e.x - 4, Y: y - 3}, {X: e.x + 16, Y: y - 3}}, e.index, 1.8)
				c.marker(e.x+6, y-3, e.index, "")
			}
			c.text(e.x+20, y+1, "start", "label", e.name)
		}
		y += legendLine
	}
}
