package summary

import (
	"cmp"
	"math"
	"slices"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
)

// Trace is a cell over time, for a plot: power by domain, and below it the
// phases of the requests. Times are seconds since the cell's window began.
type Trace struct {
	Start, End float64
	// Power is that of the summed domains; where they are several their sum comes first.
	Power []PowerTrace
	// Lanes are the requests in the order of sending, nil where there are more
	// than a plot can show.
	Lanes []Lane
	// Waiting and Decoding are the mean numbers of requests between send and
	// first token, and between first token and end, in equal steps of time.
	Waiting, Decoding []float64
}

// PowerTrace is the mean power of one domain, or of the sum of several, in equal steps of time, in watts;
// NaN where the readings give none.
type PowerTrace struct {
	Domain, Kind string
	Watts        []float64
}

// Lane is one request: sent, first token, last token, in seconds; NaN where it
// did not happen.
type Lane struct {
	Request           int64
	Sent, First, Last float64
	Prompt, Output    int32
	Failed            bool
}

// Bounds of a trace's size.
const (
	traceBins  = 1200 // more than a plot shows at once: it can be zoomed into
	traceLanes = 120
)

// traces says which cells of a run are to have a trace, as they come.
type traces struct {
	order map[string]int // of the load points, by their first cell
	has   []int          // places in it of those that have a trace
}

// likelyTraced says of each cell whether it has a trace if it is valid, as far as that can
// be told before the others are read: it is the first of one of the first load points.
func likelyTraced(cells []runfolder.Cell, most int) []bool {
	first := map[string]bool{}
	likely := make([]bool, len(cells))
	for i, c := range cells {
		if name := c.Point.String(); !first[name] && len(first) < most {
			first[name], likely[i] = true, true
		}
	}
	return likely
}

// wants reports whether a cell of a load point is to have a trace, if it is valid:
// its point has none yet, and fewer than most points before it have one.
func (t *traces) wants(p runfolder.Point, most int) bool {
	if t.order == nil {
		t.order = map[string]int{}
	}
	name := p.String()
	place, seen := t.order[name]
	if !seen {
		place = len(t.order)
		t.order[name] = place
	}
	before := 0
	for _, k := range t.has {
		if k == place {
			return false
		}
		if k < place {
			before++
		}
	}
	return before < most
}

// got notes that a cell of the load point has a trace.
func (t *traces) got(p runfolder.Point) { t.has = append(t.has, t.order[p.String()]) }

// trace makes the trace of a cell over its window and its idle baselines.
func (t *requestTable) trace(cell runfolder.Cell, meters *derivation.Meters, steps []step) *Trace {
	span := cell.Window
	if cell.IdleBefore.Length() > 0 {
		span.Start = min(span.Start, cell.IdleBefore.Start)
	}
	if cell.IdleAfter.Length() > 0 {
		span.End = max(span.End, cell.IdleAfter.End)
	}
	if span.Length() <= 0 || len(steps) == 0 && len(t.id) > 0 {
		return nil
	}
	seconds := func(at time.Duration) float64 { return (at - cell.Window.Start).Seconds() }
	out := &Trace{Start: seconds(span.Start), End: seconds(span.End)}
	out.Power = powerOf(meters, span)
	if len(t.id) == 0 { // of a record
		return out
	}
	if len(t.id) <= traceLanes {
		out.Lanes = t.lanes(cell.Window.Start)
	}
	out.Waiting, out.Decoding = t.counts(span)
	return out
}

// powerOf is the power of the summed domains over span, their sum first where they
// are several.
func powerOf(meters *derivation.Meters, span meter.Window) []PowerTrace {
	var each []PowerTrace
	var curves []*attribution.Curve
	bins := traceBins // of the sum: those of the slowest register
	kind := ""
	for i, d := range meters.Domains {
		if !d.Summed() {
			continue
		}
		c := meters.Curves[i]
		own := powerBins(c, span)
		each, curves, bins = append(each, PowerTrace{Domain: d.Name, Kind: string(d.Kind), Watts: powerSteps(c, span, own)}), append(curves, c), min(bins, own)
		if kind == "" || derivation.Modelled(string(d.Kind)) {
			kind = string(d.Kind)
		}
	}
	if len(each) < 2 {
		return each
	}
	sum := PowerTrace{Domain: derivation.SumOf(len(each)), Kind: kind, Watts: make([]float64, bins)}
	for _, c := range curves {
		for k, w := range powerSteps(c, span, bins) {
			sum.Watts[k] += w
		}
	}
	return append([]PowerTrace{sum}, each...)
}

// powerBins is in how many steps the power over span is shown: as many as the plot
// shows, fewer if a step would be shorter than four update periods.
func powerBins(c *attribution.Curve, span meter.Window) int {
	bins := traceBins
	if period := c.Domain().UpdatePeriod; period > 0 {
		bins = min(bins, int(span.Length()/(4*period)))
	}
	return max(1, bins)
}

// powerSteps is the mean power in equal steps over span.
func powerSteps(c *attribution.Curve, span meter.Window, bins int) []float64 {
	watts := make([]float64, bins)
	for i := range watts {
		w := meter.Window{
			Start: span.Start + span.Length()*time.Duration(i)/time.Duration(len(watts)),
			End:   span.Start + span.Length()*time.Duration(i+1)/time.Duration(len(watts)),
		}
		power, interval := c.MeanPower(w)
		watts[i] = power.Watts()
		if !interval.HasEnergy {
			watts[i] = math.NaN()
		}
	}
	return watts
}

func (t *requestTable) lanes(origin time.Duration) []Lane {
	var lanes []Lane
	at := func(ns int64) float64 {
		if ns < 0 {
			return math.NaN()
		}
		return (time.Duration(ns) - origin).Seconds()
	}
	for i := range t.id {
		if t.sent[i] < 0 {
			continue
		}
		lanes = append(lanes, Lane{t.id[i], at(t.sent[i]), at(t.first[i]), at(max(t.last[i], t.done[i])), t.prompt[i], t.output[i], !t.ok[i]})
	}
	slices.SortStableFunc(lanes, func(a, b Lane) int {
		return cmp.Compare(a.Sent, b.Sent)
	})
	return lanes
}

// counts is the mean number of requests in each phase over equal steps of span.
func (t *requestTable) counts(span meter.Window) (waiting, decoding []float64) {
	width := float64(span.Length()) / traceBins
	waiting, decoding = make([]float64, traceBins), make([]float64, traceBins)
	for i := range t.id {
		if t.sent[i] < 0 {
			continue
		}
		end := max(t.last[i], t.done[i])
		first := t.first[i]
		if first < 0 {
			first = end
		}
		spread(waiting, float64(t.sent[i]-int64(span.Start))/width, float64(first-int64(span.Start))/width)
		spread(decoding, float64(first-int64(span.Start))/width, float64(end-int64(span.Start))/width)
	}
	return waiting, decoding
}

// spread adds to each bin the share of it that [from, to], in bins, covers.
func spread(bins []float64, from, to float64) {
	from, to = max(0, from), min(float64(len(bins)), to)
	for k := int(from); k < len(bins) && float64(k) < to; k++ {
		bins[k] += min(to, float64(k+1)) - max(from, float64(k))
	}
}
