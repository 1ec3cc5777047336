package lca

import (
	"math"
	"testing"
	"time"

	"cfubench/meter"
)

// inventoryOf decodes an inventory written in a test.
func inventoryOf(t *testing.T, text string) Inventory {
	t.Helper()
	inv, err := Decode("test.json", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// hour is one device-hour without energy worth speaking of.
func hour() Usage {
	return Usage{Cell: "hour", Requests: 1, Energy: 1, Metered: Host, BusyTime: time.Hour, Devices: 1}
}

// Embodied carbon per GPU-hour of the published figures, by boundary.
func TestEmbodiedPerDeviceHour(t *testing.T) {
	tests := []struct {
		what, hardware, lifespan string
		metered                  Boundary
		grams, within            float64
	}{
		{"Morrison: 463 kg over 4 years, printed as 0.013 kg per GPU-hour", `"h100-server-morrison2025"`, "", Host, 13, 0.5},
		{"the same to three digits", `"h100-server-morrison2025"`, "", Host, 13.2, 0.05},
		{"NVIDIA's PCF: 1,312 kg per 8 GPUs over 4 years, baseboard only", `"hgx-h100-pcf"`, "", Baseboard, 4.68, 0.005},
		{"EcoLogits: GPU and host of 876.5 kg over 3 years", `"h100-ecologits", "p5-host-ecologits"`, "", Host, 33.4, 0.05},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			inv := inventoryOf(t, `{"schema": 2, "name": "test", "hardware": [`+test.hardware+`],
				"electricity": "us-egrid2023", "facility": "google", "model": {"title": "none"},
				"lifetime_inferences": {"value": 1, "unit": "requests", "source": "test", "year": 2026, "boundary": "none", "quality": "published"}}`)
			u := hour()
			u.Metered = test.metered
			a, err := Assess(inv, u, Options{})
			if err != nil {
				t.Fatal(err)
			}
			o, _ := a.Outcome(GWP, Embodied)
			if got := o.Value * 1e3; math.Abs(got-test.grams) > test.within {
				t.Errorf("got %.4g g per device-hour, want %g", got, test.grams)
			}
		})
	}
}

// Google's median Gemini text prompt of May 2025 (arXiv 2508.15734): 0.14 Wh
// of accelerators, 0.06 of host CPU and DRAM, 0.02 of idle machines and 0.02 of
// overhead are 0.24 Wh at the facility's meter. Boundary: host and idle
// reserve, then PUE; water on site only. The prompt's carbon, 0.03 g, cannot be
// checked: its market-based intensity is not published.
func TestGooglePromptStack(t *testing.T) {
	const accelerators, host, idle, overhead = 0.14, 0.06, 0.02, 0.02
	inv := inventoryOf(t, `{"schema": 2, "name": "google", "hardware": ["server-ademe"],
		"electricity": {"title": "Google's mix, not published", "region": "Google"},
		"facility": {"title": "Google, 2025",
			"host_factor": {"value": 1.5714, "unit": "1", "source": "0.22 Wh over 0.14 Wh of accelerators", "year": 2025, "boundary": "host", "quality": "derived"},
			"pue": {"value": 1.09, "unit": "1", "source": "Google 2025", "year": 2025, "boundary": "facility", "quality": "secondary"},
			"wue": {"value": 1.15, "unit": "L/kWh", "source": "Google 2025", "year": 2025, "boundary": "facility", "quality": "secondary"}},
		"model": {"title": "Gemini Apps, training outside the boundary"},
		"lifetime_inferences": {"value": 1, "unit": "requests", "source": "unused: no training", "year": 2025, "boundary": "none", "quality": "published"}}`)
	u := Usage{Cell: "prompt", Requests: 1, Energy: meter.Energy(math.Round(accelerators * 3600 * float64(meter.Joule))),
		EnergyKind: meter.KindCounter, Metered: Device}
	a, err := Assess(inv, u, Options{Water: WaterOnSite})
	if err != nil {
		t.Fatal(err)
	}
	checks := []struct {
		what       string
		category   Category
		want, half float64
	}{
		{"energy, 0.24 Wh", Energy, 0.24e-3, 0.005e-3},
		{"water, 0.26 mL: (total − overhead) × 1.15 L/kWh, within the rounding of its inputs", Water, 0.26e-3, 0.0125e-3},
	}
	for _, c := range checks {
		o, ok := a.Outcome(c.category, Inference)
		if !ok || math.Abs(o.Value-c.want) > c.half {
			t.Errorf("%s: got %.4g, want %.4g ± %.2g", c.what, o.Value, c.want, c.half)
		}
	}
	if got, want := (accelerators+host+idle+overhead)/accelerators, 1.72; math.Abs(got-want) > 0.01 {
		t.Errorf("accelerator to full stack: got %.3f, want %.2f", got, want)
	}
}

