package derivation

import (
	"reflect"
	"testing"

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
			if !reflect.DeepEqual(u.Hosts, tt.hosts) {
				t.Errorf("got %+v, want %+v", u.Hosts, tt.hosts)
			}
			if u.Devices != tt.devices || u.Counts != tt.counts {
				t.Errorf("got %d %s, want %d %s", u.Devices, u.Counts, tt.devices, tt.counts)
			}
		})
	}
}
