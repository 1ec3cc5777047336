package scrape

import (
	"fmt"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// selectable lists, for each key of an address's fragment by which samples are
// chosen, the labels that hold it: dcgm-exporter's own, its old ones, and those that
// a Prometheus server renames.
func selectable() map[string][]string {
	return map[string][]string{
		"pod":       {"pod", "exported_pod", "pod_name"},
		"namespace": {"namespace", "exported_namespace", "pod_namespace"},
		"container": {"container", "exported_container", "container_name"},
		"uuid":      {"UUID"},
		"gpu":       {"gpu"},
		"node":      {"Hostname", "node_name", "node", "instance"},
	}
}

// selection chooses samples by their labels: those of the pod that the engine runs
// in. The zero value chooses all.
type selection struct{ wanted [][2]string } // key, value

func (s *selection) add(key, value string) {
	s.wanted = append(s.wanted, [2]string{key, value})
	slices.SortFunc(s.wanted, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
}

func (s selection) empty() bool { return len(s.wanted) == 0 }

// String is the selection as a fragment says it.
func (s selection) String() string {
	var words []string
	for _, w := range s.wanted {
		words = append(words, fmt.Sprintf("%s=%s", w[0], w[1]))
	}
	return strings.Join(words, "&")
}

// of reports whether a sample is chosen.
func (s selection) of(m *dto.Metric) bool {
	for _, w := range s.wanted {
		if !slices.ContainsFunc(selectable()[w[0]], func(name string) bool { return label(m, name) == w[1] }) {
			return false
		}
	}
	return true
}

// passing reports whether a label says who uses a device now rather than which
// device it is: it comes and goes with the pods.
func passing(name string) bool {
	for _, key := range []string{"pod", "namespace", "container"} {
		if slices.Contains(selectable()[key], name) {
			return true
		}
	}
	return strings.HasPrefix(name, "label_") || name == "pod_uid" || name == "vgpu"
}

// lasting lists a sample's labels that say what it is of.
func lasting(m *dto.Metric) (all []string) {
	for _, l := range m.GetLabel() {
		if !passing(l.GetName()) {
			all = append(all, l.GetName()+"="+l.GetValue())
		}
	}
	slices.Sort(all)
	return all
}
