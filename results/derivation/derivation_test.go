package derivation_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/results"
	"cfubench/results/derivation"
	"cfubench/results/simulated"
)

// raw is a run folder with the raw tables of two cells and nothing derived.
func raw(t *testing.T) (dir string, run results.Run) {
	t.Helper()
	dir = t.TempDir()
	run, err := simulated.Spec{Seed: 3, Model: "OLMo 2 7B", Batches: []int{4}, Concurrencies: []int{1, 4}, Repeats: 1, Requests: 20, Server: simulated.DefaultServer()}.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, run
}

// attributed divides every cell by two conventions.
func attributed(t *testing.T, dir string, run results.Run) []derivation.CellEnergy {
	t.Helper()
	a := derivation.Attribution{Conventions: "token,phase", Weights: "1:1", Params: attribution.Params{PromptWeight: 1, OutputWeight: 1}}
	var cells []derivation.CellEnergy
	for _, cell := range run.Cells {
		e, err := a.Cell(dir, run, cell)
		if err != nil {
			t.Fatal(err)
		}
		cells = append(cells, e)
	}
	return cells
}

// TestEveryConventionSumsToTheCounter: what is said of a cell closes, and says
// what its energy.arrow holds.
func TestEveryConventionSumsToTheCounter(t *testing.T) {
	dir, run := raw(t)
	for i, c := range attributed(t, dir, run) {
		if len(c.Energies) != 2 || len(c.Spread) != 1 || len(c.Windows) != 1 {
			t.Fatalf("%s: got %d conventions, %d spreads and %d windows, want 2, 1 and 1", c.Cell, len(c.Energies), len(c.Spread), len(c.Windows))
		}
		sums := map[string]meter.Energy{}
		for s, err := range results.ScanEnergy(filepath.Join(results.CellDir(dir, run.Cells[i].ID), results.EnergyFile)) {
			if err != nil {
				t.Fatal(err)
			}
			sums[s.Convention] += s.Energy
		}
		for _, e := range c.Energies {
			if got := e.Requests + e.Idle + e.Unattributed; got != e.Counter || sums[e.Convention] != e.Counter || e.Counter == 0 {
				t.Errorf("%s, %s: %d µJ in all and %d in the table, want the counter's %d", c.Cell, e.Convention, got, sums[e.Convention], e.Counter)
			}
		}
	}
}

// TestTheSameTablesGiveTheSameBytes: derived twice, written alike.
func TestTheSameTablesGiveTheSameBytes(t *testing.T) {
	dir, run := raw(t)
	var before [][]byte
	for range 2 {
		attributed(t, dir, run)
		if _, err := derivation.NewAmortization("olmo2-7b").Run(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		var after [][]byte
		for _, path := range []string{results.FootprintFile, "cells/b4-c1-r1/energy.arrow", "cells/b4-c4-r1/energy.arrow"} {
			b, err := os.ReadFile(filepath.Join(dir, path))
			if err != nil {
				t.Fatal(err)
			}
			after = append(after, b)
		}
		for i := range before {
			if !bytes.Equal(before[i], after[i]) {
				t.Errorf("table %d differs the second time", i)
			}
		}
		before = after
	}
}

// TestWhatCannotBeAmortizedIsLeftOut: one cell without energy is a warning, a
// run without any is an error.
func TestWhatCannotBeAmortizedIsLeftOut(t *testing.T) {
	dir, run := raw(t)
	if _, err := derivation.NewAmortization("olmo2-7b").Run(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "b4-c1-r1 has no energy") {
		t.Errorf("got %v, want an error that says which cell has no energy", err)
	}
	attributed(t, dir, run)
	if err := os.Remove(filepath.Join(results.CellDir(dir, "b4-c4-r1"), results.EnergyFile)); err != nil {
		t.Fatal(err)
	}
	list, err := derivation.NewAmortization("olmo2-7b").Run(t.Context(), dir)
	if err != nil || len(list) != 1 || list[0].Usage.Cell != "b4-c1-r1" || !strings.Contains(strings.Join(list[0].Warnings, "\n"), "b4-c4-r1 has no energy") {
		t.Errorf("got %d assessments and %v, want that of b4-c1-r1 with a warning of the other", len(list), err)
	}
}
