package results_test

import (
	"slices"
	"testing"

	"cfubench/meter"
	"cfubench/results"
)

// sound is the evidence of a cell with nothing wrong.
func sound() results.Evidence {
	return results.Evidence{
		Requests: 1000, Complete: true, LatenessP99: 0.0005, LatencyP50: 1, CachedShare: 0, OutputShare: 1, LatencyTrend: results.Unknown(),
		Batch: 8, Effective: 8, MinForP99: 662, Measured: 1000,
		Sensors: []results.SensorHealth{{
			Domain: "gpu0", Kind: meter.KindCounter, Readings: 5000, Covered: true, Advanced: true,
			CounterToPower: 1.01, IdleDrift: 0.01, Bracket: 0.01,
		}},
	}
}

func TestVerdict(t *testing.T) {
	sensor := func(change func(*results.SensorHealth)) func(*results.Evidence) {
		return func(e *results.Evidence) { change(&e.Sensors[0]) }
	}
	for _, c := range []struct {
		comment string
		change  func(*results.Evidence)
		verdict string
		codes   []string
	}{
		{"nothing is wrong", func(*results.Evidence) {}, results.Valid, nil},
		{"an interrupted cell", func(e *results.Evidence) { e.Complete, e.Interrupted = false, "interrupted" }, results.Invalid, []string{"incomplete"}},
		{"no request completed", func(e *results.Evidence) { e.Errors = 1000 }, results.Invalid, []string{"no_requests"}},
		{"one error is a doubt", func(e *results.Evidence) { e.Errors = 1 }, results.ValidWarnings, []string{"errors"}},
		{"6 % errors are too many", func(e *results.Evidence) { e.Errors = 60 }, results.Invalid, []string{"errors"}},
		{"sends 2 % of the latency late", func(e *results.Evidence) { e.LatenessP99 = 0.02 }, results.ValidWarnings, []string{"client_late"}},
		{"sends 20 % of the latency late", func(e *results.Evidence) { e.LatenessP99 = 0.2 }, results.Invalid, []string{"client_late"}},
		{"closed loop has no lateness", func(e *results.Evidence) { e.LatenessP99 = results.Unknown() }, results.Valid, nil},
		{"no meter", func(e *results.Evidence) { e.Sensors = nil }, results.ValidWarnings, []string{"no_meter"}},
		{"a model says so", sensor(func(s *results.SensorHealth) { s.Kind = meter.KindModel }), results.ValidWarnings, []string{"modelled_energy"}},
		{"a model has no idle drift", sensor(func(s *results.SensorHealth) { s.Kind, s.IdleDrift = meter.KindModel, 3 }), results.ValidWarnings, []string{"modelled_energy"}},
		{"short gaps", sensor(func(s *results.SensorHealth) { s.Gaps, s.GapShare = 2, 0.01 }), results.ValidWarnings, []string{"sensor_gap"}},
		{"a counter's gaps of a tenth of the window lose nothing", sensor(func(s *results.SensorHealth) { s.Gaps, s.GapShare = 2, 0.1 }), results.ValidWarnings, []string{"sensor_gap"}},
		{"a gauge's gaps of a tenth of the window", sensor(func(s *results.SensorHealth) { s.Kind, s.Gaps, s.GapShare = meter.KindPower, 2, 0.1 }), results.Invalid, []string{"sensor_gap"}},
		{"a reset", sensor(func(s *results.SensorHealth) { s.Reset = true }), results.Invalid, []string{"sensor_reset"}},
		{"a device that went away", sensor(func(s *results.SensorHealth) { s.Lost = true }), results.Invalid, []string{"sensor_lost"}},
		{"readings that begin late", sensor(func(s *results.SensorHealth) { s.Covered = false }), results.Invalid, []string{"not_covered"}},
		{"a dead counter", sensor(func(s *results.SensorHealth) { s.Advanced = false }), results.Invalid, []string{"counter_not_moved"}},
		{"the counter 8 % over the gauge", sensor(func(s *results.SensorHealth) { s.CounterToPower = 1.08 }), results.ValidWarnings, []string{"counter_vs_power"}},
		{"the counter at 57 % of the gauge", sensor(func(s *results.SensorHealth) { s.CounterToPower = 0.57 }), results.Invalid, []string{"counter_vs_power"}},
		{"idle power rose by 5 %", sensor(func(s *results.SensorHealth) { s.IdleDrift = 0.05 }), results.ValidWarnings, []string{"idle_drift"}},
		{"idle power fell by 5 %", sensor(func(s *results.SensorHealth) { s.IdleDrift = -0.05 }), results.ValidWarnings, []string{"idle_drift"}},
		{"bounds as wide as the energy", sensor(func(s *results.SensorHealth) { s.Bracket = 1 }), results.ValidWarnings, []string{"wide_energy_bounds"}},
		{"an exporter's register", sensor(func(s *results.SensorHealth) { s.Coarse = true }), results.ValidWarnings, []string{"coarse_sensor"}},
		{"a model beside a counter", func(e *results.Evidence) {
			model := e.Sensors[0]
			model.Kind = meter.KindModel
			e.Sensors = append(e.Sensors, model)
		}, results.ValidWarnings, []string{"modelled_energy", "mixed_meter_kinds"}},
		{"few requests", func(e *results.Evidence) { e.Requests, e.Measured = 100, 100 }, results.ValidWarnings, []string{"few_requests"}},
		{"free prompts", func(e *results.Evidence) { e.CachedShare = 0.3 }, results.ValidWarnings, []string{"cached_tokens"}},
		{"short answers", func(e *results.Evidence) { e.OutputShare = 0.8 }, results.ValidWarnings, []string{"output_length"}},
		{"another batch limit", func(e *results.Evidence) { e.Effective = 4 }, results.ValidWarnings, []string{"batch_limit"}},
		{"a limit that is unknown", func(e *results.Evidence) { e.Effective = 0 }, results.Valid, nil},
		{"counts that do not add up", func(e *results.Evidence) { e.UncountedRequests = 3 }, results.ValidWarnings, []string{"token_multiplicity"}},
		{"latency that doubles", func(e *results.Evidence) { e.LatencyTrend = 0.7 }, results.ValidWarnings, []string{"drift"}},
		{"no steady window", func(e *results.Evidence) { e.SteadyRefused = "too short" }, results.ValidWarnings, []string{"no_steady_state"}},
		{"the client's own finding", func(e *results.Evidence) { e.Reasons = []string{"client_starved"} }, results.ValidWarnings, []string{"client_starved"}},
		{"foreign processes", func(e *results.Evidence) { e.Reasons = []string{"foreign_processes"} }, results.ValidWarnings, []string{"foreign_processes"}},
		{"a code of a later version is a doubt", func(e *results.Evidence) { e.Reasons = []string{"new_code"} }, results.ValidWarnings, []string{"new_code"}},
		{"a code found twice is said once", func(e *results.Evidence) {
			e.Complete, e.Interrupted, e.Reasons = false, "interrupted", []string{"interrupted"}
		}, results.Invalid, []string{"incomplete"}},
		{"invalid codes come first", func(e *results.Evidence) { e.Errors, e.Complete = 1, false }, results.Invalid, []string{"incomplete", "errors"}},
	} {
		e := sound()
		c.change(&e)
		v := results.Verdict(e, results.DefaultLimits())
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
