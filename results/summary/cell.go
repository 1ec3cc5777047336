package summary

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"math"
	"slices"
	"time"

	"cfubench/attribution"
	"cfubench/internal/stats"
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
)

// traceOf is the trace of a cell that was summarized without one, nil where it has
// none.
func traceOf(ctx context.Context, dir string, cell runfolder.Cell, bare derivation.Bare, shared *derivation.Shared) (*Trace, error) {
	t, err := readRequestTable(ctx, runfolder.CellFile(dir, cell.ID, runfolder.RequestsFile), cell.Window)
	if errors.Is(err, fs.ErrNotExist) {
		t, err = &requestTable{}, nil
	}
	if err != nil {
		return nil, err
	}
	meters, err := shared.Meters(ctx, dir, cell, bare, t.tokenTime())
	if err != nil {
		return nil, err
	}
	return t.trace(cell, meters, t.inFlight()), nil
}

// summarizeCell reads the tables of one cell and measures them. Where traced asks
// for it a valid cell has its trace.
func summarizeCell(ctx context.Context, dir string, run runfolder.Run, cell runfolder.Cell, bare derivation.Bare, slo loadgen.SLO, o Options, traced bool) (CellSummary, error) {
	c := CellSummary{Cell: cell.ID, Point: cell.Point, Params: run.ParamsOf(cell.Point), Repeat: cell.Repeat}
	requests := runfolder.CellFile(dir, cell.ID, runfolder.RequestsFile)
	t, err := readRequestTable(ctx, requests, cell.Window)
	if errors.Is(err, fs.ErrNotExist) {
		t, err = &requestTable{}, nil
	}
	if err != nil {
		return c, err
	}
	meters, err := o.Shared.Meters(ctx, dir, cell, bare, t.tokenTime())
	if err != nil {
		return c, err
	}
	byConvention, energy, err := readShares(ctx, dir, cell.ID, t)
	if err != nil {
		return c, err
	}
	if run.Record != nil {
		c.Domains = energy.Domains
	}
	c.Warnings = meters.Warnings
	c.Requests = len(t.id)
	for _, ok := range t.ok {
		if !ok {
			c.Errors++
		}
	}
	steps := t.inFlight()
	steady, refused := t.steadyWindow(cell)
	c.SteadyRefused = refused
	idle := idleOf(meters)
	c.IdleWatts, c.BareIdleWatts = idle.loaded, idle.bare
	c.CachedShare = t.cachedShare()

	c.Whole = t.measure(cell.Window, t.decoded, steps, slo)
	c.Whole.Energy = energyMeasures(energy.Kind, c.Whole, estimateOf(energy.Estimate()), idle)
	c.Whole.Energy.uncertain(energy, c.Whole.Completed)
	window := cell.Window
	if refused == "" {
		output, err := outputIn(ctx, requests, steady)
		if err != nil {
			return c, err
		}
		m := t.measure(steady, output, steps, slo)
		m.Energy = energyMeasures(energy.Kind, m, estimateOf(meters.Energy(steady)), idle)
		c.Steady, window = &m, steady
	}
	c.BatchMeans = t.batchMeans(window, meters)
	c.intervals(t, window)
	for _, s := range byConvention {
		c.Conventions = append(c.Conventions, s.summary(t))
	}
	c.Spread = spreadOf(byConvention, t)
	c.StepCosts, c.Rooflines, c.CacheShare = energy.Costs, energy.Rooflines, energy.CacheShare
	for _, h := range meters.Sensors {
		s := SensorSummary{h.Domain, string(h.Kind), h.Readings, h.Gaps, h.GapShare, Figure(h.CounterToPower), Figure(h.ToSamples), Figure(h.IdleDrift), Figure(h.Bracket), nil}
		if r := h.Response; r.Average > 0 {
			s.Response = &GaugeResponse{r.Average, r.Lag, r.Period, r.Resolution}
		}
		c.Sensors = append(c.Sensors, s)
	}
	c.Validity = Verdict(evidenceOf(run, cell, c, t, meters.Sensors, window), o.Limits)
	if traced && c.Validity.Valid() {
		c.Trace = t.trace(cell, meters, steps)
	}
	return c, nil
}

