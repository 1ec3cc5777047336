package summary

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"cfubench/attribution"
	"cfubench/internal/atomicfile"
	"cfubench/internal/ordered"
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
)

// Summary is summary.json: the figures of a run and the verdict on them. It is
// derived from the tables and can be made again from them at any time.
type Summary struct {
	Schema     int    `json:"schema"` // 1
	Cfu        string `json:"cfu_version"`
	Started    string `json:"started"`
	ConfigHash string `json:"config_hash"`
	TraceHash  string `json:"trace_hash"`
	Model      string `json:"model"`
	Engine     string `json:"engine"`     // kind and version
	MeterKind  string `json:"meter_kind"` // "counter", "model", … of the joules
	// Record says that a command was metered, and nothing was requested.
	Record     bool   `json:"record,omitempty"`
	Tokenizer  string `json:"tokenizer,omitempty"`
	Convention string `json:"convention"` // of the energy distributions; "" without any
	SLO        string `json:"slo,omitempty"`
	SteadyRule string `json:"steady_rule"`
	SelfTest   string `json:"certificate,omitempty"` // "passed", "failed", "" if there is none
	// Validity is the worst of the cells', with what is wrong with the run.
	Validity Validity      `json:"validity"`
	Cells    []CellSummary `json:"cells"`
	// BareIdle says why no power without a server was measured, "" if it was.
	BareIdle string `json:"bare_idle_not_measured,omitempty"`
	// Inventory and LifetimeInferences are what the footprint was made with.
	Inventory          string `json:"inventory,omitempty"`
	LifetimeInferences Figure `json:"lifetime_inferences"`
	// InventoryHash and Choices tell whether two footprints were made alike.
	InventoryHash string `json:"inventory_sha256,omitempty"`
	Choices       string `json:"footprint_choices,omitempty"`
	// FootprintNotes say what the footprint assumes and what it lacks.
	FootprintNotes []string `json:"footprint_notes,omitempty"`
	// Points are the cells of equal load with their repeats together.
	Points   []Point  `json:"points"`
	Warnings []string `json:"warnings,omitempty"`
}

// CellSummary is what one cell shows.
type CellSummary struct {
	Cell string `json:"cell"`
	runfolder.Point
	// Params are the values of the parameters of the cell's configuration.
	Params   map[string]string `json:"params,omitempty"`
	Repeat   int               `json:"repeat"`
	Requests int               `json:"requests"`
	Errors   int               `json:"errors"`
	Validity Validity          `json:"validity"`
	// Domains are the energies by domain; of a record only.
	Domains []derivation.DomainEnergy `json:"domains,omitempty"`
	// Whole is the cell's window from the first send to the last end; Steady
	// the window of SteadyRule, null where it was refused.
	Whole         Measures  `json:"whole"`
	Steady        *Measures `json:"steady"`
	SteadyRefused string    `json:"steady_refused,omitempty"`
	// Conventions are the requests' energies as each convention divides them.
	Conventions []ConventionSummary `json:"conventions,omitempty"`
	Spread      *SpreadSummary      `json:"convention_spread,omitempty"`
	// Footprint is of the steady window where there is one, else of the whole, as the
	// energy that is stated; footprint.arrow has the whole cell's.
	Footprint []CategoryFootprint `json:"footprint,omitempty"`
	// Cost is in money, of a cell that was metered, over the same window.
	Cost *Cost `json:"cost,omitempty"`
	// StepCosts are what a step of the engine, a prompt token and an output token
	// cost above idle, by domain, as the step convention found.
	StepCosts []*attribution.StepCosts `json:"step_costs,omitempty"`
	// Rooflines hold these costs against the model's size, by domain; none where it
	// is not known.
	Rooflines []attribution.Roofline `json:"rooflines,omitempty"`
	// CacheShare is what sharing the cost of cached prompts among their users came
	// to, null where the request that computed a prompt pays for it alone.
	CacheShare *attribution.SharedCache `json:"cache_share,omitempty"`
	// IdleWatts is the power of the summed domains with the server up and
	// nothing asked of it, BareIdleWatts before there was a server.
	IdleWatts     Figure `json:"idle_watts"`
	BareIdleWatts Figure `json:"bare_idle_watts"`
	CachedShare   Figure `json:"cached_share"`
	// BatchMeans are means over batches of consecutive requests of the steady
	// window (else of the whole), by metric: what differences within one run
	// are tested on. Two more are of the work in them: the output tokens of a
	// batch's requests and those written in its time, over its requests.
	BatchMeans map[string][]float64 `json:"batch_means,omitempty"`
	Sensors    []SensorSummary      `json:"sensors,omitempty"`
	Warnings   []string             `json:"warnings,omitempty"`
	// Trace is the cell over time, for plots; only where Options ask for it.
	Trace *Trace `json:"-"`

	wholeFootprint []CategoryFootprint // as footprint.arrow has it
}

