package meter_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cfubench/meter"
)

// at is a reading of a counter at a time, in ms and mJ.
func at(ms, mJ int64) meter.Reading {
	t := time.Duration(ms) * time.Millisecond
	return meter.Reading{Before: t, After: t, Energy: meter.Energy(mJ) * meter.Millijoule, HasEnergy: true, Status: meter.StatusOK}
}

// judge returns the final status of each reading.
func judge(c meter.Classifier, readings []meter.Reading) []meter.Status {
	var s meter.State
	out := make([]meter.Status, len(readings))
	held := -1
	for i, r := range readings {
		var v meter.Verdict
		s, v = c.Next(s, r)
		if v.Before != "" {
			out[held] = v.Before
			held = -1
		}
		out[i] = v.Status
		if v.Held {
			held = i
		}
	}
	return out
}

func TestClassifier(t *testing.T) {
	// 100 W at most, published every 100 ms, read every 20 ms: between two reads
	// up to 33 J are plausible.
	counter := meter.Classifier{Quantum: meter.Millijoule, Limit: 100 * meter.Watt, UpdatePeriod: 100 * time.Millisecond, Poll: 20 * time.Millisecond}
	ranged := counter
	ranged.Range = 1000 * meter.Joule
	unlimited := ranged
	unlimited.Limit = 0
	model := counter
	model.MayRest = true
	missing := meter.Reading{Before: 20 * time.Millisecond, After: 20 * time.Millisecond}
	lost := missing
	lost.Status = meter.StatusLost
	gauge := func(ms int64, p meter.Power) meter.Reading {
		r := at(ms, 0)
		r.HasEnergy, r.HasPower, r.Power = false, true, p
		return r
	}
	old := func(ms, mJ int64) meter.Reading {
		r := at(ms, mJ)
		r.Status = meter.StatusStalled
		return r
	}
	idle := func(ms, mJ int64) meter.Reading {
		r := at(ms, mJ)
		r.HasPower = true
		return r
	}
	const (
		ok, wrap, reset, glitch = meter.StatusOK, meter.StatusWrap, meter.StatusReset, meter.StatusGlitch
		stalled, transient, gap = meter.StatusStalled, meter.StatusTransient, meter.StatusGap
		gone                    = meter.StatusLost
	)
	var steady []meter.Reading // 60 at 80 W
	for i := range int64(60) {
		steady = append(steady, at(20*i, 5+1600*i))
	}
	for _, tt := range []struct {
		does     string
		c        meter.Classifier
		readings []meter.Reading
		want     []meter.Status
	}{
		{"a counter that stands and steps within the limit is ok", counter,
			[]meter.Reading{at(0, 5), at(20, 5), at(40, 9005), at(60, 9005)}, []meter.Status{ok, ok, ok, ok}},
		{"a step of a whole update at once is ok although the last read was 20 ms ago", counter,
			[]meter.Reading{at(0, 0), at(20, 10_000)}, []meter.Status{ok, ok}},
		{"a fall by the known range is a wrap", ranged,
			[]meter.Reading{at(0, 999_000), at(20, 3_000), at(40, 5_000)}, []meter.Status{ok, wrap, ok}},
		{"a fall that no power within the limit explains is a reset, though the range is known", ranged,
			[]meter.Reading{at(0, 500_000), at(20, 3_000), at(40, 5_000)}, []meter.Status{ok, reset, ok}},
		{"without a limit a fall through more than half the range is a reset", unlimited,
			[]meter.Reading{at(0, 400_000), at(20, 3_000), at(40, 5_000)}, []meter.Status{ok, reset, ok}},
		{"without a limit a fall near the range's end is a wrap", unlimited,
			[]meter.Reading{at(0, 999_000), at(20, 3_000)}, []meter.Status{ok, wrap}},
		{"a counter without a range cannot wrap", counter,
			[]meter.Reading{at(0, 999_000), at(20, 3_000), at(40, 5_000)}, []meter.Status{ok, reset, ok}},
		{"a jump that comes back is a glitch and the line goes on", counter,
			[]meter.Reading{at(0, 1_000), at(20, 9_000_000), at(40, 2_000)}, []meter.Status{ok, glitch, ok}},
		{"a fall that comes back is a glitch too", counter,
			[]meter.Reading{at(0, 22_000_000), at(20, 200_000), at(40, 22_001_000)}, []meter.Status{ok, glitch, ok}},
		{"a jump that stays is a reset to another origin", counter,
			[]meter.Reading{at(0, 1_000), at(20, 9_000_000), at(40, 9_001_000)}, []meter.Status{ok, reset, ok}},
		{"a value after a glitch that is on neither line is a glitch as well", counter,
			[]meter.Reading{at(0, 1_000), at(20, 9_000_000), at(40, 5_000_000), at(60, 2_000)}, []meter.Status{ok, glitch, glitch, ok}},
		{"a fall at the very end stays a reset", counter,
			[]meter.Reading{at(0, 50_000), at(20, 3)}, []meter.Status{ok, reset}},
		{"a jump at the very end stays a glitch", counter,
			[]meter.Reading{at(0, 50_000), at(20, 9_000_000)}, []meter.Status{ok, glitch}},
		{"no change for a second and five updates is a stall, until it moves", counter,
			[]meter.Reading{at(0, 5), at(90, 5), at(180, 5), at(270, 5), at(360, 5), at(450, 5), at(540, 5), at(630, 5), at(720, 5), at(810, 5), at(900, 5), at(990, 5), at(1080, 5), at(1100, 9)},
			[]meter.Status{ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, stalled, ok}},
		{"a source that knows that its sample is an old one is believed at once", counter,
			[]meter.Reading{at(0, 5), old(20, 5), at(40, 9)}, []meter.Status{ok, stalled, ok}},
		{"a register that stood still and catches up has not jumped", counter,
			[]meter.Reading{at(0, 5), at(20, 5), at(40, 5), at(60, 5), at(80, 5), at(100, 5), at(120, 5), at(140, 5), at(160, 5), at(180, 5), at(200, 5), at(220, 5), at(240, 5), at(260, 5), at(280, 5), at(300, 60_005), at(320, 60_005)},
			[]meter.Status{ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, ok}},
		{"a register that was late, moved once and catches up has not jumped", counter,
			slices.Concat(steady, []meter.Reading{at(2180, 94_505), at(2200, 176_005), at(2220, 177_605)}), append(slices.Repeat([]meter.Status{ok}, 60), gap, ok, ok)},
		{"one that jumps by more than the part can have drawn since is another epoch", counter,
			slices.Concat(steady, []meter.Reading{at(2180, 94_505), at(2200, 600_005), at(2220, 601_605)}), append(slices.Repeat([]meter.Status{ok}, 60), gap, reset, ok)},
		{"no change is no stall while the gauge says 0 W", counter,
			[]meter.Reading{idle(0, 5), idle(600, 5), idle(1200, 5)}, []meter.Status{ok, gap, gap}},
		{"a model may stand still: its processes rest", model,
			[]meter.Reading{at(0, 5), at(2000, 5), at(2020, 5)}, []meter.Status{ok, gap, ok}},
		{"a read without a value is a missing sample and no zero", counter,
			[]meter.Reading{at(0, 5), missing, at(40, 9)}, []meter.Status{ok, transient, ok}},
		{"a read later than five polls is marked", counter,
			[]meter.Reading{at(0, 5), at(101, 9)}, []meter.Status{ok, gap}},
		{"after half the time in which the range could wrap nothing is known", ranged,
			[]meter.Reading{at(0, 5), at(5001, 9)}, []meter.Status{ok, reset}},
		{"a counter whose energy fails and whose gauge does not: a missing sample, and the counter goes on", counter,
			[]meter.Reading{at(0, 5000), gauge(20, 5), at(40, 9000)}, []meter.Status{ok, transient, ok}},
		{"a doubtful reading before a missing one is settled by its direction", counter,
			[]meter.Reading{at(0, 50_000), at(20, 3), missing, at(60, 4), at(80, 5)}, []meter.Status{ok, reset, transient, reset, ok}},
		{"a lost device stays lost", counter,
			[]meter.Reading{at(0, 5), lost, at(40, 9)}, []meter.Status{ok, gone, gone}},
		{"a gauge is judged by its times, by its own period where that is longer than the poll", counter,
			[]meter.Reading{gauge(0, 5), gauge(20, 500), gauge(200, 1), gauge(800, 1)}, []meter.Status{ok, ok, ok, gap}},
		{"a gauge that shows over twice what the part can draw is not believed, whatever it shows next", counter,
			[]meter.Reading{gauge(0, 5), gauge(20, 500_000_000), gauge(40, 500_000_000), gauge(60, 5)}, []meter.Status{ok, glitch, glitch, ok}},
	} {
		got := judge(tt.c, tt.readings)
		for i := range tt.want {
			if got[i] != tt.want[i] {
				t.Errorf("%s: reading %d is %q, want %q", tt.does, i, got[i], tt.want[i])
			}
		}
	}
}

