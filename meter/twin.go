package meter

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// twinValues is how many register values two counters must have in common to be
// one: counters of two boards stand at values that have nothing to do with each
// other.
const twinValues = 4

// superchip tells the products of which several GPUs may show their module's
// counter.
var superchip = regexp.MustCompile(`\bG[BH]\d{3}\b`)

// Twins finds counters of accelerators that are one register shown twice, as by the
// two GPUs of a GB200 that both show their module's: their values are bit for bit
// the same. Only modules and superchips by their names are looked at: simulated
// boards may well count the same, real ones of other kinds do not. calibrations are
// those of domains. It returns for each domain the index of the first one that shows
// the same counter, its own where it is the first.
func Twins(domains []Domain, calibrations []Calibration) []int {
	first := make([]int, len(domains))
	for i, d := range domains {
		first[i] = i
		for j := range i {
			e := domains[j]
			if first[j] == j && d.Kind == KindCounter && e.Kind == KindCounter && d.Scope == e.Scope && d.Host == e.Host &&
				(d.Scope == ScopeModule || d.Scope == ScopeGPU && superchip.MatchString(d.Product)) && twins(calibrations[i].values, calibrations[j].values) {
				first[i] = j
				break
			}
		}
	}
	return first
}

// twins reports whether a and b are values of one counter, read at other times.
// Each read may have missed some: most of the fewer must be among the others, in the
// part that both cover.
func twins(a, b []Energy) bool {
	if len(a) < twinValues || len(b) < twinValues {
		return false
	}
	from, to := max(a[0], b[0]), min(a[len(a)-1], b[len(b)-1])
	within := func(v Energy) bool { return v >= from && v <= to }
	common, ours, theirs := 0, 0, 0
	for _, v := range a {
		if !within(v) {
			continue
		}
		ours++
		if slices.Contains(b, v) {
			common++
		}
	}
	for _, v := range b {
		if within(v) {
			theirs++
		}
	}
	return common >= twinValues && 10*common >= 9*min(ours, theirs)
}

// Joined returns src with each domain's device as devices says: those of twins are
// written together, so that they are one board to everything that compares them.
func Joined(src Source, devices map[string]string) Source {
	j := &joined{Source: src, domains: src.Domains()}
	changed := false
	for i := range j.domains {
		d := &j.domains[i]
		if device, ok := devices[d.Device]; ok && device != d.Device {
			d.Device, changed = device, true
			if d.Kind == KindCounter {
				d.Note = strings.TrimSuffix(fmt.Sprintf("one counter with another GPU's, bit for bit: they are one device; %s", d.Note), "; ")
			}
		}
	}
	if !changed {
		return src
	}
	return j
}

// joined is a source whose devices were found to be parts of one.
type joined struct {
	Source
	domains []Domain
}

func (j *joined) Domains() []Domain { return slices.Clone(j.domains) }

// Unwrap returns the source as it was.
func (j *joined) Unwrap() Source { return j.Source }