// Measures are the figures of one window. Durations are in seconds.
type Measures struct {
	Window                meter.Window `json:"window"`
	Seconds               float64      `json:"seconds"`
	Completed             int          `json:"completed"`
	InFlight              Figure       `json:"in_flight"` // mean
	RequestsPerSecond     Figure       `json:"requests_per_s"`
	PromptTokens          Figure       `json:"prompt_tokens"` // unknown if nobody counted one of the prompts
	OutputTokens          float64      `json:"output_tokens"`
	OutputTokensPerSecond Figure       `json:"output_tokens_per_s"`
	TokensPerSecond       Figure       `json:"tokens_per_s"` // prompt and output
	// From the actual send: what the server did. Intended counts from when the
	// schedule wanted the request sent: what a user would have seen.
	TTFT            Distribution `json:"ttft_s"`
	TTFTIntended    Distribution `json:"ttft_intended_s"`
	TPOT            Distribution `json:"tpot_s"`
	ITL             Distribution `json:"itl_s"` // gaps between tokens, counted by tokens
	Latency         Distribution `json:"latency_s"`
	LatencyIntended Distribution `json:"latency_intended_s"`
	// Lateness is the client's own delay: of requests that --max-in-flight did
	// not hold.
	Lateness    Distribution `json:"lateness_s"`
	LatencyMean Interval     `json:"latency_mean_s"`
	// Goodput is completed requests within the SLO, per second; unknown
	// without an SLO.
	SLORequests int             `json:"slo_requests,omitempty"`
	Goodput     Figure          `json:"goodput_per_s"`
	Energy      *EnergyMeasures `json:"energy,omitempty"`
}

// EnergyMeasures is the energy of one window: all of it, over what was done in
// it. Failed requests' energy is in the sum and not in the count.
type EnergyMeasures struct {
	Kind           string   `json:"kind"`
	Joules         Figure   `json:"energy_j"`
	Lo             Figure   `json:"lo_j"`
	Hi             Figure   `json:"hi_j"`
	MeanWatts      Figure   `json:"mean_power_w"`
	PerRequest     Figure   `json:"per_request_j"`
	PerRequestMean Interval `json:"per_request_mean_j"` // by batch means
	PerOutputToken Figure   `json:"per_output_token_j"`
	PerToken       Figure   `json:"per_token_j"`
	TokensPerJoule Figure   `json:"output_tokens_per_j"`
	PerSLORequest  Figure   `json:"per_slo_request_j"`
	EnergyDelay    Figure   `json:"energy_delay_js"` // J/request × mean latency
	// PerRequest less what idle power would have used in the window: with the
	// server up, and without one.
	AboveLoadedIdle   Figure `json:"above_loaded_idle_per_request_j"`
	AboveBareIdle     Figure `json:"above_bare_idle_per_request_j"`
	WindowUncertainty Figure `json:"bracket_ratio"` // (hi−lo)/energy
	// PerRequestU95 is the half width of PerRequest's 95 % interval by all that is
	// known of the meters' error, PerRequestCommonU95 of the part that all cells of
	// a run share: the sensors' gain and offset. Only of a cell's whole window.
	PerRequestU95       Figure                   `json:"per_request_u95_j"`
	PerRequestCommonU95 Figure                   `json:"per_request_common_u95_j"`
	Uncertainty         *attribution.Uncertainty `json:"uncertainty,omitempty"`
}

// ConventionSummary is how one convention divides a cell's energy.
type ConventionSummary struct {
	Convention string `json:"convention"`
	// PerRequest is over the completed requests, in joules.
	PerRequest   Distribution `json:"per_request_j"`
	Prefill      Figure       `json:"prefill_j"` // sums over the requests
	Decode       Figure       `json:"decode_j"`
	Requests     Figure       `json:"requests_j"`
	Idle         Figure       `json:"idle_j"`
	Unattributed Figure       `json:"unattributed_j"`
}

// SpreadSummary is how far conventions disagree on single requests: the largest
// less the smallest share of a request over their middle.
type SpreadSummary struct {
	Conventions []string `json:"conventions"`
	Median      Figure   `json:"median_ratio"`
	P90         Figure   `json:"p90_ratio"`
	Max         Figure   `json:"max_ratio"`
}

