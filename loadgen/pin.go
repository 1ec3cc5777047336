package loadgen

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ParseCPUs reads a processor list as taskset -c takes it: "0,2-5".
func ParseCPUs(list string) ([]int, error) {
	var cpus []int
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		from, err := strconv.Atoi(first)
		to := from
		if err == nil && isRange {
			to, err = strconv.Atoi(last)
		}
		if err != nil || from < 0 || to < from || to >= 1024 {
			return nil, fmt.Errorf("processor list %q: want numbers and ranges such as 0,2-5", list)
		}
		for cpu := from; cpu <= to; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	slices.Sort(cpus)
	return slices.Compact(cpus), nil
}
