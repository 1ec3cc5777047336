package derivation

import (
	"reflect"
	"testing"

	"cfubench/attribution"
	"cfubench/attribution/lca"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// Each host has what its own summed domains used; accelerators count where they
// are, and hosts where there are none.
func TestHostsOfACell(t *testing.T) {
	domain := func(name, host string, scope meter.Scope, used meter.Energy, summed bool) DomainEnergy {
		return DomainEnergy{Domain: meter.Domain{Name: name, Device: name, Host: host, Scope: scope}, Energy: used, Summed: summed}
	}
	for _, tt := range []struct {
		does    string
		domains []DomainEnergy
		hosts   []lca.HostUsage
		devices int
		counts  lca.Counts
	}{
		{"GPUs of two hosts, the processor of one", []DomainEnergy{
			domain("gpu0", "", meter.ScopeGPU, 5, true), domain("gpu0@b", "b", meter.ScopeGPU, 7, true), domain("gpu1@b", "b", meter.ScopeGPU, 8, true),
			domain("package-0@b", "b", meter.ScopePackage, 2, true), domain("core-0@b", "b", meter.ScopeCore, 100, false),
		}, []lca.HostUsage{{Host: "", Energy: 5, Devices: 1}, {Host: "b", Energy: 17, ProcessorEnergy: 2, Devices: 2}}, 3, lca.Accelerators},
		{"a retrieval host without a GPU", []DomainEnergy{
			domain("gpu0", "", meter.ScopeGPU, 5, true), domain("package-0@c", "c", meter.ScopePackage, 3, true),
		}, []lca.HostUsage{{Host: "", Energy: 5, Devices: 1}, {Host: "c", Energy: 3, ProcessorEnergy: 3}}, 1, lca.Accelerators},
		{"two hosts without any GPU", []DomainEnergy{
			domain("package-0", "", meter.ScopePackage, 4, true), domain("package-1", "", meter.ScopePackage, 4, true), domain("package-0@c", "c", meter.ScopePackage, 3, true),
		}, []lca.HostUsage{{Host: "", Energy: 8, ProcessorEnergy: 8}, {Host: "c", Energy: 3, ProcessorEnergy: 3}}, 2, lca.Hosts},
	} {
		t.Run(tt.does, func(t *testing.T) {
			e := CellEnergy{Domains: tt.domains}
			var u lca.Usage
			Amortization{}.hardware(&u, runfolder.Run{}, e, e.byDomain())
			for i := range u.Hosts {
				u.Hosts[i].Meter = lca.MeterError{} // of TestMetersOfEachHost
			}
			if !reflect.DeepEqual(u.Hosts, tt.hosts) {
				t.Errorf("got %+v, want %+v", u.Hosts, tt.hosts)
			}
			if u.Devices != tt.devices || u.Counts != tt.counts {
				t.Errorf("got %d %s, want %d %s", u.Devices, u.Counts, tt.devices, tt.counts)
			}
		})
	}
}

// Each host has the bracket and the error of its own meters, whatever those of
// another leave open, and the kind of its own registers.
func TestMetersOfEachHost(t *testing.T) {
	domain := func(name, host string, kind meter.Kind, used, lo, hi, gain, sampling meter.Energy) DomainEnergy {
		return DomainEnergy{Domain: meter.Domain{Name: name, Device: name, Host: host, Scope: meter.ScopeGPU, Kind: kind}, Summed: true,
			Energy: used, Lo: lo, Hi: meter.Bound(hi), Uncertainty: attribution.Uncertainty{Gain: gain, Sampling: sampling}}
	}
	e := CellEnergy{Domains: []DomainEnergy{
		domain("gpu0", "", meter.KindCounter, 1000, 900, 1200, 20, 30), domain("gpu1", "", meter.KindCounter, 1000, 950, 1000, 20, 40),
		domain("gpu0@b", "b", meter.KindPower, 500, 400, meter.Unbounded, 25, 0),
		domain("gpu0@c", "c", meter.KindModel, 300, 100, 400, 0, 0),
	}}
	want := []lca.HostUsage{
		{Host: "", Energy: 2000, EnergyLo: 1850, EnergyHi: 2200, EnergyKind: meter.KindCounter, Devices: 2, Meter: lca.MeterError{Gain: 0.04, Sampling: 0.05, Meter: "meters of gpu0, gpu1"}},
		{Host: "b", Energy: 500, EnergyKind: meter.KindPower, Devices: 1, Meter: lca.MeterError{Gain: 0.1, Meter: "meters of gpu0@b at b"}},
		{Host: "c", Energy: 300, EnergyLo: 100, EnergyHi: 400, EnergyKind: meter.KindModel, Devices: 1, Meter: lca.MeterError{Meter: "meters of gpu0@c at c"}},
	}
	if got := hostsOf(e, e.byDomain()); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}
