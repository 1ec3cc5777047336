package comparison

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"

	"cfubench/internal/stats"
	"cfubench/results/summary"
)

// Options choose what is compared and how.
type Options struct {
	Test    stats.Test
	Metrics []string // by name; none for all
	// Across names the dimensions in which the subjects are meant to differ.
	Across []string
}

// Table is a comparison of one or more subjects with the first.
type Table struct {
	Base     string
	Rows     []Row
	Warnings []string
	// Tests is how many rows were tested at the level Level.
	Tests int
	Level float64
}

// Row is the difference of one metric at one load point.
type Row struct {
	Point, Other string // the load point, and the subject compared with the base
	Metric, Unit string
	Kind         string // of joules: "model" if they are modelled
	Basis        string // "repeats", "batches", "" where nothing could be tested
	stats.Comparison
}

// Check refuses names that there are not: of metrics, and of respects in which to
// differ.
func (o Options) Check() error {
	for _, name := range o.Metrics {
		if _, ok := summary.MetricOf(name); !ok {
			return fmt.Errorf("metric %q is unknown: use one of %v", name, metricNames())
		}
	}
	for _, name := range o.Across {
		if !slices.Contains(dimensionNames(), name) {
			return fmt.Errorf("dimension %q is unknown: use %s", name, strings.Join(dimensionNames(), ", "))
		}
	}
	return nil
}

// Compare holds every other subject against base. Differences that were not
// asked for are a RefusedError or warnings.
func Compare(base Subject, others []Subject, o Options) (Table, error) {
	t := Table{Base: base.Name, Level: 1 - stats.Confidence}
	if o.Test == "" {
		o.Test = stats.Welch
	}
	err := o.Check()
	if err != nil {
		return t, err
	}
	if t.Warnings, err = Check(base, others, o.Across); err != nil {
		return t, err
	}
	for _, other := range others {
		if err := t.against(base, other, o); err != nil {
			return t, err
		}
	}
	return t, nil
}

func metricNames() []string {
	var names []string
	for _, m := range summary.Metrics() {
		names = append(names, m.Name)
	}
	return names
}

// against adds the rows of one subject.
func (t *Table) against(base, other Subject, o Options) error {
	pairs, left := align(base, other, slices.Contains(o.Across, "load"))
	if len(pairs) == 0 {
		text := fmt.Sprintf("%s and %s have no load point in common; compare single points with OUT:POINT and --across load", base.Name, other.Name)
		if base.Selected && other.Selected {
			return errors.New(text)
		}
		t.Warnings = append(t.Warnings, text) // they are ranked all the same
		return nil
	}
	t.Warnings = append(t.Warnings, left...)
	var refused []string
	ofBase, ofOther := base.Summary.PointCells(), other.Summary.PointCells()
	for _, p := range pairs {
		a, b := valid(base.Name, ofBase.Of(p.a), &t.Warnings), valid(other.Name, ofOther.Of(p.b), &t.Warnings)
		if len(a) == 0 || len(b) == 0 {
			t.Warnings = append(t.Warnings, fmt.Sprintf("%s: no valid cell on one side, not compared", p.name))
			continue
		}
		if d := math.Abs(cached(a) - cached(b)); d > cacheWarned && !slices.Contains(o.Across, "cache") {
			text := fmt.Sprintf("cache (%s: %.1f %% of prompt tokens cached against %.1f %%)", p.name, 100*cached(a), 100*cached(b))
			if d > cacheRefused {
				refused = append(refused, text)
				continue
			}
			t.Warnings = append(t.Warnings, "they differ in "+text)
		}
		t.point(p.name, other, a, b, o, base.Run.TraceHash == other.Run.TraceHash)
	}
	if len(refused) > 0 {
		return RefusedError{refused}
	}
	return nil
}

// pair is an aligned load point.
type pair struct {
	name string
	a, b summary.Point
}

// align pairs load points: by name, or two selected ones whatever their load.
func align(base, other Subject, acrossLoad bool) (pairs []pair, left []string) {
	if base.Selected && other.Selected && len(base.Summary.Points) == 1 && len(other.Summary.Points) == 1 {
		a, b := base.Summary.Points[0], other.Summary.Points[0]
		switch {
		case a.Name == b.Name:
			return []pair{{a.Name, a, b}}, nil
		case acrossLoad:
			return []pair{{a.Name + " → " + b.Name, a, b}}, nil
		}
		return nil, nil
	}
	for _, a := range base.Summary.Points {
		i := slices.IndexFunc(other.Summary.Points, func(p summary.Point) bool { return p.Name == a.Name })
		if i < 0 {
			left = append(left, fmt.Sprintf("%s is only in %s", a.Name, base.Name))
			continue
		}
		pairs = append(pairs, pair{a.Name, a, other.Summary.Points[i]})
	}
	for _, b := range other.Summary.Points {
		if !slices.ContainsFunc(base.Summary.Points, func(p summary.Point) bool { return p.Name == b.Name }) {
			left = append(left, fmt.Sprintf("%s is only in %s", b.Name, other.Name))
		}
	}
	return pairs, left
}

