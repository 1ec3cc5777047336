package derivation

import (
	"slices"

	"cfubench/attribution/lca"
	"cfubench/meter"
)

// byDomain is the energy of each domain.
func (e CellEnergy) byDomain() map[string]meter.Energy {
	used := map[string]meter.Energy{}
	for _, d := range e.Domains {
		used[d.Name] = d.Energy
	}
	return used
}

// hostsOf is what each host used, of what its summed domains did; the host of the
// client and the meters has no name. A host without accelerators has no device
// where others have some.
func hostsOf(energy CellEnergy, used map[string]meter.Energy) []lca.HostUsage {
	var hosts []lca.HostUsage
	of := func(name string) *lca.HostUsage {
		i := slices.IndexFunc(hosts, func(h lca.HostUsage) bool { return h.Host == name })
		if i < 0 {
			i, hosts = len(hosts), append(hosts, lca.HostUsage{Host: name})
		}
		return &hosts[i]
	}
	for _, d := range energy.Domains {
		if !d.Summed {
			continue
		}
		h := of(d.Host)
		h.Energy += used[d.Name]
		switch d.Scope {
		case meter.ScopeGPU, meter.ScopeHBM, meter.ScopeModule, meter.ScopeNode, meter.ScopePsys:
		default:
			h.ProcessorEnergy += used[d.Name]
		}
	}
	for _, device := range meter.Devices(energy.summed()) {
		of(device.Host).Devices++
	}
	return hosts
}