// A counter within its limit, whatever its wraps, is followed without a doubt,
// and its steps through the wraps sum to what was spent.
func TestClassifierFollowsAWrappingCounter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := meter.Power(rapid.Int64Range(1, 1000).Draw(t, "limit W")) * meter.Watt
		c := meter.Classifier{
			Quantum: 61, Limit: limit, UpdatePeriod: time.Millisecond, Poll: 10 * time.Millisecond,
			Range: meter.EnergyOf(limit, time.Duration(rapid.Int64Range(2, 60).Draw(t, "range s"))*time.Second),
		}
		var s meter.State
		var now time.Duration
		raw := meter.Energy(rapid.Int64Range(0, int64(c.Range)).Draw(t, "start"))
		for range rapid.IntRange(2, 200).Draw(t, "reads") {
			r := meter.Reading{Before: now, After: now, Energy: raw, HasEnergy: true, Status: meter.StatusOK}
			var v meter.Verdict
			s, v = c.Next(s, r)
			if v.Status != meter.StatusOK && v.Status != meter.StatusWrap && v.Status != meter.StatusGap {
				t.Fatalf("reading %d µJ at %v: got %q, want ok, wrap or gap", raw, now, v.Status)
			}
			step := time.Duration(rapid.Int64Range(1, 900).Draw(t, "step ms")) * time.Millisecond
			now += step
			raw += meter.EnergyOf(meter.Power(rapid.Int64Range(1000, int64(limit)).Draw(t, "power µW")), step)
			if raw > c.Range {
				raw -= c.Range
			}
		}
	})
}

// A counter that is set to zero in mid-run is never passed off as continuous.
func TestClassifierNoticesEveryReset(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := meter.Classifier{Quantum: meter.Millijoule, Limit: 700 * meter.Watt, UpdatePeriod: 100 * time.Millisecond, Poll: 20 * time.Millisecond}
		before := rapid.Int64Range(1_000, 1<<40).Draw(t, "before mJ")
		after := rapid.Int64Range(0, before-1).Draw(t, "after mJ")
		readings := []meter.Reading{at(0, before), at(20, after), at(40, after), at(60, after+1)}
		if got := judge(c, readings)[1]; got != meter.StatusReset {
			t.Fatalf("fall from %d to %d mJ: got %q, want reset", before, after, got)
		}
	})
}
