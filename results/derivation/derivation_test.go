package derivation_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"cfubench/attribution"
	"cfubench/attribution/lca"
	"cfubench/meter"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
	"cfubench/results/simulated"
)

// raw is a run folder with the raw tables of two cells and nothing derived.
func raw(t *testing.T) (dir string, run runfolder.Run) {
	t.Helper()
	dir = t.TempDir()
	run, err := simulated.Spec{Seed: 3, Model: "OLMo 2 7B", Batches: []int{4}, Concurrencies: []int{1, 4}, Repeats: 1, Requests: 20, Server: simulated.DefaultServer()}.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, run
}

// attributed divides every cell by two conventions.
func attributed(t *testing.T, dir string, run runfolder.Run) []derivation.Attributed {
	t.Helper()
	a := derivation.Attribution{Conventions: "token,phase", Weights: "1:1", Params: attribution.Params{PromptWeight: 1, OutputWeight: 1}}
	var cells []derivation.Attributed
	for _, cell := range run.Cells {
		e, err := a.Cell(t.Context(), dir, run, cell)
		if err != nil {
			t.Fatal(err)
		}
		cells = append(cells, e)
	}
	return cells
}

// TestEveryConventionSumsToTheCounter: what is said of a cell closes, domain by
// domain, and says what its energy.arrow holds.
func TestEveryConventionSumsToTheCounter(t *testing.T) {
	dir, run := raw(t)
	domains := len(run.Domains)
	for i, c := range attributed(t, dir, run) {
		if len(c.Divisions) != 2*domains || len(c.Spread) != domains || len(c.Windows) != domains {
			t.Fatalf("%s: got %d divisions, %d spreads and %d windows, want %d, %d and %d", c.Cell, len(c.Divisions), len(c.Spread), len(c.Windows), 2*domains, domains, domains)
		}
		type division struct{ domain, convention string }
		sums := map[division]meter.Energy{}
		for s, err := range runfolder.Energies().Scan(t.Context(), runfolder.CellFile(dir, run.Cells[i].ID, runfolder.EnergyFile)) {
			if err != nil {
				t.Fatal(err)
			}
			sums[division{s.Domain, s.Convention}] += s.Energy
		}
		for _, e := range c.Divisions {
			sum := sums[division{e.Domain, e.Convention}]
			if got := e.Requests + e.Idle + e.Unattributed; got != e.Counter || sum != e.Counter || e.Counter == 0 {
				t.Errorf("%s, %s of %s: %d µJ in all and %d in the table, want the counter's %d", c.Cell, e.Convention, e.Domain, got, sum, e.Counter)
			}
		}
	}
}

// TestStepCostsAgainstTheModelsSize: the size is the server's unless it is given,
// and without one nothing is said.
func TestStepCostsAgainstTheModelsSize(t *testing.T) {
	dir, run := raw(t)
	cell := run.Cells[1]
	for _, row := range []struct {
		what                string
		parameters, weights int64 // as the server says
		given               attribution.ModelSize
		want                float64 // bytes, 0 for no comparison
	}{
		{"nobody knows it", 0, 0, attribution.ModelSize{}, 0},
		{"the server says it", 7e9, 14e9, attribution.ModelSize{}, 14e9},
		{"it is given", 0, 0, attribution.ModelSize{Parameters: 3e9, WeightBytes: 6e9}, 6e9},
		{"what is given goes before what the server says", 7e9, 14e9, attribution.ModelSize{Parameters: 3e9, WeightBytes: 6e9}, 6e9},
	} {
		for i := range run.Engine {
			run.Engine[i].Parameters, run.Engine[i].WeightBytes = row.parameters, row.weights
		}
		e, err := derivation.Attribution{Conventions: "step", Size: row.given}.Cell(t.Context(), dir, run, cell)
		if err != nil {
			t.Fatal(err)
		}
		if len(e.Costs) == 0 {
			t.Fatalf("%s: got no step costs", row.what)
		}
		kept, err := derivation.ReadCellEnergy(dir, cell.ID)
		if err != nil {
			t.Fatal(err)
		}
		if row.want == 0 {
			if len(e.Rooflines) != 0 || len(kept.Rooflines) != 0 {
				t.Errorf("%s: got %v, want no comparison", row.what, e.Rooflines)
			}
			continue
		}
		if len(kept.Rooflines) != len(e.Costs) || kept.Rooflines[0].WeightBytes != row.want {
			t.Errorf("%s: got %v in the table's metadata, want one of %g bytes for each of %d costs", row.what, kept.Rooflines, row.want, len(e.Costs))
		}
	}
}

