package summary_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cfubench/attribution"
	"cfubench/attribution/lca"
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// hosts draws the domains of one or two hosts: any scopes and kinds, registers
// within registers, some of them of one device.
func hosts(t *rapid.T) []meter.Domain {
	scopes := []meter.Scope{meter.ScopeNode, meter.ScopePsys, meter.ScopeModule, meter.ScopePackage, meter.ScopeGrace,
		meter.ScopeCore, meter.ScopeUncore, meter.ScopeDRAM, meter.ScopeGPU, meter.ScopeHBM, meter.ScopeProcess}
	var domains []meter.Domain
	for i := range rapid.IntRange(1, 7).Draw(t, "domains") {
		d := meter.Domain{
			Name: fmt.Sprint("d", i), Host: rapid.SampledFrom([]string{"", "b"}).Draw(t, "host"),
			Device: rapid.SampledFrom([]string{"0000:01:00.0", "0000:02:00.0", "GPU-1", "zone"}).Draw(t, "device"), Source: "simulated",
			Kind:  rapid.SampledFrom([]meter.Kind{meter.KindCounter, meter.KindCounter, meter.KindPower, meter.KindModel}).Draw(t, "kind"),
			Scope: rapid.SampledFrom(scopes).Draw(t, "scope"), Coarse: rapid.IntRange(0, 4).Draw(t, "coarse") == 0,
			Quantum: 1, UpdatePeriod: 10 * time.Millisecond, Limit: 900 * meter.Watt, Note: "simulated",
		}
		for _, of := range domains {
			if of.Host == d.Host && rapid.IntRange(0, 2).Draw(t, "within") == 0 {
				d.Parent = of.Name
			}
		}
		domains = append(domains, d)
	}
	return domains
}

