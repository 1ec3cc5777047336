package gauge_test

import (
	"fmt"
	"testing"
	"time"

	"cfubench/meter"
	"cfubench/meter/gauge"
)

func TestArchitectureByProductName(t *testing.T) {
	for _, row := range []struct {
		product string
		want    gauge.Architecture
	}{
		{"NVIDIA A100-SXM4-80GB", gauge.GA100},
		{"NVIDIA A10", gauge.GA10x},
		{"NVIDIA A10G", gauge.GA10x},
		{"NVIDIA A800-SXM4-80GB", gauge.GA100},
		{"NVIDIA RTX A5000", gauge.GA10x},
		{"NVIDIA GeForce RTX 3070 Ti", gauge.GA10x},
		{"NVIDIA H100 PCIe", gauge.Hopper},
		{"NVIDIA H100 80GB HBM3", gauge.Hopper},
		{"NVIDIA H200", gauge.Hopper},
		{"NVIDIA GH200 480GB", gauge.Hopper},
		{"NVIDIA L4", gauge.Ada},
		{"NVIDIA L40S", gauge.Ada},
		{"NVIDIA RTX 6000 Ada Generation", gauge.Ada},
		{"NVIDIA GeForce RTX 4090", gauge.Ada},
		{"Tesla T4", gauge.Turing},
		{"Quadro RTX 8000", gauge.Turing},
		{"Tesla V100-SXM2-16GB", gauge.Volta},
		{"NVIDIA TITAN X (Pascal)", gauge.Pascal},
		{"NVIDIA GeForce GTX TITAN X", gauge.Maxwell},
		{"Tesla K40m", gauge.Kepler},
		{"NVIDIA B200", gauge.Blackwell},
		{"NVIDIA RTX PRO 6000 Blackwell Server Edition", gauge.Blackwell},
		{"some other card", ""},
		{"", ""},
	} {
		if got := gauge.ArchitectureOf(row.product); got != row.want {
			t.Errorf("%q: got %q, want %q", row.product, got, row.want)
		}
	}
}

// What power.draw is depends on the card and on the driver.
func TestWhatARegisterShows(t *testing.T) {
	const ms = time.Millisecond
	for _, row := range []struct {
		name            string
		card            gauge.Card
		register        gauge.Register
		average, period time.Duration
		look            float64
	}{
		{"an A100 shows 25 ms of each 101 whatever it is called", gauge.Card{Product: "NVIDIA A100-PCIE-40GB", Driver: "535.54.03"}, gauge.Usage, 25 * ms, 101 * ms, 0.25},
		{"an H100's power.draw is a mean over 1 s", gauge.Card{Product: "NVIDIA H100 PCIe", Driver: "525.105.17"}, gauge.Usage, time.Second, 100 * ms, 1},
		{"and its instantaneous field looks a quarter of the time", gauge.Card{Product: "NVIDIA H100 PCIe", Driver: "525.105.17"}, gauge.Instant, 25 * ms, 100 * ms, 0.25},
		{"a 3090's power.draw is a mean over 1 s before driver 530", gauge.Card{Product: "NVIDIA GeForce RTX 3090", Driver: "525.89.02"}, gauge.Usage, time.Second, 100 * ms, 1},
		{"over 100 ms in driver 530", gauge.Card{Product: "NVIDIA GeForce RTX 3090", Driver: "530.30.02"}, gauge.Usage, 100 * ms, 100 * ms, 1},
		{"and over 1 s again after it", gauge.Card{Product: "NVIDIA GeForce RTX 3090", Driver: "535.54.03"}, gauge.Usage, time.Second, 100 * ms, 1},
		{"a V100 looks 10 of each 20 ms", gauge.Card{Product: "Tesla V100-SXM2-16GB"}, gauge.Usage, 10 * ms, 20 * ms, 0.5},
		{"of an unknown card's gauge nothing is known", gauge.Card{Product: "some other card"}, gauge.Usage, 0, 0, 0},
		{"its counter is taken for a part-time one", gauge.Card{}, gauge.Counter, 0, 0, 0.25},
	} {
		g := gauge.Of(row.card, row.register)
		if g.Average != row.average || g.Period != row.period || g.Look != row.look {
			t.Errorf("%s: got %v of each %v, looking %g of the time, want %v, %v, %g", row.name, g.Average, g.Period, g.Look, row.average, row.period, row.look)
		}
		if g.Gain < 0.03 || g.Offset <= 0 || g.Source == "" {
			t.Errorf("%s: got gain ± %g, offset ± %v, source %q, want the spread of published cards and a source", row.name, g.Gain, g.Offset, g.Source)
		}
	}
}

