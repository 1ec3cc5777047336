package meter_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cfubench/meter"
)

func domain(name string, scope meter.Scope, change ...func(*meter.Domain)) meter.Domain {
	d := meter.Domain{Name: name, Device: name, Source: "rapl", Kind: meter.KindCounter, Scope: scope}
	for _, c := range change {
		c(&d)
	}
	return d
}

func source(s string) func(*meter.Domain)   { return func(d *meter.Domain) { d.Source = s } }
func device(s string) func(*meter.Domain)   { return func(d *meter.Domain) { d.Device = s } }
func parent(s string) func(*meter.Domain)   { return func(d *meter.Domain) { d.Parent = s } }
func kind(k meter.Kind) func(*meter.Domain) { return func(d *meter.Domain) { d.Kind = k } }
func on(host string) func(*meter.Domain)    { return func(d *meter.Domain) { d.Host = host } }
func coarse(d *meter.Domain)                { d.Coarse = true }
func names(domains []meter.Domain) (out []string) {
	for _, d := range domains {
		out = append(out, d.Name)
	}
	return out
}

func TestAntichain(t *testing.T) {
	const uuidA = "GPU-11111111-2222-3333-4444-555555555555"
	const uuidB = "GPU-99999999-2222-3333-4444-555555555555"
	for _, tt := range []struct {
		does    string
		domains []meter.Domain
		want    []string
	}{
		{"two sockets with their memory: both of each, the cores within",
			[]meter.Domain{
				domain("package-0", meter.ScopePackage), domain("package-0-dram", meter.ScopeDRAM),
				domain("package-0-core", meter.ScopeCore, parent("package-0")),
				domain("package-1", meter.ScopePackage), domain("package-1-dram", meter.ScopeDRAM),
				domain("package-1-core", meter.ScopeCore, parent("package-1")),
			}, []string{"package-0", "package-0-dram", "package-1", "package-1-dram"}},
		{"the platform register is left out where its parts are read",
			[]meter.Domain{domain("psys", meter.ScopePsys), domain("package-0", meter.ScopePackage)}, []string{"package-0"}},
		{"the platform register is taken where nothing else is",
			[]meter.Domain{domain("psys", meter.ScopePsys)}, []string{"psys"}},
		{"the platform register is preferred to the model of the processes",
			[]meter.Domain{domain("psys", meter.ScopePsys), domain("cpu", meter.ScopeProcess, kind(meter.KindModel))}, []string{"psys"}},
		{"a core register alone is taken, though it names a package that is not readable",
			[]meter.Domain{domain("package-0-core", meter.ScopeCore, parent("package-0"))}, []string{"package-0-core"}},
		{"the cores of a package whose register is gone are kept beside the other package",
			[]meter.Domain{
				domain("package-0", meter.ScopePackage), domain("package-0-core", meter.ScopeCore, parent("package-0")),
				domain("package-1", meter.ScopePackage),
			}, []string{"package-0", "package-1"}},
		{"a GPU's memory is within the GPU",
			[]meter.Domain{domain("gpu0", meter.ScopeGPU), domain("gpu0-hbm", meter.ScopeHBM, parent("gpu0"))}, []string{"gpu0"}},
		{"a slice of a GPU is within the GPU, and so is what is within the slice",
			[]meter.Domain{
				domain("gpu0", meter.ScopeGPU, device("0000:01:00.0")), domain("slice0", meter.ScopeGPU, parent("gpu0"), device("0000:02:00.0")),
				domain("slice0-hbm", meter.ScopeHBM, parent("slice0"), device("0000:02:00.0")),
			}, []string{"gpu0"}},
		{"GPU and Grace are within the superchip's module",
			[]meter.Domain{
				domain("gpu0", meter.ScopeGPU, source("nvml"), parent("module0")), domain("module0", meter.ScopeModule, source("nvml")),
				domain("grace0", meter.ScopeGrace, source("hwmon"), kind(meter.KindPower)),
			}, []string{"module0"}},
		{"Grace is within the module, whichever reader's module it names",
			[]meter.Domain{
				domain("module0", meter.ScopeModule, source("nvml")), domain("hwmon-module0", meter.ScopeModule, source("hwmon"), kind(meter.KindPower)),
				domain("grace0", meter.ScopeGrace, source("hwmon"), kind(meter.KindPower), parent("hwmon-module0")),
				domain("grace0-cpu", meter.ScopeCore, source("hwmon"), kind(meter.KindPower), parent("grace0")),
			}, []string{"module0"}},
		{"of two superchips as well, whose readers nothing tells apart",
			[]meter.Domain{
				domain("module0", meter.ScopeModule, source("nvml"), device("GPU-00000000-0000-0000-0000-000000000000")),
				domain("module1", meter.ScopeModule, source("nvml"), device("GPU-00000000-0000-0000-0000-000000000001")),
				domain("hwmon-module0", meter.ScopeModule, source("hwmon"), kind(meter.KindPower)), domain("hwmon-module1", meter.ScopeModule, source("hwmon"), kind(meter.KindPower)),
				domain("grace0", meter.ScopeGrace, source("hwmon"), kind(meter.KindPower), parent("hwmon-module0")),
				domain("grace1", meter.ScopeGrace, source("hwmon"), kind(meter.KindPower), parent("hwmon-module1")),
			}, []string{"module0", "module1"}},
		{"a chassis meter is a cross-check where the parts are read",
			[]meter.Domain{domain("node", meter.ScopeNode, source("redfish"), coarse), domain("gpu0", meter.ScopeGPU)}, []string{"gpu0"}},
		{"a chassis meter is better than a model",
			[]meter.Domain{domain("node", meter.ScopeNode, source("redfish"), coarse), domain("cpu", meter.ScopeProcess, kind(meter.KindModel))}, []string{"node"}},
		{"of two readers of one GPU, found by its UUID, the finer",
			[]meter.Domain{
				domain("dcgm-gpu0", meter.ScopeGPU, source("scrape"), device("http://host:9400/metrics "+uuidA), coarse),
				domain("gpu0", meter.ScopeGPU, source("nvml"), device(uuidA+" 00000000:01:00.0")),
			}, []string{"gpu0"}},
		{"two readers of two GPUs, told apart by their UUIDs, both",
			[]meter.Domain{
				domain("dcgm-gpu0", meter.ScopeGPU, source("scrape"), device("http://other:9400/metrics "+uuidB), coarse),
				domain("gpu0", meter.ScopeGPU, source("nvml"), device(uuidA+" 00000000:01:00.0")),
			}, []string{"dcgm-gpu0", "gpu0"}},
		{"the first GPU of two hosts of one make: two parts, though their PCI addresses are the same",
			[]meter.Domain{
				domain("gpu0@a", meter.ScopeGPU, source("nvml@a"), device(uuidA+" 00000000:01:00.0"), on("a")),
				domain("gpu0@b", meter.ScopeGPU, source("nvml@b"), device(uuidB+" 00000000:01:00.0"), on("b")),
			}, []string{"gpu0@a", "gpu0@b"}},
		{"so they are where their hosts are not told apart: UUIDs decide",
			[]meter.Domain{
				domain("dcgm-gpu0", meter.ScopeGPU, source("scrape"), device(uuidA+" 00000000:01:00.0")),
				domain("gpu0", meter.ScopeGPU, source("nvml"), device(uuidB+" 00000000:01:00.0")),
			}, []string{"dcgm-gpu0", "gpu0"}},
		{"one GPU under two names of its host is one part",
			[]meter.Domain{
				domain("gpu0", meter.ScopeGPU, source("nvml"), device(uuidA+" 00000000:01:00.0")),
				domain("dcgm-gpu0", meter.ScopeGPU, source("scrape"), device(uuidA), coarse, on("10.0.0.7")),
			}, []string{"gpu0"}},
		{"one board by its PCI address, however many digits its segment has: the counter",
			[]meter.Domain{
				domain("hwmon-gpu", meter.ScopeGPU, source("hwmon"), kind(meter.KindPower), device("/sys/class/drm/card0 0000:01:00.0")),
				domain("gpu0", meter.ScopeGPU, source("nvml"), device(uuidA+" 00000000:01:00.0")),
			}, []string{"gpu0"}},
		{"two readers that nothing tells apart are taken to read one part",
			[]meter.Domain{
				domain("gpu0", meter.ScopeGPU, source("nvml"), device(uuidA)),
				domain("scraped", meter.ScopeGPU, source("scrape"), device("http://host/metrics"), coarse),
			}, []string{"gpu0"}},
		{"eight GPUs of one source are eight parts",
			[]meter.Domain{domain("gpu0", meter.ScopeGPU), domain("gpu1", meter.ScopeGPU), domain("gpu2", meter.ScopeGPU)}, []string{"gpu0", "gpu1", "gpu2"}},
		{"a part of another host is never within one of this, nor the same",
			[]meter.Domain{
				domain("package-0", meter.ScopePackage), domain("node-b-package-0", meter.ScopePackage, on("node-b")),
				domain("cpu", meter.ScopeProcess, kind(meter.KindModel), on("node-c")), domain("node", meter.ScopeNode, on("node-b")),
			}, []string{"package-0", "node-b-package-0", "cpu"}},
		{"the model is within the package it runs on",
			[]meter.Domain{domain("package-0", meter.ScopePackage), domain("cpu", meter.ScopeProcess, kind(meter.KindModel))}, []string{"package-0"}},
		{"the model stands beside a GPU",
			[]meter.Domain{domain("gpu0", meter.ScopeGPU), domain("cpu", meter.ScopeProcess, kind(meter.KindModel))}, []string{"gpu0", "cpu"}},
	} {
		keep, left := meter.Antichain(tt.domains)
		if got := names(keep); !slices.Equal(got, tt.want) {
			t.Errorf("%s: kept %v, want %v (left %v)", tt.does, got, tt.want, left)
		}
		for _, r := range left {
			if r.Reason == "" || r.Domain == "" {
				t.Errorf("%s: left out without domain and reason: %+v", tt.does, r)
			}
		}
	}
}

