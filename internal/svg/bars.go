package svg

import (
	"fmt"
	"math"
)

// Stacks is a chart of horizontal bars, each a sum of parts.
type Stacks struct {
	Title, Description string
	Axis               string   // of the values, with the unit, Prefixable before it
	Parts              []string // in the order in which they are stacked
	Bars               []Bar
	Width              float64 // 0 for 440
}

// Bar is one sum. Lo and Hi bound it, NaN where nothing does.
type Bar struct {
	Name   string
	Values []float64 // one a part; NaN where there is none
	Lo, Hi float64
}

// SVG draws the chart, "" without bars.
func (s Stacks) SVG() string {
	if len(s.Bars) == 0 {
		return ""
	}
	width := s.Width
	if width == 0 {
		width = defaultWidth
	}
	var top float64
	longest := 0
	for _, b := range s.Bars {
		top = max(top, b.total())
		if !math.IsNaN(b.Hi) && !math.IsInf(b.Hi, 0) {
			top = max(top, min(b.Hi, 2*b.total()))
		}
		longest = max(longest, len([]rune(b.Name)))
	}
	if top == 0 {
		top = 1
	}
	var entries []entry
	for i, name := range s.Parts {
		entries = append(entries, entry{index: i, name: name, fill: true})
	}
	legend := layout(entries, width)
	const bar, gap = 18, 8
	names := namingOf(longest, width)
	each := bar + gap + names.line
	p := plot{left: names.left, top: 8, right: width - 24}
	p.bottom = p.top + float64(len(s.Bars))*each + gap
	c := newCanvas(width, p.bottom+46+float64(len(legend))*legendLine, s.Title, s.Description)
	x, title := linear(0, top, p.left, p.right).titled(s.Axis)
	c.uprights(x, p)
	for k, b := range s.Bars {
		y := p.top + gap + float64(k)*each + names.line
		c.name(names, b.Name, y, bar)
		at := 0.0
		for i, v := range b.Values {
			if math.IsNaN(v) || v == 0 {
				continue
			}
			c.rect(x.at(at), y, x.at(at+v)-x.at(at), bar, color(i), fmt.Sprintf("%s, %s: %s", b.Name, s.Parts[i], x.label(rounded(v))))
			at += v
		}
		if !math.IsNaN(b.Lo) && !math.IsNaN(b.Hi) && !math.IsInf(b.Lo, 0) && !math.IsInf(b.Hi, 0) && b.Hi > b.Lo {
			middle := y + bar/2.0
			from, to := x.at(max(0, b.Lo)), min(p.right, x.at(b.Hi))
			fmt.Fprintf(&c.b, `<path fill="none" stroke="var(--ink)" stroke-width="1.2" d="M%s %sH%sM%s %sv8M%s %sv8"/>`+"\n",
				num(from), num(middle), num(to), num(from), num(middle-4), num(to), num(middle-4))
		}
	}
	c.line(p.left, p.top, p.left, p.bottom, "axis")
	c.text((p.left+p.right)/2, p.bottom+35, "middle", "title", title)
	c.legend(legend, p.bottom+54)
	return c.String()
}

func (b Bar) total() float64 {
	var sum float64
	for _, v := range b.Values {
		if !math.IsNaN(v) {
			sum += v
		}
	}
	return sum
}

// rounded keeps three digits, for hints.
func rounded(v float64) float64 {
	if v == 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-2)
	return math.Round(v/unit) * unit
}

// Boxes is a chart of horizontal boxes: 5, 25, 50, 75 and 95 %, by group.
type Boxes struct {
	Title, Description string
	Axis               string
	Log                bool
	Names              []string // of the boxes of each group, by colour
	Groups             []BoxGroup
	Width              float64
}

// BoxGroup is one group; Boxes has one element a name, nil where there is none.
type BoxGroup struct {
	Name  string
	Boxes []*Box
}

// Box is five quantiles.
type Box struct{ P5, P25, P50, P75, P95 float64 }

// SVG draws the chart, "" without boxes.
func (s Boxes) SVG() string {
	width := s.Width
	if width == 0 {
		width = defaultWidth
	}
	lo, hi, longest, boxes := math.Inf(1), math.Inf(-1), 0, 0
	for _, g := range s.Groups {
		longest = max(longest, len([]rune(g.Name)))
		for _, b := range g.Boxes {
			if b != nil {
				boxes++
				lo, hi = min(lo, b.P5), max(hi, b.P95)
			}
		}
	}
	if boxes == 0 {
		return ""
	}
	log := s.Log && lo > 0
	var entries []entry
	for i, name := range s.Names {
		entries = append(entries, entry{index: i, name: name, fill: true})
	}
	legend := layout(entries, width)
	const box, gap = 12, 12
	names := namingOf(longest, width)
	perGroup := float64(len(s.Names))*box + gap + names.line
	p := plot{left: names.left, top: 8, right: width - 24}
	p.bottom = p.top + float64(len(s.Groups))*perGroup + gap/2
	c := newCanvas(width, p.bottom+46+float64(len(legend))*legendLine, s.Title, s.Description)
	x := linear(min(0, lo), hi, p.left, p.right)
	if log {
		x = logarithmic(lo, hi, p.left, p.right)
	}
	x, title := x.titled(s.Axis)
	c.uprights(x, p)
	for k, g := range s.Groups {
		top := p.top + gap/2.0 + float64(k)*perGroup + names.line
		c.name(names, g.Name, top, float64(len(s.Names))*box)
		for i, b := range g.Boxes {
			if b == nil {
				continue
			}
			y := top + float64(i)*box
			middle := y + (box-2)/2.0
			fmt.Fprintf(&c.b, `<path fill="none" stroke="%s" stroke-width="1.2" d="M%s %sH%sM%s %sH%s"/>`+"\n", color(i),
				num(x.at(b.P5)), num(middle), num(x.at(b.P25)), num(x.at(b.P75)), num(middle), num(x.at(b.P95)))
			hint := fmt.Sprintf("%s, %s: median %s, 5 to 95 %% %s to %s", g.Name, s.Names[i], x.label(rounded(b.P50)), x.label(rounded(b.P5)), x.label(rounded(b.P95)))
			if x.at(b.P75)-x.at(b.P25) < 3 { // all alike: a mark, with no median in it
				c.rect(x.at(b.P50)-1.5, y, 3, box-2, color(i), hint)
				continue
			}
			c.rect(x.at(b.P25), y, x.at(b.P75)-x.at(b.P25), box-2, color(i), hint)
			fmt.Fprintf(&c.b, `<path stroke="var(--paper)" stroke-width="2" d="M%s %sv%d"/>`+"\n", num(x.at(b.P50)), num(y), box-2)
		}
	}
	c.line(p.left, p.top, p.left, p.bottom, "axis")
	c.text((p.left+p.right)/2, p.bottom+35, "middle", "title", title)
	c.legend(legend, p.bottom+54)
	return c.String()
}

// uprights draws the grid lines of a horizontal scale, and the labels of those
// that stand far enough from the last one labelled.
func (c *canvas) uprights(x scale, p plot) {
	last := math.Inf(-1)
	for _, v := range x.ticks(5) {
		at := x.at(v)
		c.line(at, p.top, at, p.bottom, "grid")
		if at-last < 46 {
			continue
		}
		last = at
		c.text(at, p.bottom+17, "middle", "tick", x.label(v))
	}
}
