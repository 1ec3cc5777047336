package derivation

import (
	"fmt"
	"strings"

	"cfubench/internal/si"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// CrossCheck holds a register that is in no sum because it covers others, a
// machine's own power meter, against those that were summed within it.
type CrossCheck struct {
	Whole       string
	Parts       []string
	Energy, Sum meter.Energy // of the whole, and of the parts together
}

// tooMuch is by what part the parts may together exceed their whole: the gain
// of a sensor is known to 5 % (k=2), on either side.
const tooMuch = 0.10

// String is the check in one line.
func (c CrossCheck) String() string {
	p := si.Common(c.Energy.Joules(), c.Sum.Joules())
	return fmt.Sprintf("%s: %s %[5]s, of which %[3]s %[4]s %[5]s (%.0[6]f %%)", c.Whole, p.Short(c.Energy.Joules()), strings.Join(c.Parts, " + "), p.Short(c.Sum.Joules()), p.Unit("J"), 100*c.ratio())
}

func (c CrossCheck) ratio() float64 { return float64(c.Sum) / float64(c.Energy) }

// Doubt says what is wrong, "" if nothing is.
func (c CrossCheck) Doubt() string {
	if c.ratio() <= 1+tooMuch {
		return ""
	}
	p := si.Common(c.Energy.Joules(), c.Sum.Joules())
	return fmt.Sprintf("%s used %s %[4]s and what is read within it %[3]s %[4]s: one of them is wrong, or it does not cover all of %[5]s",
		c.Whole, p.Short(c.Energy.Joules()), p.Short(c.Sum.Joules()), p.Unit("J"), strings.Join(c.Parts, ", "))
}

// crossChecks makes the checks that a cell's windows allow. A whole or a part without energy over the window is no
// check, and neither is a model.
func crossChecks(domains []runfolder.DomainInfo, windows []DomainWindow) (checks []CrossCheck) {
	for i, whole := range domains {
		if whole.Summed() || !windows[i].Energy.HasEnergy || windows[i].Energy.Energy <= 0 {
			continue
		}
		c, complete := CrossCheck{Whole: whole.Name, Energy: windows[i].Energy.Energy}, true
		for j, part := range domains {
			if part.Summed() && part.Host == whole.Host && part.Kind != meter.KindModel && within(part.Scope, whole.Scope) {
				complete = complete && windows[j].Energy.HasEnergy
				c.Parts = append(c.Parts, part.Name)
				c.Sum += windows[j].Energy.Energy
			}
		}
		if complete && len(c.Parts) > 0 {
			checks = append(checks, c)
		}
	}
	return checks
}

// within reports whether a whole of that scope is known to cover a part of the
// other: a node all of its parts, the platform register its processors.
func within(part, whole meter.Scope) bool {
	switch whole {
	case meter.ScopeNode:
		return part != meter.ScopeNode
	case meter.ScopePsys:
		return part == meter.ScopePackage
	}
	return false
}
