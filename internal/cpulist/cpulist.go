// Package cpulist reads lists of processors as the Linux kernel and taskset write
// them: "0,2-5" (bitmap list format, Documentation/core-api/printk-formats).
package cpulist

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// most bounds a processor's number: more than any kernel is built for
// (CONFIG_NR_CPUS is at most 8192), so that a mistyped range is no list of millions.
const most = 1 << 16

// Mask is how many processors the affinity mask of golang.org/x/sys/unix holds.
const Mask = 1024

// Parse returns the numbers in the list, sorted, each once. White space around the
// list and its parts is ignored. The error names the part that is no number and no
// range.
func Parse(list string) ([]int, error) {
	var out []int
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		first, last, ranged := strings.Cut(part, "-")
		from, err := strconv.Atoi(first)
		to := from
		if err == nil && ranged {
			to, err = strconv.Atoi(last)
		}
		if err != nil || from < 0 || to < from || to >= most {
			return nil, fmt.Errorf("processor list %q: %q is no number or range such as 2-5", list, part)
		}
		for n := from; n <= to; n++ {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
