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

	"cfubench/internal/origin"
	"cfubench/internal/outside"
	"cfubench/internal/secret"
	"cfubench/meter"
	"cfubench/meter/polled"
)

const source = "scrape"

const (
	// patience is how long an exporter may take to answer.
	patience = 10 * time.Second
	// leastPeriod is the time between two questions at least: an answer is some
	// hundred kilobytes of an exporter that others ask too.
	leastPeriod = 500 * time.Millisecond
	// largest is the most that is read of an answer.
	largest = 64 << 20
)

// Open opens the endpoint at address, one source for all of its energy and
// power metrics that are known. A metric that is not known is named in the
// address's fragment, with what it covers: "http://bmc:9290/metrics#metric=
// ipmi_dcmi_power_consumption_watts&scope=node" (unit by the name's ending:
// joules, microjoules, watts, milliwatts, …, or unit=…; period=5s states how
// often the exporter refreshes it). pod=, namespace=, container=, uuid=, gpu= and
// node= choose the devices whose samples have these labels when it is opened: the
// GPUs of the engine's pod. A device goes on being read by what it is, whatever
// becomes of its labels.
func Open(ctx context.Context, clock meter.Clock, address string) ([]meter.Source, []meter.Refusal) {
	secrets := secret.Own() // errors of the transport repeat the address, and exporters may
	secrets.AddURL(address)
	refuse := func(reason, remedy string) ([]meter.Source, []meter.Refusal) {
		return nil, []meter.Refusal{{Source: source, Reason: secrets.Text(reason), Remedy: remedy}}
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return refuse(fmt.Sprintf("%q is not a URL", address), "want http://HOST:PORT/metrics")
	}
	rules, only, err := rulesFor(u.Fragment)
	if err != nil {
		return refuse(fmt.Sprintf("fragment of %s: %v", address, err), "want #metric=NAME&scope=SCOPE, or #pod=NAME&namespace=NAME")
	}
	u.Fragment, u.RawFragment = "", ""
	e := &endpoint{user: u.User, client: origin.Client(origin.Transport(nil, nil), origin.Bounds{Patience: patience, Bytes: largest})}
	u.User = nil
	e.url = u.String()
	families, err := e.get(ctx)
	if err != nil {
		return refuse(fmt.Sprintf("read %s: %v", address, err), "")
	}
	series, left := find(families, rules, only, u.Host)
	if len(series) == 0 {
		return nil, append(left, meter.Refusal{
			Source: source, Reason: secrets.Text(u.String()) + " has no energy or power metric that is known",
			Remedy: "name one and what it covers: …/metrics#metric=NAME&scope=gpu|package|dram|psys|node",
		})
	}
	e.series = series
	domains := make([]meter.Domain, len(series))
	for i, s := range series {
		domains[i] = s.domain
	}
	return []meter.Source{polled.New(ctx, clock, domains, max(meter.PollPeriod(domains), leastPeriod), patience, e.fetch, nil)}, left
}

// endpoint is one exporter and what is taken from it.
type endpoint struct {
	url    string
	user   *url.Userinfo // nil for none
	client *http.Client
	series []series
}

// get asks the exporter and parses its answer.
func (e *endpoint) get(ctx context.Context) (map[string]*dto.MetricFamily, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/plain; version=0.0.4; charset=utf-8")
	if e.user != nil {
		password, _ := e.user.Password()
		req.SetBasicAuth(e.user.Username(), password)
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %s", outside.Line(resp.Status, 80))
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
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
		dst = append(dst, s.reading(i, families))
	}
	return dst
}

// reading is what an answer has of the series: the counter with the gauge beside
// it, or the gauge. A value that is none is a missing sample, and never 0.
func (s series) reading(domain int, families map[string]*dto.MetricFamily) meter.Reading {
	r := meter.Reading{Domain: domain, Status: meter.StatusTransient}
	if v, ok := s.value(s.counter, families); ok {
		r.Energy, r.HasEnergy, r.Status = meter.Energy(v), true, meter.StatusOK
	}
	if s.counter != nil && !r.HasEnergy {
		return r // a gauge does not stand in for a counter
	}
	if v, ok := s.value(s.gauge, families); ok {
		r.Power, r.HasPower, r.Status = meter.Power(v), true, meter.StatusOK
	}
	return r
}

// value finds a rule's sample of the series in an answer, in micro-units.
func (s series) value(r *rule, families map[string]*dto.MetricFamily) (v int64, ok bool) {
	if r == nil {
		return 0, false
	}
	r.samples(families, func(key string, m *dto.Metric, _ meter.Domain, reason string) {
		if ok || reason != "" || key != s.key {
			return
		}
		if micro := number(m) * r.micro; micro >= 0 && micro < math.MaxInt64 {
			v, ok = int64(math.Round(micro)), true
		}
	})
	return v, ok
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
