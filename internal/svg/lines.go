package svg

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Point is a value with its interval; Lo and Hi are NaN where there is none, XLo
// and XHi, those of X, zero.
type Point struct {
	X, Y, Lo, Hi float64
	XLo, XHi     float64
	Label        string // written beside the point
	Hint         string // shown when pointed at
}

// Series is a line through points in the order given.
type Series struct {
	Name    string
	Points  []Point
	NoLine  bool // markers only
	NoMarks bool // line only
	Muted   bool // in grey, with hollow marks: what is out of the question
}

// Rule is an upright line at a value of X, such as a bound.
type Rule struct {
	At   float64
	Name string
}

// Axis is one axis of a chart.
type Axis struct {
	Title string // with the unit, Prefixable before it
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
	Rules              []Rule
	// Readout is a line under the chart that shows the hint of the mark that is
	// pointed at or that the keyboard is on, and else this text; "" for none.
	Readout string
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
	below := 46 + float64(len(legend))*legendLine
	height += float64(len(legend)) * legendLine
	if l.Readout != "" {
		height, below = height+readoutHeight, below+readoutHeight
	}
	c := newCanvas(width, height, l.Title, l.Description)
	p := plot{left: 58, top: 12, right: width - 16, bottom: height - below}
	y, yTitle := l.Y.scale(ylo, yhi, p.bottom, p.top).titled(l.Y.title())
	for _, v := range y.ticks(yTicks) { // room for the longest
		p.left = max(p.left, 32+6.6*float64(len([]rune(y.label(v)))))
	}
	x, xTitle := l.X.scale(xlo, xhi, p.left, p.right).titled(l.X.title())
	c.axes(p, x, y, l.X.Values)
	c.text((p.left+p.right)/2, p.bottom+35, "middle", "title", xTitle)
	c.verticalText(14, (p.top+p.bottom)/2, "title", yTitle)
	for _, r := range l.Rules {
		c.rule(r, x, p)
	}
	for _, muted := range []bool{true, false} { // what is out of the question lies below
		for i, s := range l.Series {
			if s.Muted == muted {
				c.series(i, s, x, y, p, l.Readout != "")
			}
		}
	}
	c.labels(l.Series, x, y, p)
	c.legend(legend, p.bottom+52)
	if l.Readout != "" {
		c.text(width/2, height-8, "middle", "tick still", l.Readout)
	}
	return c.String()
}

// readoutHeight is the room of two lines of text.
const readoutHeight = 36

