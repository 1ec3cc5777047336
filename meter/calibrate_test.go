package meter_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cfubench/meter"
)

// calibrate runs a calibration of src in fake time.
func calibrate(t *testing.T, clock meter.Clock, src meter.Source, d time.Duration) meter.Calibration {
	t.Helper()
	got, err := meter.Calibrate(t.Context(), clock, src, d)
	if err != nil || len(got) != 1 {
		t.Fatalf("calibrate: %d calibrations, %v; want 1", len(got), err)
	}
	return got[0]
}

func TestCalibrationMeasuresTheUpdatePeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := meter.NewClock(time.Now())
		g := &gpu{clock: clock, name: "gpu0", update: 100 * time.Millisecond, power: 400 * meter.Watt}
		g.fault = func(r *meter.Reading) { // a call of 30 µs
			time.Sleep(30 * time.Microsecond)
			r.After = clock()
		}
		c := calibrate(t, clock, g, 5*time.Second)
		if c.UpdatePeriod < 99*time.Millisecond || c.UpdatePeriod > 101*time.Millisecond || c.UpdateP5 > c.UpdatePeriod || c.UpdateP95 < c.UpdatePeriod {
			t.Errorf("update period %v (%v to %v), want 100ms", c.UpdatePeriod, c.UpdateP5, c.UpdateP95)
		}
		if c.Updates < 48 || c.Updates > 50 {
			t.Errorf("%d updates in 5 s, want 49 or so", c.Updates)
		}
		if c.CallP50 != 30*time.Microsecond || c.CallP99 != 30*time.Microsecond {
			t.Errorf("calls of %v (p99 %v), want 30µs", c.CallP50, c.CallP99)
		}
		if math.Abs(c.CounterToPower-1) > 0.01 || len(c.Warnings) > 0 || c.Refused != "" {
			t.Errorf("counter over power %v, warnings %q, refused %q; want 1, none, no", c.CounterToPower, c.Warnings, c.Refused)
		}
	})
}

func TestCalibrationDoubts(t *testing.T) {
	off := func(by float64) func(*meter.Reading) {
		return func(r *meter.Reading) { r.Power = meter.Power(float64(r.Power) * by) }
	}
	first := true
	for _, tt := range []struct {
		does    string
		update  time.Duration
		fault   func(*meter.Reading)
		period  time.Duration // 0: not resolved
		warning string        // "" for none
		refused string        // "" for not
	}{
		{"a gauge 4 % off passes", 100 * time.Millisecond, off(1.04), 100 * time.Millisecond, "", ""},
		{"a gauge 10 % off is a warning", 100 * time.Millisecond, off(1.10), 100 * time.Millisecond, "differ by 9 %", ""},
		{"a gauge 70 % higher still is a warning", 100 * time.Millisecond, off(1.70), 100 * time.Millisecond, "differ by 41 %", ""},
		{"a counter at half of what the gauge says is refused", 100 * time.Millisecond, off(2.2), 100 * time.Millisecond, "", "disagree"},
		{"a counter twice what the gauge says is refused", 100 * time.Millisecond, off(0.45), 100 * time.Millisecond, "", "disagree"},
		{"a register faster than the reads has no measured period", 100 * time.Microsecond, func(*meter.Reading) {}, 0, "", ""},
		{"a counter that is slower than the calibration is said to be", time.Hour, func(*meter.Reading) {}, 0, "did not advance", ""},
		{"a counter that stands still under power is refused", 100 * time.Millisecond, func(r *meter.Reading) { r.Energy = 7 * meter.Joule }, 0, "", "stood still for 5s in which its power gauge saw 2e+03 J"},
		{"one that stands still without power is not", 100 * time.Millisecond, func(r *meter.Reading) { r.Energy, r.Power = 7*meter.Joule, 0 }, 0, "did not advance", ""},
		{"a register that gives nothing is refused", 100 * time.Millisecond, func(r *meter.Reading) { *r = meter.Reading{Before: r.Before, After: r.After} }, 0, "", "no read gave a value"},
		{"a read that gives nothing is counted", 100 * time.Millisecond, func(r *meter.Reading) {
			if first {
				*r = meter.Reading{Before: r.Before, After: r.After}
			}
			first = false
		}, 100 * time.Millisecond, "1 of ", ""},
		{"a counter that falls is not compared with the gauge", 100 * time.Millisecond, func(r *meter.Reading) { r.Energy = 1<<50 - r.Energy }, 100 * time.Millisecond, "fell", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			clock := meter.NewClock(time.Now())
			c := calibrate(t, clock, &gpu{clock: clock, name: "gpu0", update: tt.update, power: 400 * meter.Watt, fault: tt.fault}, 5*time.Second)
			warnings := strings.Join(c.Warnings, "; ")
			if tt.warning == "" && warnings != "" || !strings.Contains(warnings, tt.warning) {
				t.Errorf("%s: warnings %q, want %q", tt.does, warnings, tt.warning)
			}
			if tt.refused == "" && c.Refused != "" || !strings.Contains(c.Refused, tt.refused) {
				t.Errorf("%s: refused %q, want %q", tt.does, c.Refused, tt.refused)
			}
			if d := (c.UpdatePeriod - tt.period).Abs(); d > time.Millisecond {
				t.Errorf("%s: update period %v, want %v", tt.does, c.UpdatePeriod, tt.period)
			}
		})
	}
}