// TestARefusedConventionLeavesTheEnergy: what was metered is known, whoever can
// divide it.
func TestARefusedConventionLeavesTheEnergy(t *testing.T) {
	dir, run := raw(t)
	cell := run.Cells[0] // one request at a time in a batch of four: never saturated
	e, err := derivation.Attribution{Conventions: "steady"}.Cell(t.Context(), dir, run, cell)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range e.Divisions {
		if d.Refused == "" {
			t.Errorf("%s of %s: not refused", d.Convention, d.Domain)
		}
	}
	if want := attributed(t, dir, run)[0].Energy; !e.Energy.HasEnergy || e.Energy.Energy != want.Energy {
		t.Errorf("got the energy %v (known: %v), want %v", e.Energy.Energy, e.Energy.HasEnergy, want.Energy)
	}
}

// TestTheSameTablesGiveTheSameBytes: derived twice, written alike.
func TestTheSameTablesGiveTheSameBytes(t *testing.T) {
	dir, run := raw(t)
	var before [][]byte
	for range 2 {
		attributed(t, dir, run)
		if _, err := derivation.NewAmortization("olmo2-7b").Run(t.Context(), dir, run, nil); err != nil {
			t.Fatal(err)
		}
		var after [][]byte
		for _, path := range []string{runfolder.FootprintFile, "cells/b4-c1-r1/energy.arrow", "cells/b4-c4-r1/energy.arrow"} {
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
	if _, err := derivation.NewAmortization("olmo2-7b").Assess(t.Context(), dir, run); err == nil || !strings.Contains(err.Error(), "b4-c1-r1 has no energy") {
		t.Errorf("got %v, want an error that says which cell has no energy", err)
	}
	attributed(t, dir, run)
	if err := os.Remove(filepath.Join(runfolder.CellDir(dir, "b4-c4-r1"), runfolder.EnergyFile)); err != nil {
		t.Fatal(err)
	}
	list, err := derivation.NewAmortization("olmo2-7b").Assess(t.Context(), dir, run)
	if err != nil || len(list) != 1 || list[0].Usage.Cell != "b4-c1-r1" || !strings.Contains(strings.Join(list[0].Warnings, "\n"), "b4-c4-r1 has no energy") {
		t.Errorf("got %d assessments and %v, want that of b4-c1-r1 with a warning of the other", len(list), err)
	}
}

// TestADesignSaysWhatItsRunDoes: whichever cell a design is, what there is to say of its
// run is among its warnings, and a cell that was left out is refused with the reason.
func TestADesignSaysWhatItsRunDoes(t *testing.T) {
	dir, run := raw(t)
	attributed(t, dir, run)
	m := derivation.NewAmortization(derivation.NoInventory)
	for _, cell := range []string{"b4-c1-r1", "b4-c4-r1"} {
		a, err := m.Design(t.Context(), dir+"#"+cell, lca.Energy)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(strings.Join(a.Warnings, "\n"), "no inventory was named"); n != 1 {
			t.Errorf("%s: %d warnings that no inventory was named, want one: %q", cell, n, a.Warnings)
		}
	}
	if err := os.Remove(filepath.Join(runfolder.CellDir(dir, "b4-c4-r1"), runfolder.EnergyFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Design(t.Context(), dir+"#b4-c4-r1", lca.Energy); err == nil || !strings.Contains(err.Error(), "no assessed cell b4-c4-r1: cell b4-c4-r1 has no energy") {
		t.Errorf("got %v, want why the cell is left out", err)
	}
}

// TestTheDocumentedMetadataIsThere: docs/attribution.md lists what the metadata of
// energy.arrow hold beside the constants of the raw tables.
func TestTheDocumentedMetadataIsThere(t *testing.T) {
	dir, run := raw(t)
	attributed(t, dir, run)
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "attribution.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(text), "| key | what |\n")
	part, _, _ = strings.Cut(part, "\n\n")
	var documented []string
	for line := range strings.Lines(part) {
		head, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(head, -1) {
			documented = append(documented, m[1])
		}
	}
	cell := run.Cells[0].ID
	meta, err := runfolder.Energies().Meta(runfolder.CellFile(dir, cell, runfolder.EnergyFile))
	if err != nil {
		t.Fatal(err)
	}
	constants, err := runfolder.Requests().Meta(runfolder.CellFile(dir, cell, runfolder.RequestsFile))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, key := range documented {
		conditional := strings.Contains(key, "CONVENTION") || strings.HasPrefix(key, "bare_") // attributed has no bare window
		for _, d := range run.Domains {
			for _, convention := range []string{"token", "phase"} {
				name := strings.NewReplacer("DOMAIN", d.Name, "CONVENTION", convention).Replace(key)
				known[name] = true
				if _, ok := meta[name]; !ok && !conditional {
					t.Errorf("energy.arrow has no %s, which docs/attribution.md lists as %s", name, key)
				}
			}
		}
	}
	for key := range meta {
		if _, constant := constants[key]; !constant && !known[key] {
			t.Errorf("docs/attribution.md does not list %s of energy.arrow", key)
		}
	}
}