// CategoryFootprint is a cell's C_FU per request in one impact category, by
// life cycle stage: from footprint.arrow, scaled to the window that the cell's
// energy is stated of.
type CategoryFootprint struct {
	Category string `json:"category"`
	Unit     string `json:"unit"`
	// Stages are the terms of the formula: the sum over the stages of one kind,
	// "total" among them.
	Stages   map[string]float64 `json:"stages"`
	Lo       Figure             `json:"total_lo"`
	Hi       Figure             `json:"total_hi"`
	Boundary string             `json:"boundary"`
}

// SensorSummary is SensorHealth as kept.
type SensorSummary struct {
	Domain         string  `json:"domain"`
	Kind           string  `json:"kind"`
	Readings       int     `json:"readings"`
	Gaps           int     `json:"gaps"`
	GapShare       float64 `json:"gap_ratio"`
	CounterToPower Figure  `json:"counter_to_power_ratio"`
	ToSamples      Figure  `json:"energy_to_samples_ratio"`
	IdleDrift      Figure  `json:"idle_drift_ratio"`
	Bracket        Figure  `json:"bracket_ratio"`
	// Response is how the domain's power gauge followed the end of the load, nil
	// where that did not show.
	Response *GaugeResponse `json:"gauge_response,omitempty"`
}

// GaugeResponse is attribution.Response as kept.
type GaugeResponse struct {
	Average    time.Duration `json:"average_ns"`
	Lag        time.Duration `json:"lag_ns"`
	Period     time.Duration `json:"update_period_ns"`
	Resolution time.Duration `json:"resolution_ns"`
}

// Point is one load point with its repeats.
type Point struct {
	Name string `json:"point"` // "b8-c16"
	runfolder.Point
	// Params are the values of the parameters of the point's configuration.
	Params   map[string]string   `json:"params,omitempty"`
	Cells    []string            `json:"cells"`
	Metrics  map[string]Interval `json:"metrics"` // over valid repeats
	Warnings []string            `json:"warnings,omitempty"`
}

// Options choose how a run is summarized.
type Options struct {
	// SLO replaces the run's own, none for that.
	SLO    loadgen.SLO
	Limits Limits
	// Only picks cells; nil for all.
	Only func(runfolder.Cell) bool
	// Traces is of how many load points at least the first valid cell is to have the
	// power trace that reports plot: the first ones of the run.
	Traces int
	// Shared is what earlier passes of the command have read of the cells, nil if none.
	Shared *derivation.Shared
}

// Summarize makes the summary of the run folder dir from its tables, with the
// run's own SLO and the default limits.
func Summarize(ctx context.Context, dir string) (Summary, error) {
	run, err := runfolder.ReadRun(dir)
	if err != nil {
		return Summary{}, err
	}
	return SummarizeWith(ctx, dir, run, Options{Limits: DefaultLimits()})
}

// SummarizeWith makes the summary of the run in dir by o. Cells are read side
// by side, those with large readings one after another: memory is that of the
// largest, and of what the summary says. The end of ctx ends it, with its cause.
func SummarizeWith(ctx context.Context, dir string, run runfolder.Run, o Options) (Summary, error) {
	slo := sloOf(run, o)
	footprints, made, err := readFootprint(ctx, filepath.Join(dir, runfolder.FootprintFile))
	if err != nil {
		return Summary{}, err
	}
	s := Summary{
		Record: run.Record != nil,
		Schema: 1, Cfu: run.Cfu, Started: run.Started, ConfigHash: run.ConfigHash, TraceHash: run.TraceHash,
		Tokenizer: run.Trace.Tokenizer, SteadyRule: SteadyRule, Warnings: run.Warnings, SLO: slo.String(),
	}
	s.Model, s.Engine = engineOf(run)
	s.SelfTest = selfTestVerdict(run.SelfTest)
	s.Inventory, s.LifetimeInferences = made["inventory"], Unknown()
	if n, err := strconv.ParseFloat(made["lifetime_inferences"], 64); err == nil {
		s.LifetimeInferences = Figure(n)
	}
	s.InventoryHash, s.Choices = made["inventory_sha256"], made["choices"]
	if notes := made[runfolder.MetaNotes]; notes != "" {
		if err := json.Unmarshal([]byte(notes), &s.FootprintNotes); err != nil {
			return Summary{}, fmt.Errorf("read table %s: schema metadata %q: %w", runfolder.FootprintFile, runfolder.MetaNotes, err)
		}
	}
	bare, err := derivation.ReadBare(dir, run)
	if err != nil {
		return Summary{}, err
	}
	s.BareIdle = bare.NotMeasured
	cells := run.Cells
	if o.Only != nil {
		cells = slices.DeleteFunc(slices.Clone(cells), func(c runfolder.Cell) bool { return !o.Only(c) })
	}
	var tracing traces
	likely := likelyTraced(cells, o.Traces)
	weight := func(i int) int64 { return runfolder.ReadingsBytes(dir, cells[i].ID) }
	i := 0
	for c, err := range ordered.Results(ctx, len(cells), weight, func(ctx context.Context, i int) (CellSummary, error) {
		c, err := summarizeCell(ctx, dir, run, cells[i], bare, slo, o, likely[i])
		if err != nil {
			return c, fmt.Errorf("summarize cell %s: %w", cells[i].ID, err)
		}
		return c, nil
	}) {
		if err != nil {
			return Summary{}, err
		}
		cell := cells[i]
		if tracing.wants(cell.Point, o.Traces) && c.Validity.Valid() {
			if !likely[i] {
				if c.Trace, err = traceOf(ctx, dir, cell, bare, o.Shared); err != nil {
					return Summary{}, fmt.Errorf("trace cell %s: %w", cell.ID, err)
				}
			}
			if c.Trace != nil {
				tracing.got(cell.Point)
			}
		}
		c.amortized(footprints[cell.ID])
		s.Cells = append(s.Cells, c)
		if e := c.Whole.Energy; e != nil && s.MeterKind == "" {
			s.MeterKind = e.Kind
		}
		if len(c.Conventions) > 0 && s.Convention == "" {
			s.Convention = c.Conventions[0].Convention
		}
		i++
	}
	s.Points = pointsOf(s.Cells)
	s.Validity = runValidity(run, s)
	return s, nil
}

