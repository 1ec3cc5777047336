package summary_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"cfubench/internal/golden"
	"cfubench/internal/si"
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/runfolder"
	"cfubench/results/simulated"
	"cfubench/results/summary"
)

func TestMain(m *testing.M) { os.Exit(simulated.InMemory(m.Run)) }

// sweep is the run that goldens show: two batch sizes, two loads, two repeats.
func sweep() simulated.Spec {
	return simulated.Spec{
		Seed: 1, Model: "SmolLM2-135M", Batches: []int{1, 8}, Concurrencies: []int{1, 8}, Repeats: 2, Requests: 80,
		Server: simulated.DefaultServer(), Inventory: "olmo2-7b",
		Conventions: "token,phase,equal",
	}
}

// TestTheTableFitsATerminal: without an SLO, its widest line has 120 columns.
func TestTheTableFitsATerminal(t *testing.T) {
	spec := sweep()
	spec.Batches, spec.Concurrencies, spec.Model = []int{128}, []int{256}, "modelled"
	s := summarize(t, spec, summary.Options{})
	s.MeterKind = string(meter.KindModel)
	for _, each := range []bool{false, true} {
		var b strings.Builder
		if err := s.WriteTable(&b, each); err != nil {
			t.Fatal(err)
		}
		table := strings.Split(b.String(), "\n\n")[1]
		for line := range strings.SplitSeq(table, "\n") {
			if n := utf8.RuneCountInString(line); n > 120 {
				t.Errorf("a row each repeat %v: got a line of %d columns, want 120 at most: %q", each, n, line)
			}
		}
	}
}

// summarize writes the run of spec and summarizes it.
func summarize(t *testing.T, spec simulated.Spec, o summary.Options) summary.Summary {
	t.Helper()
	dir := t.TempDir()
	run, err := spec.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	if o.Limits == (summary.Limits{}) {
		o.Limits = summary.DefaultLimits()
	}
	s, err := summary.SummarizeWith(t.Context(), dir, run, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTableGoldens(t *testing.T) {
	slo := loadgen.SLO{TTFT: time.Second, TPOT: 30 * time.Millisecond}
	modelled := sweep()
	modelled.Kind, modelled.Batches, modelled.Repeats, modelled.Failures = meter.KindModel, []int{4}, 1, 0.02
	modelled.Incomplete = true
	repeated := summarize(t, sweep(), summary.Options{})
	for _, one := range []struct {
		name string
		s    summary.Summary
		each bool
	}{
		{"points.txt", repeated, false},
		{"sweep.txt", repeated, true},
		{"modelled.txt", summarize(t, modelled, summary.Options{SLO: slo}), false},
	} {
		var b bytes.Buffer
		if err := one.s.WriteTable(&b, one.each); err != nil {
			t.Fatal(err)
		}
		golden.Check(t, "testdata/"+one.name, b.Bytes())
	}
}

func TestExportGolden(t *testing.T) {
	dir := t.TempDir()
	spec := sweep()
	spec.Batches, spec.Concurrencies, spec.Repeats, spec.Requests = []int{2}, []int{2}, 1, 6
	spec.Failures, spec.Server.Chunk = 0.2, 4
	run, err := spec.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"requests", "energy", "footprint"} {
		var b bytes.Buffer
		if err := runfolder.ExportCSV(t.Context(), &b, dir, run, table); err != nil {
			t.Fatal(err)
		}
		golden.Check(t, "testdata/"+table+".csv", b.Bytes())
	}
	if err := runfolder.ExportCSV(t.Context(), &bytes.Buffer{}, dir, run, "engine"); err == nil || !strings.Contains(err.Error(), "has no table engine") {
		t.Errorf("exporting a table that the run does not have: %v", err)
	}
	if err := runfolder.ExportCSV(t.Context(), &bytes.Buffer{}, dir, run, "tokens"); err == nil || !strings.Contains(err.Error(), "unknown") {
		t.Errorf("exporting an unknown table: %v", err)
	}
}

func TestSummaryReadsBackWithNulls(t *testing.T) {
	s := summarize(t, sweep(), summary.Options{})
	dir := t.TempDir()
	if err := summary.WriteSummary(dir, s); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, runfolder.SummaryFile))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(`"goodput_per_s": null`)) || bytes.Contains(text, []byte("NaN")) {
		t.Error("goodput without an SLO is not null")
	}
	var got summary.Summary
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	again, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if string(again)+"\n" != string(text) {
		t.Error("summary.json does not read back as written")
	}
	if f := got.Cells[0].Whole.Goodput; f.Known() {
		t.Errorf("goodput reads back as %v, want unknown", f)
	}
}

