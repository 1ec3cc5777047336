package logs

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"cfubench/meter"
)

// prometheusMetrics are the metrics that are read and their units; of two of
// one device the first found is taken.
var prometheusMetrics = []metric{
	{"DCGM_FI_DEV_POWER_USAGE", 1e6, meter.KindPower, meter.ScopeGPU},                // W
	{"DCGM_FI_DEV_POWER_USAGE_INSTANT", 1e6, meter.KindPower, meter.ScopeGPU},        // W
	{"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", 1e3, meter.KindCounter, meter.ScopeGPU}, // mJ
	{"nvidia_gpu_power_usage_milliwatts", 1e3, meter.KindPower, meter.ScopeGPU},
	{"nvidia_smi_power_draw_watts", 1e6, meter.KindPower, meter.ScopeGPU},
	{"zeus_gpu_power_watts", 1e6, meter.KindPower, meter.ScopeGPU},
	{"amd_gpu_power", 1e6, meter.KindPower, meter.ScopeGPU}, // W
}

// detectPrometheus knows text in Prometheus' exposition format with one of the
// metrics.
func detectPrometheus(head []byte) bool {
	for _, m := range prometheusMetrics {
		if bytes.Contains(head, []byte(m.name+"{")) {
			return true
		}
	}
	return false
}

// readPrometheus reads scrapes one after the other. Each sample must carry its
// time, in milliseconds, or the scrape a line "# TIME UNIX": without either
// nobody knows when it was taken.
func readPrometheus(r io.Reader, p *Power, o Options, sink func(Sample) error) error {
	p.Basis = BasisEpoch
	t := newRecords(r)
	var scrape int64
	for {
		raw, err := t.readLine()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		line := strings.TrimSpace(string(raw))
		if rest, ok := strings.CutPrefix(line, "# TIME "); ok {
			ns, ok := (&stamps{}).read([]byte(strings.TrimSpace(rest)))
			if !ok || basisOf(ns) != BasisEpoch {
				return &lineError{t.next, fmt.Errorf("%q is not a Unix time", clip(rest))}
			}
			scrape = ns
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		if t.cut {
			p.Cut = true
			return nil
		}
		if err := prometheusLine(line, scrape, p, o, sink); err != nil {
			return &lineError{t.next, err}
		}
	}
}

func prometheusLine(line string, scrape int64, p *Power, o Options, sink func(Sample) error) error {
	name, rest, ok := strings.Cut(line, "{")
	if !ok {
		return nil // no labels: no device
	}
	m, ok := prometheusMetric(name)
	if !ok {
		return nil
	}
	labels, rest, ok := cutLabels(rest)
	if !ok {
		return fmt.Errorf("the labels of %s are not closed", name)
	}
	fields := strings.Fields(rest)
	if len(fields) == 0 || len(fields) > 2 {
		return fmt.Errorf("want a value and a time after the labels of %s", name)
	}
	at := scrape
	if len(fields) == 2 {
		if at, ok = timeUnits["ms"].parse([]byte(fields[1])); !ok {
			return fmt.Errorf("%q is not a time in milliseconds", clip(fields[1]))
		}
	}
	if at == 0 {
		return fmt.Errorf("the sample has no time: a scrape that was saved without the time it was taken at cannot be placed; save it with a line # TIME UNIX before it, or query Prometheus for a range and save its answer")
	}
	d, err := m.device(labels)
	if err != nil {
		return err
	}
	i, err := p.device(d)
	if err != nil {
		return err
	}
	return m.sample(i, o.Clock.place(BasisEpoch, at), fields[0], sink)
}

// metric is one of prometheusMetrics.
type metric struct {
	name  string
	scale float64 // to µW or µJ
	kind  meter.Kind
	scope meter.Scope
}

func prometheusMetric(name string) (metric, bool) {
	for _, m := range prometheusMetrics {
		if m.name == name {
			return m, true
		}
	}
	return metric{}, false
}

// device is the device of a series with these labels.
func (m metric) device(labels map[string]string) (Device, error) {
	part := first(labels["UUID"], labels["uuid"], labels["gpu"], labels["minor_number"], labels["gpu_id"])
	if part == "" {
		return Device{}, fmt.Errorf("%s has no label that names the GPU", m.name)
	}
	d := Device{ID: part + gaugeSuffix(m.name), Part: part, Host: first(labels["Hostname"], labels["hostname"], labels["instance"]),
		Product: labels["modelName"], Driver: labels["DCGM_FI_DRIVER_VERSION"], Scope: m.scope, Kind: m.kind, Gauge: m.name}
	d.Name = deviceName(d.Scope, d.ID, d.Host)
	return d, nil
}

// sample hands on one value of a device; NaN is a query that failed.
func (m metric) sample(device int, at int64, text string, sink func(Sample) error) error {
	s := Sample{Device: device, UnixNS: at}
	if v, ok := (unit{"", 0, m.scale}).parse([]byte(text)); ok && m.kind == meter.KindCounter {
		s.Energy, s.HasEnergy = meter.Energy(v), true
	} else if ok {
		s.Power, s.HasPower = meter.Power(v), v > 0
	}
	return sink(s)
}

// gaugeSuffix keeps a GPU's counter, and its second gauge, apart from its gauge.
func gaugeSuffix(metric string) string {
	switch {
	case strings.HasSuffix(metric, "_INSTANT"):
		return " instant"
	case strings.Contains(metric, "ENERGY"):
		return " counter"
	}
	return ""
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// cutLabels reads labels up to their closing brace.
func cutLabels(s string) (labels map[string]string, rest string, ok bool) {
	labels = map[string]string{}
	for {
		s = strings.TrimLeft(s, ", ")
		if after, found := strings.CutPrefix(s, "}"); found {
			return labels, after, true
		}
		name, after, found := strings.Cut(s, `="`)
		if !found {
			return nil, "", false
		}
		var value strings.Builder
		i := 0
		for ; i < len(after) && after[i] != '"'; i++ {
			if after[i] == '\\' && i+1 < len(after) {
				i++
			}
			value.WriteByte(after[i])
		}
		if i >= len(after) {
			return nil, "", false
		}
		labels[name], s = value.String(), after[i+1:]
	}
}