// WriteSummary writes summary.json of the run folder dir in one step.
func WriteSummary(dir string, s Summary) error {
	return atomicfile.Stream(filepath.Join(dir, runfolder.SummaryFile), s.writeJSON)
}

// MadeWith are the options that summary.json of the run folder dir was made with,
// as far as it says: the SLO. The error wraps fs.ErrNotExist where there is none.
func MadeWith(dir string) (Options, error) {
	o := Options{Limits: DefaultLimits()}
	text, err := runfolder.ReadFile(filepath.Join(dir, runfolder.SummaryFile))
	if err != nil {
		return o, fmt.Errorf("read summary: %w", err)
	}
	var made struct {
		SLO string `json:"slo"`
	}
	if err := json.Unmarshal(text, &made); err != nil {
		return o, fmt.Errorf("read %s of %s: %w", runfolder.SummaryFile, dir, err)
	}
	if made.SLO != "" {
		if o.SLO, err = loadgen.ParseSLO(made.SLO); err != nil {
			return o, fmt.Errorf("read %s of %s: slo: %w", runfolder.SummaryFile, dir, err)
		}
	}
	return o, nil
}

// sloOf is the SLO of o, else the run's own.
func sloOf(run runfolder.Run, o Options) loadgen.SLO {
	if o.SLO.IsZero() {
		return run.Config.SLO
	}
	return o.SLO
}

// engineOf is the model and the engine, "several" where batch sizes differ.
func engineOf(run runfolder.Run) (model, engine string) {
	for i, e := range run.Engine {
		name := e.Kind
		if e.Version != "" {
			name += " " + e.Version
		}
		switch {
		case i == 0:
			model, engine = e.Model, name
		case engine != name:
			engine = "several"
		}
		if i > 0 && model != e.Model {
			model = "several"
		}
	}
	return model, engine
}

// runValidity is the worst verdict of the cells, with the codes that made it.
func runValidity(run runfolder.Run, s Summary) Validity {
	v := Validity{Verdict: Valid}
	worst := map[string]int{Valid: 0, ValidWarnings: 1, Invalid: 2}
	seen := map[Reason]int{}
	for _, c := range s.Cells {
		if worst[c.Validity.Verdict] > worst[v.Verdict] {
			v.Verdict = c.Validity.Verdict
		}
		for _, r := range c.Validity.Reasons {
			if _, ok := seen[r]; ok {
				continue
			}
			seen[r]++
			if n := len(s.Cells); n > 1 {
				r.Text = c.Cell + ": " + r.Text
			}
			v.Reasons = append(v.Reasons, r)
		}
	}
	if len(run.Cells) == 0 {
		v.Verdict = Invalid
		v.Reasons = append(v.Reasons, Reason{ReasonNoRequests, true, "the run has no cells"})
	}
	if s.SelfTest == "failed" {
		if v.Verdict == Valid {
			v.Verdict = ValidWarnings
		}
		v.Reasons = append(v.Reasons, Reason{"client_certificate", false, "the client did not pass its self-test on this host"})
	}
	return v
}

// selfTestVerdict is the verdict of the client's self-test, "" if there is
// none.
func selfTestVerdict(c *loadgen.SelfTest) string {
	switch {
	case c == nil:
		return ""
	case !c.Valid:
		return "failed"
	}
	return "passed"
}
