package engine

import (
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// distinct lists the series of a family without those that say again what
// another says. The ranks of one scheduler (tensor, pipeline and expert parallel)
// all report it: the first counts. Data-parallel ranks are schedulers of their
// own, told apart by dp_rank. And with priority scheduling SGLang publishes a
// gauge's total, with an empty priority, beside its parts.
func distinct(family *dto.MetricFamily) []*dto.Metric {
	series := slices.Clone(family.GetMetric())
	slices.SortStableFunc(series, func(a, b *dto.Metric) int { return strings.Compare(rank(a), rank(b)) })
	seen, totals := map[string]bool{}, map[string]bool{}
	var out []*dto.Metric
	for _, m := range series {
		key := labels(m, rankLabels...)
		if seen[key] {
			continue
		}
		seen[key] = true
		out = append(out, m)
		if m.Gauge != nil && label(m, "priority") == "" {
			totals[labels(m, withPriority...)] = true
		}
	}
	return slices.DeleteFunc(out, func(m *dto.Metric) bool {
		return m.Gauge != nil && label(m, "priority") != "" && totals[labels(m, withPriority...)]
	})
}

// rankLabels and withPriority are constant.
var (
	rankLabels   = []string{"tp_rank", "pp_rank", "moe_ep_rank"}
	withPriority = append(slices.Clone(rankLabels), "priority")
)

// rank orders the ranks of a scheduler, first by pipeline stage.
func rank(m *dto.Metric) string {
	var b strings.Builder
	for _, name := range []string{"pp_rank", "tp_rank", "moe_ep_rank"} {
		n := label(m, name)
		b.WriteString(strings.Repeat("0", max(0, 6-len(n))) + n)
	}
	return b.String()
}

// label is the value of a label, "" if m has none of that name.
func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// labels is a key of all labels but some.
func labels(m *dto.Metric, but ...string) string {
	var pairs []string
	for _, l := range m.GetLabel() {
		if !slices.Contains(but, l.GetName()) {
			pairs = append(pairs, l.GetName()+"\x00"+l.GetValue())
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "\x00")
}