// EcoLogits 0.9.1 of a dense 7B model, 210 output tokens, batch 64, on the US
// mix: its published formula for energy and latency gives the usage, and C_FU
// of that usage must be what the package computes itself (golden values from
// compute_llm_impacts of the released package; boundary: GPU and host share,
// PUE 1.2, decode tokens only, no training).
func TestEcoLogitsFormula(t *testing.T) {
	const (
		parameters, tokens, batch = 7.0, 210.0, 64.0
		gpus, perServer           = 1.0, 8.0
		serverKW                  = 1.2
	)
	gpuWh := tokens * (1.1665273170451914e-06*math.Exp(-0.011205921025579175*batch)*parameters + 4.052928146734005e-05)
	latency := tokens * (0.0006785088094353663*parameters + 0.0003119310311688259*batch + 0.019473717579473387)
	serverKWh := latency / 3600 * serverKW * gpus / perServer / batch
	it := gpuWh/1000*gpus + serverKWh
	inv := inventoryOf(t, `{"schema": 2, "name": "ecologits", "hardware": ["h100-ecologits", "p5-host-ecologits"],
		"electricity": {"title": "USA of EcoLogits 0.9.1", "region": "US", "characterized_by": "unknown",
			"carbon": {"value": 0.38355, "unit": "kg CO2e/kWh", "source": "EcoLogits 0.9.1", "year": 2025, "boundary": "grid", "quality": "secondary"},
			"water": {"value": 3.1321, "unit": "L/kWh", "source": "EcoLogits 0.9.1", "year": 2025, "boundary": "grid", "quality": "secondary"},
			"adpe": {"value": 9.855e-08, "unit": "kg Sb eq/kWh", "source": "EcoLogits 0.9.1", "year": 2025, "boundary": "grid", "quality": "secondary"},
			"primary_energy": {"value": 9.6884, "unit": "MJ/kWh", "source": "EcoLogits 0.9.1", "year": 2025, "boundary": "grid", "quality": "secondary"}},
		"facility": {"title": "PUE of the check",
			"pue": {"value": 1.2, "unit": "1", "source": "EcoLogits 0.9.1", "year": 2025, "boundary": "facility", "quality": "published"},
			"wue": {"value": 0.569, "unit": "L/kWh", "source": "EcoLogits 0.9.1", "year": 2025, "boundary": "facility", "quality": "published"}},
		"model": {"title": "none"},
		"lifetime_inferences": {"value": 1, "unit": "requests", "source": "unused", "year": 2025, "boundary": "none", "quality": "published"}}`)
	// A server's busy time is shared by the batch: device-hours per request are
	// latency / batch × GPUs. A million requests keep the rounding of µJ away.
	const requests = 1e6
	u := Usage{Cell: "7B", Requests: requests, OutputTokens: tokens * requests,
		Energy: microjoules(it * requests), EnergyKind: meter.KindModel, Metered: Host,
		BusyTime: time.Duration(latency / batch * gpus * requests * float64(time.Second))}
	a, err := Assess(inv, u, Options{Water: WaterEcoLogits})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range ecologitsGolden {
		o, ok := a.Outcome(c.category, c.stage)
		if got := o.Value / requests; !ok || math.Abs(got/c.want-1) > 1e-6 {
			t.Errorf("%s %s: got %.9g, want %.9g", c.category, c.stage, got, c.want)
		}
	}
	if got := gpuWh / tokens * 3600; math.Abs(got-0.16) > 0.005 {
		t.Errorf("GPU energy: got %.3f J per output token, want 0.16 (Morrison's OLMo 2 7B offline: about 0.13)", got)
	}
}

// ecologitsGolden is the output of EcoLogits 0.9.1 itself:
// compute_llm_impacts_dag(7, 7, 210, 1e9, 9.855e-8, 9.6884, 0.38355, 3.1321, 1.2, 0.569).
var ecologitsGolden = []struct {
	category Category
	stage    Stage
	want     float64
}{
	{Energy, Inference, 1.846723260505814e-05},
	{GWP, Inference, 7.08310706567005e-06},
	{ADPe, Inference, 1.8199457732284797e-12},
	{PrimaryEnergy, Inference, 0.0001789179363708453},
	{Water, Inference, 7.99173184430412e-05},
	{GWP, Embodied, 1.3432491422601302e-06},
	{ADPe, Embodied, 7.869463029670016e-11},
	{PrimaryEnergy, Embodied, 1.6210940589649356e-05},
}
