package live

import (
	"math"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cfubench/attribution"
	"cfubench/attribution/lca"
	"cfubench/loadgen/engine"
	"cfubench/meter"
	"cfubench/results/derivation"
	"cfubench/results/tenants/otlp"
)

// Watch is the figures of a server in production that is watched. Energy and what
// was served in it are added together, so that the rate of one over that of the
// other is of the same time. All methods may be called from several goroutines at
// once, but for SetServer.
type Watch struct {
	registry *prometheus.Registry
	*meters
	grid        *lca.CarbonGrid
	model, kind string

	info, split                                          *prometheus.GaugeVec
	up, running, waiting, splitKnown                     prometheus.Gauge
	restarts                                             prometheus.Counter
	uncounted                                            *prometheus.CounterVec
	counted                                              prometheus.Counter
	used, idle, carbon                                   *prometheus.CounterVec
	promptTokens, cachedTokens, outputTokens, requests   *prometheus.CounterVec
	perOutputToken, perRequest, idleShare, mean, recency *prometheus.GaugeVec

	tenantEnergy, tenantPrompt, tenantOutput, tenantRequests *prometheus.CounterVec
	undivided                                                *prometheus.GaugeVec
	spans, exports                                           *prometheus.CounterVec
}

// NewWatch returns the figures of a server of which nothing is known yet; grid is
// nil where none was stated, and then there is no carbon.
func NewWatch(grid *lca.CarbonGrid) *Watch {
	w := &Watch{registry: prometheus.NewRegistry(), grid: grid}
	w.meters = newMeters(w.registry)
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "cfu", Subsystem: "watch", Name: name, Help: help}, labels)
		w.registry.MustRegister(g)
		return g
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "cfu", Subsystem: "watch", Name: name, Help: help}, labels)
		w.registry.MustRegister(c)
		return c
	}
	w.info = gauges("server_info", "The server that is watched, always 1.", "model", "engine", "version")
	w.up = gauges("server_up", "Whether the last scrape of the server's metrics gave something.").WithLabelValues()
	w.running = gauges("requests_running", "Requests in the server's batch; NaN where it does not tell.").WithLabelValues()
	w.waiting = gauges("requests_waiting", "Requests that the server has queued; NaN where it does not tell.").WithLabelValues()
	w.restarts = counters("server_restarts_total", "Restarts of the server, by its totals.").WithLabelValues()
	w.counted = counters("counted_seconds_total", "Time whose energy and counts are both known.").WithLabelValues()
	w.uncounted = counters("uncounted_seconds_total", "Time that is in no figure, by reason: outage, restart or meters.", "reason")
	w.used = counters("energy_joules_total", "Energy of the counted time; kind model is no measurement.", "model", "kind")
	w.idle = counters("idle_energy_joules_total", "Of it the energy used while the server had nothing to do.", "model", "kind")
	w.promptTokens = counters("prompt_tokens_total", "Prompt tokens of the counted time, by the server's totals, cached ones included.", "model")
	w.cachedTokens = counters("cached_prompt_tokens_total", "Of them those that the server had in its prefix cache.", "model")
	w.outputTokens = counters("output_tokens_total", "Output tokens of the counted time, by the server's totals.", "model")
	w.requests = counters("requests_total", "Requests that finished in the counted time, by the server's totals.", "model")
	w.recency = gauges("recent_seconds", "The counted time of the joules per token and per request below.", "model")
	w.perOutputToken = gauges("joules_per_output_token", "Energy over output tokens of the last minutes.", "model", "kind")
	w.perRequest = gauges("joules_per_request", "Energy over finished requests of the last minutes.", "model", "kind")
	w.idleShare = gauges("idle_energy_ratio", "Share of the last minutes' energy used while the server had nothing to do.", "model", "kind")
	w.mean = gauges("mean_power_watts", "Mean power of the last minutes.", "model", "kind")
	w.tenantEnergy = counters("tenant_energy_joules_total", "Energy of the counted time by whose requests it was used for; tenants idle, unattributed, none and other make it whole.", "model", "kind", "tenant")
	w.tenantPrompt = counters("tenant_prompt_tokens_total", "Prompt tokens by the log of requests or the spans.", "model", "tenant")
	w.tenantOutput = counters("tenant_output_tokens_total", "Output tokens by the log of requests or the spans.", "model", "tenant")
	w.tenantRequests = counters("tenant_requests_total", "Finished requests by the log of requests or the spans.", "model", "tenant")
	w.undivided = gauges("tenant_undivided_joules", "Energy of the counted time that is not divided among tenants yet.", "model", "kind")
	w.spans = counters("otlp_spans_total", "Received OpenTelemetry spans by what became of them; busy ones come again from their sender.", "fate")
	w.exports = counters("otlp_exports_total", "Requests of OTLP by what their senders were told.", "answer")
	w.split = gauges("cost_joules", "What a computed prompt token (phase prefill) and an output token (phase decode) cost by the last hour, with the ends of the 95 % interval.", "model", "kind", "phase", "bound")
	w.splitKnown = gauges("cost_known", "Whether the last hour tells prefill and decode apart: the status line says why not.").WithLabelValues()
	if grid != nil {
		w.carbon = counters("carbon_grams_total", "Location-based g CO2e of the counted time's energy at the meter, by the grid that was stated.", "model", "kind", "grid")
	}
	w.uncounted.WithLabelValues("outage")
	w.uncounted.WithLabelValues("restart")
	w.uncounted.WithLabelValues("meters")
	w.running.Set(math.NaN())
	w.waiting.Set(math.NaN())
	return w
}

