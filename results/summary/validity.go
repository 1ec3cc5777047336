package summary

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"cfubench/internal/si"
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
)

// Verdicts of Validity.
const (
	Valid         = "valid"
	ValidWarnings = "valid with warnings"
	Invalid       = "invalid"
)

// Reason codes. A code is stable; Reason.Text says it in words with figures.
const (
	ReasonIncomplete      = "incomplete"            // invalid: interrupted or failed before its end
	ReasonNoRequests      = "no_requests"           // invalid: not one request completed
	ReasonErrors          = "errors"                // warning above 0, invalid above Limits.Errors
	ReasonLate            = "client_late"           // warning; invalid above Limits.LateInvalid
	ReasonSensorGap       = "sensor_gap"            // warning; invalid for a gauge above Limits.GapShare
	ReasonSensorReset     = "sensor_reset"          // invalid: the counter was reset in the window
	ReasonSensorLost      = "sensor_lost"           // invalid: the device went away
	ReasonSensorStalled   = "sensor_stalled"        // warning
	ReasonNotCovered      = "not_covered"           // invalid: readings do not bracket the window
	ReasonNotAdvanced     = "counter_not_moved"     // invalid: the counter did not advance
	ReasonSamples         = "energy_vs_samples"     // warning
	ReasonCounterPower    = "counter_vs_power"      // warning; invalid above Limits.CounterPowerInvalid
	ReasonIdleDrift       = "idle_drift"            // warning
	ReasonForeign         = runfolder.ReasonForeign // warning
	ReasonNoMeter         = "no_meter"              // warning: there is no energy
	ReasonModelled        = "modelled_energy"       // warning: joules come from a model, not a sensor
	ReasonCoarse          = "coarse_sensor"         // warning
	ReasonFewRequests     = "few_requests"          // warning: percentiles without a bound
	ReasonNoSteadyState   = "no_steady_state"       // warning
	ReasonDrift           = "drift"                 // warning: latency has a trend within the window
	ReasonCachedTokens    = "cached_tokens"         // warning: prompts were partly free
	ReasonOutputLength    = "output_length"         // warning: outputs are not as long as asked for
	ReasonBatchLimit      = "batch_limit"           // warning: the server's limit is not the asked one
	ReasonMultiplicity    = "token_multiplicity"    // warning: token counts do not sum to the usage
	ReasonDuplicates      = "duplicate_requests"    // warning: rows have the number of another
	ReasonUncertainEnergy = "wide_energy_bounds"    // warning: bracket wider than Limits.Bracket
	ReasonMixedKinds      = "mixed_meter_kinds"     // warning: counters and models were summed
)

// Reason is one finding about a cell or a run.
type Reason struct {
	Code    string `json:"code"`
	Invalid bool   `json:"invalid"` // it makes the result invalid, not just doubtful
	Text    string `json:"text"`
}

// Validity is the verdict on a result. An invalid one has no headline figures.
type Validity struct {
	Verdict string   `json:"verdict"`
	Reasons []Reason `json:"reasons,omitempty"`
}

// Valid reports whether figures may be printed.
func (v Validity) Valid() bool { return v.Verdict != Invalid }

// Err is the error of an invalid run, nil for any other. It names only what makes it so:
// the doubts are in the table and in summary.json.
func (v Validity) Err() error {
	if v.Valid() {
		return nil
	}
	var why []string
	for _, r := range v.Reasons {
		if r.Invalid {
			why = append(why, fmt.Sprintf("%s (%s)", r.Text, r.Code))
		}
	}
	return fmt.Errorf("the run is invalid: %s", strings.Join(why, "; "))
}

// Codes lists the codes of the reasons, those that make the result invalid
// first.
func (v Validity) Codes() []string {
	var codes []string
	for _, invalid := range []bool{true, false} {
		for _, r := range v.Reasons {
			if r.Invalid == invalid && !slices.Contains(codes, r.Code) {
				codes = append(codes, r.Code)
			}
		}
	}
	return codes
}

