package comparison_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cfubench/internal/golden"
	"cfubench/internal/stats"
	"cfubench/meter"
	"cfubench/results/comparison"
	"cfubench/results/runfolder"
	"cfubench/results/simulated"
	"cfubench/results/summary"
)

func TestMain(m *testing.M) { os.Exit(simulated.InMemory(m.Run)) }

func spec() simulated.Spec {
	return simulated.Spec{
		Seed: 1, Model: "SmolLM2-135M", Batches: []int{4}, Concurrencies: []int{4, 16}, Repeats: 3, Requests: 60,
		Server: simulated.DefaultServer(), Conventions: "equal",
	}
}

// subject simulates a run and loads it under a name.
func subject(t *testing.T, name string, change func(*simulated.Spec)) comparison.Subject {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := spec()
	change(&s)
	if _, err := s.Write(dir); err != nil {
		t.Fatal(err)
	}
	loaded, err := comparison.Load(t.Context(), dir, summary.Options{Limits: summary.DefaultLimits()})
	if err != nil {
		t.Fatal(err)
	}
	loaded.Name = name
	return loaded
}

// alter changes a subject after the fact, to differ in one respect.
func alter(s comparison.Subject, change func(*comparison.Subject)) comparison.Subject {
	s.Summary.Cells = slices.Clone(s.Summary.Cells)
	change(&s)
	return s
}

// slower is a server that takes longer for a token and draws the same power.
func slower(s *simulated.Spec) {
	s.Server.TokenTime = s.Server.TokenTime * 11 / 10
	s.Server.PrefillTime = s.Server.PrefillTime * 11 / 10
}

func find(t *testing.T, table comparison.Table, point, metric string) comparison.Row {
	t.Helper()
	for _, r := range table.Rows {
		if r.Point == point && r.Metric == metric {
			return r
		}
	}
	t.Fatalf("no row of %s at %s", metric, point)
	return comparison.Row{}
}

