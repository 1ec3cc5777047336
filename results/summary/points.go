package summary

import "cfubench/internal/stats"

// pointsOf puts the repeats of each load point together. Invalid cells count in
// no mean.
func pointsOf(cells []CellSummary) []Point {
	var points []Point
	index := map[string]int{}
	var members [][]CellSummary // the valid cells, by point
	for _, c := range cells {
		name := c.Point.String()
		i, ok := index[name]
		if !ok {
			i = len(points)
			index[name] = i
			points, members = append(points, Point{Name: name, Point: c.Point, Params: c.Params, Metrics: map[string]Interval{}}), append(members, nil)
		}
		p := &points[i]
		p.Cells = append(p.Cells, c.Cell)
		if !c.Validity.Valid() {
			p.Warnings = append(p.Warnings, c.Cell+" is invalid and left out")
			continue
		}
		members[i] = append(members[i], c)
	}
	for i, cells := range members {
		steady := 0
		for _, c := range cells {
			if c.Steady != nil {
				steady++
			}
		}
		if steady != 0 && steady != len(cells) {
			points[i].Warnings = append(points[i].Warnings, "steady windows and whole runs are in one mean: some repeats had no steady window")
		}
	}
	for _, m := range Metrics() {
		var of []int // the points that have the metric
		var samples []stats.Sample
		for i, cells := range members {
			if s := m.SampleOf(cells, true); len(s.Values) > 0 {
				of, samples = append(of, i), append(samples, s)
			}
		}
		for k, interval := range stats.Intervals(samples, stats.Confidence) {
			points[of[k]].Metrics[m.Name] = intervalOf(interval)
		}
	}
	return points
}

// Among the batches' means, besides metrics: the output tokens per request of a batch,
// and those that were written in its time, of whichever requests, over its requests.
const (
	batchLength = "output_tokens_per_request"
	batchWork   = "output_tokens_written_per_request"
)

// SampleOf is what cells of one load point show of the metric: a value of each, and of
// a single one the batches within it. Where it is held against runs of the same
// requests, as the load points of one run are, the batches are without what the lengths
// of the answers explain.
func (m Metric) SampleOf(cells []CellSummary, sameRequests bool) stats.Sample {
	var s stats.Sample
	for _, c := range cells {
		if v := m.Value(c); v.Known() {
			s.Values = append(s.Values, float64(v))
		}
	}
	if len(cells) == 1 && len(s.Values) == 1 {
		s.Batches = cells[0].BatchMeans[m.Name]
		if sameRequests {
			s.Batches = stats.WithoutLengths(s.Batches, cells[0].BatchMeans[batchLength], cells[0].BatchMeans[batchWork])
		}
	}
	return s
}