// measure takes the figures of window w that need no meter; output are the output
// tokens within it.
func (t *requestTable) measure(w meter.Window, output float64, steps []step, slo loadgen.SLO) Measures {
	l := t.latenciesIn(w)
	m := Measures{
		Window: w, Seconds: w.Length().Seconds(), Completed: l.e2e.N, InFlight: meanInFlight(steps, w),
		TTFT: l.ttft, TTFTIntended: l.ttftIntended, TPOT: l.tpot, ITL: l.itl,
		Latency: l.e2e, LatencyIntended: l.e2eIntended, Lateness: l.lateness, Goodput: Unknown(),
		LatencyMean: intervalOf(stats.Interval{Center: math.NaN(), Lo: math.NaN(), Hi: math.NaN()}),
	}
	m.PromptTokens, m.OutputTokens = t.promptsIn(w), output
	m.RequestsPerSecond = per(float64(m.Completed), m.Seconds)
	m.OutputTokensPerSecond = per(m.OutputTokens, m.Seconds)
	m.TokensPerSecond = per(float64(m.PromptTokens)+m.OutputTokens, m.Seconds)
	if slo != (loadgen.SLO{}) {
		m.SLORequests = t.slo(slo, w)
		m.Goodput = per(float64(m.SLORequests), m.Seconds)
	}
	return m
}

// energyMeasures relates the energy e of a window to what m says was done in it.
// It is nil without a meter, where kind is "".
func energyMeasures(kind string, m Measures, e estimate, idle idleWatts) *EnergyMeasures {
	if kind == "" {
		return nil
	}
	out := &EnergyMeasures{
		Kind: kind, Joules: e.value, Lo: e.lo, Hi: e.hi,
		MeanWatts:      per(float64(e.value), m.Seconds),
		PerRequest:     per(float64(e.value), float64(m.Completed)),
		PerOutputToken: per(float64(e.value), m.OutputTokens), PerToken: per(float64(e.value), float64(m.PromptTokens)+m.OutputTokens),
		TokensPerJoule: per(m.OutputTokens, float64(e.value)), PerSLORequest: Unknown(), PerRequestU95: Unknown(), PerRequestCommonU95: Unknown(),
		WindowUncertainty: per(float64(e.hi-e.lo), float64(e.value)),
		PerRequestMean:    intervalOf(stats.Interval{Center: math.NaN(), Lo: math.NaN(), Hi: math.NaN()}),
	}
	if m.Goodput.Known() {
		out.PerSLORequest = per(float64(e.value), float64(m.SLORequests))
	}
	out.EnergyDelay = out.PerRequest * m.Latency.Mean
	out.AboveLoadedIdle = per(float64(e.value)-float64(idle.loaded)*m.Seconds, float64(m.Completed))
	out.AboveBareIdle = per(float64(e.value)-float64(idle.bare)*m.Seconds, float64(m.Completed))
	return out
}

// uncertain puts what is known of the energy's error into the measures of the
// cell's window.
func (e *EnergyMeasures) uncertain(cell derivation.CellEnergy, completed int) {
	if e == nil || !cell.HasEnergy {
		return
	}
	of := func(u meter.Energy) Figure {
		if u == meter.Unbounded {
			return Unknown()
		}
		return per(u.Joules(), float64(completed))
	}
	u := cell.Uncertainty
	e.PerRequestU95, e.PerRequestCommonU95 = of(u.U95()), of(2*u.Common())
	e.Uncertainty = &u
}

// intervals puts the intervals from batch means into the measures of the window
// that the batches were cut from.
func (c *CellSummary) intervals(t *requestTable, w meter.Window) {
	m := &c.Whole
	if c.Steady != nil {
		m = c.Steady
	}
	m.LatencyMean = batchInterval(c.BatchMeans[MetricLatency], m.Latency.Mean)
	if m.Energy != nil {
		m.Energy.PerRequestMean = batchInterval(c.BatchMeans[MetricEnergyPerRequest], m.Energy.PerRequest)
	}
}

func batchInterval(means []float64, center Figure) Interval {
	if len(means) < 2 {
		return Interval{Mean: center, Lo: Unknown(), Hi: Unknown(), Warnings: []string{"too few requests for an interval within the run"}}
	}
	i := stats.OfBatches(means, stats.Confidence)
	return intervalOf(i)
}

