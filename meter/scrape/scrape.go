// Package scrape reads energy and power from Prometheus endpoints:
// dcgm-exporter, kepler, node_exporter's rapl collector, and any other metric
// that the user names; and from trtllm-serve's /energy_metrics.
//
// It is opinionated: an exporter refreshes its figures every few seconds at
// best (dcgm-exporter every 30 s unless told otherwise), so all of its domains
// are coarse: good for a run, not for a request. A metric is used only where it
// is known what it covers and in which unit.
package scrape

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"cfubench/meter"
	"cfubench/meter/polled"
)

const source = "scrape"

const (
	// patience is how long an exporter may take to answer.
	patience = 10 * time.Second
	// largest is the most that is read of an answer.
	largest = 64 << 20
)

// Open opens the endpoint at address, one source for all of its energy and
// power metrics that are known. A metric that is not known is named in the
// address's fragment, with what it covers: "http://bmc:9290/metrics#metric=
// ipmi_dcmi_power_consumption_watts&scope=node" (unit by the name's ending:
// joules, microjoules, watts, milliwatts, …, or unit=…; period=5s states how
// often the exporter refreshes it).
func Open(ctx context.Context, clock meter.Clock, address string) ([]meter.Source, []meter.Refusal) {
	refuse := func(reason, remedy string) ([]meter.Source, []meter.Refusal) {
		return nil, []meter.Refusal{{Source: source, Reason: reason, Remedy: remedy}}
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return refuse(fmt.Sprintf("%q is not a URL", redacted(address)), "want http://HOST:PORT/metrics")
	}
	rules, err := rulesFor(u.Fragment)
	if err != nil {
		return refuse(fmt.Sprintf("fragment of %s: %v", redacted(address), err), "want #metric=NAME&scope=SCOPE")
	}
	u.Fragment, u.RawFragment = "", ""
	e := &endpoint{url: u.String(), client: &http.Client{}}
	families, err := e.get(ctx)
	if err != nil {
		return refuse(fmt.Sprintf("read %s: %v", u.Redacted(), err), "")
	}
	series, left := find(families, rules, u.Host)
	if len(series) == 0 {
		return nil, append(left, meter.Refusal{
			Source: source, Reason: fmt.Sprintf("%s has no energy or power metric that is known", u.Redacted()),
			Remedy: "name one and what it covers: …/metrics#metric=NAME&scope=gpu|package|dram|psys|node",
		})
	}
	e.series = series
	domains := make([]meter.Domain, len(series))
	for i, s := range series {
		domains[i] = s.domain
	}
	return []meter.Source{polled.New(ctx, clock, domains, meter.PollPeriod(domains), patience, e.fetch, nil)}, left
}

// redacted is address without a password, for messages.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		before, after, ok := strings.Cut(address, "@")
		if !ok {
			return before
		}
		return "…@" + after
	}
	return u.Redacted()
}

// endpoint is one exporter and what is taken from it.
type endpoint struct {
	url    string
	client *http.Client
	series []series
}

// get asks the exporter and parses its answer.
func (e *endpoint) get(ctx context.Context) (map[string]*dto.MetricFamily, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/plain; version=0.0.4; charset=utf-8")
	resp, err := e.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %s", resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, largest+1))
	if err != nil {
		return nil, err
	}
	if len(body) > largest {
		return nil, fmt.Errorf("answer of more than %d MiB", largest>>20)
	}
	return parse(body)
}

// parse reads the Prometheus text format, or trtllm-serve's JSON object.
func parse(body []byte) (map[string]*dto.MetricFamily, error) {
	if text := bytes.TrimSpace(body); len(text) > 0 && text[0] == '{' {
		return parseObject(text)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("parse Prometheus text: %w", err)
	}
	return families, nil
}

// parseObject makes trtllm-serve's answer a metric of one sample.
func parseObject(text []byte) (map[string]*dto.MetricFamily, error) {
	var answer struct {
		Energy *float64 `json:"total_energy_j"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("parse JSON: %w", err)
	}
	if answer.Energy == nil {
		return nil, nil
	}
	sample := &dto.Metric{Untyped: &dto.Untyped{Value: answer.Energy}}
	return map[string]*dto.MetricFamily{trtllmMetric: {Metric: []*dto.Metric{sample}}}, nil
}

// fetch implements polled.Fetch.
func (e *endpoint) fetch(ctx context.Context, dst []meter.Reading) []meter.Reading {
	families, err := e.get(ctx)
	if err != nil {
		return nil
	}
	for i, s := range e.series {
		r := meter.Reading{Domain: i, Status: meter.StatusTransient}
		if v, ok := s.value(families); ok {
			s.set(&r, v)
		}
		dst = append(dst, r)
	}
	return dst
}

// series is one time series of the exporter and the domain that it measures.
type series struct {
	rule   rule
	labels []string // "name=value" of all labels, sorted
	domain meter.Domain
}

// value finds the series in an answer.
func (s series) value(families map[string]*dto.MetricFamily) (float64, bool) {
	for _, m := range families[s.rule.metric].GetMetric() {
		if slices.Equal(labels(m), s.labels) {
			return number(m), true
		}
	}
	return 0, false
}

// set converts v to the domain's unit.
func (s series) set(r *meter.Reading, v float64) {
	micro := v * s.rule.micro
	if !(micro >= 0) || micro >= math.MaxInt64 {
		return // NaN is what exporters write where there is no value
	}
	r.Status = meter.StatusOK
	if s.rule.kind == meter.KindCounter {
		r.Energy, r.HasEnergy = meter.Energy(math.Round(micro)), true
		return
	}
	r.Power, r.HasPower = meter.Power(math.Round(micro)), true
}

// number is a sample's value, whatever its declared type.
func number(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.Counter.GetValue()
	case m.Gauge != nil:
		return m.Gauge.GetValue()
	case m.Untyped != nil:
		return m.Untyped.GetValue()
	}
	return math.NaN()
}

// labels lists a sample's labels as name=value, sorted.
func labels(m *dto.Metric) []string {
	var all []string
	for _, l := range m.GetLabel() {
		all = append(all, l.GetName()+"="+l.GetValue())
	}
	slices.Sort(all)
	return all
}

// label returns one label's value, "" without it.
func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if strings.EqualFold(l.GetName(), name) {
			return l.GetValue()
		}
	}
	return ""
}
