package derivation

import (
	"math"
	"strings"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/meter/gauge"
	"cfubench/results/runfolder"
)

// steady is the curve of a gauge that always shows one power.
func steady(p meter.Power, over time.Duration) *attribution.Curve {
	var readings []meter.Reading
	for at := time.Duration(0); at <= over; at += 100 * time.Millisecond {
		readings = append(readings, meter.Reading{Before: at, After: at, Power: p, HasPower: true, Status: meter.StatusOK})
	}
	c, _ := attribution.NewCurve(meter.Domain{Name: "gpu0", Kind: meter.KindPower, Scope: meter.ScopeGPU}, readings)
	return c
}

// stretches are the driver's samples of a steady power, one stretch a second.
func buffers(p meter.Power, seconds int) (all []buffered) {
	for i := range seconds {
		w := meter.Window{Start: time.Duration(i) * time.Second, End: time.Duration(i+1) * time.Second}
		all = append(all, buffered{over: w, energy: float64(meter.EnergyOf(p, w.Length()))})
	}
	return all
}

func TestEnergyBesideTheDriversSamples(t *testing.T) {
	curve := steady(300*meter.Watt, 10*time.Second)
	for _, row := range []struct {
		name    string
		samples []buffered
		window  meter.Window
		want    float64 // NaN for none
	}{
		{"both show the same", buffers(300*meter.Watt, 10), meter.Window{Start: 500 * time.Millisecond, End: 8 * time.Second}, 1},
		{"the samples see a quarter more", buffers(375*meter.Watt, 10), meter.Window{Start: 0, End: 8 * time.Second}, 0.8},
		{"too little of them within the window", buffers(300*meter.Watt, 10), meter.Window{Start: 500 * time.Millisecond, End: 3500 * time.Millisecond}, math.NaN()},
		{"a driver without samples", nil, meter.Window{Start: 0, End: 8 * time.Second}, math.NaN()},
		{"samples that show nothing are none", buffers(0, 10), meter.Window{Start: 0, End: 8 * time.Second}, math.NaN()},
	} {
		got := toSamples(curve, row.samples, row.window)
		if math.IsNaN(got) != math.IsNaN(row.want) || math.Abs(got-row.want) > 1e-3 {
			t.Errorf("%s: got %.4f, want %.4f", row.name, got, row.want)
		}
	}
}

func TestAGaugeThatIsNotAsPublished(t *testing.T) {
	domain := func(product, register string) runfolder.DomainInfo {
		return runfolder.DomainInfo{Domain: meter.Domain{Name: "gpu0", Source: "nvml", Product: product, Driver: "550.54", Gauge: register}}
	}
	second := attribution.Response{Average: time.Second, Delay: 500 * time.Millisecond, Resolution: 100 * time.Millisecond}
	quick := attribution.Response{Average: 30 * time.Millisecond, Delay: 15 * time.Millisecond, Resolution: 100 * time.Millisecond}
	for _, row := range []struct {
		name     string
		domain   runfolder.DomainInfo
		response attribution.Response
		want     bool
	}{
		{"an H100's average is a mean over 1 s", domain("NVIDIA H100 PCIe", string(gauge.Average)), second, false},
		{"its instantaneous gauge is not", domain("NVIDIA H100 PCIe", string(gauge.Instant)), second, true},
		{"and looks for 25 ms", domain("NVIDIA H100 PCIe", string(gauge.Instant)), quick, false},
		{"an average that follows at once is none", domain("NVIDIA H100 PCIe", string(gauge.Average)), quick, true},
		{"of an unknown card nothing is published", domain("some card", string(gauge.Instant)), second, false},
	} {
		got := disagrees(row.domain, row.response)
		if (got != "") != row.want || row.want && !strings.Contains(got, "arXiv") {
			t.Errorf("%s: got %q, want a warning: %v", row.name, got, row.want)
		}
	}
}

// What a reference meter found of a sensor is its stated uncertainty.
func TestAReferenceIsTheSensorsUncertainty(t *testing.T) {
	curve := steady(300*meter.Watt, 10*time.Second)
	w := meter.Window{Start: 2 * time.Second, End: 7 * time.Second}
	estimate := func(r *runfolder.SensorReference) attribution.Uncertainty {
		return curve.Estimate(w, attribution.Surroundings{Gauge: sensor(curve, runfolder.DomainInfo{Reference: r})}).Uncertainty
	}
	before, after := estimate(nil), estimate(&runfolder.SensorReference{Gain: 0.01, Offset: 2 * meter.Watt, Source: "a shunt"})
	if after.Gain != 15*meter.Joule || after.Offset != 10*meter.Joule || before.Gain == after.Gain || before.Boundary != after.Boundary {
		t.Errorf("got %+v, before %+v, want 1 %% of 1500 J, 2 W of 5 s, and the rest as it was", after, before)
	}
}
