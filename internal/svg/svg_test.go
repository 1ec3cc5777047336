package svg_test

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cfubench/internal/svg"
)

// wellFormed fails if drawing is not XML or shows a number that is none.
func wellFormed(t interface{ Fatalf(string, ...any) }, drawing string) {
	d := xml.NewDecoder(strings.NewReader(drawing))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the drawing is not XML: %v\n%s", err, drawing)
		}
	}
	for _, bad := range []string{"NaN", "Inf"} {
		if strings.Contains(drawing, bad) {
			t.Fatalf("the drawing contains %s:\n%s", bad, drawing)
		}
	}
}

// number draws anything that a figure can be.
func number() *rapid.Generator[float64] {
	return rapid.OneOf(rapid.Float64Range(-1e9, 1e9), rapid.Float64Range(0, 1), rapid.SampledFrom([]float64{0, 1e-162, math.NaN(), math.Inf(1), math.Inf(-1), 1e-12, 1e12}))
}

func TestAnyFiguresGiveADrawing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-z<>&"' ]{0,20}`)
		points := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) svg.Point {
			return svg.Point{X: number().Draw(t, "x"), Y: number().Draw(t, "y"), Lo: number().Draw(t, "lo"), Hi: number().Draw(t, "hi"), XLo: number().Draw(t, "xlo"), XHi: number().Draw(t, "xhi"), Label: text.Draw(t, "label"), Hint: text.Draw(t, "hint")}
		}), 0, 6)
		rules := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) svg.Rule { return svg.Rule{At: number().Draw(t, "at"), Name: text.Draw(t, "rule")} }), 0, 2)
		lines := svg.Lines{Rules: rules.Draw(t, "rules"), Readout: text.Draw(t, "readout"), Title: text.Draw(t, "title"), X: svg.Axis{Log: rapid.Bool().Draw(t, "log x")}, Y: svg.Axis{Log: rapid.Bool().Draw(t, "log y"), FromZero: rapid.Bool().Draw(t, "zero")}}
		stacks, boxes := svg.Stacks{Parts: []string{"a", "b"}}, svg.Boxes{Names: []string{"a"}, Log: rapid.Bool().Draw(t, "log boxes")}
		for range rapid.IntRange(0, 20).Draw(t, "series") {
			lines.Series = append(lines.Series, svg.Series{Name: text.Draw(t, "name"), Points: points.Draw(t, "points"), Muted: rapid.Bool().Draw(t, "muted")})
			v := rapid.Float64Range(0, 1e6)
			stacks.Bars = append(stacks.Bars, svg.Bar{Name: text.Draw(t, "bar"), Values: []float64{v.Draw(t, "v"), math.NaN()}, Lo: number().Draw(t, "lo"), Hi: number().Draw(t, "hi")})
			at := v.Draw(t, "box")
			boxes.Groups = append(boxes.Groups, svg.BoxGroup{Name: text.Draw(t, "group"), Boxes: []*svg.Box{{at, at, at * 2, at * 3, at * 4}}})
		}
		wellFormed(t, lines.SVG())
		wellFormed(t, stacks.SVG())
		wellFormed(t, boxes.SVG())
	})
}

func TestNothingToShowIsNoDrawing(t *testing.T) {
	for name, drawing := range map[string]string{
		"lines without points":  svg.Lines{Series: []svg.Series{{Name: "a"}}}.SVG(),
		"only negative on logs": svg.Lines{Y: svg.Axis{Log: true}, Series: []svg.Series{{Points: []svg.Point{{X: 1, Y: -1}}}}}.SVG(),
		"stacks without bars":   svg.Stacks{}.SVG(),
		"boxes without boxes":   svg.Boxes{Groups: []svg.BoxGroup{{Name: "a", Boxes: []*svg.Box{nil}}}}.SVG(),
		"a trace of nothing":    svg.Trace{}.SVG(),
	} {
		if drawing != "" {
			t.Errorf("%s is drawn:\n%s", name, drawing)
		}
	}
}