// gauge is a GPU without a counter.
type gauge struct{ gpu }

func (g *gauge) Domains() []meter.Domain {
	d := g.gpu.Domains()
	d[0].Kind = meter.KindPower
	return d
}

// A gauge may show the same power for as long as the load is steady.
func TestSteadyGaugeIsNoFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := meter.NewClock(time.Now())
		g := &gauge{gpu{clock: clock, name: "gpu0", update: 100 * time.Millisecond, power: 400 * meter.Watt, fault: func(r *meter.Reading) { r.HasEnergy = false }}}
		if c := calibrate(t, clock, g, 5*time.Second); len(c.Warnings) > 0 || c.Refused != "" {
			t.Errorf("got warnings %q and refusal %q, want neither", c.Warnings, c.Refused)
		}
	})
}

// A call that does not return ends the calibration, not the caller.
func TestCalibrationOfABlockedSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		clock := meter.NewClock(time.Now())
		g := &gpu{clock: clock, name: "gpu0", update: time.Second, power: meter.Watt, fault: func(*meter.Reading) { <-release }}
		_, err := meter.Calibrate(t.Context(), clock, g, time.Second)
		if blocked := (*meter.BlockedError)(nil); !errors.As(err, &blocked) || !strings.Contains(err.Error(), "gpu0") {
			t.Errorf("got %v, want a blocked error that names gpu0", err)
		}
	})
}

func TestCalibrationEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := meter.NewClock(time.Now())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := meter.Calibrate(ctx, clock, &gpu{clock: clock, name: "gpu0", update: time.Second, power: meter.Watt}, time.Hour)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "gpu0") {
			t.Errorf("calibrate: %v, want the deadline's error that names gpu0", err)
		}
	})
}

// three is a source of three domains, the middle one of which gets refused.
type three struct{ gpu }

func (s *three) Domains() []meter.Domain {
	d := s.gpu.Domains()[0]
	model := d
	model.Name, model.Kind = "model", meter.KindModel
	middle := d
	middle.Name = "middle"
	return []meter.Domain{d, middle, model}
}

func (s *three) Read(dst []meter.Reading) []meter.Reading {
	for i := range 3 {
		dst = append(dst, meter.Reading{Domain: i, Energy: meter.Energy(i), HasEnergy: true})
	}
	return dst
}

func TestCalibratedSource(t *testing.T) {
	src := &three{gpu{name: "gpu0", update: time.Second}}
	calibrations := []meter.Calibration{
		{UpdatePeriod: 30 * time.Millisecond},
		{UpdatePeriod: 30 * time.Millisecond, Refused: "counts something else"},
		{UpdatePeriod: 30 * time.Millisecond},
	}
	got, left := meter.Calibrated(src, calibrations)
	if len(left) != 1 || left[0].Domain != "middle" || left[0].Reason != "counts something else" {
		t.Errorf("left out %+v, want the middle one with its reason", left)
	}
	domains := got.Domains()
	if len(domains) != 2 || domains[0].UpdatePeriod != 30*time.Millisecond || domains[1].UpdatePeriod != time.Second {
		t.Errorf("domains %+v, want the counter with 30ms and the model with its own 1s", domains)
	}
	readings := got.Read([]meter.Reading{{Domain: 7}})
	if len(readings) != 3 || readings[0].Domain != 7 || readings[1].Domain != 0 || readings[2].Domain != 1 || readings[2].Energy != 2 {
		t.Errorf("readings %+v, want what was there, then domains 0 and 1 with the energies of the first and the last", readings)
	}
	if inner, ok := meter.As[*three](got); !ok || inner != src {
		t.Errorf("what was calibrated is %v, %v; want the source itself", inner, ok)
	}
	if _, ok := meter.As[*gpu](got); ok {
		t.Error("a *three is found to be a *gpu")
	}
	for i := range calibrations {
		calibrations[i].Refused = "x"
	}
	if got, left := meter.Calibrated(src, calibrations); got != nil || len(left) != 3 {
		t.Errorf("with every domain refused: %v, %d refusals; want no source and 3", got, len(left))
	}
}