// Handler serves the figures in the formats of Prometheus.
func (w *Watch) Handler() http.Handler { return handler(w.registry) }

// SetServer says what is watched from now on, and of what kind its energy is:
// "counter", "power", "model", or several joined by "+".
func (w *Watch) SetServer(id engine.Identity, model, kind string) {
	w.info.Reset()
	w.info.WithLabelValues(model, id.Kind, id.Version).Set(1)
	if model != w.model || kind != w.kind {
		for _, of := range []*prometheus.GaugeVec{w.recency, w.perOutputToken, w.perRequest, w.idleShare, w.mean, w.split, w.undivided} {
			of.Reset()
		}
	}
	w.model, w.kind = model, kind
	w.forget()
}

// Scraped takes a scrape of the server's metrics.
func (w *Watch) Scraped(s engine.Sample) {
	up := 1.0
	if s.Err != "" {
		up = 0
	}
	w.up.Set(up)
	w.running.Set(s.Running)
	w.waiting.Set(s.Waiting)
}

// Uncounted takes a time that is in no figure.
func (w *Watch) Uncounted(reason string, d time.Duration) {
	w.uncounted.WithLabelValues(reason).Add(d.Seconds())
	if reason == string(engine.Restart) {
		w.restarts.Inc()
	}
}

// Counted takes an interval whose energy is known.
func (w *Watch) Counted(i derivation.Interval) {
	joules := i.Energy.Energy.Joules()
	w.counted.Add(i.Length().Seconds())
	w.used.WithLabelValues(w.model, w.kind).Add(joules)
	if i.Idle {
		w.idle.WithLabelValues(w.model, w.kind).Add(joules)
	} else {
		w.idle.WithLabelValues(w.model, w.kind).Add(0)
	}
	if w.carbon != nil {
		w.carbon.WithLabelValues(w.model, w.kind, w.grid.Name).Add(w.grid.Grams(i.Energy.Energy))
	}
	for _, c := range []struct {
		of *prometheus.CounterVec
		n  float64
	}{{w.promptTokens, i.PromptTokens}, {w.cachedTokens, i.CachedTokens}, {w.outputTokens, i.OutputTokens}, {w.requests, i.Requests}} {
		if c.n >= 0 { // not NaN: what the server does not count has no series
			c.of.WithLabelValues(w.model).Add(c.n)
		}
	}
}

// Tenants takes the shares of an interval that was counted.
func (w *Watch) Tenants(shares []derivation.TenantShare) {
	for _, s := range shares {
		w.tenantEnergy.WithLabelValues(w.model, w.kind, s.Tenant).Add(max(s.EnergyJ, 0))
		w.tenantPrompt.WithLabelValues(w.model, s.Tenant).Add(s.PromptTokens)
		w.tenantOutput.WithLabelValues(w.model, s.Tenant).Add(s.OutputTokens)
		w.tenantRequests.WithLabelValues(w.model, s.Tenant).Add(s.Requests)
	}
}

// Received counts spans and the requests that bring them, from now on.
func (w *Watch) Received() otlp.Meter {
	for _, f := range otlp.Fates() {
		w.spans.WithLabelValues(string(f))
	}
	for _, a := range otlp.Answers() {
		w.exports.WithLabelValues(string(a))
	}
	return received{w}
}

type received struct{ *Watch }

func (r received) Spans(fate otlp.Fate, n int) {
	r.spans.WithLabelValues(string(fate)).Add(float64(n))
}

func (r received) Export(answer otlp.Answer) { r.exports.WithLabelValues(string(answer)).Inc() }

// Undivided takes the energy that waits for the log of requests or the spans.
func (w *Watch) Undivided(e meter.Energy) {
	w.undivided.WithLabelValues(w.model, w.kind).Set(e.Joules())
}

// Recent takes the sums of the last minutes. What they do not tell has no series.
func (w *Watch) Recent(s derivation.Served) {
	w.recency.WithLabelValues(w.model).Set(s.Time.Seconds())
	set := func(g *prometheus.GaugeVec, v float64, known bool) {
		if known {
			g.WithLabelValues(w.model, w.kind).Set(v)
		} else {
			g.DeleteLabelValues(w.model, w.kind)
		}
	}
	token, ok := s.PerOutputToken()
	set(w.perOutputToken, token.Value, ok)
	request, ok := s.PerRequest()
	set(w.perRequest, request.Value, ok)
	share, ok := s.IdleShare()
	set(w.idleShare, share, ok)
	set(w.mean, s.Energy.Energy.Joules()/s.Time.Seconds(), s.Energy.Known && s.Time > 0)
}

// Split takes the costs of prefill and decode; known is false where they cannot be
// told apart.
func (w *Watch) Split(costs attribution.ServedCosts, known bool) {
	w.split.Reset()
	if !known {
		w.splitKnown.Set(0)
		return
	}
	w.splitKnown.Set(1)
	for _, c := range []struct {
		phase string
		of    attribution.Fitted
	}{{"prefill", costs.Prefill}, {"decode", costs.Decode}} {
		w.split.WithLabelValues(w.model, w.kind, c.phase, "value").Set(c.of.Value)
		w.split.WithLabelValues(w.model, w.kind, c.phase, "low").Set(c.of.Lo)
		w.split.WithLabelValues(w.model, w.kind, c.phase, "high").Set(c.of.Hi)
	}
}