// Invariant 3: what is kept is an antichain, and nothing gets lost.
func TestAntichainHoldsNoPartTwice(t *testing.T) {
	scopes := []meter.Scope{
		meter.ScopeNode, meter.ScopePsys, meter.ScopePackage, meter.ScopeCore, meter.ScopeUncore, meter.ScopeDRAM,
		meter.ScopeModule, meter.ScopeGrace, meter.ScopeGPU, meter.ScopeHBM, meter.ScopeProcess,
	}
	above := map[meter.Scope][]meter.Scope{ // direct edges, written again from the issue
		meter.ScopeNode:    {meter.ScopePsys, meter.ScopeModule},
		meter.ScopePsys:    {meter.ScopePackage, meter.ScopeDRAM, meter.ScopeGPU},
		meter.ScopePackage: {meter.ScopeCore, meter.ScopeUncore, meter.ScopeProcess},
		meter.ScopeCore:    {meter.ScopeProcess},
		meter.ScopeModule:  {meter.ScopeGPU, meter.ScopeGrace},
		meter.ScopeGrace:   {meter.ScopeProcess},
		meter.ScopeGPU:     {meter.ScopeHBM},
	}
	var reaches func(a, b meter.Scope) bool
	reaches = func(a, b meter.Scope) bool {
		return slices.ContainsFunc(above[a], func(s meter.Scope) bool { return s == b || reaches(s, b) })
	}
	rapid.Check(t, func(t *rapid.T) {
		var domains []meter.Domain
		for i := range rapid.IntRange(0, 12).Draw(t, "domains") {
			d := domain(fmt.Sprintf("d%d", i), rapid.SampledFrom(scopes).Draw(t, "scope"),
				source(rapid.SampledFrom([]string{"rapl", "nvml", "scrape"}).Draw(t, "source")),
				kind(rapid.SampledFrom([]meter.Kind{meter.KindCounter, meter.KindPower, meter.KindModel}).Draw(t, "kind")))
			d.Coarse = rapid.Bool().Draw(t, "coarse")
			domains = append(domains, d)
		}
		keep, left := meter.Antichain(domains)
		if len(keep)+len(left) != len(domains) {
			t.Fatalf("kept %d and left %d of %d", len(keep), len(left), len(domains))
		}
		if len(domains) > 0 && len(keep) == 0 {
			t.Fatalf("kept nothing of %v", names(domains))
		}
		for _, a := range keep {
			for _, b := range keep {
				if a.Name != b.Name && reaches(a.Scope, b.Scope) {
					t.Fatalf("kept %s (%s) and %s (%s), which it contains", a.Name, a.Scope, b.Name, b.Scope)
				}
			}
		}
		for _, r := range left {
			if !strings.Contains(r.Reason, " d") {
				t.Fatalf("reason %q names no other domain", r.Reason)
			}
		}
	})
}