func TestKnownDifferenceIsFound(t *testing.T) {
	before, after := subject(t, "before", func(*simulated.Spec) {}), subject(t, "after", slower)
	table, err := comparison.Compare(before, []comparison.Subject{after}, comparison.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := find(t, table, "b4-c4", summary.MetricTPOT)
	if !r.Different || r.Lo > 0.10 || r.Hi < 0.10 || r.Basis != "repeats" {
		t.Errorf("time per output token is 10 %% longer; the comparison says %+v", r)
	}
	if r := find(t, table, "b4-c4", summary.MetricEnergyPerRequest); !r.Different || r.Delta < 0.05 {
		t.Errorf("energy per request is about 10 %% more; the comparison says %+v", r)
	}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"compare.txt": func(b *bytes.Buffer) error { return table.WriteText(b) },
		"compare.csv": func(b *bytes.Buffer) error { return table.WriteCSV(b) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		golden.Check(t, "testdata/"+name, b.Bytes())
	}
}

// TestFalsePositives runs the whole path, requests and sensor to table, on 1,000
// cells that differ in nothing but their seed: of 1,000 comparisons of three
// repeats with three others, one in twenty may call a difference (50 ± 21, three
// standard deviations).
func TestFalsePositives(t *testing.T) {
	const cells, comparisons, group = 1000, 1000, 3
	dir := t.TempDir()
	s := spec()
	s.Concurrencies, s.Repeats, s.Requests, s.Parts = []int{4}, cells, 20, simulated.RAPL()[:1]
	s.Server.Output, s.Server.Prompt, s.Server.TokenTime, s.Server.Noise = 6, 10, 5*time.Millisecond, 0.2
	if _, err := s.Write(dir); err != nil {
		t.Fatal(err)
	}
	all, err := comparison.Load(t.Context(), dir, summary.Options{Limits: summary.DefaultLimits()})
	if err != nil {
		t.Fatal(err)
	}
	metrics := []string{summary.MetricEnergyPerRequest, summary.MetricLatency, summary.MetricTTFT}
	rng := rand.New(rand.NewPCG(1, 1))
	found := map[string]int{}
	var order []int
	pick := func() comparison.Subject {
		one := comparison.Subject{Name: "run", Run: all.Run, Summary: all.Summary}
		one.Summary.Cells, one.Summary.Points = nil, []summary.Point{{Name: "b4-c4"}}
		for _, i := range order[:group] {
			one.Summary.Cells = append(one.Summary.Cells, all.Summary.Cells[i])
			one.Summary.Points[0].Cells = append(one.Summary.Points[0].Cells, all.Summary.Cells[i].Cell)
		}
		order = order[group:]
		return one
	}
	for range comparisons {
		if len(order) < 2*group {
			order = rng.Perm(cells)
		}
		table, err := comparison.Compare(pick(), []comparison.Subject{pick()}, comparison.Options{Metrics: metrics})
		if err != nil {
			t.Fatal(err)
		}
		if len(table.Rows) != len(metrics) {
			t.Fatalf("%d rows, want %d", len(table.Rows), len(metrics))
		}
		for _, r := range table.Rows {
			if r.Basis != "repeats" {
				t.Fatalf("%s was tested on %q, want repeats", r.Metric, r.Basis)
			}
			if r.Different {
				found[r.Metric]++
			}
		}
	}
	for _, metric := range metrics {
		if n := found[metric]; n < 29 || n > 71 {
			t.Errorf("%s: %d of %d comparisons without a difference show one, want about %d", metric, n, comparisons, comparisons/20)
		}
	}
}

// Repeats share a trace and so agree better than runs of another trace would:
// across traces they must not be the samples.
func TestAcrossTracesBatchesAreTested(t *testing.T) {
	a := subject(t, "a", func(s *simulated.Spec) { s.Concurrencies = []int{4} })
	b := subject(t, "b", func(s *simulated.Spec) { s.Concurrencies, s.Seed = []int{4}, 2 })
	table, err := comparison.Compare(a, []comparison.Subject{b}, comparison.Options{Across: []string{"trace"}})
	if err != nil {
		t.Fatal(err)
	}
	if r := find(t, table, "b4-c4", summary.MetricLatency); r.Basis != "batches" {
		t.Errorf("latency was tested on %q, want batches", r.Basis)
	}
	if r := find(t, table, "b4-c4", summary.MetricLatencyP99); r.Basis != "" || !strings.HasSuffix(r.FormatDelta(), " %?") || len(r.Warnings) != 1 {
		t.Errorf("p99 has no batches and was compared all the same: %+v", r)
	}
}

func TestRefusals(t *testing.T) {
	base := subject(t, "base", func(s *simulated.Spec) { s.Repeats = 1 })
	for _, c := range []struct {
		comment string
		change  func(*comparison.Subject)
		across  []string
		refused string // in the error
		warned  string // in the warnings
	}{
		{"the same", func(*comparison.Subject) {}, nil, "", ""},
		{"another model", func(s *comparison.Subject) { s.Summary.Model = "another" }, nil, "model (SmolLM2-135M against another)", ""},
		{"another model, on purpose", func(s *comparison.Subject) { s.Summary.Model = "another" }, []string{"model"}, "", ""},
		{"another trace", func(s *comparison.Subject) { s.Run.TraceHash = "x" }, nil, "trace (", ""},
		{"a model against a counter", func(s *comparison.Subject) { s.Summary.MeterKind = "model" }, nil, "meter (counter against model)", ""},
		{"another boundary", func(s *comparison.Subject) {
			s.Run.Domains = runfolder.Describe([]meter.Domain{{Name: "gpu0", Kind: meter.KindCounter, Scope: meter.ScopeGPU}})
		}, nil, "boundary (dram + package against gpu)", ""},
		{"two differences, one on purpose", func(s *comparison.Subject) { s.Summary.Model, s.Run.TraceHash = "another", "x" }, []string{"model"}, "--across trace", ""},
		{"another engine is warned of", func(s *comparison.Subject) { s.Summary.Engine = "vllm 1" }, nil, "", "engine (llama.cpp simulated against vllm 1)"},
		{"a failed self-test is warned of", func(s *comparison.Subject) { s.Summary.SelfTest = "failed" }, nil, "", "self-test (none against failed)"},
		{"many cached prompts", func(s *comparison.Subject) { cache(s, 0.4) }, nil, "cache (b4-c4: 0.0 % of prompt tokens cached against 40.0 %)", ""},
		{"some cached prompts are warned of", func(s *comparison.Subject) { cache(s, 0.05) }, nil, "", "cache (b4-c4"},
		{"cached prompts on purpose", func(s *comparison.Subject) { cache(s, 0.4) }, []string{"cache"}, "", ""},
		{"a dimension that there is not", func(*comparison.Subject) {}, []string{"weather"}, `dimension "weather" is unknown`, ""},
	} {
		table, err := comparison.Compare(base, []comparison.Subject{alter(base, c.change)}, comparison.Options{Across: c.across})
		if c.refused == "" && err != nil || c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)) {
			t.Errorf("%s: error %v, want %q", c.comment, err, c.refused)
		}
		if warned := strings.Join(table.Warnings, "\n"); err == nil && (c.warned == "") != (warned == "") || !strings.Contains(warned, c.warned) {
			t.Errorf("%s: warnings %q, want %q", c.comment, warned, c.warned)
		}
		if refusal := (comparison.RefusedError{}); c.refused != "" && c.across == nil && !errors.As(err, &refusal) {
			t.Errorf("%s: error of type %T, want a RefusedError", c.comment, err)
		}
	}
}