// batchMeans cuts the requests that completed in w into equal batches in the
// order of completion and measures each: latencies by their means, rates and
// energies over the time between the last ends of one batch and the next.
func (t *requestTable) batchMeans(w meter.Window, meters *derivation.Meters) map[string][]float64 {
	rows := t.byCompletion(w)
	cuts := stats.Cuts(len(rows))
	if cuts == nil {
		return nil
	}
	out := map[string][]float64{}
	start := w.Start
	if cuts[0] > 0 {
		start = time.Duration(t.done[rows[cuts[0]-1]])
	}
	for b := 1; b < len(cuts); b++ {
		batch := rows[cuts[b-1]:cuts[b]]
		end := time.Duration(t.done[batch[len(batch)-1]])
		span := meter.Window{Start: start, End: end}
		add := func(metric string, v float64) {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				out[metric] = append(out[metric], v)
			}
		}
		var latency, intended, ttft, tpot float64
		var firsts, tpots, tokens int
		for _, i := range batch {
			latency += float64(t.done[i]-t.sent[i]) * 1e-9
			intended += float64(t.done[i]-t.due[i]) * 1e-9
			tokens += int(max(0, t.output[i]))
			if t.first[i] >= 0 {
				ttft += float64(t.first[i]-t.sent[i]) * 1e-9
				firsts++
				if gap, ok := t.timePerToken(i); ok {
					tpot += gap.Seconds()
					tpots++
				}
			}
		}
		n := float64(len(batch))
		add(batchLength, float64(tokens)/n)
		add(MetricLatency, latency/n)
		add(MetricLatencyIntended, intended/n)
		add(MetricTTFT, ttft/float64(firsts))
		add(MetricTPOT, tpot/float64(tpots))
		add(batchWork, t.writtenIn(span)/n)
		if span.Length() > 0 {
			add(MetricRequestRate, n/span.Length().Seconds())
			add(MetricOutputTokenRate, float64(tokens)/span.Length().Seconds())
			if e := estimateOf(meters.Energy(span)); e.value.Known() {
				add(MetricEnergyPerRequest, float64(e.value)/n)
				add(MetricEnergyPerToken, float64(e.value)/float64(tokens))
				add(MetricPower, float64(e.value)/span.Length().Seconds())
			}
		}
		start = end
	}
	// A metric that some batch has no value for cannot be tested by batches.
	maps.DeleteFunc(out, func(_ string, v []float64) bool { return len(v) < len(cuts)-1 })
	return out
}

// summary is the distribution of a convention's shares over the completed
// requests.
func (s *shares) summary(t *requestTable) ConventionSummary {
	var energies []float64
	var all float64
	for i, e := range s.energy {
		if math.IsNaN(e) {
			continue
		}
		all += e
		if t.ok[i] {
			energies = append(energies, e)
		}
	}
	c := ConventionSummary{
		Convention: s.convention, PerRequest: energyDistribution(energies), Prefill: Figure(s.prefill), Decode: Figure(s.decode),
		Requests: Figure(all), Idle: Figure(s.idle), Unattributed: Figure(s.unattributed),
	}
	return c
}

// spreadOf compares the conventions request by request; nil with fewer than two.
func spreadOf(all []*shares, t *requestTable) *SpreadSummary {
	if len(all) < 2 {
		return nil
	}
	out := &SpreadSummary{}
	for _, s := range all {
		out.Conventions = append(out.Conventions, s.convention)
	}
	var ratios []float64
	for i, ok := range t.ok {
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, s := range all {
			lo, hi = min(lo, s.energy[i]), max(hi, s.energy[i])
		}
		if ok && lo+hi > 0 && !math.IsNaN(lo+hi) {
			ratios = append(ratios, attribution.RelativeSpread(lo, hi))
		}
	}
	slices.Sort(ratios)
	q := func(p float64) Figure { return Figure(stats.Quantile(ratios, p)) }
	out.Median, out.P90, out.Max = q(0.5), q(0.9), q(1)
	return out
}

// evidenceOf gathers what the verdict on a cell rests on.
func evidenceOf(run runfolder.Run, cell runfolder.Cell, c CellSummary, t *requestTable, health []derivation.SensorHealth, window meter.Window) Evidence {
	e := Evidence{
		Record: run.Record != nil, Requests: c.Requests, Errors: c.Errors, Complete: cell.Complete, Interrupted: cell.Interrupted,
		LatenessP99: Unknown(), LatencyP50: c.Whole.Latency.P50, CachedShare: c.CachedShare, OutputShare: Unknown(),
		LatencyTrend: t.trend(window), SteadyRefused: c.SteadyRefused, UncountedRequests: t.uneven,
		Duplicates: t.duplicates(), Contradicting: t.flags[loadgen.FlagTimes], Implausible: t.flags[loadgen.FlagImplausible], Batch: cell.Batch,
		MinForP99: stats.MinSamples(0.99, stats.BoundConfidence), Measured: c.Whole.Completed, Sensors: health, Reasons: cell.Reasons, Client: cell.Client,
	}
	if cell.Concurrency == 0 {
		e.LatenessP99 = c.Whole.Lateness.P99
	}
	if run.Config.IgnoreEOS {
		e.OutputShare = t.outputShare()
	}
	if engine := run.EngineOf(cell.Point); engine != nil {
		e.Effective = engine.EffectiveBatch
	}
	return e
}