// A host that is too busy to read the counter when it publishes sees the first
// update late, and the counter seems to have counted more than the gauge: what
// the times of the reads leave open is no disagreement, and what they do not is.
func TestCalibrationOnABusyHost(t *testing.T) {
	for _, tt := range []struct {
		does    string
		by      float64
		warning string
	}{
		{"a late read of a good counter is no warning", 1, ""},
		{"a gauge far off is one in spite of it", 1.4, "differ by"},
	} {
		synctest.Test(t, func(t *testing.T) {
			clock := meter.NewClock(time.Now())
			began, late := clock(), true
			g := &gpu{clock: clock, name: "gpu0", update: 100 * time.Millisecond, power: 400 * meter.Watt, fault: func(r *meter.Reading) {
				r.Power = meter.Power(float64(r.Power) * tt.by)
			}}
			// A calibration waits 20 times as long as a call took: the first update
			// that it sees is that of 2 s, at 2.095 s.
			pausing := &pausingSource{gpu: g, pause: func() {
				if late && clock()-began > 90*time.Millisecond {
					late = false
					time.Sleep(95430 * time.Microsecond)
				}
			}}
			c := calibrate(t, clock, pausing, 3*time.Second)
			warnings := strings.Join(c.Warnings, "; ")
			if tt.warning == "" && warnings != "" || !strings.Contains(warnings, tt.warning) || c.Refused != "" {
				t.Errorf("%s: ratio %.3f, warnings %q, refused %q; want warning %q", tt.does, c.CounterToPower, warnings, c.Refused, tt.warning)
			}
			if tt.by == 1 && c.CounterToPower < 1.05 {
				t.Errorf("%s: got ratio %.3f: want the late read to show in it", tt.does, c.CounterToPower)
			}
		})
	}
}

// pausingSource is a GPU after each read of which something happens.
type pausingSource struct {
	*gpu
	pause func()
}

func (p *pausingSource) Read(dst []meter.Reading) []meter.Reading {
	defer p.pause()
	return p.gpu.Read(dst)
}

// partTime is a GPU whose gauge looks at a part of the time, and that may have
// another gauge, which looks all the time.
type partTime struct {
	gpu
	mean meter.Power // 0 for none
}

func (p *partTime) Domains() []meter.Domain {
	d := p.gpu.Domains()
	d[0].PartTime = true
	return d
}

func (p *partTime) MeanPower(int) (meter.Power, bool) { return p.mean, p.mean > 0 }

func TestPartTimeGaugeDoesNotRefuseACounter(t *testing.T) {
	for _, tt := range []struct {
		does    string
		mean    meter.Power
		warning string
		refused string
	}{
		{"the average gauge agrees with the counter", 405 * meter.Watt, "the average gauge 1 %", ""},
		{"there is no other gauge", 0, "no other is there to settle it", ""},
		{"the average gauge contradicts the counter too: it counts something else", 900 * meter.Watt, "", "counter and power gauges disagree"},
	} {
		synctest.Test(t, func(t *testing.T) {
			clock := meter.NewClock(time.Now())
			g := &partTime{gpu{clock: clock, name: "gpu0", update: 100 * time.Millisecond, power: 400 * meter.Watt}, tt.mean}
			g.fault = func(r *meter.Reading) { r.Power = 100 * meter.Watt } // one level of two
			c := calibrate(t, clock, g, 5*time.Second)
			if got := strings.Join(c.Warnings, "; "); !strings.Contains(got, tt.warning) || tt.warning == "" && got != "" {
				t.Errorf("%s: warnings %q, want %q", tt.does, got, tt.warning)
			}
			if !strings.Contains(c.Refused, tt.refused) || tt.refused == "" && c.Refused != "" {
				t.Errorf("%s: refused %q, want %q", tt.does, c.Refused, tt.refused)
			}
		})
	}
}

