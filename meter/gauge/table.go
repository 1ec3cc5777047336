package gauge

import (
	"time"

	"cfubench/meter"
)

const ms = time.Millisecond

// Where the rows come from.
const (
	// yang is Yang, Adamek and Armour, "Part-time power measurements" (arXiv
	// 2312.02741): result matrix and per-card sheets of the authors' repository
	// (JimZeyuYang/GPU_Power_Benchmark), cards compared with an external meter.
	yang = "arXiv 2312.02741, Overall_Results"
	// fytap is a log of two RTX 5090 polled every 50 ms (Fytap/llm-energy-claim-protocol):
	// the figure changes every 500 ms, 0.8 s behind the load.
	fytap = "Fytap/llm-energy-claim-protocol, recorded RTX 5090"
	// none marks what nobody has published.
	none = "not published: assumed to look part of the time, as GA100 and Hopper do"
)

// Gain and offset of a card that nobody calibrated, k=1: root mean squares over
// the 19 cards of arXiv 2312.02741 (slope and intercept against an external
// meter), and over its nine Ampere and Ada cards.
const (
	gainOfAll    = 0.037
	gainOfAmpere = 0.044
	offsetOfAll  = 5800 * meter.Milliwatt
)

// gainOfRegisters is that of registers other than a GPU's (RAPL, BMCs): 5 % at
// k=2, which no published comparison of a whole fleet supports or contradicts.
const gainOfRegisters = 0.025

// row is the table's line: what register of an architecture shows under drivers
// of branches [from, below), 0 being no bound.
type row struct {
	architecture   Architecture
	register       Register
	from, below    int
	average        time.Duration
	look           float64
	period, lag    time.Duration
	source, remark string
}

// rows is searched from the top: the first line that fits counts.
//
// Lags are what the delays that yang measured (from a step of load to half of
// it on show) leave beyond half the averaging time and half the period.
var rows = []row{
	{Hopper, Usage, 0, 0, 1000 * ms, 1, 100 * ms, 0, yang, "H100 PCIe: delay 490–505 ms"},
	{Hopper, Average, 0, 0, 1000 * ms, 1, 100 * ms, 0, yang, ""},
	{Hopper, Instant, 0, 0, 25 * ms, 0.25, 100 * ms, 0, yang, "H100 PCIe: 23–25 ms of each 100"},
	{Hopper, Counter, 0, 0, 0, 0.25, 100 * ms, 0, none, ""},

	{Ada, Usage, 530, 531, 100 * ms, 1, 100 * ms, 0, yang, "the 530 driver alone"},
	{Ada, Usage, 0, 0, 1000 * ms, 1, 100 * ms, 30 * ms, yang, "RTX 4090: delay 580 ms"},
	{Ada, Average, 0, 0, 1000 * ms, 1, 100 * ms, 30 * ms, yang, ""},
	{Ada, Instant, 0, 0, 100 * ms, 1, 100 * ms, 0, yang, "RTX 4090: 109 ms, delay 91 ms"},
	{Ada, Counter, 0, 0, 0, 1, 100 * ms, 0, yang, "by its gauge"},

	{GA10x, Usage, 530, 531, 100 * ms, 1, 100 * ms, 0, yang, "the 530 driver alone"},
	{GA10x, Usage, 0, 0, 1000 * ms, 1, 100 * ms, 50 * ms, yang, "RTX 3090, 3070 Ti, A5000: delay 594–642 ms; A10: 525 ms"},
	{GA10x, Average, 0, 0, 1000 * ms, 1, 100 * ms, 50 * ms, yang, ""},
	{GA10x, Instant, 0, 0, 100 * ms, 1, 100 * ms, 0, yang, "RTX 3090: 100 ms, A5000: 80–100 ms, delay 105–170 ms"},
	{GA10x, Counter, 0, 0, 0, 1, 100 * ms, 0, yang, "by its gauge"},

	// Whatever it is called: GA100 has one figure in all drivers.
	{GA100, Counter, 0, 0, 0, 0.25, 100 * ms, 0, "arXiv 2312.02741 for the gauge; counter and gauge of a recorded A100 agree to 0.35–0.5 % over 6 s, better than two sensors would", ""},
	{GA100, "", 0, 0, 25 * ms, 0.25, 101 * ms, 0, yang, "A100 PCIe: 24–25 ms of each 101–102"},

	{Turing, Counter, 0, 0, 0, 1, 100 * ms, 0, yang, "by its gauge"},
	{Turing, "", 0, 0, 100 * ms, 1, 101 * ms, 90 * ms, yang, "RTX 2080 Ti, 2060 Super: delay 134–231 ms"},

	{Volta, Counter, 0, 0, 0, 0.5, 20 * ms, 0, yang, "by its gauge"},
	{Volta, "", 0, 0, 10 * ms, 0.5, 20 * ms, 0, yang, "10 ms of each 20"},
	{Pascal, Counter, 0, 0, 0, 0.5, 20 * ms, 0, yang, "by its gauge"},
	{Pascal, "", 0, 0, 10 * ms, 0.5, 20 * ms, 0, yang, "GTX 1080, 1080 Ti, P100: 9–11 ms of each 20, delay 7–15 ms"},

	// Low-pass filters; the figure is the delay of half a step, taken as the
	// half of an average.
	{Maxwell, "", 0, 0, 180 * ms, 1, 100 * ms, 0, yang, "TITAN X: a logarithmic rise, delay 88–98 ms"},
	{Kepler, "", 0, 0, 30 * ms, 1, 15 * ms, 0, yang, "a logarithmic rise over 15 ms updates"},

	{Blackwell, Counter, 0, 0, 0, 0.25, 100 * ms, 0, none, ""},
	{Blackwell, "", 0, 0, 1000 * ms, 1, 500 * ms, 50 * ms, fytap, "RTX 5090 alone; no data-centre Blackwell was published"},
}

