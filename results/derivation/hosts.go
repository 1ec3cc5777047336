package derivation

import (
	"cmp"
	"slices"
	"strings"

	"cfubench/attribution"
	"cfubench/attribution/lca"
	"cfubench/meter"
)

// byDomain is the energy of each domain.
func (e CellEnergy) byDomain() map[string]Estimate {
	used := map[string]Estimate{}
	for _, d := range e.Domains {
		used[d.Name] = Estimate{Known: d.Missing == "", Energy: d.Energy, Lo: d.Lo, Hi: meter.Energy(d.Hi)}
	}
	return used
}

// hostsOf is what each host used, of what its summed domains did; the host of the
// client and the meters has no name. A host without accelerators has no device
// where others have some.
func hostsOf(energy CellEnergy, used map[string]Estimate) []lca.HostUsage {
	var hosts []lca.HostUsage
	var sums []Estimate
	var domains [][]DomainEnergy
	of := func(name string) int {
		i := slices.IndexFunc(hosts, func(h lca.HostUsage) bool { return h.Host == name })
		if i < 0 {
			i, hosts = len(hosts), append(hosts, lca.HostUsage{Host: name})
			sums, domains = append(sums, Estimate{Known: true}), append(domains, nil)
		}
		return i
	}
	for _, d := range energy.Domains {
		if !d.Summed {
			continue
		}
		e, ok := used[d.Name]
		if !ok {
			e.Known = true // nothing of it was used
		}
		i := of(d.Host)
		h := &hosts[i]
		h.Energy += e.Energy
		sums[i], domains[i] = sums[i].plus(e), append(domains[i], d)
		switch d.Scope {
		case meter.ScopeGPU, meter.ScopeHBM, meter.ScopeModule, meter.ScopeNode, meter.ScopePsys:
		default:
			h.ProcessorEnergy += e.Energy
		}
	}
	for _, device := range meter.Devices(energy.summed()) {
		hosts[of(device.Host)].Devices++
	}
	for i := range hosts {
		h := &hosts[i]
		if sums[i].Known && sums[i].Hi != meter.Unbounded {
			h.EnergyLo, h.EnergyHi = sums[i].Lo, sums[i].Hi
		}
		h.EnergyKind, h.Meter = kindOf(domains[i]), meterError(domains[i])
	}
	return hosts
}

// meterError is the own error of meters as the life cycle draws it: half-widths at
// 95 %. The gain is common to all cells that the same meters measured.
func meterError(domains []DomainEnergy) lca.MeterError {
	var energy meter.Energy
	var u attribution.Uncertainty
	var devices []string
	for _, d := range domains {
		energy, u = energy+d.Energy, u.Plus(d.Uncertainty)
		devices = append(devices, cmp.Or(d.Device, d.Name))
	}
	if energy <= 0 {
		return lca.MeterError{}
	}
	relative := func(u meter.Energy) float64 {
		if u == meter.Unbounded {
			return 0 // the bracket is unbounded too, and says so
		}
		return 2 * float64(u) / float64(energy)
	}
	offset := 2 * u.Offset
	if u.Offset == meter.Unbounded {
		offset = 0
	}
	slices.Sort(devices)
	name := "meters of " + strings.Join(slices.Compact(devices), ", ")
	if host := domains[0].Host; host != "" {
		name += " at " + host
	}
	return lca.MeterError{Gain: relative(u.Gain), Offset: offset, Sampling: relative(u.Independent()), Meter: name}
}

// kindOf is the domains' as the life cycle names it: one modelled part makes a
// model.
func kindOf(domains []DomainEnergy) meter.Kind {
	kind := meter.Kind("")
	for _, d := range domains {
		if kind == "" || d.Kind == meter.KindModel {
			kind = d.Kind
		}
	}
	return kind
}
