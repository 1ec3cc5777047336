package scrape

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"cfubench/meter"
)

// rule says what one metric measures.
type rule struct {
	metric string
	// pattern, if not nil, is what the metric's name must match instead: names that
	// have numbers in them.
	pattern *regexp.Regexp
	kind    meter.Kind
	micro   float64 // µJ or µW of one unit of the metric
	period  time.Duration
	// describe fills in what a sample's labels tell; false where the sample is
	// not to be used, with the reason.
	describe func(m *dto.Metric, d *meter.Domain) (reason string, ok bool)
}

// names lists the metrics of an answer that the rule is for.
func (r rule) names(families map[string]*dto.MetricFamily) []string {
	if r.pattern == nil {
		return []string{r.metric}
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(families)) {
		if r.pattern.MatchString(name) {
			names = append(names, name)
		}
	}
	return names
}

// knows reports whether the rule is for the metric.
func (r rule) knows(metric string) bool {
	return metric == r.metric || r.pattern != nil && r.pattern.MatchString(metric)
}

// Refresh periods: what the exporters do unless told otherwise (dcgm-exporter 4.5
// and kepler 0.11, by their sources). node_exporter reads its registers when it is asked.
const (
	dcgmPeriod   = 30 * time.Second
	keplerPeriod = 5 * time.Second
	nodePeriod   = time.Second
)

// known lists the metrics whose meaning is known, counters before gauges.
func known() []rule {
	gpu := func(metric string, kind meter.Kind, micro float64) rule {
		return rule{metric: metric, kind: kind, micro: micro, period: dcgmPeriod, describe: dcgm}
	}
	node := func(name string, scope meter.Scope) rule {
		return rule{metric: "node_rapl_" + name + "_joules_total", kind: meter.KindCounter, micro: 1e6, period: nodePeriod, describe: indexed(scope)}
	}
	return []rule{
		gpu("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", meter.KindCounter, 1e3),
		{metric: "kepler_node_cpu_joules_total", kind: meter.KindCounter, micro: 1e6, period: keplerPeriod, describe: zone},
		node("package", meter.ScopePackage),
		// node_exporter makes the zone package-0-die-0 a name of its own
		// (prometheus/node_exporter issue 2299).
		{metric: "node_rapl_package_N_die_N_joules_total", pattern: dieMetric, kind: meter.KindCounter, micro: 1e6, period: nodePeriod, describe: indexed(meter.ScopePackage)},
		node("dram", meter.ScopeDRAM),
		node("core", meter.ScopeCore),
		node("uncore", meter.ScopeUncore),
		node("psys", meter.ScopePsys),
		{metric: trtllmMetric, kind: meter.KindCounter, micro: 1e6, period: nodePeriod, describe: trtllm},
		gpu("DCGM_FI_DEV_POWER_USAGE", meter.KindPower, 1e6),
	}
}

// dieMetric is the register of a die of a package.
var dieMetric = regexp.MustCompile(`^node_rapl_package_(\d+_)?die(_\d+)?_joules_total$`)

// dcgm reads dcgm-exporter's labels. A row of a MIG instance shows the whole
// GPU's counter, once an instance (dcgm-exporter issue 317).
func dcgm(m *dto.Metric, d *meter.Domain) (string, bool) {
	d.Scope = meter.ScopeGPU
	d.Name = "gpu" + label(m, "gpu")
	d.Device = strings.TrimSpace(label(m, "UUID") + " " + label(m, "pci_bus_id"))
	d.Product, d.Driver = label(m, "modelName"), label(m, "DCGM_FI_DRIVER_VERSION")
	if instance := label(m, "GPU_I_ID"); instance != "" {
		return "MIG instance " + instance + " shows the whole GPU's counter: adding the instances would count it several times", false
	}
	return "", true
}

// zone reads the zone label of kepler's node metrics.
func zone(m *dto.Metric, d *meter.Domain) (string, bool) {
	name := label(m, "zone")
	base, _, _ := strings.Cut(name, "-")
	scope, ok := map[string]meter.Scope{
		"package": meter.ScopePackage, "dram": meter.ScopeDRAM, "core": meter.ScopeCore,
		"uncore": meter.ScopeUncore, "psys": meter.ScopePsys,
	}[base]
	d.Name, d.Scope = name, scope
	d.Device = strings.TrimSpace(label(m, "node_name") + " " + name + " " + label(m, "path"))
	if !ok {
		return "zone " + name + " is not known", false
	}
	return "", true
}

