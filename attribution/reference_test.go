package attribution_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/meter/gauge"
)

func plateau(reference float64, domains ...float64) attribution.Plateau {
	p := attribution.Plateau{Reference: meter.Power(reference * 1e6)}
	for _, d := range domains {
		p.Domains = append(p.Domains, meter.Power(d*1e6))
	}
	return p
}

func TestReferenceFollowsTheDomains(t *testing.T) {
	for _, row := range []struct {
		name                  string
		plateaus              []attribution.Plateau
		slope, offset, factor float64
		slopes                []float64
		blind                 bool
		r2                    float64
		err                   string
	}{
		{"two plateaus give slope, offset and host factor", []attribution.Plateau{plateau(209.1, 100), plateau(425.3, 300)}, 1.081, 101, 425.3 / 300, nil, false, 1, ""},
		{"several that lie on the line", []attribution.Plateau{plateau(331, 100), plateau(427.5, 200), plateau(524, 300)}, 0.965, 234.5, 951.5 / 500, nil, false, 1, ""},
		{"a wall meter of another machine does not see this load", []attribution.Plateau{plateau(282, 17), plateau(282.2, 40), plateau(281.9, 72)}, 0, 282, 0, nil, true, 0, ""},
		{"a load that did not change shows nothing", []attribution.Plateau{plateau(300, 200), plateau(310, 205)}, 0, 0, 0, nil, false, 0, "measure idle and load"},
		{"one plateau is too few", []attribution.Plateau{plateau(300, 200)}, 0, 0, 0, nil, false, 0, "two plateaus"},
		{"plateaus of different domains are a mistake", []attribution.Plateau{plateau(300, 200), plateau(500, 200, 200)}, 0, 0, 0, nil, false, 0, "domains"},
		{"cards that are loaded one after the other have slopes of their own",
			[]attribution.Plateau{plateau(50+105+97, 100, 100), plateau(50+420+97, 400, 100), plateau(50+105+388, 100, 400), plateau(50+420+388, 400, 400)},
			1.01, 50, 1968.0 / 1800, []float64{1.05, 0.97}, false, 0.98, ""},
		{"and none if they rise together", []attribution.Plateau{plateau(252, 100, 100), plateau(455, 200, 200), plateau(658, 300, 300), plateau(861, 400, 400)}, 1.015, 49, 0, nil, false, 1, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := attribution.FitReference(row.plateaus)
			if row.err != "" {
				if err == nil || !strings.Contains(err.Error(), row.err) {
					t.Fatalf("got error %v, want one that says %q", err, row.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			near := func(what string, got, want, within float64) {
				if math.Abs(got-want) > within {
					t.Errorf("%s: got %.4f, want %.4f", what, got, want)
				}
			}
			near("slope", got.Slope, row.slope, 0.01)
			near("offset", got.Offset.Watts(), row.offset, 2)
			if !row.blind {
				near("R²", got.R2, row.r2, 0.02)
			}
			if row.factor > 0 {
				near("host factor", got.HostFactor.Value, row.factor, 0.02)
			}
			if got.Blind != row.blind || row.blind != (len(got.Warnings) > 0) || row.blind && got.HostFactor.Value != 0 {
				t.Errorf("got blind %v, factor %v and warnings %v, want blind %v", got.Blind, got.HostFactor, got.Warnings, row.blind)
			}
			if len(got.Slopes) != len(row.slopes) {
				t.Fatalf("got slopes %v, want %v", got.Slopes, row.slopes)
			}
			for i, want := range row.slopes {
				near("a card's slope", got.Slopes[i], want, 0.005)
			}
		})
	}
}

// The 95 % intervals hold the truth about as often as they say, and are absent
// where two plateaus lie on any line.
func TestIntervalsOfAReference(t *testing.T) {
	const slope, offset = 1.08, 101.0
	rng := rand.New(rand.NewPCG(7, 7))
	hit, hitFactor := 0, 0
	const fits = 400
	for range fits {
		var plateaus []attribution.Plateau
		for i := range 8 {
			x := 90.0
			if i%2 == 1 {
				x = 400
			}
			plateaus = append(plateaus, plateau(offset+slope*x+3*rng.NormFloat64(), x/2, x/2))
		}
		got, err := attribution.FitReference(plateaus)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got.Slope-slope) <= got.SlopeU95 && math.Abs((got.Offset).Watts()-offset) <= 2*got.OffsetU95.Watts() {
			hit++
		}
		if math.Abs(got.HostFactor.Value-(offset+slope*400)/400) <= got.HostFactor.U95 && got.HostFactor.Plateaus == 4 {
			hitFactor++
		}
	}
	for what, n := range map[string]int{"slope": hit, "host factor": hitFactor} {
		if n < fits*90/100 || n == fits {
			t.Errorf("%s: within its interval in %d of %d fits, want about 95 %%", what, n, fits)
		}
	}
	two, err := attribution.FitReference([]attribution.Plateau{plateau(200, 100), plateau(420, 300)})
	if err != nil || two.SlopeU95 != 0 || two.HostFactor.U95 != 0 {
		t.Errorf("two plateaus: got %+v (error %v), want no interval", two, err)
	}
}

// Of accelerators alone the host factor counts what the processors draw as
// overhead, as an inventory's does.
func TestHostFactorOfSomeDomains(t *testing.T) {
	plateaus := []attribution.Plateau{plateau(300, 60, 100), plateau(900, 120, 500)}
	if got := attribution.HostFactorOf(plateaus, []int{1}); got.Value != 900.0/500 || got.Plateaus != 1 {
		t.Errorf("got %+v, want 1.8 from the plateau under load", got)
	}
	if got := attribution.HostFactorOf(plateaus, nil); got.Value != 0 {
		t.Errorf("of no domain: got %+v, want none", got)
	}
}

// A calibrated sensor is trusted within what the reference showed of it.
func TestReferenceCalibratesAGauge(t *testing.T) {
	fit, err := attribution.FitReference([]attribution.Plateau{plateau(64, 59), plateau(200.3, 189.7)})
	if err != nil {
		t.Fatal(err)
	}
	before := gauge.Of(gauge.Card{Product: "NVIDIA A100-PCIE-40GB"}, gauge.Usage)
	after := fit.Calibrate(before, 0, 1)
	if math.Abs(after.Gain-0.041) > 0.002 || math.Abs(after.Offset.Watts()-2.3) > 0.3 || !after.Calibrated || after.Average != before.Average {
		t.Errorf("got %+v, want gain ± 4.1 %%, offset ± 2.3 W, and the rest as it was", after)
	}
	blind, err := attribution.FitReference([]attribution.Plateau{plateau(282, 17), plateau(282, 72)})
	if err != nil {
		t.Fatal(err)
	}
	if got := blind.Calibrate(before, 0, 1); got != before {
		t.Errorf("a blind reference: got %+v, want the gauge left alone", got)
	}
}

// The plateaus of a run are where all curves cover the time.
func TestPlateausOfCurves(t *testing.T) {
	step := func(idle, load meter.Power) *attribution.Curve {
		return varyingPower(4*time.Second, func(at time.Duration) meter.Power {
			if at < 2*time.Second {
				return idle
			}
			return load
		})
	}
	rng := rand.New(rand.NewPCG(1, 1))
	offset := meter.Power(100+rng.IntN(100)) * meter.Watt
	reference := step(offset+88*meter.Watt, offset+440*meter.Watt)
	windows := []meter.Window{{Start: 200 * ms, End: 1800 * ms}, {Start: 2200 * ms, End: 3800 * ms}, {Start: 9 * time.Second, End: 10 * time.Second}}
	plateaus := attribution.Plateaus(reference, []*attribution.Curve{step(80*meter.Watt, 400*meter.Watt)}, windows)
	if len(plateaus) != 2 {
		t.Fatalf("got %d plateaus, want the two that the readings cover", len(plateaus))
	}
	fit, err := attribution.FitReference(plateaus)
	if err != nil || math.Abs(fit.Slope-1.1) > 0.01 || math.Abs((fit.Offset-offset).Watts()) > 1 {
		t.Errorf("got slope %.3f and offset %v (error %v), want 1.1 and %v", fit.Slope, fit.Offset, err, offset)
	}
}
