package engine

import (
	"fmt"
	"strconv"
	"strings"
)

// cpuList is a set of cores, nil for all.
type cpuList []int

// maxCPU is the largest number that the kernel's mask type can hold here.
const maxCPU = 1023

// parseCPUs reads a list in the kernel's form: "0-3,8".
func parseCPUs(s string) (cpuList, error) {
	var list cpuList
	if s == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || from < 0 || to < from || to > maxCPU {
			return nil, fmt.Errorf("list of cores %q: %q is no core or range of cores; write it like 0-3,8", s, part)
		}
		for c := from; c <= to; c++ {
			list = append(list, c)
		}
	}
	return list, nil
}
