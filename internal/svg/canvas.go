// Package svg draws the charts of reports: axes with units, lines with error
// bars, stacked bars, boxes and traces, as SVG text that needs neither script
// nor network, prints, and takes its colours from the page.
//
// Colours are the custom properties --c0 to --c7, --ink, --muted, --grid and
// --paper of the page, so one drawing serves light, dark and print. Lines differ
// by marker and dash as well as by colour. It knows nothing of runs.
package svg

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Colors is the number of series colours; further series begin again, with
// other dashes and markers.
const Colors = 8

// canvas collects SVG elements in a drawing of a fixed size, in user units that
// are about one CSS pixel.
type canvas struct {
	b             strings.Builder
	width, height float64
}

// newCanvas begins a drawing whose title and description screen readers read.
func newCanvas(width, height float64, title, description string) *canvas {
	c := &canvas{width: width, height: height}
	fmt.Fprintf(&c.b, `<svg class="chart" viewBox="0 0 %s %s" role="img" xmlns="http://www.w3.org/2000/svg"><title>%s</title>`,
		num(width), num(height), html.EscapeString(title))
	if description != "" {
		fmt.Fprintf(&c.b, `<desc>%s</desc>`, html.EscapeString(description))
	}
	c.b.WriteByte('\n')
	return c
}

func (c *canvas) String() string { return c.b.String() + "</svg>\n" }

// num formats a coordinate: a hundredth of a pixel is short, and enough for a
// trace that is zoomed into.
func num(v float64) string {
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

// color is the CSS colour of series i.
func color(i int) string { return fmt.Sprintf("var(--c%d)", i%Colors) }

// dash is the dash pattern of series i, "" for the first round of colours.
func dash(i int) string {
	return []string{"", "6 3", "2 3", "8 3 2 3"}[i/Colors%4]
}

func (c *canvas) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(&c.b, `<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`+"\n", class, num(x1), num(y1), num(x2), num(y2))
}

// text writes s anchored at "start", "middle" or "end".
func (c *canvas) text(x, y float64, anchor, class, s string) {
	fmt.Fprintf(&c.b, `<text class="%s" x="%s" y="%s" text-anchor="%s">%s</text>`+"\n", class, num(x), num(y), anchor, html.EscapeString(s))
}

// verticalText is text that reads upwards, centred at (x, y).
func (c *canvas) verticalText(x, y float64, class, s string) {
	fmt.Fprintf(&c.b, `<text class="%s" transform="translate(%s %s) rotate(-90)" text-anchor="middle">%s</text>`+"\n", class, num(x), num(y), html.EscapeString(s))
}

// rect is a filled rectangle that says hint when pointed at.
func (c *canvas) rect(x, y, w, h float64, fill, hint string) {
	fmt.Fprintf(&c.b, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s"`, num(x), num(y), num(max(0, w)), num(max(0, h)), fill)
	if hint == "" {
		c.b.WriteString("/>\n")
		return
	}
	fmt.Fprintf(&c.b, "><title>%s</title></rect>\n", html.EscapeString(hint))
}

// path strokes points given as pixel pairs.
func (c *canvas) path(points []Point, i int, width float64) {
	if len(points) < 2 {
		return
	}
	fmt.Fprintf(&c.b, `<path fill="none" stroke="%s" stroke-width="%s" stroke-linejoin="round" vector-effect="non-scaling-stroke"`, color(i), num(width))
	if d := dash(i); d != "" {
		fmt.Fprintf(&c.b, ` stroke-dasharray="%s"`, d)
	}
	c.b.WriteString(` d="`)
	for k, p := range points {
		letter := "L"
		if k == 0 {
			letter = "M"
		}
		c.b.WriteString(letter + num(p.X) + " " + num(p.Y))
	}
	c.b.WriteString("\"/>\n")
}

// area fills between points and the level base.
func (c *canvas) area(points []Point, base float64, fill string, opacity float64) {
	if len(points) < 2 {
		return
	}
	fmt.Fprintf(&c.b, `<path fill="%s" fill-opacity="%s" stroke="none" d="M%s %s`, fill, strconv.FormatFloat(opacity, 'f', -1, 64), num(points[0].X), num(base))
	for _, p := range points {
		c.b.WriteString("L" + num(p.X) + " " + num(p.Y))
	}
	fmt.Fprintf(&c.b, "L%s %sZ\"/>\n", num(points[len(points)-1].X), num(base))
}

// marker draws the mark of series i, a shape for each of five; hollow and grey if
// it is muted.
func (c *canvas) marker(x, y float64, i int, muted bool, hint string) {
	const r = 4
	var shape string
	switch i % 5 {
	case 0:
		shape = fmt.Sprintf(`<circle cx="%s" cy="%s" r="%d"`, num(x), num(y), r)
	case 1:
		shape = fmt.Sprintf(`<rect x="%s" y="%s" width="7" height="7"`, num(x-3.5), num(y-3.5))
	case 2:
		shape = fmt.Sprintf(`<path d="M%s %sl4.5 8h-9z"`, num(x), num(y-5))
	case 3:
		shape = fmt.Sprintf(`<path d="M%s %sl5 5l-5 5l-5 -5z"`, num(x), num(y-5))
	default:
		shape = fmt.Sprintf(`<path d="M%s %sl4.5 -8h-9z"`, num(x), num(y+5))
	}
	fill, stroke, width := color(i), "var(--paper)", "1"
	if muted {
		fill, stroke, width = "var(--paper)", "var(--muted)", "1.4"
	}
	fmt.Fprintf(&c.b, `%s fill="%s" stroke="%s" stroke-width="%s">`, shape, fill, stroke, width)
	if hint != "" {
		fmt.Fprintf(&c.b, "<title>%s</title>", html.EscapeString(hint))
	}
	name, _, _ := strings.Cut(shape[1:], " ")
	fmt.Fprintf(&c.b, "</%s>\n", name)
}
