package summary_test

import (
	"slices"
	"testing"

	"cfubench/meter"
	"cfubench/results/derivation"
	"cfubench/results/summary"
)

// sound is the evidence of a cell with nothing wrong.
func sound() summary.Evidence {
	return summary.Evidence{
		Requests: 1000, Complete: true, LatenessP99: 0.0005, LatencyP50: 1, CachedShare: 0, OutputShare: 1, LatencyTrend: summary.Unknown(),
		Batch: 8, Effective: 8, MinForP99: 662, Measured: 1000,
		Sensors: []derivation.SensorHealth{{
			Domain: "gpu0", Kind: meter.KindCounter, Readings: 5000, Covered: true, Advanced: true,
			CounterToPower: 1.01, IdleDrift: 0.01, Bracket: 0.01,
		}},
	}
}

func TestVerdict(t *testing.T) {
	sensor := func(change func(*derivation.SensorHealth)) func(*summary.Evidence) {
		return func(e *summary.Evidence) { change(&e.Sensors[0]) }
	}
	for _, c := range []struct {
		comment string
		change  func(*summary.Evidence)
		verdict string
		codes   []string
	}{
		{"nothing is wrong", func(*summary.Evidence) {}, summary.Valid, nil},
		{"an interrupted cell", func(e *summary.Evidence) { e.Complete, e.Interrupted = false, "interrupted" }, summary.Invalid, []string{"incomplete"}},
		{"no request completed", func(e *summary.Evidence) { e.Errors = 1000 }, summary.Invalid, []string{"no_requests"}},
		{"one error is a doubt", func(e *summary.Evidence) { e.Errors = 1 }, summary.ValidWarnings, []string{"errors"}},
		{"6 % errors are too many", func(e *summary.Evidence) { e.Errors = 60 }, summary.Invalid, []string{"errors"}},
		{"sends 2 % of the latency late", func(e *summary.Evidence) { e.LatenessP99 = 0.02 }, summary.ValidWarnings, []string{"client_late"}},
		{"sends 20 % of the latency late", func(e *summary.Evidence) { e.LatenessP99 = 0.2 }, summary.Invalid, []string{"client_late"}},
		{"closed loop has no lateness", func(e *summary.Evidence) { e.LatenessP99 = summary.Unknown() }, summary.Valid, nil},
		{"no meter", func(e *summary.Evidence) { e.Sensors = nil }, summary.ValidWarnings, []string{"no_meter"}},
		{"a model says so", sensor(func(s *derivation.SensorHealth) { s.Kind = meter.KindModel }), summary.ValidWarnings, []string{"modelled_energy"}},
		{"a model has no idle drift", sensor(func(s *derivation.SensorHealth) { s.Kind, s.IdleDrift = meter.KindModel, 3 }), summary.ValidWarnings, []string{"modelled_energy"}},
		{"short gaps", sensor(func(s *derivation.SensorHealth) { s.Gaps, s.GapShare = 2, 0.01 }), summary.ValidWarnings, []string{"sensor_gap"}},
		{"a counter's gaps of a tenth of the window lose nothing", sensor(func(s *derivation.SensorHealth) { s.Gaps, s.GapShare = 2, 0.1 }), summary.ValidWarnings, []string{"sensor_gap"}},
		{"a gauge's gaps of a tenth of the window", sensor(func(s *derivation.SensorHealth) { s.Kind, s.Gaps, s.GapShare = meter.KindPower, 2, 0.1 }), summary.Invalid, []string{"sensor_gap"}},
		{"a reset", sensor(func(s *derivation.SensorHealth) { s.Reset = true }), summary.Invalid, []string{"sensor_reset"}},
		{"a device that went away", sensor(func(s *derivation.SensorHealth) { s.Lost = true }), summary.Invalid, []string{"sensor_lost"}},
		{"readings that begin late", sensor(func(s *derivation.SensorHealth) { s.Covered = false }), summary.Invalid, []string{"not_covered"}},
		{"a dead counter", sensor(func(s *derivation.SensorHealth) { s.Advanced = false }), summary.Invalid, []string{"counter_not_moved"}},
		{"the counter 8 % over the gauge", sensor(func(s *derivation.SensorHealth) { s.CounterToPower = 1.08 }), summary.ValidWarnings, []string{"counter_vs_power"}},
		{"the counter far over a gauge that looks part of the time", sensor(func(s *derivation.SensorHealth) { s.CounterToPower, s.PartTime = 1.5, true }), summary.ValidWarnings, []string{"counter_vs_power"}},
		{"the counter far under such a gauge, after it stood still", sensor(func(s *derivation.SensorHealth) { s.CounterToPower, s.PartTime, s.Stalled = 0.6, true, 12 }), summary.Invalid, []string{"counter_vs_power", "sensor_stalled"}},
		{"the counter at 57 % of the gauge", sensor(func(s *derivation.SensorHealth) { s.CounterToPower = 0.57 }), summary.Invalid, []string{"counter_vs_power"}},
		{"idle power rose by 5 %", sensor(func(s *derivation.SensorHealth) { s.IdleDrift = 0.05 }), summary.ValidWarnings, []string{"idle_drift"}},
		{"idle power fell by 5 %", sensor(func(s *derivation.SensorHealth) { s.IdleDrift = -0.05 }), summary.ValidWarnings, []string{"idle_drift"}},
		{"bounds as wide as the energy", sensor(func(s *derivation.SensorHealth) { s.Bracket = 1 }), summary.ValidWarnings, []string{"wide_energy_bounds"}},
		{"an exporter's register", sensor(func(s *derivation.SensorHealth) { s.Coarse = true }), summary.ValidWarnings, []string{"coarse_sensor"}},
		{"a model beside a counter", func(e *summary.Evidence) {
			model := e.Sensors[0]
			model.Kind = meter.KindModel
			e.Sensors = append(e.Sensors, model)
		}, summary.ValidWarnings, []string{"modelled_energy", "mixed_meter_kinds"}},
		{"few requests", func(e *summary.Evidence) { e.Requests, e.Measured = 100, 100 }, summary.ValidWarnings, []string{"few_requests"}},
		{"rows with the number of another", func(e *summary.Evidence) { e.Duplicates = 2 }, summary.ValidWarnings, []string{"duplicate_requests"}},
		{"times that contradict each other", func(e *summary.Evidence) { e.Contradicting = 1 }, summary.ValidWarnings, []string{"times_contradict"}},
		{"counts that cannot be", func(e *summary.Evidence) { e.Implausible = 1 }, summary.ValidWarnings, []string{"usage_implausible"}},
		{"free prompts", func(e *summary.Evidence) { e.CachedShare = 0.3 }, summary.ValidWarnings, []string{"cached_tokens"}},
		{"short answers", func(e *summary.Evidence) { e.OutputShare = 0.8 }, summary.ValidWarnings, []string{"output_length"}},
		{"another batch limit", func(e *summary.Evidence) { e.Effective = 4 }, summary.ValidWarnings, []string{"batch_limit"}},
		{"a limit that is unknown", func(e *summary.Evidence) { e.Effective = 0 }, summary.Valid, nil},
		{"counts that do not add up", func(e *summary.Evidence) { e.UncountedRequests = 3 }, summary.ValidWarnings, []string{"token_multiplicity"}},
		{"latency that doubles", func(e *summary.Evidence) { e.LatencyTrend = 0.7 }, summary.ValidWarnings, []string{"drift"}},
		{"no steady window", func(e *summary.Evidence) { e.SteadyRefused = "too short" }, summary.ValidWarnings, []string{"no_steady_state"}},
		{"the client's own finding", func(e *summary.Evidence) { e.Reasons = []string{"client_starved"} }, summary.ValidWarnings, []string{"client_starved"}},
		{"foreign processes", func(e *summary.Evidence) { e.Reasons = []string{"foreign_processes"} }, summary.ValidWarnings, []string{"foreign_processes"}},
		{"a code of a later version is a doubt", func(e *summary.Evidence) { e.Reasons = []string{"new_code"} }, summary.ValidWarnings, []string{"new_code"}},
		{"a code found twice is said once", func(e *summary.Evidence) {
			e.Complete, e.Interrupted, e.Reasons = false, "interrupted", []string{"interrupted"}
		}, summary.Invalid, []string{"incomplete"}},
		{"invalid codes come first", func(e *summary.Evidence) { e.Errors, e.Complete = 1, false }, summary.Invalid, []string{"incomplete", "errors"}},
	} {
		e := sound()
		c.change(&e)
		v := summary.Verdict(e, summary.DefaultLimits())
		if v.Verdict != c.verdict || !slices.Equal(v.Codes(), c.codes) {
			t.Errorf("%s: %s %v, want %s %v", c.comment, v.Verdict, v.Codes(), c.verdict, c.codes)
		}
		for _, r := range v.Reasons {
			if r.Text == "" {
				t.Errorf("%s: code %s has no text", c.comment, r.Code)
			}
		}
	}
}