// Fatal lists the codes that make the result invalid.
func (v Validity) Fatal() []string {
	var codes []string
	for _, r := range v.Reasons {
		if r.Invalid && !slices.Contains(codes, r.Code) {
			codes = append(codes, r.Code)
		}
	}
	return codes
}

// Limits are the bounds between valid, doubtful and invalid.
type Limits struct {
	Errors      float64 // share of failed requests
	Late        float64 // p99 lateness over median latency, for a warning
	LateInvalid float64
	LateFloor   float64 // seconds of lateness below which there is neither
	GapShare    float64 // share of the window in sensor gaps
	// CounterPower is how far the counter's mean power may be from the gauge's,
	// relatively: 5 % as in InferenceX's cross-check.
	CounterPower, CounterPowerInvalid float64
	IdleDrift                         float64 // relative
	Bracket                           float64 // (hi−lo)/energy of the window
	Drift                             float64 // trend of latency over the window, relative
	Cached                            float64 // cached share of prompt tokens
	OutputLength                      float64 // relative to the asked length
}

// DefaultLimits are the bounds that summaries use.
func DefaultLimits() Limits {
	return Limits{
		Errors: 0.05, Late: 0.01, LateInvalid: 0.10, LateFloor: 2e-3, GapShare: 0.05,
		CounterPower: 0.05, CounterPowerInvalid: 0.20, IdleDrift: 0.03,
		Bracket: 0.10, Drift: 0.20, Cached: 0.01, OutputLength: 0.01,
	}
}

// Evidence is all that the verdict on one cell rests on.
type Evidence struct {
	// Record says that nothing was to be requested: a command was metered.
	Record            bool
	Requests, Errors  int
	Complete          bool
	Interrupted       string
	LatenessP99       Figure // seconds, of requests in open loop
	LatencyP50        Figure // seconds
	CachedShare       Figure
	OutputShare       Figure // output tokens over those asked for, where lengths were fixed
	LatencyTrend      Figure // relative over the window, unknown if not significant
	SteadyRefused     string
	UncountedRequests int // completed, with token counts that do not sum to the usage
	Duplicates        int // rows with the number of another
	// Contradicting and Implausible are rows with such times and counts
	// (loadgen.Record.Doubt), also where the client that measured had none.
	Contradicting, Implausible int
	Batch, Effective           int // asked for and read back from the server, 0 if unknown
	MinForP99, Measured        int
	Sensors                    []derivation.SensorHealth
	// Reasons are codes found while running; Client has the words for its own.
	Reasons []string
	Client  *loadgen.Stats
}

// Verdict judges a cell by its evidence. It is a pure function: the same
// tables give the same verdict.
func Verdict(e Evidence, l Limits) Validity {
	var v Validity
	add := func(code string, invalid bool, format string, args ...any) {
		v.Reasons = append(v.Reasons, Reason{code, invalid, fmt.Sprintf(format, args...)})
	}
	if !e.Complete {
		why := e.Interrupted
		if why == "" {
			why = "the cell did not end"
		}
		add(ReasonIncomplete, true, "%s; its rows are kept", why)
	}
	switch failed := float64(e.Errors) / max(1, float64(e.Requests)); {
	case e.Record:
	case e.Requests-e.Errors <= 0:
		add(ReasonNoRequests, true, "none of %d requests completed", e.Requests)
	case failed > l.Errors:
		add(ReasonErrors, true, "%d of %d requests failed, more than %s", e.Errors, e.Requests, percent(l.Errors))
	case e.Errors > 0:
		add(ReasonErrors, false, "%d of %d requests failed; they are in no mean of latency", e.Errors, e.Requests)
	}
	if e.LatenessP99.Known() && e.LatencyP50 > 0 {
		// Under the floor lateness is the granularity of timers, whatever the
		// share of a short latency that it makes.
		if late := float64(e.LatenessP99 / e.LatencyP50); late > l.Late && float64(e.LatenessP99) > l.LateFloor {
			add(ReasonLate, late > l.LateInvalid, "1 request in 100 was sent more than %s s late, %s of the median latency: the client could not keep its schedule", si.Short(float64(e.LatenessP99)), percent(late))
		}
	}
	sensorReasons(e, l, add)
	serverReasons(e, l, add)
	if e.Measured > 0 && e.Measured < e.MinForP99 {
		add(ReasonFewRequests, false, "%d completed requests: a bound on the 99th percentile needs %d", e.Measured, e.MinForP99)
	}
	if e.SteadyRefused != "" && !e.Record {
		add(ReasonNoSteadyState, false, "%s: whole-run figures only", e.SteadyRefused)
	}
	for _, code := range e.Reasons {
		if r, ok := reasonOf(code, e.Client); ok && !slices.Contains(v.Codes(), r.Code) {
			v.Reasons = append(v.Reasons, r)
		}
	}
	v.Verdict = Valid
	for _, r := range v.Reasons {
		if r.Invalid {
			v.Verdict = Invalid
			break
		}
		v.Verdict = ValidWarnings
	}
	return v
}

