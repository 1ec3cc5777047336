package scrape

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"cfubench/meter"
)

// rule says what one metric measures.
type rule struct {
	metric string
	kind   meter.Kind
	micro  float64 // µJ or µW of one unit of the metric
	period time.Duration
	// describe fills in what a sample's labels tell; false where the sample is
	// not to be used, with the reason.
	describe func(m *dto.Metric, d *meter.Domain) (reason string, ok bool)
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
	return []rule{
		{"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", meter.KindCounter, 1e3, dcgmPeriod, dcgm},
		{"kepler_node_cpu_joules_total", meter.KindCounter, 1e6, keplerPeriod, zone},
		{"node_rapl_package_joules_total", meter.KindCounter, 1e6, nodePeriod, indexed(meter.ScopePackage)},
		{"node_rapl_dram_joules_total", meter.KindCounter, 1e6, nodePeriod, indexed(meter.ScopeDRAM)},
		{"node_rapl_core_joules_total", meter.KindCounter, 1e6, nodePeriod, indexed(meter.ScopeCore)},
		{"node_rapl_uncore_joules_total", meter.KindCounter, 1e6, nodePeriod, indexed(meter.ScopeUncore)},
		{"node_rapl_psys_joules_total", meter.KindCounter, 1e6, nodePeriod, indexed(meter.ScopePsys)},
		{trtllmMetric, meter.KindCounter, 1e6, nodePeriod, trtllm},
		{"DCGM_FI_DEV_POWER_USAGE", meter.KindPower, 1e6, dcgmPeriod, dcgm},
	}
}

// dcgm reads dcgm-exporter's labels. A row of a MIG instance shows the whole
// GPU's counter, once an instance (dcgm-exporter issue 317).
func dcgm(m *dto.Metric, d *meter.Domain) (string, bool) {
	d.Scope = meter.ScopeGPU
	d.Name = "gpu" + label(m, "gpu")
	d.Device = strings.TrimSpace(label(m, "UUID") + " " + label(m, "pci_bus_id"))
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
		d.Device = cmp.Or(label(m, "path"), d.Name)
		if strings.Contains(label(m, "path"), "intel-rapl-mmio") {
			return "a second view of the same package", false
		}
		return "", true
	}
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
// all known metrics if it is empty.
func rulesFor(fragment string) ([]rule, error) {
	if fragment == "" {
		return known(), nil
	}
	q, err := url.ParseQuery(fragment)
	if err != nil {
		return nil, err
	}
	for name := range q {
		if !slices.Contains([]string{"metric", "scope", "unit", "period"}, name) {
			return nil, fmt.Errorf("unknown key %q (want metric, scope, unit or period)", name)
		}
	}
	metric, scope := q.Get("metric"), meter.Scope(q.Get("scope"))
	if metric == "" {
		return nil, fmt.Errorf("no metric=NAME")
	}
	if !slices.Contains(scopes(), scope) {
		return nil, fmt.Errorf("scope %q: want one of %v", scope, scopes())
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
		return nil, fmt.Errorf("metric %s does not end in a unit: add unit=joules, millijoules, microjoules, watts, milliwatts or microwatts", metric)
	}
	if p := q.Get("period"); p != "" {
		if r.period, err = time.ParseDuration(p); err != nil || r.period <= 0 {
			return nil, fmt.Errorf("period %q: want a duration such as 5s", p)
		}
	}
	return []rule{r}, nil
}

// named describes samples of a metric that the user named.
func named(scope meter.Scope, metric string) func(*dto.Metric, *meter.Domain) (string, bool) {
	return func(m *dto.Metric, d *meter.Domain) (string, bool) {
		d.Scope = scope
		d.Device = strings.Join(append([]string{metric}, labels(m)...), " ")
		d.Name = string(scope)
		d.Note = "what it covers is stated by the user"
		return "", true
	}
}

// find lists the series of an answer that the rules know. Where a device has a
// counter its gauge is left out: one exporter refreshes both together, so the
// gauge adds nothing.
func find(families map[string]*dto.MetricFamily, rules []rule, host string) ([]series, []meter.Refusal) {
	var found []series
	var left []meter.Refusal
	counted := map[string]bool{} // by device and scope
	names := map[string]int{}
	for _, r := range rules {
		metrics := slices.SortedFunc(slices.Values(families[r.metric].GetMetric()), func(a, b *dto.Metric) int {
			return slices.Compare(labels(a), labels(b))
		})
		for _, m := range metrics {
			d := meter.Domain{Source: source, Kind: r.kind, UpdatePeriod: r.period, Coarse: true}
			if name := hostname(host); !meter.IsLocal(name) {
				d.Host = name
			}
			reason, ok := r.describe(m, &d)
			if !ok {
				left = append(left, meter.Refusal{Source: source, Domain: d.Name, Reason: reason})
				continue
			}
			key := string(d.Scope) + " " + d.Device
			if r.kind == meter.KindPower && counted[key] {
				continue
			}
			counted[key] = true
			if r.kind == meter.KindCounter {
				d.Quantum = meter.Energy(r.micro)
			}
			names[d.Name]++
			if n := names[d.Name]; n > 1 {
				d.Name = fmt.Sprintf("%s-%d", d.Name, n)
			}
			d.Device = strings.TrimSpace(d.Device + " at " + host)
			found = append(found, series{rule: r, labels: labels(m), domain: d})
		}
	}
	return found, dedupe(left)
}

// hostname is a host without its port.
func hostname(host string) string { return (&url.URL{Host: host}).Hostname() }

// dedupe drops refusals that say the same of the same domain.
func dedupe(left []meter.Refusal) []meter.Refusal {
	seen := map[meter.Refusal]bool{}
	for _, r := range left {
		seen[r] = true
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b meter.Refusal) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Reason, b.Reason))
	})
}
