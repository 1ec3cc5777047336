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
	// Of rankings and their charts.
	MetricTTFTP50            = "ttft_p50_s"
	MetricTTFTIntendedP99    = "ttft_intended_p99_s"
	MetricTPOTP50            = "tpot_p50_s"
	MetricTPOTP99            = "tpot_p99_s"
	MetricLatencyIntendedP99 = "latency_intended_p99_s"
	MetricTokensPerUser      = "output_tokens_per_s_per_user"
	MetricTokensPerMegawatt  = "output_tokens_per_s_per_mw"
	MetricCostPower          = "power_cost_per_million_output_tokens"
	MetricCostHardware       = "hardware_cost_per_million_output_tokens"
	MetricCost               = "cost_per_million_output_tokens"
)

// Metric is one figure of a cell.
type Metric struct {
	Name, Unit, Title string
	// Energy: the figure rests on joules and shares their kind.
	Energy bool
	// Money: the unit begins with the currency of the run's inventory.
	Money bool
	// Gain: more of it is better.
	Gain bool
	// ByName: a comparison tests it only where it is named, for it says again, in
	// other terms, what other metrics say.
	ByName bool
	value  func(c CellSummary, m Measures) Figure
}

// UnitIn is the metric's unit in a summary: of money, in its currency.
func (m Metric) UnitIn(s Summary) string {
	if !m.Money {
		return m.Unit
	}
	return s.Currency() + m.Unit
}

// Currency is that of the run's costs, "" without any.
func (s Summary) Currency() string {
	for _, c := range s.Cells {
		if c.Cost != nil && c.Cost.Currency != "" {
			return c.Cost.Currency
		}
	}
	return ""
}

// MetricOf is the metric of a name.
func MetricOf(name string) (Metric, bool) {
	for _, m := range Metrics() {
		if m.Name == name {
			return m, true
		}
	}
	return Metric{}, false
}

// Short is the metric's name in a column: what its unit leaves to say.
func (m Metric) Short() string {
	for _, cut := range []string{" per request", " per output token", " per million output tokens", ", mean"} {
		if before, _, ok := strings.Cut(m.Title, cut); ok {
			return before
		}
	}
	return m.Title
}