func sensorReasons(e Evidence, l Limits, add func(string, bool, string, ...any)) {
	if len(e.Sensors) == 0 {
		add(ReasonNoMeter, false, "no meter was read: there is no energy")
	}
	kinds := map[bool]bool{}
	for _, s := range e.Sensors {
		kinds[s.Kind == meter.KindModel] = true
		if s.Kind == meter.KindModel {
			add(ReasonModelled, false, "%s is a model, not a sensor: its joules follow from an assumption", s.Domain)
		}
		if s.Coarse {
			add(ReasonCoarse, false, "%s updates too slowly to attribute energy to single requests", s.Domain)
		}
		switch {
		case s.Lost:
			add(ReasonSensorLost, true, "%s went away during the run", s.Domain)
		case s.Reset:
			add(ReasonSensorReset, true, "%s was reset within the window: its energy is unknown", s.Domain)
		case !s.Covered:
			add(ReasonNotCovered, true, "the readings of %s (%d) do not span the window", s.Domain, s.Readings)
		case !s.Advanced:
			add(ReasonNotAdvanced, true, "%s did not advance over the window: the sensor is dead or the window shorter than its update period", s.Domain)
		}
		if s.Gaps > 0 {
			// A counter counts on while nobody looks: a gap widens its bracket. A
			// gauge's integral lacks what the gap hides.
			add(ReasonSensorGap, s.Kind == meter.KindPower && s.GapShare > l.GapShare, "%s: %d gaps between readings, %s of the window", s.Domain, s.Gaps, percent(s.GapShare))
		}
		if s.Stalled > 0 {
			add(ReasonSensorStalled, false, "%s: %d readings unchanged for too long under load", s.Domain, s.Stalled)
		}
		if off := max(s.CounterToPower-1, 1-s.CounterToPower); !math.IsNaN(s.CounterToPower) && float64(off) > l.CounterPower {
			text, invalid := "%s: the counter says %s times the power gauge's energy", float64(off) > l.CounterPowerInvalid
			if s.PartTime && s.Stalled == 0 {
				// Such a gauge says nothing against a counter that went on all the time.
				text, invalid = text+", which looks part of the time only", false
			}
			add(ReasonCounterPower, invalid, text, s.Domain, si.Short(float64(s.CounterToPower)))
		}
		if off := max(s.ToSamples-1, 1-s.ToSamples); s.ToSamples > 0 && off > l.CounterPower {
			add(ReasonSamples, false, "%s: its energy is %s times that of the driver's own 20 ms samples: the register that is used, or they, miss part of the load", s.Domain, si.Short(s.ToSamples))
		}
		if drift := max(s.IdleDrift, -s.IdleDrift); s.Kind != meter.KindModel && !math.IsNaN(s.IdleDrift) && float64(drift) > l.IdleDrift {
			add(ReasonIdleDrift, false, "%s: idle power drifted %+.1f %% over the run", s.Domain, 100*float64(s.IdleDrift))
		}
		if !math.IsNaN(s.Bracket) && float64(s.Bracket) > l.Bracket {
			add(ReasonUncertainEnergy, false, "%s: the window's energy is known to within %s only", s.Domain, percent(float64(s.Bracket)))
		}
	}
	if len(kinds) > 1 {
		add(ReasonMixedKinds, false, "measured and modelled joules are in one sum")
	}
}