// A counter that is refused beside a live gauge leaves the gauge to measure with.
func TestRefusedCounterLeavesItsGauge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := meter.NewClock(time.Now())
		g := &gpu{clock: clock, name: "gpu0", update: 100 * time.Millisecond, power: 300 * meter.Watt}
		g.fault = func(r *meter.Reading) { r.Energy = 7 * meter.Joule }
		src, left := meter.Calibrated(g, []meter.Calibration{calibrate(t, clock, g, 5*time.Second)})
		if src == nil || len(left) != 1 {
			t.Fatalf("got source %v and refusals %v, want the gauge and one refusal", src, left)
		}
		if d := src.Domains()[0]; d.Kind != meter.KindPower || !strings.Contains(d.Note, "in place of the counter") {
			t.Errorf("got %+v, want a power gauge that says why", d)
		}
		if r := src.Read(nil); len(r) != 1 || r[0].HasEnergy || r[0].Power != 300*meter.Watt {
			t.Errorf("got reading %+v, want 300 W and no energy", r)
		}
	})
}

// What a gauge shows beyond twice the limit is no evidence against the counter.
func TestCalibrationDropsSpikesOfAGauge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := meter.NewClock(time.Now())
		g := &gpu{clock: clock, name: "gpu0", update: 100 * time.Millisecond, power: 400 * meter.Watt}
		n := 0
		g.fault = func(r *meter.Reading) {
			if n++; n%20 == 7 {
				r.Power = 4_294_967 * meter.Watt
			}
		}
		c := calibrate(t, clock, g, 5*time.Second)
		if c.Refused != "" || math.Abs(c.CounterToPower-1) > 0.02 || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "twice what the part can draw") {
			t.Errorf("got refusal %q, ratio %.3f, warnings %q; want none, 1 and one warning of the spikes", c.Refused, c.CounterToPower, c.Warnings)
		}
	})
}

func TestFloorIsHalfOfTheLowestSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := meter.NewClock(time.Now())
		g := &gpu{clock: clock, name: "gpu0", update: 100 * time.Millisecond, power: 400 * meter.Watt}
		c := calibrate(t, clock, g, 5*time.Second)
		if got := c.Floor.Watts(); math.Abs(got-200) > 10 {
			t.Errorf("got a floor of %.0f W for a constant 400 W, want 200", got)
		}
	})
}

// Two GPUs of a superchip that show one register are one; counters of two GPUs
// that use the same power are not.
func TestTwins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := meter.NewClock(time.Now())
		read := func(base, wave meter.Energy) meter.Calibration {
			began := clock()
			g := &gpu{clock: clock, name: "x", update: 100 * time.Millisecond, power: 400 * meter.Watt}
			g.fault = func(r *meter.Reading) {
				k := meter.Energy((r.Before - began) / (100 * time.Millisecond))
				r.Energy = base + k*40*meter.Joule + k%3*wave
			}
			return calibrate(t, clock, g, 3*time.Second)
		}
		module := meter.Domain{Kind: meter.KindCounter, Scope: meter.ScopeModule}
		gpu := meter.Domain{Kind: meter.KindCounter, Scope: meter.ScopeGPU, Product: "NVIDIA H100 80GB HBM3"}
		superchip := meter.Domain{Kind: meter.KindCounter, Scope: meter.ScopeGPU, Product: "NVIDIA GB200"}
		for _, tt := range []struct {
			does string
			d    meter.Domain
			a, b meter.Calibration
			want bool
		}{
			{"two views of a module, one after the other", module, read(5000, 0), read(5000, 0), true},
			{"two modules that started at other times", module, read(5000, 0), read(7_001_000, 0), false},
			{"two GPUs of a superchip without a module's gauge", superchip, read(5000, 7*meter.Joule), read(5000, 7*meter.Joule), true},
			{"two simulated boards that count the same", gpu, read(5000, 0), read(5000, 0), false},
			{"a counter that stands", module, meter.Calibration{}, meter.Calibration{}, false},
		} {
			got := meter.Twins([]meter.Domain{tt.d, tt.d}, []meter.Calibration{tt.a, tt.b})
			if one := got[1] == 0; one != tt.want {
				t.Errorf("%s: one is %v, want %v", tt.does, one, tt.want)
			}
		}
	})
}
