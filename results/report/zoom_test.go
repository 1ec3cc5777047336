package report_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"cfubench/attribution/lca/report/browsertest"
)

// zooming is a script that does to the first power trace what a reader would,
// and returns what it shows after each step.
const zooming = `
  const chart = [...page.querySelectorAll('svg.chart')].find(c => c.querySelector('svg.time'));
  const time = chart.querySelector('svg.time'), bar = page.querySelector('.zoom');
  const state = () => ({
    box: time.getAttribute('viewBox').split(' ').map(Number),
    ticks: [...chart.querySelectorAll('.ticks text')].map(t => t.textContent),
    buttons: bar ? [...bar.querySelectorAll('button')].filter(b => !b.disabled).map(b => b.getAttribute('aria-label')) : null,
    said: bar && bar.querySelector('output').textContent,
  });
  const r = time.getBoundingClientRect(); // of the whole: zoomed in, what is outside counts too
  const at = share => { return { clientX: r.left + share * r.width, clientY: r.top + 20 } };
  const mouse = (type, share, more) => chart.dispatchEvent(new PointerEvent(type, { pointerType: 'mouse', pointerId: 1, button: 0, bubbles: true, cancelable: true, ...at(share), ...more }));
  const drag = (from, to, more) => { mouse('pointerdown', from, more); mouse('pointermove', to, more); mouse('pointerup', to, more) };
  const wheel = ctrlKey => chart.dispatchEvent(new WheelEvent('wheel', { ctrlKey, deltaY: -100, bubbles: true, cancelable: true, ...at(0.5) }));
  const press = name => bar.querySelector('button[aria-label="' + name + '"]').click();
  const steps = { start: state() };
  if (!bar) return steps;
  chart.setPointerCapture = () => {}; // there is no real pointer to capture
  drag(0.25, 0.5); steps.dragged = state();
  drag(0.5, 0.25, { shiftKey: true }); steps.moved = state();
  press('earlier'); steps.earlier = state();
  press('zoom in'); steps.closer = state();
  for (let k = 0; k < 20; k++) press('zoom in'); steps.closest = state();
  press('show the whole'); steps.whole = state();
  drag(0.5, 0.501); steps.click = state();
  mouse('pointerdown', 0.2, { pointerType: 'touch' }); mouse('pointerup', 0.8, { pointerType: 'touch' }); steps.touch = state();
  steps.pageScrolls = wheel(false); steps.wheel = state();
  steps.chartZooms = !wheel(true); steps.pinched = state();
  chart.dispatchEvent(new MouseEvent('dblclick', { bubbles: true })); steps.doubleClicked = state();
  steps.marks = chart.querySelectorAll('.mark').length;
  return steps;
`

// trace is a power trace as it is shown.
type trace struct {
	Box     [4]float64
	Ticks   []string
	Buttons []string
	Said    string
}

type zoomed struct {
	Start, Dragged, Moved, Earlier, Closer, Closest, Whole, Click, Touch, Wheel, Pinched, DoubleClicked trace
	PageScrolls, ChartZooms                                                                             bool
	Marks                                                                                               int
}

func TestThePowerTraceZooms(t *testing.T) {
	_, page := render(t, pages()["sweep"])
	s := browsertest.Look(t, page, browsertest.View{Width: 1280, Script: zooming})
	for _, p := range s.Problems() {
		t.Error(p)
	}
	var z zoomed
	if err := json.Unmarshal(s.Answer, &z); err != nil {
		t.Fatalf("%s: %v", s.Answer, err)
	}
	left, width := z.Start.Box[0], z.Start.Box[2]
	for _, c := range []struct {
		about    string
		got      trace
		from, to float64 // of the whole
	}{
		{"a drag shows what it went over", z.Dragged, 0.25, 0.5},
		{"a drag with shift moves it along", z.Moved, 0.3125, 0.5625},
		{"a button moves by half of what is shown", z.Earlier, 0.1875, 0.4375},
		{"a button zooms about the middle", z.Closer, 0.25, 0.375},
		{"there is a closest", z.Closest, 0.31, 0.315},
		{"a button shows the whole again", z.Whole, 0, 1},
		{"a click is no drag", z.Click, 0, 1},
		{"a finger scrolls and does not zoom", z.Touch, 0, 1},
		{"a wheel scrolls and does not zoom", z.Wheel, 0, 1},
		{"a pinch zooms about the pointer", z.Pinched, 0.1, 0.9},
		{"a double click shows the whole", z.DoubleClicked, 0, 1},
	} {
		from, to := (c.got.Box[0]-left)/width, (c.got.Box[0]+c.got.Box[2]-left)/width
		if math.Abs(from-c.from) > 0.003 || math.Abs(to-c.to) > 0.003 {
			t.Errorf("%s: shows %.4f to %.4f of the whole, want %.4f to %.4f", c.about, from, to, c.from, c.to)
		}
		if n := len(c.got.Ticks); n < 3 || n > 21 {
			t.Errorf("%s: %d labels of time %q, want some", c.about, n, c.got.Ticks)
		}
		if whole := c.to-c.from == 1; whole && (len(c.got.Buttons) != 1 || c.got.Ticks[0] != z.Start.Ticks[0]) {
			t.Errorf("%s: buttons %q and labels %q, want only 'zoom in' and the drawing's own", c.about, c.got.Buttons, c.got.Ticks)
		} else if !whole && len(c.got.Buttons) != 5 {
			t.Errorf("%s: buttons %q, want all five", c.about, c.got.Buttons)
		}
	}
	if !strings.HasSuffix(z.Dragged.Said, " s") || z.Whole.Said != z.Start.Said {
		t.Errorf("says %q, after a drag %q and of the whole again %q, want the stretch after the drag only", z.Start.Said, z.Dragged.Said, z.Whole.Said)
	}
	if !z.PageScrolls || !z.ChartZooms || z.Marks != 0 {
		t.Errorf("the wheel scrolls the page: %v; with Ctrl it is the chart's: %v; %d marks are left, want true, true and 0", z.PageScrolls, z.ChartZooms, z.Marks)
	}
}

// TestThePowerTraceWithoutScripts: it is a figure of the whole, without buttons
// that do nothing.
func TestThePowerTraceWithoutScripts(t *testing.T) {
	_, page := render(t, pages()["sweep"])
	s := browsertest.Look(t, page, browsertest.View{Width: 1280, NoScript: true, Script: zooming})
	var z zoomed
	if err := json.Unmarshal(s.Answer, &z); err != nil {
		t.Fatalf("%s: %v", s.Answer, err)
	}
	if len(z.Start.Ticks) < 3 || z.Start.Buttons != nil {
		t.Errorf("labels %q and buttons %q, want labels and no button", z.Start.Ticks, z.Start.Buttons)
	}
}