func serverReasons(e Evidence, l Limits, add func(string, bool, string, ...any)) {
	if e.CachedShare.Known() && float64(e.CachedShare) > l.Cached {
		add(ReasonCachedTokens, false, "%s of the prompt tokens came from the prefix cache and were not computed", percent(float64(e.CachedShare)))
	}
	if off := max(e.OutputShare-1, 1-e.OutputShare); e.OutputShare.Known() && float64(off) > l.OutputLength {
		add(ReasonOutputLength, false, "outputs have %s of the tokens asked for", percent(float64(e.OutputShare)))
	}
	if e.Batch > 0 && e.Effective > 0 && e.Batch != e.Effective {
		add(ReasonBatchLimit, false, "batch size %d was asked for, the server works with %d", e.Batch, e.Effective)
	}
	if e.UncountedRequests > 0 {
		add(ReasonMultiplicity, false, "streamed token counts of %d requests do not match the server's usage field", e.UncountedRequests)
	}
	if e.Duplicates > 0 {
		add(ReasonDuplicates, false, "%d rows of %s have the number of another", e.Duplicates, runfolder.RequestsFile)
	}
	if e.Contradicting > 0 {
		add(loadgen.FlagTimes, false, "%d requests were sent after they were done, or have their first token after their last: their latencies mean nothing", e.Contradicting)
	}
	if e.Implausible > 0 && (e.Client == nil || e.Implausible > e.Client.Flagged[loadgen.FlagImplausible]) {
		add(loadgen.FlagImplausible, false, "%d requests have counts of tokens that cannot be: they are unknown", e.Implausible)
	}
	if e.LatencyTrend.Known() && max(float64(e.LatencyTrend), -float64(e.LatencyTrend)) > l.Drift {
		add(ReasonDrift, false, "latency changes by %+.0f %% over the window: the run was not steady", 100*float64(e.LatencyTrend))
	}
}

// reasonOf is the reason for a code that was found while the cell ran. Codes of
// the client's own (loadgen.Stats) keep their names.
func reasonOf(code string, client *loadgen.Stats) (Reason, bool) {
	switch code {
	case "":
		return Reason{}, false
	case "interrupted":
		return Reason{ReasonIncomplete, true, "interrupted; its rows are kept"}, true
	case "max_errors":
		return Reason{ReasonErrors, true, "stopped at the limit of errors"}, true
	case "late_p99":
		return Reason{ReasonLate, false, "1 request in 100 was sent later than the client's bound"}, true
	case "client_starved":
		return Reason{code, false, "the client waited for a processor while requests were in flight"}, true
	case "max_in_flight":
		return Reason{code, false, "requests waited in the client for room under its limit in flight"}, true
	case runfolder.ReasonCut:
		return Reason{code, false, "cfu or the host was stopped before its end: it was metered until then"}, true
	case ReasonForeign:
		return Reason{code, false, "other processes used the metered hardware during the run"}, true
	case ReasonIncomplete, ReasonSensorLost, ReasonSensorReset, ReasonNotAdvanced, ReasonNotCovered, ReasonNoRequests:
		return Reason{code, true, "found while the cell ran"}, true
	}
	if client != nil {
		if i := slices.Index(client.Reasons, code); i >= 0 && i < len(client.Warnings) {
			return Reason{code, false, client.Warnings[i]}, true
		}
	}
	return Reason{code, false, "found while the cell ran"}, true
}

func percent(ratio float64) string { return fmt.Sprintf("%.3g %%", 100*ratio) }
