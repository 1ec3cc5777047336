package attribution_test

import (
	"fmt"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
)

// Two requests overlap for a second on a device that draws 100 W throughout. The
// counter was published at unknown moments up to 100 ms before each read, which
// is 10 J at each moment that the split changes.
func ExampleAttribute() {
	device := meter.Domain{Name: "gpu0", Kind: meter.KindCounter, UpdatePeriod: 100 * time.Millisecond, Quantum: meter.Millijoule}
	var readings []meter.Reading
	for at := time.Duration(0); at <= 5*time.Second; at += 100 * time.Millisecond {
		readings = append(readings, meter.Reading{Before: at, After: at, Energy: meter.EnergyOf(100*meter.Watt, at), HasEnergy: true, Status: meter.StatusOK})
	}
	curve, _ := attribution.NewCurve(device, readings)
	requests := []attribution.Request{
		{ID: 0, Sent: 1 * time.Second, FirstToken: 1500 * time.Millisecond, Done: 3 * time.Second, ServerPrefill: -1, ServerDecode: -1},
		{ID: 1, Sent: 2 * time.Second, FirstToken: 2500 * time.Millisecond, Done: 4 * time.Second, ServerPrefill: -1, ServerDecode: -1},
	}
	window := meter.Window{Start: 500 * time.Millisecond, End: 4500 * time.Millisecond}
	result, err := attribution.Attribute(attribution.Residency{}, requests, curve, window, attribution.Idle{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range result.Shares {
		fmt.Printf("request %2d: %v (%.1f to %.1f J)\n", s.Request, s.Energy, s.Lo.Joules(), s.Hi.Joules())
	}
	fmt.Println("counter:", result.Counter)
	// Output:
	// request  0: 150 J (130.0 to 170.0 J)
	// request  1: 150 J (130.0 to 170.0 J)
	// request -1: 100 J (60.0 to 140.0 J)
	// request -2: 0 J (-20.0 to 20.0 J)
	// counter: 400 J
}
