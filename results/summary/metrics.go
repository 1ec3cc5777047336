package summary

import (
	"cfubench/internal/stats"
	"strings"
)

// Names of the metrics that points and comparisons are made of.
const (
	MetricRequestRate      = "requests_per_s"
	MetricOutputTokenRate  = "output_tokens_per_s"
	MetricTTFT             = "ttft_mean_s"
	MetricTTFTP99          = "ttft_p99_s"
	MetricTPOT             = "tpot_mean_s"
	MetricITLP99           = "itl_p99_s"
	MetricLatency          = "latency_mean_s"
	MetricLatencyP50       = "latency_p50_s"
	MetricLatencyP99       = "latency_p99_s"
	MetricLatencyIntended  = "latency_intended_mean_s"
	MetricGoodput          = "goodput_per_s"
	MetricPower            = "mean_power_w"
	MetricEnergyPerRequest = "energy_per_request_j"
	MetricAboveLoadedIdle  = "above_loaded_idle_per_request_j"
	MetricAboveBareIdle    = "above_bare_idle_per_request_j"
	MetricEnergyPerToken   = "energy_per_output_token_j"
	MetricEnergyPerSLO     = "energy_per_slo_request_j"
	MetricEnergyDelay      = "energy_delay_js"
	MetricTokensPerJoule   = "output_tokens_per_j"
	MetricCarbon           = "carbon_per_request_g"
	MetricCarbonCFU        = "carbon_cfu_g"
)

// Metric is one figure of a cell.
type Metric struct {
	Name, Unit, Title string
	// Energy: the figure rests on joules and shares their kind.
	Energy bool
	value  func(c CellSummary, m Measures) Figure
}

// Short is the metric's name in a column: what its unit leaves to say.
func (m Metric) Short() string {
	for _, cut := range []string{" per request", " per output token", ", mean"} {
		if before, _, ok := strings.Cut(m.Title, cut); ok {
			return before
		}
	}
	return m.Title
}

// Metrics lists the metrics in the order of tables.
func Metrics() []Metric {
	energy := func(f func(e EnergyMeasures) Figure) func(CellSummary, Measures) Figure {
		return func(_ CellSummary, m Measures) Figure {
			if m.Energy == nil {
				return Unknown()
			}
			return f(*m.Energy)
		}
	}
	plain := func(f func(m Measures) Figure) func(CellSummary, Measures) Figure {
		return func(_ CellSummary, m Measures) Figure { return f(m) }
	}
	stage := func(name string) func(CellSummary, Measures) Figure {
		return func(c CellSummary, _ Measures) Figure { return c.Carbon(name) }
	}
	return []Metric{
		{MetricRequestRate, "req/s", "requests per second", false, plain(func(m Measures) Figure { return m.RequestsPerSecond })},
		{MetricOutputTokenRate, "tok/s", "output tokens per second", false, plain(func(m Measures) Figure { return m.OutputTokensPerSecond })},
		{MetricTTFT, "s", "TTFT, mean", false, plain(func(m Measures) Figure { return m.TTFT.Mean })},
		{MetricTTFTP99, "s", "TTFT, p99", false, plain(func(m Measures) Figure { return m.TTFT.P99 })},
		{MetricTPOT, "s", "time per output token, mean", false, plain(func(m Measures) Figure { return m.TPOT.Mean })},
		{MetricITLP99, "s", "inter-token latency, p99", false, plain(func(m Measures) Figure { return m.ITL.P99 })},
		{MetricLatency, "s", "latency, mean", false, plain(func(m Measures) Figure { return m.Latency.Mean })},
		{MetricLatencyP50, "s", "latency, p50", false, plain(func(m Measures) Figure { return m.Latency.P50 })},
		{MetricLatencyP99, "s", "latency, p99", false, plain(func(m Measures) Figure { return m.Latency.P99 })},
		{MetricLatencyIntended, "s", "latency from intended send, mean", false, plain(func(m Measures) Figure { return m.LatencyIntended.Mean })},
		{MetricGoodput, "req/s", "goodput", false, plain(func(m Measures) Figure { return m.Goodput })},
		{MetricPower, "W", "mean power", true, energy(func(e EnergyMeasures) Figure { return e.MeanWatts })},
		{MetricEnergyPerRequest, "J", "energy per request", true, energy(func(e EnergyMeasures) Figure { return e.PerRequest })},
		{MetricAboveLoadedIdle, "J", "energy per request above loaded idle", true, energy(func(e EnergyMeasures) Figure { return e.AboveLoadedIdle })},
		{MetricAboveBareIdle, "J", "energy per request above bare idle", true, energy(func(e EnergyMeasures) Figure { return e.AboveBareIdle })},
		{MetricEnergyPerToken, "J", "energy per output token", true, energy(func(e EnergyMeasures) Figure { return e.PerOutputToken })},
		{MetricEnergyPerSLO, "J", "energy per request within the SLO", true, energy(func(e EnergyMeasures) Figure { return e.PerSLORequest })},
		{MetricEnergyDelay, "J·s", "energy-delay product", true, energy(func(e EnergyMeasures) Figure { return e.EnergyDelay })},
		{MetricTokensPerJoule, "tok/J", "output tokens per joule", true, energy(func(e EnergyMeasures) Figure { return e.TokensPerJoule })},
		{MetricCarbon, "g CO2e", "carbon of inference per request", true, stage("inference")},
		{MetricCarbonCFU, "g CO2e", "C_FU per request", true, stage("total")},
	}
}

