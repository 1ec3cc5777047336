package figure

import (
	"fmt"
	"html"
	"strings"
	"unicode/utf8"
)

// Size of one panel in SVG units.
const (
	panelWidth  = 560
	panelHeight = 400
	left        = 74 // room for the y axis
	right       = 16
	top         = 64 // room for the title
	bottom      = 52 // room for the x axis
)

// line is one curve of a panel.
type line struct {
	label  string
	color  int // index into the palette of the style sheet
	dashed bool
	points [][2]float64
}

// mark is a vertical line with a label at x.
type mark struct {
	label string
	color int
	x     float64
}

// character is about how wide one of a label is.
const character = 6.6

// beside is where the label of a mark at x begins, or ends: on the side that has room for
// it, or else at the panel's own end.
func (m mark) beside(x float64) (anchor string, at float64) {
	const gap = 5
	switch width := character * float64(utf8.RuneCountInString(m.label)); {
	case x <= (left+panelWidth)/2 && x+gap+width <= panelWidth:
		return "start", x + gap
	case x-gap-width >= 0:
		return "end", x - gap
	case x+gap+width <= panelWidth:
		return "start", x + gap
	}
	return "end", panelWidth
}

// panel is one log-log chart.
type panel struct {
	title, xTitle, yTitle string
	xLow, xHigh           float64
	lines                 []line
	marks                 []mark
}

// draw renders the panel with its top left corner at (dx, 0).
func (p panel) draw(b *strings.Builder, dx int) {
	var ys []float64
	for _, l := range p.lines {
		for _, pt := range l.points {
			ys = append(ys, pt[1])
		}
	}
	legend := (len(p.lines) + 1) / 2 * 18
	x := logAxis([]float64{p.xLow, p.xHigh}, left, panelWidth-right, p.xTitle)
	y := logAxis(ys, panelHeight-bottom, float64(top+legend), p.yTitle)
	fmt.Fprintf(b, "<g transform=\"translate(%d 0)\">\n", dx)
	fmt.Fprintf(b, "<text class=\"title\" x=\"%d\" y=\"26\">%s</text>\n", left, html.EscapeString(p.title))
	p.legend(b)
	grid(b, x, y)
	for row, m := range p.marks {
		at := x.at(m.x)
		anchor, from := m.beside(at)
		fmt.Fprintf(b, "<line class=\"mark c%d\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n", m.color, at, at, y.end, y.start)
		fmt.Fprintf(b, "<text class=\"f%d\" text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
			m.color, anchor, from, y.start-8-16*float64(row), html.EscapeString(m.label))
	}
	for _, l := range p.lines {
		class := fmt.Sprintf("curve c%d", l.color)
		if l.dashed {
			class += " dashed"
		}
		var path strings.Builder
		for i, pt := range l.points {
			command := 'L'
			if i == 0 {
				command = 'M'
			}
			fmt.Fprintf(&path, "%c%.1f %.1f", command, x.at(pt[0]), y.at(pt[1]))
		}
		fmt.Fprintf(b, "<path class=\"%s\" d=\"%s\"><title>%s</title></path>\n", class, path.String(), html.EscapeString(l.label))
	}
	b.WriteString("</g>\n")
}

// legend lists the lines in two columns under the title.
func (p panel) legend(b *strings.Builder) {
	for i, l := range p.lines {
		x, y := left+i%2*250, 48+i/2*18
		class := fmt.Sprintf("curve c%d", l.color)
		if l.dashed {
			class += " dashed"
		}
		fmt.Fprintf(b, "<line class=\"%s\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>", class, x, x+22, y-4, y-4)
		fmt.Fprintf(b, "<text class=\"label\" x=\"%d\" y=\"%d\">%s</text>\n", x+28, y, html.EscapeString(l.label))
	}
}

// grid draws both axes with a line a decade.
func grid(b *strings.Builder, x, y axis) {
	for _, p := range x.ticks() {
		at := x.at(pow(p))
		fmt.Fprintf(b, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>", at, at, y.end, y.start)
		fmt.Fprintf(b, "<text class=\"tick\" text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", at, y.start+18, power(p))
	}
	for _, p := range y.ticks() {
		at := y.at(pow(p))
		fmt.Fprintf(b, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>", x.start, x.end, at, at)
		fmt.Fprintf(b, "<text class=\"tick\" text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x.start-6, at+4, power(p))
	}
	middle := (y.start + y.end) / 2
	fmt.Fprintf(b, "<text class=\"label\" text-anchor=\"middle\" x=\"%.1f\" y=\"%d\">%s</text>\n", (x.start+x.end)/2, panelHeight-10, html.EscapeString(x.title))
	fmt.Fprintf(b, "<text class=\"label\" text-anchor=\"middle\" transform=\"translate(16 %.1f) rotate(-90)\">%s</text>\n", middle, html.EscapeString(y.title))
}
