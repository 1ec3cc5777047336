// Package live holds the figures of a run that is under way, or of a server in
// production that is watched: for the status line and, as a Prometheus collector,
// for whoever scrapes it.
//
// It is not where results come from: those are computed from the tables. Power is
// that of the domains that count in a cell's energy, by the rule of the tables:
// each says so in its label summed. Metric names follow the conventions of
// Prometheus: base units, _total on counters, and one _info metric for what the
// run is.
package live

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"cfubench/internal/secret"
)

// Live is the figures of a run that is under way. All methods may be called
// from several goroutines at once.
type Live struct {
	registry *prometheus.Registry
	*meters

	info                                     *prometheus.GaugeVec
	cells, cellsDone, started, remaining     prometheus.Gauge
	inFlight                                 prometheus.Gauge
	requests                                 *prometheus.CounterVec
	promptTokens, outputTokens, cachedTokens prometheus.Counter
	ttft, latency, lateness                  prometheus.Histogram
}

// New returns the figures of a run that has not begun.
func New() *Live {
	l := &Live{registry: prometheus.NewRegistry()}
	l.meters = newMeters(l.registry)
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "cfu", Name: name, Help: help})
		l.registry.MustRegister(g)
		return g
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "cfu", Name: name, Help: help})
		l.registry.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "cfu", Name: name, Help: help, Buckets: buckets})
		l.registry.MustRegister(h)
		return h
	}
	l.info = prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "cfu", Name: "run_info", Help: "The cell under way, always 1."},
		[]string{"model", "engine", "cell"})
	l.requests = prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "cfu", Name: "requests_total", Help: "Requests that ended, by outcome."}, []string{"outcome"})
	l.registry.MustRegister(l.info, l.requests)
	l.requests.WithLabelValues("completed")
	l.requests.WithLabelValues("failed")
	l.cells = gauge("cells", "Cells of the sweep.")
	l.cellsDone = gauge("cells_done", "Cells that ended.")
	l.started = gauge("start_time_seconds", "When the run began, in Unix time.")
	l.remaining = gauge("remaining_seconds", "Estimated time to the end of the sweep.")
	l.inFlight = gauge("requests_in_flight", "Requests sent and not ended.")
	l.promptTokens = counter("prompt_tokens_total", "Prompt tokens of ended requests, by the server's usage.")
	l.cachedTokens = counter("cached_prompt_tokens_total", "Prompt tokens that the server had in its prefix cache.")
	l.outputTokens = counter("output_tokens_total", "Output tokens of ended requests, by the server's usage.")
	seconds := prometheus.ExponentialBuckets(0.005, 2, 16)
	l.ttft = histogram("time_to_first_token_seconds", "From the actual send to the first token.", seconds)
	l.latency = histogram("request_duration_seconds", "From the actual send to the end of the answer.", seconds)
	l.lateness = histogram("send_lateness_seconds", "From when a request was due to when it was sent.", prometheus.ExponentialBuckets(1e-5, 4, 12))
	return l
}

// Handler serves the figures in the formats of Prometheus.
func (l *Live) Handler() http.Handler { return handler(l.registry) }

func handler(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(redacted{r}, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// redacted gathers figures without the secrets that this process knows: names of models
// and versions are the server's own.
type redacted struct{ prometheus.Gatherer }

// Gather implements prometheus.Gatherer.
func (g redacted) Gather() ([]*dto.MetricFamily, error) {
	families, err := g.Gatherer.Gather()
	for _, f := range families {
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if text := secret.Own().Values(l.GetValue()); text != l.GetValue() {
					l.Value = &text
				}
			}
		}
	}
	return families, err
}