// Best is the measures that comparisons use: the steady window's, else the
// whole run's.
func (c CellSummary) Best() Measures {
	if c.Steady != nil {
		return *c.Steady
	}
	return c.Whole
}

// Value is the cell's figure of metric m over its best window.
func (m Metric) Value(c CellSummary) Figure { return m.value(c, c.Best()) }

// Carbon is the cell's greenhouse gas per request in grams CO2e at a life cycle
// stage, unknown where the run was not amortized.
func (c CellSummary) Carbon(stage string) Figure {
	for _, f := range c.Footprint {
		if f.Category == "gwp" {
			if kg, ok := f.Stages[stage]; ok {
				return Figure(1000 * kg)
			}
		}
	}
	return Unknown()
}

// pointsOf puts the repeats of each load point together. Invalid cells count in
// no mean.
func pointsOf(cells []CellSummary) []Point {
	var points []Point
	index := map[string]int{}
	members := map[string][]CellSummary{}
	for _, c := range cells {
		name := c.Point.String()
		if _, ok := index[name]; !ok {
			index[name] = len(points)
			points = append(points, Point{Name: name, Point: c.Point, Metrics: map[string]Interval{}})
		}
		p := &points[index[name]]
		p.Cells = append(p.Cells, c.Cell)
		if !c.Validity.Valid() {
			p.Warnings = append(p.Warnings, c.Cell+" is invalid and left out")
			continue
		}
		members[name] = append(members[name], c)
	}
	for i := range points {
		cells := members[points[i].Name]
		steady := 0
		for _, c := range cells {
			if c.Steady != nil {
				steady++
			}
		}
		if steady != 0 && steady != len(cells) {
			points[i].Warnings = append(points[i].Warnings, "steady windows and whole runs are in one mean: some repeats had no steady window")
		}
		for _, m := range Metrics() {
			var values []float64
			for _, c := range cells {
				if v := m.Value(c); v.Known() {
					values = append(values, float64(v))
				}
			}
			if len(values) == 0 {
				continue
			}
			interval := stats.Repeats(values, stats.Confidence)
			if len(cells) == 1 {
				// One repeat: the interval within it, where there is one.
				if means := cells[0].BatchMeans[m.Name]; len(means) > 1 {
					within := stats.OfBatches(means, stats.Confidence)
					interval.Lo, interval.Hi, interval.Samples, interval.Warnings = within.Lo, within.Hi, within.Samples, within.Warnings
				}
			}
			points[i].Metrics[m.Name] = intervalOf(interval)
		}
	}
	return points
}