// Of returns what is published of a register of a card. Of a card that is not
// in the table it is the uncertainty of any NVIDIA card and nothing else.
func Of(c Card, r Register) Gauge {
	a := ArchitectureOf(c.Product)
	branch := driverBranch(c.Driver)
	g := Gauge{Gain: gainOfAmpere, Offset: offsetOfAll, Source: none}
	switch a {
	case Kepler, Maxwell, Pascal, Volta, Turing:
		g.Gain = gainOfAll
	}
	if r == Counter {
		g.Look = 0.25
	}
	for _, w := range rows {
		if w.architecture != a || w.register != "" && w.register != r || branch < w.from || w.below > 0 && branch >= w.below {
			continue
		}
		g.Average, g.Look, g.Period, g.Lag, g.Source = w.average, w.look, w.period, w.lag, w.source
		if w.remark != "" {
			g.Source += ": " + w.remark
		}
		break
	}
	return g
}

// OfDomain returns the gauge of a domain: of a GPU that of its card's counter or
// power register (Usage where the domain does not say which), whoever reads it;
// of other registers one without an offset or a part-time sensor; of a model one
// without any uncertainty. Of the GPUs of other makers nothing is published:
// their gauges are taken for the worst that are, and their counters, which their
// firmware sums itself, have the gain and the offset of NVIDIA's.
func OfDomain(d meter.Domain) Gauge {
	card := Card{Product: d.Product, Driver: d.Driver}
	switch {
	case d.Kind == meter.KindModel:
		return Gauge{Look: 1, Period: d.UpdatePeriod, Source: "a model: its figure is what it states"}
	case d.Kind == meter.KindCounter && (d.Source == "nvml" || d.Scope == meter.ScopeGPU && ArchitectureOf(d.Product) != ""):
		return Of(card, Counter)
	case d.Kind == meter.KindCounter && d.Scope == meter.ScopeGPU:
		return Gauge{Look: 1, Gain: gainOfAmpere, Offset: offsetOfAll, Source: none}
	case d.Source == "nvml", d.Scope == meter.ScopeGPU:
		return Of(card, OfPower(d))
	case d.Kind == meter.KindPower && d.Scope == meter.ScopeNode && d.Source != "ptd" && d.Source != "spl":
		// Unlike a power analyzer, neither a BMC nor an exporter nor a log says over
		// what a figure is a mean: it may be a look.
		return Gauge{Gain: gainOfRegisters, Source: "assumed: 5 % at k=2, and looks of unknown length"}
	}
	return Gauge{Look: 1, Gain: gainOfRegisters, Source: "assumed: 5 % at k=2"}
}

// OfPower is the register that a domain's power comes from, Usage where it does
// not say.
func OfPower(d meter.Domain) Register {
	if d.Gauge == "" {
		return Usage
	}
	return Register(d.Gauge)
}
