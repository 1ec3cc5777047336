package engine

import (
	"fmt"

	"cfubench/internal/cpulist"
)

// cpuList is a set of cores, nil for all.
type cpuList []int

// parseCPUs reads a list of cores, "" for all.
func parseCPUs(s string) (cpuList, error) {
	if s == "" {
		return nil, nil
	}
	list, err := cpulist.Parse(s)
	if err == nil && list[len(list)-1] >= cpulist.Mask {
		err = fmt.Errorf("processor list %q: the kernel's mask holds %d processors here", s, cpulist.Mask)
	}
	if err != nil {
		return nil, err
	}
	return list, nil
}
