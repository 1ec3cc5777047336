package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
)

// amortizedRun writes a run folder of one cell: 4 requests, one of them failed,
// 360 J over two GPUs in a window of 10 s.
func amortizedRun(t *testing.T, kind meter.Kind) string {
	t.Helper()
	var domains []meter.Domain
	for i := range 2 {
		domains = append(domains, meter.Domain{
			Name: fmt.Sprint("gpu", i), Device: fmt.Sprint("GPU-", i), Kind: kind, Scope: meter.ScopeGPU, Quantum: 1, UpdatePeriod: 10 * time.Millisecond, Limit: 700 * meter.Watt,
		})
	}
	return amortizedRunOf(t, domains, func(_ int, at time.Duration) meter.Energy { return meter.EnergyOf(18*meter.Watt, at) })
}

// amortizedRunOf is amortizedRun with the registers of these domains, which show
// used at a time.
func amortizedRunOf(t *testing.T, domains []meter.Domain, used func(domain int, at time.Duration) meter.Energy) string {
	t.Helper()
	dir := t.TempDir()
	cell := runfolder.Cell{
		ID: "b2-c2-r1", Point: runfolder.Point{Batch: 2, Load: runfolder.Load{Concurrency: 2}}, Repeat: 1, Complete: true,
		Window: meter.Window{Start: time.Second, End: 11 * time.Second}, Requests: 4, Errors: 1,
	}
	var readings []meter.Reading
	for at := time.Duration(0); at <= 12*time.Second; at += 10 * time.Millisecond {
		for i := range domains {
			readings = append(readings, meter.Reading{Domain: i, Before: at, After: at, Energy: used(i, at), HasEnergy: true, Status: meter.StatusOK})
		}
	}
	run := runfolder.Run{
		Cells:   []runfolder.Cell{cell},
		Engine:  []runfolder.EngineInfo{{Batch: 2, Kind: "vllm", Model: "allenai/OLMo-2-1124-7B-Instruct"}},
		Domains: runfolder.Describe(domains),
	}
	record := func(id int, conversation string, ttft time.Duration) loadgen.Record {
		return loadgen.Record{
			Request: id, Conversation: conversation, Due: time.Second, Sent: time.Second, FirstToken: time.Second + ttft,
			LastToken: 3 * time.Second, Done: 3 * time.Second, PromptTokens: 30, OutputTokens: 20, CachedTokens: loadgen.Unknown, Status: 200,
			TokenAt: []time.Duration{time.Second + ttft}, TokenCount: []int32{20}, ServerPrefill: loadgen.Never, ServerDecode: loadgen.Never,
		}
	}
	failed := record(3, "c", loadgen.Never)
	failed.Err = "stream cut"
	writeCell(t, dir, run, []loadgen.Record{record(0, "a", 100*time.Millisecond), record(1, "a", time.Second), record(2, "b", time.Millisecond), failed}, readings)
	by := derivation.Attribution{Conventions: "equal,token", Weights: "1:1", Params: attribution.Params{PromptWeight: 1, OutputWeight: 1}}
	if _, err := by.Cell(t.Context(), dir, run, cell); err != nil {
		t.Fatal(err)
	}
	return dir
}