// wattsPerMegawatt: a token per second and watt is a token per joule.
const wattsPerMegawatt = 1e6

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
	money := func(f func(c Cost) Figure) func(CellSummary, Measures) Figure {
		return func(c CellSummary, _ Measures) Figure {
			if c.Cost == nil {
				return Unknown()
			}
			return f(*c.Cost)
		}
	}
	return []Metric{
		{Name: MetricRequestRate, Unit: "req/s", Title: "requests per second", Gain: true, value: plain(func(m Measures) Figure { return m.RequestsPerSecond })},
		{Name: MetricOutputTokenRate, Unit: "tok/s", Title: "output tokens per second", Gain: true, value: plain(func(m Measures) Figure { return m.OutputTokensPerSecond })},
		{Name: MetricTTFT, Unit: "s", Title: "TTFT, mean", value: plain(func(m Measures) Figure { return m.TTFT.Mean })},
		{Name: MetricTTFTP99, Unit: "s", Title: "TTFT, p99", value: plain(func(m Measures) Figure { return m.TTFT.P99 })},
		{Name: MetricTPOT, Unit: "s", Title: "time per output token, mean", value: plain(func(m Measures) Figure { return m.TPOT.Mean })},
		{Name: MetricITLP99, Unit: "s", Title: "inter-token latency, p99", value: plain(func(m Measures) Figure { return m.ITL.P99 })},
		{Name: MetricLatency, Unit: "s", Title: "latency, mean", value: plain(func(m Measures) Figure { return m.Latency.Mean })},
		{Name: MetricLatencyP50, Unit: "s", Title: "latency, p50", value: plain(func(m Measures) Figure { return m.Latency.P50 })},
		{Name: MetricLatencyP99, Unit: "s", Title: "latency, p99", value: plain(func(m Measures) Figure { return m.Latency.P99 })},
		{Name: MetricLatencyIntended, Unit: "s", Title: "latency from intended send, mean", value: plain(func(m Measures) Figure { return m.LatencyIntended.Mean })},
		{Name: MetricGoodput, Unit: "req/s", Title: "goodput", Gain: true, value: plain(func(m Measures) Figure { return m.Goodput })},
		{Name: MetricPower, Unit: "W", Title: "mean power", Energy: true, value: energy(func(e EnergyMeasures) Figure { return e.MeanWatts })},
		{Name: MetricEnergyPerRequest, Unit: "J", Title: "energy per request", Energy: true, value: energy(func(e EnergyMeasures) Figure { return e.PerRequest })},
		{Name: MetricAboveLoadedIdle, Unit: "J", Title: "energy per request above loaded idle", Energy: true, value: energy(func(e EnergyMeasures) Figure { return e.AboveLoadedIdle })},
		{Name: MetricAboveBareIdle, Unit: "J", Title: "energy per request above bare idle", Energy: true, value: energy(func(e EnergyMeasures) Figure { return e.AboveBareIdle })},
		{Name: MetricEnergyPerToken, Unit: "J", Title: "energy per output token", Energy: true, value: energy(func(e EnergyMeasures) Figure { return e.PerOutputToken })},
		{Name: MetricEnergyPerSLO, Unit: "J", Title: "energy per request within the SLO", Energy: true, value: energy(func(e EnergyMeasures) Figure { return e.PerSLORequest })},
		{Name: MetricEnergyDelay, Unit: "J·s", Title: "energy-delay product", Energy: true, value: energy(func(e EnergyMeasures) Figure { return e.EnergyDelay })},
		{Name: MetricTokensPerJoule, Unit: "tok/J", Title: "output tokens per joule", Energy: true, Gain: true, value: energy(func(e EnergyMeasures) Figure { return e.TokensPerJoule })},
		{Name: MetricCarbon, Unit: "g CO2e", Title: "carbon of inference per request", Energy: true, value: stage("inference")},
		{Name: MetricCarbonCFU, Unit: "g CO2e", Title: "C_FU per request", Energy: true, value: stage("total")},
		{Name: MetricTTFTP50, Unit: "s", Title: "TTFT, p50", ByName: true, value: plain(func(m Measures) Figure { return m.TTFT.P50 })},
		{Name: MetricTTFTIntendedP99, Unit: "s", Title: "TTFT from intended send, p99", ByName: true, value: plain(func(m Measures) Figure { return m.TTFTIntended.P99 })},
		{Name: MetricTPOTP50, Unit: "s", Title: "time per output token, p50", ByName: true, value: plain(func(m Measures) Figure { return m.TPOT.P50 })},
		{Name: MetricTPOTP99, Unit: "s", Title: "time per output token, p99", ByName: true, value: plain(func(m Measures) Figure { return m.TPOT.P99 })},
		{Name: MetricLatencyIntendedP99, Unit: "s", Title: "latency from intended send, p99", ByName: true, value: plain(func(m Measures) Figure { return m.LatencyIntended.P99 })},
		{Name: MetricTokensPerUser, Unit: "tok/s/user", Title: "output tokens per second and user", Gain: true, ByName: true, value: plain(func(m Measures) Figure { return per(1, float64(m.TPOT.P50)) })},
		{Name: MetricTokensPerMegawatt, Unit: "tok/s/MW", Title: "output tokens per second and megawatt", Energy: true, Gain: true, ByName: true, value: energy(func(e EnergyMeasures) Figure { return wattsPerMegawatt * e.TokensPerJoule })},
		{Name: MetricCostPower, Unit: "/M tok", Title: "cost of power per million output tokens", Energy: true, Money: true, ByName: true, value: money(func(c Cost) Figure { return c.Power })},
		{Name: MetricCostHardware, Unit: "/M tok", Title: "cost of hardware per million output tokens", Money: true, ByName: true, value: money(func(c Cost) Figure { return c.Hardware })},
		{Name: MetricCost, Unit: "/M tok", Title: "cost of power and hardware per million output tokens", Energy: true, Money: true, ByName: true, value: money(func(c Cost) Figure { return c.Both })},
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
			points = append(points, Point{Name: name, Point: c.Point, Params: c.Params, Metrics: map[string]Interval{}})
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
