package replay

import (
	"fmt"
	"slices"
	"strings"

	"cfubench/meter"
	"cfubench/results/runfolder"
)

// ParseArrivals reads the kinds of arrivals, with commas between.
func ParseArrivals(list string) (kinds []string, err error) {
	for k := range strings.SplitSeq(list, ",") {
		if k != ArrivalsStatic && k != ArrivalsStaggered {
			return nil, fmt.Errorf("%q: want static, staggered or both with a comma between", list)
		}
		kinds = append(kinds, k)
	}
	return kinds, nil
}

// Check refuses a configuration that cannot be meant, as a runfolder.ConfigError.
func (c Config) Check() error {
	if _, err := meter.ParseChoice(c.GPUs); err != nil {
		return runfolder.Refuse("--gpus: %w", err)
	}
	switch {
	case c.Groups < 1:
		return runfolder.Refuse("--groups %d: want at least 1", c.Groups)
	case c.Size < 2 || c.Size > 32:
		return runfolder.Refuse("--group-size %d: want 2 to 32", c.Size)
	case c.Repeats < 1:
		return runfolder.Refuse("--repeats %d: want at least 1", c.Repeats)
	case c.SharedPrefix < 0:
		return runfolder.Refuse("--shared-prefix %d: want a number of words, 0 for none", c.SharedPrefix)
	case c.Orders < 1:
		return runfolder.Refuse("--orders %d: want at least 1", c.Orders)
	case !(c.StandardError >= 0) || c.StandardError >= 1:
		return runfolder.Refuse("--standard-error %g: want a part of one, such as 0.02", c.StandardError)
	case c.StandardError > 0 && c.MostRepeats < max(c.Repeats, 2):
		return runfolder.Refuse("--max-repeats %d: --standard-error needs at least two replays, and --repeats %d are made", c.MostRepeats, c.Repeats)
	case len(c.Meter) == 0:
		return runfolder.Refuse("--meter: name at least one")
	case slices.Contains(c.Meter, "cputime") && len(c.Meter) > 1:
		return runfolder.Refuse("--meter %s: a Shapley model is in joules or in CPU time: leave cputime out, or name it alone", strings.Join(c.Meter, ","))
	case c.Idle < 0:
		return runfolder.Refuse("--idle %v: want a time of zero or more", c.Idle)
	}
	return nil
}
