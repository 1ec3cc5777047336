package check_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"cfubench/results/check"
	"cfubench/results/runfolder"
	"cfubench/results/simulated"
	"cfubench/results/summary"
)

// folder is a run folder of two cells with all its tables and a summary.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	spec := simulated.Spec{
		Seed: 1, Model: "m", Batches: []int{4}, Concurrencies: []int{2, 4}, Repeats: 1, Requests: 20,
		Server: simulated.DefaultServer(), Conventions: "token,equal", Inventory: "olmo2-7b",
	}
	if _, err := spec.Write(dir); err != nil {
		t.Fatal(err)
	}
	s, err := summary.Summarize(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := summary.WriteSummary(dir, s); err != nil {
		t.Fatal(err)
	}
	return dir
}

// change rewrites a file.
func change(t *testing.T, path string, f func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, f(b), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// scale multiplies the energies of summary.json.
func scale(t *testing.T, dir string, factor float64) {
	t.Helper()
	change(t, filepath.Join(dir, runfolder.SummaryFile), func(b []byte) []byte {
		return regexp.MustCompile(`_j": [0-9.e-]+`).ReplaceAllFunc(b, func(field []byte) []byte {
			name, digits, _ := strings.Cut(string(field), " ")
			v, err := strconv.ParseFloat(digits, 64)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Appendf(nil, "%s %v", name, v*factor)
		})
	})
}

// rewrite writes energy.arrow again, as whole as before, with other rows.
func rewrite(t *testing.T, path string, f func(*runfolder.Energy)) {
	t.Helper()
	rows, meta, err := runfolder.Energies().Read(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := runfolder.Energies().Derive(path, meta)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		f(&rows[i])
		if err := w.Write(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFolder(t *testing.T) {
	const a, b = "b4-c2-r1", "b4-c4-r1"
	for _, tt := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		want   string // the one finding, its file and a part of its text
	}{
		{"a run as it was made is right", func(*testing.T, string) {}, ""},
		{"one bit of a table is another", func(t *testing.T, dir string) {
			change(t, runfolder.CellFile(dir, a, runfolder.ReadingsFile), func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		}, "cells/b4-c2-r1/readings.arrow: damaged"},
		{"a table is another cell's, whole as it is", func(t *testing.T, dir string) {
			other, err := os.ReadFile(runfolder.CellFile(dir, b, runfolder.ReadingsFile))
			if err != nil {
				t.Fatal(err)
			}
			change(t, runfolder.CellFile(dir, a, runfolder.ReadingsFile), func([]byte) []byte { return other })
		}, "cells/b4-c2-r1/readings.arrow: another table than the run wrote"},
		{"a table is gone", func(t *testing.T, dir string) {
			if err := os.Remove(runfolder.CellFile(dir, b, runfolder.RequestsFile)); err != nil {
				t.Fatal(err)
			}
		}, "cells/b4-c4-r1/requests.arrow: missing"},
		{"run.json says another number of requests", func(t *testing.T, dir string) {
			change(t, filepath.Join(dir, runfolder.RunFile), func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"requests": 20,
      "errors"`), []byte(`"requests": 21,
      "errors"`), 1)
			})
		}, "cells/b4-c2-r1/requests.arrow: has 20 requests"},
		{"a bit of a key of run.json is another", func(t *testing.T, dir string) {
			change(t, filepath.Join(dir, runfolder.RunFile), func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"schedule_hash"`), []byte(`"rchedule_hash"`), 1)
			})
		}, "run.json: .rchedule_hash is no key"},
		{"a bit of a table's name in run.json is another", func(t *testing.T, dir string) {
			change(t, filepath.Join(dir, runfolder.RunFile), func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"readings.arrow"`), []byte(`"readingsnarrow"`), 1)
			})
		}, "run.json: keeps a digest of cell b4-c2-r1's readingsnarrow"},
		{"a bit of a key of the summary whose value is null is another", func(t *testing.T, dir string) {
			change(t, filepath.Join(dir, runfolder.SummaryFile), func(b []byte) []byte {
				at := bytes.Index(b, []byte(`": null`))
				b[at-1] ^= 1
				return b
			})
		}, "summary.json: .cells"},
		{"a request is charged a joule more", func(t *testing.T, dir string) {
			rewrite(t, runfolder.CellFile(dir, a, runfolder.EnergyFile), func(e *runfolder.Energy) {
				if e.Request == 3 && e.Convention == "equal" {
					e.Energy += 1_000_000
					e.Hi = max(e.Hi, e.Energy)
				}
			})
		}, "cells/b4-c2-r1/energy.arrow: by equal the rows of"},
		{"a row lies outside its bracket", func(t *testing.T, dir string) {
			rewrite(t, runfolder.CellFile(dir, a, runfolder.EnergyFile), func(e *runfolder.Energy) {
				if e.Request == 3 && e.Convention == "equal" {
					e.Lo = e.Energy + 1
				}
			})
		}, "cells/b4-c2-r1/energy.arrow: 4 rows lie outside"},
		{"a figure of the summary is another", func(t *testing.T, dir string) {
			change(t, filepath.Join(dir, runfolder.SummaryFile), func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"energy_j": `), []byte(`"energy_j": 1`), 1)
			})
		}, "summary.json: .cells[0]"},
		{"figures rounded by another processor are right", func(t *testing.T, dir string) { scale(t, dir, 1+1e-12) }, ""},
		{"figures a millionth off are not", func(t *testing.T, dir string) { scale(t, dir, 1+1e-6) }, "summary.json: .cells[0]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := folder(t)
			tt.damage(t, dir)
			got, err := check.Folder(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == "" {
				if len(got.Findings) > 0 || got.Cells != 2 || got.Tables < 7 {
					t.Errorf("got %+v, want two cells and their tables without a finding", got)
				}
				return
			}
			file, text, _ := strings.Cut(tt.want, ": ")
			if len(got.Findings) == 0 || got.Findings[0].File != file || !strings.Contains(got.Findings[0].Text, text) {
				t.Errorf("got %v, want %s", got.Findings, tt.want)
			}
		})
	}
}

// A summary of an older energy is found, though each file is whole.
func TestStaleFootprint(t *testing.T) {
	dir := folder(t)
	path := runfolder.CellFile(dir, "b4-c2-r1", runfolder.EnergyFile)
	rows, meta, err := runfolder.Energies().Read(path)
	if err != nil {
		t.Fatal(err)
	}
	var whole map[string]any
	if err := json.Unmarshal([]byte(meta["cell_energy"]), &whole); err != nil {
		t.Fatal(err)
	}
	whole["energy_uj"] = whole["energy_uj"].(float64) + 1000
	text, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	meta["cell_energy"] = string(text)
	w, err := runfolder.Energies().Derive(path, meta)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if err := w.Write(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := check.Folder(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range got.Findings {
		if f.File == runfolder.FootprintFile && strings.Contains(f.Text, "was made from") {
			return
		}
	}
	t.Errorf("got %v, want the footprint found stale", got.Findings)
}
