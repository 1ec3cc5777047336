package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Sample is one scrape of a server's /metrics. A figure that the server does
// not give is NaN, never 0. Totals count since the server started.
type Sample struct {
	// Before and After are the run's clock on either side of the scrape.
	Before, After time.Duration
	// Err says why a scrape gave nothing: then every figure is NaN.
	Err string

	Running      float64 // requests in the batch now
	Waiting      float64 // requests queued now
	CacheUsage   float64 // share of the key-value cache in use now, 0 to 1
	PromptTokens float64 // prompt tokens computed or taken from the cache, total
	CachedTokens float64 // of them taken from the prefix cache, total
	OutputTokens float64 // tokens generated, total
	Preemptions  float64 // requests put back for want of cache, total
	Steps        float64 // forward passes, total
	PrefillTime  float64 // seconds that requests spent in prefill, total
	DecodeTime   float64 // seconds that requests spent in decode, total
	QueueTime    float64 // seconds that requests spent queued, total
	Finished     float64 // requests finished, total
}

// ErrNoMetrics says that the server publishes no figures that are known here,
// or has them switched off.
var ErrNoMetrics = errors.New("the server serves no metrics that are known (llama.cpp needs --metrics, SGLang --enable-metrics, TensorRT-LLM return_perf_metrics)")

// part is which number of a metric family is meant.
type part int

const (
	value part = iota // of a counter or gauge
	sum               // of a histogram's observations
	count             // of a histogram's observations
)

// figure says where a server publishes a figure of Sample; of two for one figure
// the later wins.
type figure struct {
	family string // without the server's prefix
	part   part
	field  func(*Sample) *float64
	// highest says that of several series the highest counts, not their sum: a
	// ratio.
	highest bool
}

// unknownSample has every figure NaN.
func unknownSample() Sample {
	n := math.NaN()
	return Sample{Running: n, Waiting: n, CacheUsage: n, PromptTokens: n, CachedTokens: n,
		OutputTokens: n, Preemptions: n, Steps: n, PrefillTime: n, DecodeTime: n, QueueTime: n, Finished: n}
}

// parseMetrics reads the Prometheus text format. The error is ErrNoMetrics if it
// is another server's, or no such text; one that has not served anything may lack
// any figure. Families are prefixed by the server, so that a proxy's metrics of
// several kinds are read, too.
func parseMetrics(text []byte) (Sample, error) {
	s := unknownSample()
	families, err := parseFamilies(text)
	if err != nil {
		return s, err
	}
	known := false
	for _, k := range kinds() {
		if k.prefix == "" || !hasPrefix(families, k.prefix) {
			continue
		}
		known = true
		for _, f := range k.figures {
			if family, ok := families[k.prefix+f.family]; ok {
				*f.field(&s) = f.read(family)
			}
		}
		if k.adjust != nil {
			k.adjust(families, &s)
		}
	}
	if !known {
		return s, ErrNoMetrics
	}
	return s, nil
}

