package outcomes

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// OfFilter are those of one filter of a file. One that no outcome has is refused.
func OfFilter(name string, list []Outcome, filter string) ([]Outcome, error) {
	var kept []Outcome
	for _, o := range list {
		if o.Filter == filter {
			kept = append(kept, o)
		}
	}
	if len(kept) > 0 {
		return kept, nil
	}
	if known := filters(list); len(known) > 0 {
		return nil, fmt.Errorf("read outcomes: %s has no outcome of filter %q: give one of %s", name, filter, strings.Join(known, ", "))
	}
	return nil, fmt.Errorf("read outcomes: %s has no outcome of filter %q, and none of any other: give %[1]s alone", name, filter)
}

// filters are the names of those that the outcomes have.
func filters(list []Outcome) []string {
	names := map[string]bool{}
	for _, o := range list {
		if o.Filter != "" {
			names[o.Filter] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// choose says how to get rid of one of two outcomes of one request.
func choose(name string, a, b Outcome, list []Outcome) string {
	if a.Filter == b.Filter {
		return "keep one"
	}
	known := filters(list)
	return fmt.Sprintf("these samples have the filters %s: choose one, such as %s#%s", strings.Join(known, ", "), name, known[0])
}