// valid are the valid cells of a point of a subject; each of the others gets a
// warning.
func valid(subject string, point iter.Seq[*summary.CellSummary], warnings *[]string) []summary.CellSummary {
	var cells []summary.CellSummary
	for c := range point {
		if !c.Validity.Valid() {
			*warnings = append(*warnings, fmt.Sprintf("%s %s is invalid (%s) and left out", subject, c.Cell, strings.Join(c.Validity.Fatal(), ", ")))
			continue
		}
		cells = append(cells, *c)
	}
	return cells
}

// cached is the mean cached share of cells, 0 where no server says.
func cached(cells []summary.CellSummary) float64 {
	var sum float64
	for _, c := range cells {
		if c.CachedShare.Known() {
			sum += float64(c.CachedShare)
		}
	}
	return sum / float64(len(cells))
}

// point adds the rows of one load point. Repeats of a run share its trace, so
// they do not show by how much another choice of requests would differ: across
// traces, differences are tested on batches, which do.
func (t *Table) point(name string, other Subject, a, b []summary.CellSummary, o Options, sameTrace bool) {
	if (a[0].Steady == nil) != (b[0].Steady == nil) {
		t.Warnings = append(t.Warnings, name+": a steady window is compared with a whole run; one of them had no steady state")
	}
	for _, m := range summary.Metrics() {
		if len(o.Metrics) > 0 && !slices.Contains(o.Metrics, m.Name) || len(o.Metrics) == 0 && m.ByName {
			continue
		}
		sa, sb := m.SampleOf(a, sameTrace), m.SampleOf(b, sameTrace)
		if len(sa.Values) == 0 || len(sb.Values) == 0 {
			continue
		}
		r := Row{Point: name, Other: other.Name, Metric: m.Name, Unit: m.UnitIn(other.Summary)}
		if m.Energy && b[0].Whole.Energy != nil {
			r.Kind = b[0].Whole.Energy.Kind
		}
		batchA, batchB := m.SampleOf(a[:1], sameTrace).Batches, m.SampleOf(b[:1], sameTrace).Batches
		switch {
		case sameTrace && len(sa.Values) > 1 && len(sb.Values) > 1:
			r.Basis, r.Comparison = "repeats", stats.Compare(o.Test, sa.Values, sb.Values)
		case len(batchA) > 1 && len(batchB) > 1:
			// Batches of the first repeats only say how sure the figures are, which are
			// those of all repeats.
			r.Basis, r.Comparison = "batches", stats.CompareSides(o.Test, stats.Side{Values: batchA, Figure: stats.Mean(sa.Values)}, stats.Side{Values: batchB, Figure: stats.Mean(sb.Values)})
			r.correlated(batchA, batchB)
			if r.Settle > 0 { // in the requests that so many batches hold
				r.Settle = int(math.Ceil(float64(r.Settle) * float64(a[0].Best().Completed) / float64(len(batchA))))
			}
		case sameTrace:
			r.Comparison = stats.CompareSides(o.Test, untested(sa), untested(sb))
			r.Warnings = []string{"one run a side: repeat it to tell"}
		default:
			r.Comparison = stats.CompareSides(o.Test, untested(sa), untested(sb))
			r.Warnings = []string{"the traces differ and this figure has no batches: not tested"}
		}
		if !math.IsNaN(r.P) {
			t.Tests++
		}
		t.Rows = append(t.Rows, r)
	}
}

// untested is a figure that nothing tests: the mean of its repeats.
func untested(s stats.Sample) stats.Side {
	return stats.Side{Values: s.Values[:1], Figure: stats.Mean(s.Values)}
}

// correlated warns where batch means are not independent.
func (r *Row) correlated(a, b []float64) {
	for _, means := range [][]float64{a, b} {
		if lag := stats.Lag1(means); lag > 2/math.Sqrt(float64(len(means))) {
			r.Warnings = append(r.Warnings, fmt.Sprintf("batch means are correlated (lag 1: %.2f): p is too small; repeat the runs", lag))
		}
	}
}