func TestDomainsThatAreNoCard(t *testing.T) {
	rapl := gauge.OfDomain(meter.Domain{Source: "rapl", Kind: meter.KindCounter})
	if rapl.PartTime() || rapl.Offset != 0 || rapl.Gain != 0.025 {
		t.Errorf("RAPL: got %+v, want a sensor that always looks, 2.5 %% of gain and no offset", rapl)
	}
	if model := gauge.OfDomain(meter.Domain{Source: "cputime", Kind: meter.KindModel}); model.Gain != 0 || model.Offset != 0 || model.PartTime() {
		t.Errorf("a model: got %+v, want no uncertainty of a sensor", model)
	}
}

// A GPU's gauge is one whoever reads it, and of a card that nobody knows it is the
// worst there is.
func TestGaugesByWhoeverReadsThem(t *testing.T) {
	domain := func(source, product string, kind meter.Kind) meter.Domain {
		return meter.Domain{Source: source, Product: product, Kind: kind, Scope: meter.ScopeGPU}
	}
	for _, row := range []struct {
		name   string
		domain meter.Domain
		look   float64
		gain   float64
	}{
		{"an A100 in a log of nvidia-smi", domain("nvidia-smi", "NVIDIA A100-SXM4-80GB", meter.KindPower), 0.25, 0.044},
		{"an unknown card in a log", domain("nvidia-smi", "", meter.KindPower), 0, 0.044},
		{"an AMD card's gauge", domain("amdgpu", "", meter.KindPower), 0, 0.044},
		{"an AMD card's counter", domain("hwmon", "", meter.KindCounter), 1, 0.044},
		{"an exporter's counter of a 3090", domain("scrape", "NVIDIA GeForce RTX 3090", meter.KindCounter), 1, 0.044},
	} {
		if g := gauge.OfDomain(row.domain); g.Look != row.look || g.Gain != row.gain || g.Offset == 0 {
			t.Errorf("%s: got %+v, want %g of the time looked, a gain of %g and an offset", row.name, g, row.look, row.gain)
		}
	}
}

// A log that has a line less often than its gauge is refreshed does not see the rest.
func TestGaugesInLogs(t *testing.T) {
	const ms = time.Millisecond
	a100 := gauge.Of(gauge.Card{Product: "NVIDIA A100-SXM4-80GB"}, gauge.Usage)
	h100 := gauge.Of(gauge.Card{Product: "NVIDIA H100 PCIe"}, gauge.Usage)
	for _, row := range []struct {
		name     string
		g        gauge.Gauge
		interval time.Duration
		look     float64
		period   time.Duration
	}{
		{"a line for each figure", a100, 100 * ms, 0.25, 101 * ms},
		{"a line for every tenth", a100, time.Second, 0.025, time.Second},
		{"a mean over 1 s, a line a second", h100, time.Second, 1, time.Second},
		{"the same, a line every 4 s", h100, 4 * time.Second, 0.25, 4 * time.Second},
		{"an unknown card", gauge.Gauge{}, time.Second, 0.025, time.Second},
		{"an unknown card, line by line", gauge.Gauge{}, 100 * ms, 0, 0},
		{"a wall meter every second", gauge.Gauge{Look: 1}, time.Second, 1, time.Second},
		{"and every 10 s", gauge.Gauge{Look: 1}, 10 * time.Second, 0.1, 10 * time.Second},
	} {
		if g := row.g.Logged(row.interval); g.Look != row.look || g.Period != row.period {
			t.Errorf("%s: got %g of each %v, want %g of each %v", row.name, g.Look, g.Period, row.look, row.period)
		}
	}
}

func ExampleOf() {
	g := gauge.Of(gauge.Card{Product: "NVIDIA GeForce RTX 3090", Driver: "535.54.03"}, gauge.Usage)
	fmt.Printf("mean over %v, every %v, settled %v after a step\n", g.Average, g.Period, g.Tail())
	// Output: mean over 1s, every 100ms, settled 1.2s after a step
}