// indexed reads node_exporter's index label.
func indexed(scope meter.Scope) func(*dto.Metric, *meter.Domain) (string, bool) {
	return func(m *dto.Metric, d *meter.Domain) (string, bool) {
		d.Scope = scope
		d.Name = string(scope) + "-" + cmp.Or(label(m, "index"), "0")
		d.Device = strings.TrimSpace(hostOf(m) + " " + cmp.Or(label(m, "path"), d.Name))
		if strings.Contains(label(m, "path"), "intel-rapl-mmio") {
			return "a second view of the same package", false
		}
		return "", true
	}
}

// hostOf is what a sample's labels say of the host that it is of, "" without them:
// a Prometheus server repeats the samples of many.
func hostOf(m *dto.Metric) string {
	return cmp.Or(label(m, "instance"), label(m, "node_name"), label(m, "node"), label(m, "nodename"), label(m, "Hostname"))
}

// trtllmMetric is the key of trtllm-serve's /energy_metrics, a JSON object and
// no Prometheus text.
const trtllmMetric = "total_energy_j"

// trtllm describes trtllm-serve's one figure: the sum of its GPUs' counters
// since it started, read when it is asked.
func trtllm(_ *dto.Metric, d *meter.Domain) (string, bool) {
	d.Name, d.Scope, d.Device = "gpus", meter.ScopeGPU, "all GPUs of trtllm-serve"
	d.Note = "sum of the counters of all GPUs of the server"
	return "", true
}

// scopes are those that a user may state.
func scopes() []meter.Scope {
	return []meter.Scope{
		meter.ScopeNode, meter.ScopePsys, meter.ScopeModule, meter.ScopePackage, meter.ScopeGrace,
		meter.ScopeDRAM, meter.ScopeCore, meter.ScopeUncore, meter.ScopeGPU, meter.ScopeHBM,
	}
}

// unitsByEnding are the endings of metric names that state a unit, longest
// first where one ends in the other.
func unitsByEnding() []struct {
	ending string
	kind   meter.Kind
	micro  float64
} {
	return []struct {
		ending string
		kind   meter.Kind
		micro  float64
	}{
		{"microjoules", meter.KindCounter, 1},
		{"millijoules", meter.KindCounter, 1e3},
		{"joules", meter.KindCounter, 1e6},
		{"microwatts", meter.KindPower, 1},
		{"milliwatts", meter.KindPower, 1e3},
		{"watts", meter.KindPower, 1e6},
	}
}

// rulesFor returns the rules that an address's fragment states, or those for
// all known metrics if it states none, and which of their samples are meant.
func rulesFor(fragment string) ([]rule, selection, error) {
	if fragment == "" {
		return known(), selection{}, nil
	}
	q, err := url.ParseQuery(fragment)
	if err != nil {
		return nil, selection{}, err
	}
	var only selection
	for name := range q {
		switch {
		case slices.Contains([]string{"metric", "scope", "unit", "period"}, name):
		case selectable()[name] != nil:
			only.add(name, q.Get(name))
		default:
			return nil, selection{}, fmt.Errorf("unknown key %q (want metric, scope, unit, period, pod, namespace, container, uuid, gpu or node)", name)
		}
	}
	if !q.Has("metric") && !q.Has("scope") && !q.Has("unit") && !q.Has("period") && !only.empty() {
		return known(), only, nil
	}
	metric, scope := q.Get("metric"), meter.Scope(q.Get("scope"))
	if metric == "" {
		return nil, selection{}, fmt.Errorf("no metric=NAME")
	}
	if !slices.Contains(scopes(), scope) {
		return nil, selection{}, fmt.Errorf("scope %q: want one of %v", scope, scopes())
	}
	r := rule{metric: metric, period: keplerPeriod, describe: named(scope, metric)}
	unit := strings.TrimSuffix(cmp.Or(q.Get("unit"), metric), "_total")
	for _, u := range unitsByEnding() {
		if strings.HasSuffix(unit, u.ending) {
			r.kind, r.micro = u.kind, u.micro
			break
		}
	}
	if r.micro == 0 {
		return nil, selection{}, fmt.Errorf("metric %s does not end in a unit: add unit=joules, millijoules, microjoules, watts, milliwatts or microwatts", metric)
	}
	if p := q.Get("period"); p != "" {
		if r.period, err = time.ParseDuration(p); err != nil || r.period <= 0 {
			return nil, selection{}, fmt.Errorf("period %q: want a duration such as 5s", p)
		}
	}
	return []rule{r}, only, nil
}

// named describes samples of a metric that the user named.
func named(scope meter.Scope, metric string) func(*dto.Metric, *meter.Domain) (string, bool) {
	return func(m *dto.Metric, d *meter.Domain) (string, bool) {
		d.Scope = scope
		d.Device = strings.Join(append([]string{metric}, lasting(m)...), " ")
		d.Name = string(scope)
		d.Note = "what it covers is stated by the user"
		return "", true
	}
}
