package attribution_test

import (
	"fmt"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/meter/gauge"
)

// A GPU idles at 100 W, serves at 400 W from 3.03 to 5.47 s, and idles again. Its
// counter is published every 100 ms, so the load's edges lie between updates:
// the idle power before and after tells what belongs to the window.
func ExampleCurve_Estimate() {
	device := meter.Domain{Name: "gpu0", Kind: meter.KindCounter, Scope: meter.ScopeGPU, Source: "nvml",
		UpdatePeriod: 100 * time.Millisecond, Quantum: meter.Millijoule, Limit: 700 * meter.Watt}
	window := meter.Window{Start: 3030 * time.Millisecond, End: 5470 * time.Millisecond}
	var readings []meter.Reading
	for at := time.Duration(0); at <= 8*time.Second; at += 20 * time.Millisecond {
		published := at - at%(100*time.Millisecond)
		used := meter.EnergyOf(100*meter.Watt, published) + meter.EnergyOf(300*meter.Watt, min(published, window.End)-window.Start)
		readings = append(readings, meter.Reading{Before: at, After: at, Energy: used, HasEnergy: true, Status: meter.StatusOK})
	}
	curve, _ := attribution.NewCurve(device, readings)

	e := curve.Estimate(window, attribution.Surroundings{
		IdleBefore: meter.Window{Start: 1 * time.Second, End: 3 * time.Second},
		IdleAfter:  meter.Window{Start: 5500 * time.Millisecond, End: 7500 * time.Millisecond},
		Gauge:      gauge.Of(gauge.Card{Product: "NVIDIA L40S", Driver: "550.54"}, gauge.Counter),
		Step:       23 * time.Millisecond,
	})
	fmt.Printf("%s: %.0f J (true: 976 J), hard bracket %.0f to %.0f J\n", e.Method, e.Energy.Joules(), e.Lo.Joules(), e.Hi.Joules())
	fmt.Printf("± %.0f J (U95): ± %.0f J of this window alone, the rest common to all cells\n", e.Uncertainty.U95().Joules(), e.Uncertainty.IndependentU95().Joules())
	fmt.Printf("idle %.1f W, two reads of the register differ by %.0f J\n", e.Idle.Loaded.Watts(), e.Counter.Energy.Joules())
	first := e.Curve.Total(meter.Window{Start: window.Start, End: 4 * time.Second})
	rest := e.Curve.Total(meter.Window{Start: 4 * time.Second, End: window.End})
	fmt.Printf("parts %.0f + %.0f J\n", first.Joules(), rest.Joules())
	// Output:
	// anchored: 976 J (true: 976 J), hard bracket 920 to 982 J
	// ± 90 J (U95): ± 2 J of this window alone, the rest common to all cells
	// idle 100.0 W, two reads of the register differ by 951 J
	// parts 391 + 585 J
}