// writeCell writes a run of one cell with the raw tables of that cell.
func writeCell(t *testing.T, dir string, run runfolder.Run, records []loadgen.Record, readings []meter.Reading) {
	t.Helper()
	cell := run.Cells[0]
	if err := os.MkdirAll(runfolder.CellDir(dir, cell.ID), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := runfolder.WriteRun(dir, run); err != nil {
		t.Fatal(err)
	}
	requests, err := runfolder.Requests().Create(runfolder.CellFile(dir, cell.ID, runfolder.RequestsFile), map[string]string{"model": "m"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := requests.Write(runfolder.Request{Key: cell.Key(), Record: r}); err != nil {
			t.Fatal(err)
		}
	}
	if err := requests.Close(); err != nil {
		t.Fatal(err)
	}
	table, err := runfolder.NewReadingsWriter(runfolder.CellFile(dir, cell.ID, runfolder.ReadingsFile), run.Domains, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Write(readings); err != nil {
		t.Fatal(err)
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
}

// The run's numbers reach the footprint: energy of every domain once and of
// everything in the window, counts of the requests that were completed and of the tokens
// of all, device time of both GPUs.
func TestAmortizeRun(t *testing.T) {
	oneGoroutine(t)
	dir := amortizedRun(t, meter.KindCounter)
	code, stdout, stderr := cfu(t, t.Context(), nil, "amortize", dir, "--inventory", "olmo2-7b", "--format", "csv", "--slo-ttft", "500ms", "--monte-carlo", "0",
		"--functional-unit", "request,output_token,total_token,batch,conversation,slo_request,answer=6")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	const kwh = 360 / 3.6e6 * 1.2 // the preset's PUE
	const embodiedKg = 20.0 / 3600 / 35040 * 462.5
	want := map[string]float64{
		"request/energy/inference":      kwh / 3,
		"output_token/energy/inference": kwh / 80, // the failed request had 20
		"total_token/energy/inference":  kwh / 200,
		"batch/energy/inference":        kwh / 2, // three requests in batches of two
		"conversation/energy/inference": kwh / 2,
		"slo_request/energy/inference":  kwh / 2, // the second request was late
		"answer/energy/inference":       kwh / 6,
		"request/gwp/inference":         kwh * 0.332 / 3,
		"request/gwp/embodied":          embodiedKg / 3, // two devices for 10 s
	}
	for _, r := range rows[1:] {
		key := r[1] + "/" + r[2] + "/" + r[4]
		w, ok := want[key]
		if !ok {
			continue
		}
		delete(want, key)
		if got, _ := strconv.ParseFloat(r[5], 64); math.Abs(got/w-1) > 1e-9 {
			t.Errorf("%s: got %g, want %g", key, got, w)
		}
	}
	for key := range want {
		t.Errorf("%s: no row", key)
	}
	if strings.Contains(stderr, "served") || strings.Contains(stderr, "is a model") {
		t.Errorf("doubts about a counter and the inventory's own model: %s", stderr)
	}

	footprint, meta, err := runfolder.Footprints().Read(filepath.Join(dir, runfolder.FootprintFile))
	if err != nil {
		t.Fatal(err)
	}
	if len(footprint) != len(rows)-1 {
		t.Errorf("footprint.arrow has %d rows, the CSV %d", len(footprint), len(rows)-1)
	}
	for key, w := range map[string]string{"inventory": "olmo2-7b", "lifetime_quality": "assumption", "gwp": "ar6", "embodied_convention": "calendar"} {
		if meta[key] != w {
			t.Errorf("footprint.arrow says %s=%q, want %q", key, meta[key], w)
		}
	}
}

// A cell in which nothing met the SLO is reported without that unit, since its
// cost has no bound.
func TestNoRequestMetTheSLO(t *testing.T) {
	oneGoroutine(t)
	dir := amortizedRun(t, meter.KindCounter)
	code, stdout, stderr := cfu(t, t.Context(), nil, "amortize", dir, "--inventory", "olmo2-7b", "--format", "csv", "--slo-ttft", "1us", "--functional-unit", "request,slo_request")
	if code != 0 || strings.Contains(stdout, "slo_request") || !strings.Contains(stderr, "no request met the SLO (ttft=1µs)") {
		t.Errorf("exit %d, %s; want a table without slo_request and a warning", code, stderr)
	}
	if code, _, stderr := cfu(t, t.Context(), nil, "amortize", dir, "--inventory", "olmo2-7b", "--slo-ttft", "1us", "--functional-unit", "slo_request"); code != 1 || !strings.Contains(stderr, "no bound") {
		t.Errorf("nothing left to report: exit %d, %s; want 1 and the reason", code, stderr)
	}
	if code, _, stderr := cfu(t, t.Context(), nil, "amortize", dir, "--inventory", "olmo2-7b", "--functional-unit", "slo_request"); code == 0 || !strings.Contains(stderr, "the run has no --slo") {
		t.Errorf("no SLO at all: exit %d, %s; want a refusal that says that none was given", code, stderr)
	}
}

// The same run and options give the same bytes.
func TestFootprintIsReproducible(t *testing.T) {
	oneGoroutine(t)
	dir := amortizedRun(t, meter.KindCounter)
	var files [2][]byte
	for i := range files {
		if code, _, stderr := cfu(t, t.Context(), nil, "amortize", dir); code != 0 {
			t.Fatalf("exit %d: %s", code, stderr)
		}
		var err error
		if files[i], err = os.ReadFile(filepath.Join(dir, runfolder.FootprintFile)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("two passes gave two footprints")
	}
}

// Modelled energy says so in the table, the footprint, the report and on
// stderr.
func TestModelledEnergyShowsEverywhere(t *testing.T) {
	oneGoroutine(t)
	dir := amortizedRun(t, meter.KindModel)
	text := filepath.Join(dir, "lca.txt")
	page := filepath.Join(dir, "lca.html")
	code, stdout, stderr := cfu(t, t.Context(), nil, "amortize", dir, "--report", text, "--report", page)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, line := range strings.Split(stdout, "\n") {
		if strings.Contains(line, "  request  ") && !strings.HasSuffix(line, " model") {
			t.Errorf("table line without model: %s", line)
		}
	}
	if !strings.Contains(stderr, "the energy is a model") {
		t.Errorf("stderr does not say model: %s", stderr)
	}
	rows, _, err := runfolder.Footprints().Read(filepath.Join(dir, runfolder.FootprintFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if (r.Stage == "inference" || r.Stage == "total") && (!strings.Contains(r.Boundary, "(model)") || !strings.Contains(r.Source, "(model)")) {
			t.Errorf("%s %s does not say model: %s; %s", r.Category, r.Stage, r.Boundary, r.Source)
		}
	}
	for _, path := range []string{text, page} {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(content, []byte("b2-c2-r1 (energy: model), per request")) {
			t.Errorf("%s does not say model beside the results", filepath.Base(path))
		}
	}
}

// A cell at a request rate stands beside the published row of that rate.
func TestBesidePublished(t *testing.T) {
	oneGoroutine(t)
	dir := amortizedRun(t, meter.KindCounter)
	if code, _, stderr := cfu(t, t.Context(), nil, "amortize", dir, "--beside", "OLMo 2 7B"); code != 1 || !strings.Contains(stderr, "no cell at a request rate") {
		t.Errorf("closed loop only: exit %d, %s; want a refusal", code, stderr)
	}
	run, err := runfolder.ReadRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	run.Cells[0].Concurrency, run.Cells[0].Rate = 0, 8
	if err := runfolder.WriteRun(dir, run); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := cfu(t, t.Context(), nil, "amortize", dir, "--inventory", "olmo2-7b", "--beside", "OLMo 2 7B", "--format", "csv")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	want := "model,rate,kwh_per_2400,gco2e_per_2400,joules_per_request,break_even_requests,published_break_even,source\n" +
		"allenai/OLMo-2-1124-7B-Instruct,8,0.08,31.872,120,3915662651,,measured\n" +
		"OLMo 2 7B,8,0.049,16.268,73.5,7671502336,7680000000,published\n"
	if stdout != want {
		t.Errorf("got\n%swant\n%s", stdout, want)
	}
}

// A run without anything to amortize is an error that says why.
func TestAmortizeNothing(t *testing.T) {
	oneGoroutine(t)
	dir := amortizedRun(t, meter.KindCounter)
	if err := os.Remove(filepath.Join(runfolder.CellDir(dir, "b2-c2-r1"), runfolder.EnergyFile)); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := cfu(t, t.Context(), nil, "amortize", dir)
	if code != 1 || !strings.Contains(stderr, "no cell can be amortized: cell b2-c2-r1 has no energy") {
		t.Errorf("exit %d, %s; want exit 1 with the cell and the reason", code, stderr)
	}
}
