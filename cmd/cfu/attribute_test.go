package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/attribution/shapley"
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// writeRun writes the raw tables of a run of one cell: eight requests over a
// counter and a power gauge, all at 200 W.
func writeRun(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	const ms = time.Millisecond
	cell := runfolder.Cell{ID: "b2-c2-r1", Point: runfolder.Point{Batch: 2, Load: runfolder.Load{Concurrency: 2}}, Repeat: 1, Requests: 8, Complete: true,
		IdleBefore: meter.Window{Start: 0, End: 900 * ms}, Window: meter.Window{Start: 1000 * ms, End: 3000 * ms},
		IdleAfter: meter.Window{Start: 3100 * ms, End: 3900 * ms}}
	var records []loadgen.Record
	for i := range 8 {
		sent := time.Duration(1050+220*i) * ms
		r := loadgen.Record{Request: i, Due: sent, Sent: sent, FirstToken: sent + 60*ms, LastToken: sent + 290*ms, Done: sent + 300*ms,
			PromptTokens: 10 + 30*i, OutputTokens: 20, CachedTokens: loadgen.Unknown, TargetOutputTokens: 20,
			TokenAt: []time.Duration{sent + 60*ms}, TokenCount: []int32{20}, Status: 200, ServerPrefill: loadgen.Never, ServerDecode: loadgen.Never}
		if i == 7 {
			r.Err, r.OutputTokens = "the stream was cut", loadgen.Unknown
		}
		records = append(records, r)
	}
	domains := []meter.Domain{
		{Name: "gpu0", Device: "GPU-1", Source: "nvml", Kind: meter.KindCounter, Scope: meter.ScopeGPU, UpdatePeriod: 20 * ms, Quantum: meter.Millijoule, Limit: 300 * meter.Watt},
		{Name: "grace0", Device: "hwmon1", Source: "hwmon", Kind: meter.KindPower, Scope: meter.ScopeGrace, UpdatePeriod: 50 * ms},
	}
	var readings []meter.Reading
	for at := time.Duration(0); at < 4*time.Second; at += 5 * ms {
		published := at - at%(20*ms)
		readings = append(readings,
			meter.Reading{Domain: 0, Before: at, After: at + 100*time.Microsecond, HasEnergy: true, Energy: meter.Joule + meter.EnergyOf(200*meter.Watt, published), Status: meter.StatusOK},
			meter.Reading{Domain: 1, Before: at, After: at + 100*time.Microsecond, HasPower: true, Power: 200 * meter.Watt, Status: meter.StatusOK})
	}
	writeCell(t, dir, runfolder.Run{
		Cfu: "test", Cells: []runfolder.Cell{cell}, Engine: []runfolder.EngineInfo{{Batch: 2, EffectiveBatch: 2, Kind: "test", Model: "m"}},
		Domains: runfolder.Describe(domains),
	}, records, readings)
	return dir
}