func hasPrefix(families map[string]*dto.MetricFamily, prefix string) bool {
	for name := range families {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// mostSeries bounds the series that are read of a page: each takes some 600 bytes
// of memory, and vLLM has a few hundred of them.
const mostSeries = 1 << 16

func parseFamilies(text []byte) (map[string]*dto.MetricFamily, error) {
	text = lean(text)
	if n := bytes.Count(text, []byte("\n")); n > mostSeries {
		return nil, fmt.Errorf("parse metrics: more than %d series of the server's own", mostSeries)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("parse metrics: %w: %w", err, ErrNoMetrics)
	}
	return families, nil
}

// lean leaves out what is most of a page and is not read: families of others, the
// buckets of histograms, whose sums and counts are enough, and what families mean.
// What is no metrics at all stays, for the parser to refuse.
func lean(text []byte) []byte {
	prefixes := [][]byte{}
	for _, k := range kinds() {
		if k.prefix != "" {
			prefixes = append(prefixes, []byte(k.prefix))
		}
	}
	out := make([]byte, 0, len(text)/4)
	for line := range bytes.Lines(text) {
		rest, typed := bytes.CutPrefix(line, []byte("# TYPE "))
		name := rest[:nameEnd(rest)]
		known := slices.ContainsFunc(prefixes, func(p []byte) bool { return bytes.HasPrefix(name, p) })
		switch {
		case bytes.HasPrefix(line, []byte("# HELP ")), len(name) > 0 && !known, known && !typed && bytes.HasSuffix(name, []byte("_bucket")):
			continue
		}
		out = append(out, line...)
	}
	return out
}

// nameEnd is where the metric's name ends that a line begins with, 0 where it begins
// with none.
func nameEnd(line []byte) int {
	for i, c := range line {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == ':'
		if !letter && (i == 0 || c < '0' || c > '9') {
			if c == '{' || c == ' ' || c == '\t' {
				return i
			}
			return 0
		}
	}
	return 0
}

// read joins the series of a family: one for each model, engine or reason.
func (f figure) read(family *dto.MetricFamily) float64 {
	total := math.NaN()
	for _, m := range distinct(family) {
		v := math.NaN()
		switch {
		case m.Histogram != nil && f.part == sum:
			v = m.Histogram.GetSampleSum()
		case m.Histogram != nil && f.part == count:
			v = float64(m.Histogram.GetSampleCount())
		case f.part != value:
		case m.Counter != nil:
			v = m.Counter.GetValue()
		case m.Gauge != nil:
			v = m.Gauge.GetValue()
		case m.Untyped != nil:
			v = m.Untyped.GetValue()
		}
		switch {
		case math.IsNaN(v):
		case math.IsNaN(total):
			total = v
		case f.highest:
			total = max(total, v)
		default:
			total += v
		}
	}
	return total
}

// scrape reads the metrics at path once, between two readings of clock. The
// error is ErrNoMetrics if there are none.
func (e peer) scrape(ctx context.Context, path string, clock func() time.Duration) (Sample, error) {
	before := clock()
	text, err := e.do(ctx, http.MethodGet, path, nil)
	after := clock()
	s := unknownSample()
	switch {
	case absent(err):
		err = ErrNoMetrics
	case err == nil:
		s, err = parseMetrics(text)
	}
	s.Before, s.After = before, after
	if err != nil {
		s.Err = strings.Join(strings.Fields(err.Error()), " ")
	}
	return s, err
}

// Scrape reads the server's metrics once, between two readings of clock. A scrape
// that failed is a Sample with its Err; the error is ErrNoMetrics if the server
// answered without any. A nil client is http's default.
func (p Profile) Scrape(ctx context.Context, c *http.Client, baseURL, apiKey string, clock func() time.Duration) (Sample, error) {
	e, err := newPeer(c, baseURL, apiKey)
	if err != nil {
		return unknownSample(), err
	}
	return e.scrape(ctx, p.metrics, clock)
}

// finalScrape bounds the scrape after the end.
const finalScrape = 2 * time.Second

// Sample scrapes the server's metrics at once, then every interval until ctx
// ends, and once more then, and hands each Sample to sink, from this goroutine. A
// scrape that fails is a Sample with its Err, and the next one is tried; a scrape
// that takes longer than the interval delays the next. It returns ErrNoMetrics if
// the first scrape finds none, an error if baseURL is no address, and otherwise
// nil. A nil client is http's default.
func (p Profile) Sample(ctx context.Context, c *http.Client, baseURL, apiKey string, interval time.Duration, clock func() time.Duration, sink func(Sample)) error {
	e, err := newPeer(c, baseURL, apiKey)
	if err != nil {
		return err
	}
	s, err := e.scrape(ctx, p.metrics, clock)
	if errors.Is(err, ErrNoMetrics) {
		return err
	}
	sink(s)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if s, _ := e.scrape(ctx, p.metrics, clock); ctx.Err() == nil {
				sink(s)
			}
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalScrape)
			defer cancel()
			s, _ := e.scrape(last, p.metrics, clock)
			sink(s)
			return nil
		}
	}
}