// rule draws a bound with its name at the top, on the side that has room.
func (c *canvas) rule(r Rule, x scale, p plot) {
	at := x.at(r.At)
	if !(at >= p.left && at <= p.right) {
		return
	}
	c.line(at, p.top, at, p.bottom, "bound")
	anchor, side := "start", 4.0
	if at > (p.left+p.right)/2 {
		anchor, side = "end", -4
	}
	c.text(at+side, p.top+9, anchor, "tick", r.Name)
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
			if !(p.XHi > p.XLo) || math.IsInf(p.XHi-p.XLo, 0) || l.X.Log && p.XLo <= 0 {
				p.XLo, p.XHi = 0, 0
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
			if p.XHi > p.XLo {
				xlo, xhi = min(xlo, max(p.XLo, p.X/2)), max(xhi, min(p.XHi, 2*p.X))
			}
		}
	}
	for _, r := range l.Rules {
		if !math.IsNaN(r.At) && !math.IsInf(r.At, 0) && (!l.X.Log || r.At > 0) {
			xlo, xhi = min(xlo, r.At), max(xhi, r.At)
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

// yTicks is about how many values an upright axis shows.
const yTicks = 5

// axes draws grid and ticks: on the x axis those of values, nil for round numbers.
func (c *canvas) axes(p plot, x, y scale, values []float64) {
	xs := x.ticks(int((p.right - p.left) / 70))
	if values != nil {
		xs = values
	}
	for _, v := range y.ticks(yTicks) {
		at := y.at(v)
		c.line(p.left, at, p.right, at, "grid")
		c.text(p.left-6, at+4, "end", "tick", y.label(v))
	}
	last := math.Inf(-1)
	for _, v := range xs {
		at := x.at(v)
		c.line(at, p.bottom, at, p.bottom+4, "axis")
		if at-last < 30 {
			continue // no room for its label
		}
		last = at
		c.text(at, p.bottom+17, "middle", "tick", x.label(v))
	}
	c.line(p.left, p.bottom, p.right, p.bottom, "axis")
	c.line(p.left, p.top, p.left, p.bottom, "axis")
}

func (c *canvas) series(i int, s Series, x, y scale, p plot, readout bool) {
	var pixels []Point
	for _, v := range s.Points {
		pixels = append(pixels, Point{X: x.at(v.X), Y: y.at(v.Y)})
	}
	ink := color(i)
	if s.Muted {
		ink = "var(--muted)"
	}
	if !s.NoLine {
		c.path(pixels, i, 1.8)
	}
	if s.NoMarks {
		return
	}
	for k, v := range s.Points {
		at := pixels[k]
		if !math.IsNaN(v.Lo) {
			top, bottom := max(p.top, y.at(v.Hi)), min(p.bottom, y.at(v.Lo))
			fmt.Fprintf(&c.b, `<path fill="none" stroke="%s" stroke-width="1.2" d="M%s %sV%sM%s %sh8M%s %sh8"/>`+"\n",
				ink, num(at.X), num(top), num(bottom), num(at.X-4), num(top), num(at.X-4), num(bottom))
		}
		if v.XHi > v.XLo {
			left, right := max(p.left, x.at(v.XLo)), min(p.right, x.at(v.XHi))
			fmt.Fprintf(&c.b, `<path fill="none" stroke="%s" stroke-width="1.2" d="M%s %sH%sM%s %sv8M%s %sv8"/>`+"\n",
				ink, num(left), num(at.Y), num(right), num(left), num(at.Y-4), num(right), num(at.Y-4))
		}
		hint := v.Hint
		if hint == "" {
			hint = fmt.Sprintf("%s: %s", s.Name, y.label(v.Y))
		}
		if readout {
			c.read(at, i, s.Muted, hint)
			continue
		}
		c.marker(at.X, at.Y, i, s.Muted, hint)
	}
}

// read is a mark that the keyboard reaches, and whose hint is shown in the line
// under the chart.
func (c *canvas) read(at Point, i int, muted bool, hint string) {
	fmt.Fprintf(&c.b, `<g class="read" tabindex="0" role="img" aria-label="%s">`, html.EscapeString(hint))
	c.marker(at.X, at.Y, i, muted, hint)
	first, second := hint, ""
	if before, after, ok := strings.Cut(hint, "; "); ok {
		first, second = before, after
	}
	most := int(c.width / charWidth)
	c.text(c.width/2, c.height-22, "middle", "tick said", shortened(first, most))
	c.text(c.width/2, c.height-8, "middle", "tick said", shortened(second, most))
	c.b.WriteString("</g>\n")
}

// labels writes the points' labels on the side that has room. One that would lie
// on another or on a mark moves, and a thin line leads to its point; one for which
// there is no room near its point is left out: the hint has it.
func (c *canvas) labels(all []Series, x, y scale, p plot) {
	type box struct{ x1, y1, x2, y2 float64 }
	var taken []box
	var labelled []Point // in pixels
	for _, s := range all {
		for _, v := range s.Points {
			at := Point{X: x.at(v.X), Y: y.at(v.Y), Label: v.Label}
			if !s.NoMarks {
				taken = append(taken, box{at.X - 5, at.Y - 5, at.X + 5, at.Y + 5})
			}
			if v.Label != "" {
				labelled = append(labelled, at)
			}
		}
	}
	for _, v := range labelled {
		width := 6.6 * float64(len([]rune(v.Label)))
		x, y, anchor, left, placed := v.X+8, v.Y+4, "start", v.X+8, false
	search:
		for _, dy := range []float64{0, -13, 13, -26, 26} {
			for _, right := range []bool{true, false} {
				from := v.X + 8
				if !right {
					from = v.X - 8 - width
				}
				at := box{from, v.Y + dy - 7, from + width, v.Y + dy + 7}
				if at.x1 < p.left || at.x2 > p.right+10 || at.y1 < p.top-6 || at.y2 > p.bottom {
					continue
				}
				clear := true
				for _, t := range taken {
					clear = clear && (at.x1 >= t.x2 || t.x1 >= at.x2 || at.y1 >= t.y2 || t.y1 >= at.y2)
				}
				if clear {
					left, y, x, anchor = from, v.Y+dy+4, from, "start"
					if !right {
						x, anchor = from+width, "end"
					}
					placed = true
					break search
				}
			}
		}
		if !placed {
			continue
		}
		if away := y - 4 - v.Y; math.Abs(away) > 13 {
			end := x - 2
			if anchor == "end" {
				end = x + 2
			}
			c.line(v.X, v.Y, end, y-4, "lead")
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
	line  bool // with a line
	mark  bool // with a marker
	muted bool
}

// legendRows lays names out in rows; none for a single unnamed series.
func (l Lines) legendRows(width float64) [][]entry {
	var entries []entry
	for i, s := range l.Series {
		if s.Name != "" {
			entries = append(entries, entry{index: i, name: s.Name, line: !s.NoLine, mark: !s.NoMarks, muted: s.Muted})
		}
	}
	return layout(entries, width)
}

func layout(entries []entry, width float64) [][]entry {
	var rows [][]entry
	x := width
	for _, e := range entries {
		e.name = shortened(e.name, int((width-58)/charWidth))
		w := 34 + charWidth*float64(len([]rune(e.name)))
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
			}
			if e.line {
				c.path([]Point{{X: e.x - 4, Y: y - 3}, {X: e.x + 16, Y: y - 3}}, e.index, 1.8)
			}
			if e.mark {
				c.marker(e.x+6, y-3, e.index, e.muted, "")
			}
			c.text(e.x+20, y+1, "start", "label", e.name)
		}
		y += legendLine
	}
}