func TestTicksAreRound(t *testing.T) {
	for _, c := range []struct {
		comment string
		axis    svg.Axis
		ys      []float64
		want    []string
	}{
		{"a linear axis from zero", svg.Axis{FromZero: true}, []float64{3, 9.7}, []string{">0<", ">2<", ">4<", ">10<"}},
		{"a logarithmic axis over decades", svg.Axis{Log: true}, []float64{0.001, 1000}, []string{">0.01<", ">1<", ">100<"}},
		{"a logarithmic axis too narrow for round numbers has equal steps", svg.Axis{Log: true}, []float64{3.1, 3.4}, []string{">2.8<", ">3<", ">3.2<", ">3.6<"}},
		{"powers of ten beyond five digits", svg.Axis{Log: true}, []float64{1e6, 1e10}, []string{">10⁶<", ">10⁸<"}},
		{"one value has room around it", svg.Axis{}, []float64{4}, []string{">2<", ">6<"}},
	} {
		var points []svg.Point
		for i, y := range c.ys {
			points = append(points, svg.Point{X: float64(i + 1), Y: y, Lo: math.NaN(), Hi: math.NaN()})
		}
		drawing := svg.Lines{Y: c.axis, Series: []svg.Series{{Points: points}}}.SVG()
		for _, want := range c.want {
			if !strings.Contains(drawing, want) {
				t.Errorf("%s: no tick %s in\n%s", c.comment, want, drawing)
			}
		}
	}
}

func TestAGapInATraceStaysAGap(t *testing.T) {
	curve := svg.Series{Name: "gpu0"}
	for i, w := range []float64{100, 110, math.NaN(), 120, 130} {
		curve.Points = append(curve.Points, svg.Point{X: float64(i), Y: w})
	}
	drawing := svg.Trace{Start: 0, End: 4, Series: []svg.Series{curve}}.SVG()
	wellFormed(t, drawing)
	if got := strings.Count(drawing, `stroke-width="1.4"`); got != 2 {
		t.Errorf("the curve is drawn as %d strokes, want 2 with the gap between", got)
	}
}

// point is a mark with no interval.
func point(x, y float64, label string) svg.Point {
	return svg.Point{X: x, Y: y, Lo: math.NaN(), Hi: math.NaN(), Label: label, Hint: "of " + label + "; second line"}
}

func TestWhatADecisionNeedsIsDrawn(t *testing.T) {
	near := svg.Series{Name: "near", NoLine: true}
	for i := range 40 { // on one spot: there is no room for all their names
		near.Points = append(near.Points, point(1+1e-6*float64(i), 1, "name"))
	}
	with := point(4, 4, "with")
	with.XLo, with.XHi = 3, 5
	drawing := svg.Lines{
		X: svg.Axis{Log: true}, Y: svg.Axis{Log: true}, Rules: []svg.Rule{{At: 100, Name: "SLO"}}, Readout: "point at a mark",
		Series: []svg.Series{{Name: "rejected", NoLine: true, Muted: true, Points: []svg.Point{point(9, 9, "out")}}, near, {Name: "x", NoLine: true, Points: []svg.Point{with}}},
	}.SVG()
	wellFormed(t, drawing)
	for what, want := range map[string]int{
		`class="bound"`:                            1,  // the axis reaches out to the rule
		`tabindex="0"`:                             42, // every mark
		`class="tick said"`:                        84, // two lines a mark
		`class="tick still"`:                       1,
		`stroke="var(--muted)" stroke-width="1.4"`: 2, // the rejected mark and its legend
		`v8M`: 1, // the interval along the axis
	} {
		if got := strings.Count(drawing, what); got != want {
			t.Errorf("the drawing has %d of %s, want %d", got, what, want)
		}
	}
	if got := strings.Count(drawing, ">name</text>"); got < 1 || got > 12 {
		t.Errorf("%d names are written beside one spot, want those that have room", got)
	}
}