// TestFiguresOfOneCell computes a cell's figures from its records by the
// definitions and holds the summary against them.
func TestFiguresOfOneCell(t *testing.T) {
	spec := sweep()
	spec.Batches, spec.Concurrencies, spec.Repeats, spec.Failures = []int{8}, []int{16}, 1, 0.02
	spec.Server.Chunk = 3
	dir := t.TempDir()
	run, err := spec.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	slo := loadgen.SLO{TTFT: 200 * time.Millisecond, E2E: 3 * time.Second}
	s, err := summary.SummarizeWith(t.Context(), dir, run, summary.Options{SLO: slo, Limits: summary.DefaultLimits()})
	if err != nil {
		t.Fatal(err)
	}
	records, _, err := runfolder.Requests().Read(filepath.Join(runfolder.CellDir(dir, run.Cells[0].ID), runfolder.RequestsFile))
	if err != nil {
		t.Fatal(err)
	}
	var latency, intended, ttft, tpot, gaps []float64
	met, tokens := 0, 0.0
	for _, r := range records {
		if slo.Met(r.Record) {
			met++
		}
		tokens += float64(r.OutputTokens)
		if !r.OK() {
			continue
		}
		latency = append(latency, (r.Done - r.Sent).Seconds())
		intended = append(intended, (r.Done - r.Due).Seconds())
		ttft = append(ttft, (r.FirstToken - r.Sent).Seconds())
		tpot = append(tpot, (r.LastToken-r.FirstToken).Seconds()/float64(r.OutputTokens-1))
		for k := 1; k < len(r.TokenAt); k++ {
			for range r.TokenCount[k] {
				gaps = append(gaps, (r.TokenAt[k]-r.TokenAt[k-1]).Seconds()/float64(r.TokenCount[k]))
			}
		}
	}
	m := s.Cells[0].Whole
	near := func(name string, got summary.Figure, want float64) {
		t.Helper()
		if !(math.Abs(float64(got)-want) <= 1e-6*math.Abs(want)+2e-9) { // unknown is not near
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	median := func(v []float64) float64 {
		slices.Sort(v)
		return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
	}
	mean := func(v []float64) float64 {
		sum := 0.0
		for _, x := range v {
			sum += x
		}
		return sum / float64(len(v))
	}
	seconds := run.Cells[0].Window.Length().Seconds()
	near("latency p50", m.Latency.P50, median(latency))
	near("latency mean", m.Latency.Mean, mean(latency))
	near("latency from the intended send, p50", m.LatencyIntended.P50, median(intended))
	near("TTFT p50", m.TTFT.P50, median(ttft))
	near("TPOT mean", m.TPOT.Mean, mean(tpot))
	near("inter-token latency mean", m.ITL.Mean, mean(gaps))
	if m.ITL.N != len(gaps) {
		t.Errorf("%d gaps between tokens, want %d: a chunk of k tokens is k gaps", m.ITL.N, len(gaps))
	}
	near("requests/s", m.RequestsPerSecond, float64(len(latency))/seconds)
	near("output tokens", summary.Figure(m.OutputTokens), tokens)
	near("goodput", m.Goodput, float64(met)/seconds)

	shares, meta, err := runfolder.Energies().Read(filepath.Join(runfolder.CellDir(dir, run.Cells[0].ID), runfolder.EnergyFile))
	if err != nil {
		t.Fatal(err)
	}
	var sum meter.Energy
	for _, share := range shares {
		if share.Convention == "phase" && share.Summed {
			sum += share.Energy
		}
	}
	e := m.Energy
	near("joules", e.Joules, sum.Joules())
	near("J/request", e.PerRequest, sum.Joules()/float64(len(latency)))
	near("J/output token", e.PerOutputToken, sum.Joules()/tokens)
	near("tokens/J", e.TokensPerJoule, tokens/sum.Joules())
	near("J per request within the SLO", e.PerSLORequest, sum.Joules()/float64(met))
	near("energy-delay product", e.EnergyDelay, sum.Joules()/float64(len(latency))*mean(latency))
	near("mean power", e.MeanWatts, sum.Joules()/seconds)
	// Two idle powers, two figures: none is taken off the energy itself. The idle
	// powers are the simulated server's, to the register's last step.
	idle, bare := spec.Server.Idle.Watts(), spec.Server.Bare.Watts()
	above := func(name string, got, power summary.Figure, watts float64) {
		t.Helper()
		near(name, got, (sum.Joules()-float64(power)*seconds)/float64(len(latency)))
		if !(math.Abs(float64(power)-watts) < 0.05) {
			t.Errorf("%s: got %v W of idle power, want %v", name, power, watts)
		}
	}
	above("above loaded idle", e.AboveLoadedIdle, s.Cells[0].IdleWatts, idle)
	above("above bare idle", e.AboveBareIdle, s.Cells[0].BareIdleWatts, bare)
	if e.Lo > e.Joules || e.Joules > e.Hi {
		t.Errorf("energy %v is outside its bracket %v to %v", e.Joules, e.Lo, e.Hi)
	}
	if meta[runfolder.MetaCounter+"package-0"] == "" {
		t.Errorf("metadata %v lacks the counter", meta)
	}
	for _, c := range s.Cells[0].Conventions {
		near("closure of "+c.Convention, c.Requests+c.Idle+c.Unattributed, sum.Joules())
	}
}

// The steady window's power is the server's at full batch, which the simulation
// knows; the whole run's is lower, for it ramps and drains.
func TestSteadyWindowIsSteady(t *testing.T) {
	spec := sweep()
	spec.Batches, spec.Concurrencies, spec.Repeats, spec.Requests = []int{8}, []int{16}, 1, 300
	c := summarize(t, spec, summary.Options{}).Cells[0]
	if c.Steady == nil {
		t.Fatalf("no steady window: %s", c.SteadyRefused)
	}
	full := (spec.Server.Idle + spec.Server.First + 7*spec.Server.Further).Watts()
	if got := float64(c.Steady.Energy.MeanWatts); math.Abs(got/full-1) > 0.01 {
		t.Errorf("mean power of the steady window = %.1f W, the full server draws %.1f W", got, full)
	}
	if c.Whole.Energy.MeanWatts >= c.Steady.Energy.MeanWatts {
		t.Errorf("mean power of the whole run = %v W, want below the steady window's %v W", c.Whole.Energy.MeanWatts, c.Steady.Energy.MeanWatts)
	}
	if got := float64(c.Steady.InFlight); got < 15.9 || got > 16 {
		t.Errorf("%.2f requests in flight in the steady window, want all 16 workers' nearly always", got)
	}
	if c.Steady.Window.Start < c.Whole.Window.Start || c.Steady.Window.End > c.Whole.Window.End {
		t.Errorf("steady window %v is not within %v", c.Steady.Window, c.Whole.Window)
	}
}

func TestSteadyWindowIsRefusedWhenEmpty(t *testing.T) {
	for _, c := range []struct {
		comment string
		change  func(*simulated.Spec)
		want    string
	}{
		{"as many workers as requests", func(s *simulated.Spec) { s.Concurrencies, s.Requests = []int{16}, 16 }, "the last request was sent before the server was full"},
		{"more workers than requests", func(s *simulated.Spec) { s.Concurrencies, s.Requests = []int{64}, 16 }, "there were never 64 requests in flight"},
		{"a handful of requests", func(s *simulated.Spec) { s.Concurrencies, s.Requests = []int{2}, 9 }, "requests completed between the server's filling and the last send, want 10"},
	} {
		spec := sweep()
		spec.Batches, spec.Repeats = []int{4}, 1
		c.change(&spec)
		cell := summarize(t, spec, summary.Options{}).Cells[0]
		if cell.Steady != nil || !strings.Contains(cell.SteadyRefused, c.want) {
			t.Errorf("%s: steady %v, refused %q; want refused, %q", c.comment, cell.Steady, cell.SteadyRefused, c.want)
		}
	}
}

func TestInvalidCellHasNoHeadlineFigure(t *testing.T) {
	spec := sweep()
	spec.Batches, spec.Concurrencies, spec.Repeats, spec.Incomplete = []int{4}, []int{4}, 1, true
	s := summarize(t, spec, summary.Options{})
	if s.Validity.Verdict != summary.Invalid || !slices.Contains(s.Validity.Codes(), "incomplete") {
		t.Fatalf("verdict %s %v, want invalid, incomplete", s.Validity.Verdict, s.Validity.Codes())
	}
	var b bytes.Buffer
	s.WriteTable(&b, true)
	figure := si.Short(float64(s.Cells[0].Whole.Energy.PerRequest))
	if strings.Contains(b.String(), figure) || !strings.Contains(b.String(), "invalid: incomplete") {
		t.Errorf("the table of an invalid run shows its figure %s, or not why:\n%s", figure, b.String())
	}
	if len(s.Points) != 1 || len(s.Points[0].Metrics) != 0 {
		t.Errorf("an invalid cell counts in a mean: %+v", s.Points)
	}
}

// A run whose cell was killed has partial tables; what is in them is summarized
// and called invalid.
func TestKilledCellIsReadable(t *testing.T) {
	dir := t.TempDir()
	spec := sweep()
	spec.Batches, spec.Concurrencies, spec.Repeats, spec.Incomplete, spec.Conventions = []int{4}, []int{4}, 1, true, ""
	run, err := spec.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	folder := runfolder.CellDir(dir, run.Cells[0].ID)
	for _, name := range []string{runfolder.RequestsFile, runfolder.ReadingsFile} {
		path := filepath.Join(folder, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+".partial", text[:len(text)*3/4], 0o644); err != nil {
			t.Fatal(err)
		}
		os.Remove(path)
	}
	if _, err := summary.Summarize(t.Context(), dir); err != nil {
		t.Errorf("summary of a killed run: %v", err)
	}
}

func TestMultiTokenChunksHideNothing(t *testing.T) {
	plain, chunked := sweep(), sweep()
	plain.Batches, plain.Concurrencies, plain.Repeats, plain.Server.Noise = []int{1}, []int{1}, 1, 0
	chunked = plain
	chunked.Server.Chunk = 5
	a, b := summarize(t, plain, summary.Options{}).Cells[0].Whole, summarize(t, chunked, summary.Options{}).Cells[0].Whole
	if math.Abs(float64(a.ITL.Mean-0.020)) > 1e-6 || math.Abs(float64(b.ITL.Mean-0.020)) > 1e-6 {
		t.Errorf("inter-token latency: %v s with one token an event, %v s with five; the server takes 0.020 s a token in both", a.ITL.Mean, b.ITL.Mean)
	}
}

func TestUnknownSLOOfRunIsAnError(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, runfolder.RunFile), []byte(`{"schema": 2, "config": {"slo": "fast"}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := summary.Summarize(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "slo") {
		t.Errorf("summary with the SLO %q: %v", "fast", err)
	}
}