// TestAttributeClosesAndRepeats is what a user who checks our numbers does: sum
// the rows of every convention and domain, hold them against the counter's
// difference in the metadata, find that in the raw readings, and run it again.
func TestAttributeClosesAndRepeats(t *testing.T) {
	oneGoroutine(t)
	dir := writeRun(t)
	table := filepath.Join(runfolder.CellDir(dir, "b2-c2-r1"), runfolder.EnergyFile)
	model := shapley.File{Schema: 1, Engine: "test", Model: "other", Features: attribution.Features, Coefficients: []float64{0.01, 4, 3, 8, 0}}
	text, err := model.Encode()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "shapley.json")
	if err := os.WriteFile(file, text, 0o666); err != nil {
		t.Fatal(err)
	}
	args := []string{"attribute", dir, "--convention", "token,phase,equal,residency,steady,shapley", "--weights", "1:4", "--shapley-model", file}
	code, stdout, stderr := cfuCommand(t, args...)
	if code != 0 {
		t.Fatalf("got exit %d, want 0: %s", code, stderr)
	}
	if !strings.Contains(stdout, "residency") || !strings.Contains(stdout, "conventions differ by") {
		t.Errorf("got table without the conventions or their spread:\n%s", stdout)
	}
	// 2 s at 200 W, and as much before and after: nothing is above idle.
	if want := "b2-c2-r1 gpu0: 400 J in all ("; !strings.Contains(stdout, want) || !strings.Contains(stdout, "J above loaded idle, bare idle not measured") {
		t.Errorf("got table without %q and the figures above idle:\n%s", want, stdout)
	}
	for _, want := range []string{"the Shapley model was measured on other", "the Shapley model was measured in CPU time, which says nothing of the 1 accelerators"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("got stderr %q, want a warning that says %q", stderr, want)
		}
	}
	shares, meta, err := runfolder.Energies().Read(table)
	if err != nil {
		t.Fatal(err)
	}
	sums := make(map[string]meter.Energy)
	for _, s := range shares {
		sums[s.Convention+"."+s.Domain] += s.Energy
	}
	if len(sums) != 10 {
		t.Errorf("got rows of %d conventions and domains, want 5 × 2", len(sums))
	}
	// Two slots are not kept full here, so there is no steady state.
	if got, want := meta["refused.steady.gpu0"], "no saturated window"; !strings.HasPrefix(got, want) || !strings.Contains(stderr, want) {
		t.Errorf("steady: metadata say %q and stderr %q, want both to say %q", got, stderr, want)
	}
	for key, sum := range sums {
		_, domain, _ := strings.Cut(key, ".")
		if want := energyOf(t, meta, domain); sum != want {
			t.Errorf("%s: rows sum to %d µJ, want the domain's energy of %d", key, sum, want)
		}
	}
	readings, err := runfolder.ReadReadings(filepath.Join(filepath.Dir(table), runfolder.ReadingsFile))
	if err != nil {
		t.Fatal(err)
	}
	held := func(at time.Duration) (v meter.Energy) {
		for _, r := range readings.ByDomain[0] {
			if r.After <= at {
				v = r.Energy
			}
		}
		return v
	}
	if got, want := meta[runfolder.MetaCounter+"gpu0"], strconv.FormatInt(int64(held(3*time.Second)-held(time.Second)), 10); got != want {
		t.Errorf("counter difference in the metadata: got %s µJ, want the raw readings' %s", got, want)
	}
	if got := meta["model"]; got != "m" {
		t.Errorf("run constant model: got %q, want %q kept", got, "m")
	}
	var window struct {
		Energy int64 `json:"energy_uj"`
		Scale  int64 `json:"scale_uj"`
	}
	if err := json.Unmarshal([]byte(meta["window.gpu0"]), &window); err != nil {
		t.Fatal(err)
	}
	if got := float64(window.Energy) / 1e6; math.Abs(got-400) > 0.1 || window.Scale == 0 {
		t.Errorf("energy of the window: got %g J with scale uncertainty %d µJ, want 400 J and some", got, window.Scale)
	}
	first, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := cfuCommand(t, args...); code != 0 {
		t.Fatalf("second time: got exit %d, want 0: %s", code, stderr)
	}
	second, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("the same tables and flags gave another energy.arrow, want the same bytes")
	}
}