func cache(s *comparison.Subject, share summary.Figure) {
	for i := range s.Summary.Cells {
		s.Summary.Cells[i].CachedShare = share
	}
}

func TestSelections(t *testing.T) {
	dir := t.TempDir()
	if _, err := spec().Write(dir); err != nil {
		t.Fatal(err)
	}
	for argument, want := range map[string]int{dir: 6, dir + ":b4-c4": 3, dir + ":b4-c16-r2": 1, filepath.Join(dir, "cells", "b4-c16-r2"): 1} {
		s, err := comparison.Load(t.Context(), argument, summary.Options{Limits: summary.DefaultLimits()})
		if err != nil {
			t.Fatal(err)
		}
		if got := len(s.Summary.Cells); got != want {
			t.Errorf("%s selects %d cells, want %d", argument, got, want)
		}
	}
	if _, err := comparison.Load(t.Context(), dir+":b9", summary.Options{}); err == nil || !strings.Contains(err.Error(), `no cell or load point "b9"; its cells are b4-c4-r1`) {
		t.Errorf("selecting a cell that is not there: %v", err)
	}
	a, _ := comparison.Load(t.Context(), dir+":b4-c4", summary.Options{Limits: summary.DefaultLimits()})
	b, _ := comparison.Load(t.Context(), dir+":b4-c16", summary.Options{Limits: summary.DefaultLimits()})
	if _, err := comparison.Compare(a, []comparison.Subject{b}, comparison.Options{}); err == nil || !strings.Contains(err.Error(), "--across load") {
		t.Errorf("comparing two loads without asking for it: %v", err)
	}
	table, err := comparison.Compare(a, []comparison.Subject{b}, comparison.Options{Across: []string{"load"}, Metrics: []string{summary.MetricTTFT}, Test: stats.Welch})
	if err != nil || len(table.Rows) != 1 || table.Rows[0].Point != "b4-c4 → b4-c16" || !table.Rows[0].Different {
		t.Errorf("comparing two loads: %+v, %v; want one row, different", table.Rows, err)
	}
	if _, err := comparison.Compare(a, []comparison.Subject{a}, comparison.Options{Metrics: []string{"beauty"}}); err == nil || !strings.Contains(err.Error(), `metric "beauty" is unknown`) {
		t.Errorf("an unknown metric: %v", err)
	}
}

func TestInvalidCellsAreNotCompared(t *testing.T) {
	a := subject(t, "a", func(s *simulated.Spec) { s.Concurrencies, s.Repeats = []int{4}, 1 })
	b := subject(t, "b", func(s *simulated.Spec) { s.Concurrencies, s.Repeats, s.Incomplete = []int{4}, 1, true })
	table, err := comparison.Compare(a, []comparison.Subject{b}, comparison.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Rows) != 0 || !strings.Contains(strings.Join(table.Warnings, "\n"), "invalid") {
		t.Errorf("rows %v, warnings %v; want none and why", table.Rows, table.Warnings)
	}
}
