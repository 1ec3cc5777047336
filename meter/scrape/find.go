package scrape

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"

	"cfubench/meter"
)

// series is what one device or part has in the exporter's answers: a counter, a
// gauge or both, known by what they are of and not by all of their labels, which
// change when a pod comes or goes.
type series struct {
	key     string
	domain  meter.Domain
	counter *rule // nil where there is none that counts
	gauge   *rule
}

// key identifies what a described sample is of.
func key(m *dto.Metric, d meter.Domain) string {
	if uuid := label(m, "UUID"); uuid != "" {
		return string(d.Scope) + " " + uuid
	}
	return string(d.Scope) + " " + hostOf(m) + " " + d.Device
}

// samples calls visit with each sample of an answer that the rule is for.
func (r rule) samples(families map[string]*dto.MetricFamily, visit func(key string, m *dto.Metric, d meter.Domain, reason string)) {
	for _, name := range r.names(families) {
		all := slices.SortedFunc(slices.Values(families[name].GetMetric()), func(a, b *dto.Metric) int {
			return slices.Compare(labels(a), labels(b))
		})
		for _, m := range all {
			d := meter.Domain{Source: source, Kind: r.kind, UpdatePeriod: r.period, Coarse: true}
			reason, ok := r.describe(m, &d)
			if r.pattern != nil {
				d.Name = zoneName(name, label(m, "index"))
			}
			if ok {
				reason = ""
			}
			visit(key(m, d), m, d, reason)
		}
	}
}

// zoneName is the powercap zone that node_exporter made a metric's name of:
// "package-0-die-1".
func zoneName(metric, index string) string {
	name := strings.TrimSuffix(strings.TrimPrefix(metric, "node_rapl_"), "_joules_total")
	if strings.HasSuffix(name, "_die") {
		name += "_" + index
	}
	return strings.ReplaceAll(name, "_", "-")
}

// find lists the series of an answer that the rules know and only chooses, and what
// is left out: samples that say nothing, counters that do not count beside a gauge
// that does, and energy or power metrics that nobody knows.
func find(families map[string]*dto.MetricFamily, rules []rule, only selection, host string) ([]series, []meter.Refusal) {
	var left []meter.Refusal
	refuse := func(domain, reason, remedy string) {
		left = append(left, meter.Refusal{Source: source, Domain: domain, Reason: reason, Remedy: remedy})
	}
	var order []string
	all := map[string]*series{}
	chosen := map[string]bool{}
	figures := map[string][2]float64{} // by key: counter and gauge
	for i := range rules {
		r := &rules[i]
		r.samples(families, func(key string, m *dto.Metric, d meter.Domain, reason string) {
			if reason != "" {
				refuse(d.Name, reason, "")
				return
			}
			chosen[key] = chosen[key] || only.of(m)
			s := all[key]
			if s == nil {
				s = &series{key: key, domain: d}
				all[key] = s
				order = append(order, key)
			}
			f, ok := figures[key]
			if !ok {
				f = [2]float64{math.NaN(), math.NaN()}
			}
			switch {
			case r.kind == meter.KindCounter && s.counter == nil:
				s.counter, f[0] = r, number(m)
			case r.kind == meter.KindPower && s.gauge == nil:
				s.gauge, f[1] = r, number(m)
			}
			figures[key] = f
		})
	}
	var found []series
	names := map[string]int{}
	for _, key := range order {
		s := *all[key]
		if !chosen[key] {
			refuse(s.domain.Name, "not what "+only.String()+" chooses", "")
			continue
		}
		counted, shown := figures[key][0], figures[key][1]
		if bad := impossible(counted, shown); bad != "" {
			refuse(s.domain.Name, "shows "+bad+": no energy or power", "")
			continue
		}
		if s.counter != nil && !(counted > 0) && shown > 0 {
			refuse(s.domain.Name, fmt.Sprintf("the counter %s shows %s beside a gauge of %.4g W: the gauge is used", s.counter.metric, blank(counted), shown*s.gauge.micro/1e6), "")
			s.counter = nil
		}
		rule := s.counter
		if rule == nil {
			rule = s.gauge
		}
		d := &s.domain
		if d.Kind, d.UpdatePeriod = rule.kind, rule.period; d.Kind == meter.KindCounter {
			d.Quantum = meter.Energy(rule.micro)
		}
		if name := hostname(host); !meter.IsLocal(name) {
			d.Host = name
		}
		if names[d.Name]++; names[d.Name] > 1 {
			d.Name = fmt.Sprintf("%s-%d", d.Name, names[d.Name])
		}
		d.Device = strings.TrimSpace(d.Device + " at " + host)
		found = append(found, s)
	}
	if strange := unknown(families, rules); len(strange) > 0 {
		refuse("", "metrics of energy or power that are not known: "+strings.Join(strange, ", "),
			"name one and what it covers: …/metrics#metric=NAME&scope=gpu|package|dram|psys|node")
	}
	return found, dedupe(left)
}

// impossible names a value that no energy or power has; NaN is what exporters write
// where there is none.
func impossible(values ...float64) string {
	for _, v := range values {
		if v < 0 || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
	}
	return ""
}

// blank is a counter's value that is no count.
func blank(v float64) string {
	if math.IsNaN(v) {
		return "no value"
	}
	return "0"
}

// unknownKept bounds how many metrics are named.
const unknownKept = 6

// unknown lists the metrics of an answer whose names speak of energy or power and
// that no rule knows. What is a setting, or a share that the exporter itself has
// computed for a process, container or pod, is no register.
func unknown(families map[string]*dto.MetricFamily, rules []rule) (strange []string) {
	for _, name := range slices.Sorted(maps.Keys(families)) {
		lower := strings.ToLower(name)
		has := func(words ...string) bool {
			return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(lower, w) })
		}
		if !has("joule", "energy", "watt", "power_usage") || has("limit", "_max", "_min", "_cap", "alarm", "process_", "container_", "pod_", "vm_", "node_cpu_watts", "idle_", "active_") {
			continue
		}
		if slices.ContainsFunc(rules, func(r rule) bool { return r.knows(name) }) || slices.ContainsFunc(known(), func(r rule) bool { return r.knows(name) }) {
			continue
		}
		if len(strange) == unknownKept {
			return append(strange, "…")
		}
		strange = append(strange, name)
	}
	return strange
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