// A gauge without a limit bounds nothing from above, and says so.
func TestAttributeLeavesUnknownBoundsEmpty(t *testing.T) {
	oneGoroutine(t)
	dir := writeRun(t)
	if code, _, stderr := cfuCommand(t, "attribute", dir, "--convention", "equal"); code != 0 {
		t.Fatalf("got exit %d, want 0: %s", code, stderr)
	}
	shares, _, err := runfolder.Energies().Read(filepath.Join(runfolder.CellDir(dir, "b2-c2-r1"), runfolder.EnergyFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range shares {
		if s.Request < 0 {
			continue
		}
		if bounded := s.Hi != meter.Unbounded; bounded != (s.Domain == "gpu0") {
			t.Errorf("request %d in %s: upper bound %v, want one for the counter only", s.Request, s.Domain, s.Hi)
		}
		if wantFailed := s.Request == 7; strings.Contains(strings.Join(s.Flags, " "), attribution.FlagFailed) != wantFailed {
			t.Errorf("request %d: flags %v, want %s: %v", s.Request, s.Flags, attribution.FlagFailed, wantFailed)
		}
	}
}

// A part of a domain that is summed is in no sum: doubts about its idle windows
// are not told for every one of them.
func TestAttributeWarnsOfIdleOnlyWhereItCounts(t *testing.T) {
	oneGoroutine(t)
	for _, row := range []struct {
		why   string
		scope meter.Scope
		warns bool
	}{
		{"a GPU's memory is within the GPU", meter.ScopeHBM, false},
		{"a second GPU is not", meter.ScopeGPU, true},
	} {
		dir := writeRun(t)
		domains := []meter.Domain{
			{Name: "gpu0", Device: "GPU-1", Source: "nvml", Kind: meter.KindPower, Scope: meter.ScopeGPU},
			{Name: "part", Device: "GPU-2", Source: "nvml", Kind: meter.KindPower, Scope: row.scope},
		}
		if row.scope == meter.ScopeHBM {
			domains[1].Parent, domains[1].Device = "gpu0", "GPU-1"
		}
		table, err := runfolder.NewReadingsWriter(filepath.Join(runfolder.CellDir(dir, "b2-c2-r1"), runfolder.ReadingsFile), runfolder.Describe(domains), nil)
		if err != nil {
			t.Fatal(err)
		}
		var readings []meter.Reading
		for at := time.Duration(0); at < 4*time.Second; at += 10 * time.Millisecond {
			drifting := 50 * meter.Watt
			if at > 3*time.Second {
				drifting = 60 * meter.Watt
			}
			readings = append(readings, meter.Reading{Before: at, After: at, HasPower: true, Power: 100 * meter.Watt, Status: meter.StatusOK},
				meter.Reading{Domain: 1, Before: at, After: at, HasPower: true, Power: drifting, Status: meter.StatusOK})
		}
		if err := errors.Join(table.Write(readings), table.Close()); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := cfuCommand(t, "attribute", dir, "--convention", "equal")
		if code != 0 || strings.Contains(stderr, "part: idle power went from") != row.warns || strings.Contains(stderr, "gpu0: idle power") {
			t.Errorf("%s: got exit %d and %q, want a warning of it: %v", row.why, code, stderr, row.warns)
		}
	}
}

// A chassis meter is in no sum: it is compared with what is.
func TestAttributePrintsCrossChecks(t *testing.T) {
	oneGoroutine(t)
	dir := writeRun(t)
	domains := []meter.Domain{
		{Name: "node", Device: "bmc", Source: "redfish", Kind: meter.KindPower, Scope: meter.ScopeNode, UpdatePeriod: 100 * time.Millisecond},
		{Name: "gpu0", Device: "GPU-1", Source: "nvml", Kind: meter.KindPower, Scope: meter.ScopeGPU},
		{Name: "gpu1", Device: "GPU-2", Source: "nvml", Kind: meter.KindPower, Scope: meter.ScopeGPU},
	}
	for _, row := range []struct {
		node  meter.Power
		check string
		warns bool
	}{
		{500 * meter.Watt, "b2-c2-r1 cross-check node: 1.00 kJ, of which gpu0 + gpu1 0.800 kJ (80 %)", false},
		{300 * meter.Watt, "b2-c2-r1 cross-check node: 600 J, of which gpu0 + gpu1 800 J (133 %)", true},
	} {
		table, err := runfolder.NewReadingsWriter(filepath.Join(runfolder.CellDir(dir, "b2-c2-r1"), runfolder.ReadingsFile), runfolder.Describe(domains), nil)
		if err != nil {
			t.Fatal(err)
		}
		var readings []meter.Reading
		for at := time.Duration(0); at < 4*time.Second; at += 10 * time.Millisecond {
			for i, p := range []meter.Power{row.node, 200 * meter.Watt, 200 * meter.Watt} {
				readings = append(readings, meter.Reading{Domain: i, Before: at, After: at, HasPower: true, Power: p, Status: meter.StatusOK})
			}
		}
		if err := errors.Join(table.Write(readings), table.Close()); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := cfuCommand(t, "attribute", dir, "--convention", "equal")
		if code != 0 || !strings.Contains(stdout, row.check) {
			t.Errorf("got exit %d, want %q in\n%s%s", code, row.check, stdout, stderr)
		}
		if warned := strings.Contains(stderr, "node used 600 J and what is read within it 800 J"); warned != row.warns {
			t.Errorf("%v: got warned %v, want %v:\n%s", row.node, warned, row.warns, stderr)
		}
	}
}
