package meter

import "fmt"

// containment lists, for each scope, the scopes that its register covers too,
// transitively. What a node or psys register covers of
// plug-in boards is up to the machine, so both are taken to cover them: an
// energy left out is named, one counted twice is not seen.
func containment(s Scope) []Scope {
	switch s {
	case ScopeNode:
		return []Scope{ScopePsys, ScopeModule, ScopePackage, ScopeGrace, ScopeCore, ScopeUncore, ScopeDRAM, ScopeGPU, ScopeHBM, ScopeProcess}
	case ScopePsys:
		return []Scope{ScopePackage, ScopeCore, ScopeUncore, ScopeDRAM, ScopeGPU, ScopeHBM, ScopeProcess}
	case ScopeModule:
		return []Scope{ScopeGrace, ScopeGPU, ScopeHBM, ScopeProcess}
	case ScopePackage:
		return []Scope{ScopeCore, ScopeUncore, ScopeProcess}
	case ScopeGrace, ScopeCore:
		return []Scope{ScopeProcess}
	case ScopeGPU:
		return []Scope{ScopeHBM}
	}
	return nil
}

// covers reports whether scope a contains scope b.
func covers(a, b Scope) bool {
	for _, s := range containment(a) {
		if s == b {
			return true
		}
	}
	return false
}

// Excluded is a domain that is recorded and in no sum, and why.
type Excluded struct {
	Domain string `json:"domain"`
	Reason string `json:"reason"`
}

// Antichain picks the domains whose energies may be added: no two of them
// cover the same part, and none is among excluded, the domains that somebody
// left out for a reason of his own (Choice.Of). left has every other domain with
// the reason, in the order of the domains.
//
// Of two registers for one part it keeps the finer, then the counter before
// the gauge before the model, then the first. Of a whole and its parts it
// keeps the whole, except where the whole is a node or platform register (what
// hangs on it is not known) or is coarser than the parts.
func Antichain(domains []Domain, excluded ...Excluded) (keep []Domain, left []Excluded) {
	out := make([]string, len(domains)) // reason for leaving out, "" if kept
	for i, d := range domains {
		for _, e := range excluded {
			if e.Domain == d.Name {
				out[i] = e.Reason
			}
		}
	}
	for i, d := range domains {
		for j, e := range domains {
			if i == j || out[i] != "" || out[j] != "" || !samePart(d, e) {
				continue
			}
			if better(e, d) || (!better(d, e) && j < i) {
				out[i] = fmt.Sprintf("reads the same part as %s, which %s", e.Name, advantage(e, d))
			}
		}
	}
	for i, d := range domains {
		if out[i] != "" {
			continue
		}
		for j, e := range domains {
			if i == j || out[j] != "" || !contains(domains, d, e) || e.Kind == KindModel || (e.Coarse && !d.Coarse) {
				continue
			}
			if d.Scope == ScopeNode || d.Scope == ScopePsys {
				out[i] = fmt.Sprintf("contains %s and parts that no other register names: a cross-check, not a term of the sum", e.Name)
				break
			}
			if d.Coarse && !e.Coarse {
				out[i] = fmt.Sprintf("contains %s, which is refreshed more often", e.Name)
				break
			}
		}
	}
	for i, d := range domains {
		if out[i] != "" {
			continue
		}
		for j, e := range domains {
			if i != j && out[j] == "" && contains(domains, e, d) {
				out[i] = fmt.Sprintf("contained in %s: adding it would count its energy twice", e.Name)
				break
			}
		}
	}
	for i, d := range domains {
		if out[i] == "" {
			keep = append(keep, d)
			continue
		}
		left = append(left, Excluded{Domain: d.Name, Reason: out[i]})
	}
	return keep, left
}

// contains reports whether a covers b: b names a, or another reader of a's part,
// as its parent, directly or through others; or a's scope contains b's and b does
// not name another part of a's scope as its own.
func contains(all []Domain, a, b Domain) bool {
	if a.Name == b.Name || a.Host != b.Host {
		return false
	}
	child, another := b, false
	for range all {
		if child.Parent == "" {
			break
		}
		if child.Parent == a.Name {
			return true
		}
		parent, ok := named(all, child.Parent)
		if !ok {
			break
		}
		if parent.Scope == a.Scope {
			if samePart(a, parent) {
				return true
			}
			another = true // which may yet be within a
		}
		child = parent
	}
	return !another && covers(a.Scope, b.Scope) && !disjoint(a, b)
}

func named(all []Domain, name string) (Domain, bool) {
	for _, d := range all {
		if d.Name == name {
			return d, true
		}
	}
	return Domain{}, false
}

// samePart reports whether two domains read one part of the machine. Where
// nothing tells them apart and they come from different sources, they are
// taken to: a second reader of the host's GPUs is likelier than a second host.
func samePart(a, b Domain) bool {
	if a.Scope != b.Scope || a.Scope == ScopeProcess && a.Device != b.Device {
		return false
	}
	same, different := compare(a, b)
	switch {
	case same:
		return true
	case different || a.Host != b.Host:
		return false
	case a.Source == b.Source:
		return a.Device == b.Device && a.Device != ""
	}
	return true
}

// rank orders domains of one part, the best lowest.
func rank(d Domain) int {
	r := 0
	switch d.Kind {
	case KindPower:
		r = 1
	case KindModel:
		r = 2
	}
	if d.Coarse {
		r += 3
	}
	return r
}

func better(a, b Domain) bool { return rank(a) < rank(b) }

// advantage says why a was preferred to b.
func advantage(a, b Domain) string {
	switch {
	case b.Coarse && !a.Coarse:
		return "is refreshed more often"
	case a.Kind == KindCounter && b.Kind != KindCounter:
		return "is a counter"
	case b.Kind == KindModel && a.Kind != KindModel:
		return "is a sensor"
	}
	return "comes first"
}