// rawReadings draws readings of every domain over a time: any power that
// changes now and then, read late and sometimes not at all.
func rawReadings(t *rapid.T, domains []meter.Domain, end time.Duration) (all []meter.Reading) {
	for i, d := range domains {
		power := meter.Power(0)
		var energy meter.Energy
		every := time.Duration(rapid.IntRange(10, 60).Draw(t, "poll")) * time.Millisecond
		for at := time.Duration(0); at <= end; at += every {
			if rapid.IntRange(0, 9).Draw(t, "step") == 0 || at == 0 {
				power = meter.Power(rapid.Int64Range(0, int64(800*meter.Watt)).Draw(t, "power"))
			}
			r := meter.Reading{Domain: i, Before: at, After: at + 20*time.Microsecond, Status: meter.StatusOK}
			if d.Kind == meter.KindPower {
				r.Power, r.HasPower = power, true
			} else {
				r.Energy, r.HasEnergy = energy, true
			}
			energy += meter.EnergyOf(power, every)
			if rapid.IntRange(0, 19).Draw(t, "missed") != 0 || at == 0 || at+every > end {
				all = append(all, r)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b meter.Reading) int { return int(a.Before - b.Before) })
	return all
}

// rawRequests draws requests within a window, of which some fail.
func rawRequests(t *rapid.T, w meter.Window) (records []loadgen.Record) {
	for i := range rapid.IntRange(1, 5).Draw(t, "requests") {
		sent := w.Start + time.Duration(rapid.Int64Range(0, int64(w.Length())/2).Draw(t, "sent"))
		first := sent + time.Duration(rapid.Int64Range(1, int64(w.Length())/4).Draw(t, "first"))
		last := first + time.Duration(rapid.Int64Range(1, int64(w.Length())/4).Draw(t, "last"))
		n := rapid.IntRange(1, 50).Draw(t, "tokens")
		r := loadgen.Record{
			Request: i, Conversation: fmt.Sprint("c", i), Due: sent, Sent: sent, FirstToken: first, LastToken: last, Done: last, Status: 200,
			PromptTokens: rapid.IntRange(1, 500).Draw(t, "prompt"), OutputTokens: n, CachedTokens: loadgen.Unknown, TargetOutputTokens: n,
			TokenAt: []time.Duration{first, last}, TokenCount: []int32{1, int32(n - 1)}, ServerPrefill: loadgen.Never, ServerDecode: loadgen.Never,
		}
		if i > 0 && rapid.IntRange(0, 3).Draw(t, "failed") == 0 {
			r.Err = "cut"
		}
		records = append(records, r)
	}
	return records
}

// TestOneEnergy holds all that says what a cell used against each other, on
// any host: the rows that are summed, in every convention, the cell's one energy,
// the footprint's electricity before host factor and PUE, and the summary's J a
// request times requests, to the microjoule.
func TestOneEnergy(t *testing.T) {
	dir := t.TempDir()
	inventories := map[string]lca.Inventory{} // by name; "" is what the run allows
	for _, name := range []string{"olmo2-7b", "olmo2-7b-us"} {
		inv, err := lca.Load(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		inventories[name] = inv
	}
	metered, nested := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		domains := hosts(t)
		end := 2 * time.Second
		cell := runfolder.Cell{ID: "b2-c2-r1", Point: runfolder.Point{Batch: 2, Load: runfolder.Load{Concurrency: 2}}, Repeat: 1, Complete: true,
			Window: meter.Window{Start: 500 * time.Millisecond, End: 1500 * time.Millisecond}, IdleBefore: meter.Window{Start: 100 * time.Millisecond, End: 400 * time.Millisecond}}
		records := rawRequests(t, cell.Window)
		cell.Requests = len(records)
		run := runfolder.Run{Cells: []runfolder.Cell{cell}, Domains: runfolder.Describe(domains)}
		writeRaw(t, dir, run, records, rawReadings(t, domains, end))
		made, err := derivation.Attribution{Conventions: "token,phase,equal,residency", Weights: "1:1", Params: attribution.Params{PromptWeight: 1, OutputWeight: 1}}.Cell(t.Context(), dir, run, cell)
		if err != nil {
			t.Fatal(err)
		}
		one, err := derivation.ReadCellEnergy(dir, cell.ID)
		if err != nil {
			t.Fatal(err)
		}
		if one.Energy != made.Energy.Energy || one.HasEnergy != made.Energy.HasEnergy {
			t.Fatalf("energy.arrow says %v, attribution said %v", one.Energy, made.Energy.Energy)
		}
		sums := map[string]meter.Energy{}
		for r, err := range runfolder.Energies().Scan(t.Context(), runfolder.CellFile(dir, cell.ID, runfolder.EnergyFile)) {
			if err != nil {
				t.Fatal(err)
			}
			if r.Summed {
				sums[r.Convention] += r.Energy
			}
		}
		if !one.HasEnergy {
			return // nothing is known, and nobody says it was
		}
		metered++
		if len(runfolder.Summed(run.Domains)) < len(domains) {
			nested++
		}
		noAncestorIsSummed(t, run.Domains)
		if len(sums) != 4 {
			t.Fatalf("rows of %d conventions, want 4", len(sums))
		}
		for convention, sum := range sums {
			if sum != one.Energy {
				t.Errorf("%s: the summed rows come to %d µJ, the cell's energy is %d µJ", convention, sum, one.Energy)
			}
		}
		if one.Lo > one.Energy || one.Energy > meter.Energy(one.Hi) {
			t.Errorf("energy %d µJ is outside its bracket [%d, %d]", one.Energy, one.Lo, one.Hi)
		}
		name := rapid.SampledFrom([]string{"", "olmo2-7b", "olmo2-7b-us"}).Draw(t, "inventory")
		inv, named := inventories[name]
		if !named {
			if inv, _, err = lca.ForRun(lca.Seen{Counts: lca.Hosts}); err != nil {
				t.Fatal(err)
			}
		}
		amortize := derivation.NewAmortization(name)
		amortize.Options.Draws = 0
		if _, err := amortize.Run(t.Context(), dir, run, nil); err != nil {
			t.Fatal(err)
		}
		completed := 0
		for _, r := range records {
			if r.OK() {
				completed++
			}
		}
		if got := electricity(t, dir) * float64(completed) / overhead(inv, made.Energy); math.Abs(got-one.Energy.Joules()) > 1e-6 {
			t.Errorf("the footprint's electricity with %s is of %.7f J, the cell used %.6f J", name, got, one.Energy.Joules())
		}
		s, err := summary.Summarize(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		whole := s.Cells[0].Whole
		if got := float64(whole.Energy.PerRequest) * float64(completed); whole.Completed != completed || math.Abs(got-one.Energy.Joules()) > 1e-6 {
			t.Errorf("the summary has %d requests of %v J, %.7f J in all; want %d and %.6f J", whole.Completed, whole.Energy.PerRequest, got, completed, one.Energy.Joules())
		}
		for _, c := range s.Cells[0].Conventions {
			if got := float64(c.Requests + c.Idle + c.Unattributed); math.Abs(got-one.Energy.Joules()) > 1e-6 {
				t.Errorf("%s of the summary comes to %.7f J, want %.6f J", c.Convention, got, one.Energy.Joules())
			}
		}
	})
	if metered < 20 || nested < 10 {
		t.Errorf("%d hosts had an energy, %d of them registers within registers: too few to tell", metered, nested)
	}
}

// noAncestorIsSummed checks that nothing that is summed names, directly or through
// others, something that is summed as its parent.
func noAncestorIsSummed(t *rapid.T, domains []runfolder.DomainInfo) {
	t.Helper()
	byName := map[string]runfolder.DomainInfo{}
	for _, d := range domains {
		byName[d.Name] = d
	}
	for _, d := range runfolder.Summed(domains) {
		for up, ok := byName[d.Parent]; ok; up, ok = byName[up.Parent] {
			if up.Summed() {
				t.Errorf("%s is summed and so is %s, which holds it", d.Name, up.Name)
			}
		}
	}
}

// electricity is the energy of a request's use in footprint.arrow, in J.
func electricity(t *rapid.T, dir string) float64 {
	t.Helper()
	rows, _, err := runfolder.Footprints().Read(filepath.Join(dir, runfolder.FootprintFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.FunctionalUnit == "request" && r.Category == "energy" && r.Stage == "inference" && r.Unit == "kWh" {
			return r.Value * 3.6e6
		}
	}
	t.Fatal("footprint.arrow has no electricity of inference")
	return 0
}

// overhead is what the inventory multiplies the energy of the summed domains by:
// PUE, and where less than a host was metered the host factor, which is over
// accelerators: processors beside them are in it, unless they took more.
func overhead(inv lca.Inventory, e derivation.CellEnergy) float64 {
	f := inv.Facility.PUE.Canonical()
	var accelerators meter.Energy
	for _, d := range e.Domains {
		switch {
		case !d.Summed:
		case d.Scope == meter.ScopeNode || d.Scope == meter.ScopePsys:
			return f
		case d.Scope == meter.ScopeGPU || d.Scope == meter.ScopeHBM || d.Scope == meter.ScopeModule:
			accelerators += d.Energy
		}
	}
	if inv.Facility.HostFactor == nil || e.Energy == 0 {
		return f
	}
	return f * max(1, inv.Facility.HostFactor.Canonical()*float64(accelerators)/float64(e.Energy))
}

func writeRaw(t *rapid.T, dir string, run runfolder.Run, records []loadgen.Record, readings []meter.Reading) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	cell := run.Cells[0]
	check(os.MkdirAll(runfolder.CellDir(dir, cell.ID), 0o755))
	check(runfolder.WriteRun(dir, run))
	requests, err := runfolder.Requests().Create(runfolder.CellFile(dir, cell.ID, runfolder.RequestsFile), nil)
	check(err)
	for _, r := range records {
		check(requests.Write(runfolder.Request{Key: cell.Key(), Record: r}))
	}
	check(requests.Close())
	table, err := runfolder.NewReadingsWriter(runfolder.CellFile(dir, cell.ID, runfolder.ReadingsFile), run.Domains, nil)
	check(err)
	check(table.Write(readings))
	check(table.Close())
}
