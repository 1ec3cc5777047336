package summary_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfubench/results/runfolder"
)

// python is a Python with pyarrow, polars, duckdb and pandas.
func python(t *testing.T) string {
	t.Helper()
	path := os.Getenv("CFU_PYTHON")
	if path == "" {
		t.Skip("CFU_PYTHON is not set: scripts/python tables makes a Python with pyarrow, polars, duckdb and pandas")
	}
	return path
}

// runPython runs a program beside a run folder called out.
func runPython(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python(t), append([]string{"-c", program}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\nprogram:\n%s", err, out, program)
	}
	return string(out)
}

// examples are the Python programs of a text that a run folder called out is read
// with: its blocks, and its commands for a shell.
func examples(t *testing.T, path string) (programs []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", path))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```python\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		programs = append(programs, block[1])
	}
	for _, line := range regexp.MustCompile("(?m)^python -c '(.*?)'").FindAllStringSubmatch(string(text), -1) {
		programs = append(programs, strings.ReplaceAll(line[1], "OUT/", "out/"))
	}
	return programs
}

// TestReadersOfTheDocumentation runs every Python example of docs/results.md and
// README on a host with registers within registers, and again on the same run
// with one register in their place, which counts what they are summed to: a
// reader must see the same energy.
func TestReadersOfTheDocumentation(t *testing.T) {
	python(t)
	nested, single := t.TempDir(), t.TempDir()
	for _, dir := range []string{nested, single} {
		if _, err := sweep().Write(filepath.Join(dir, "out")); err != nil {
			t.Fatal(err)
		}
	}
	run, err := runfolder.ReadRun(filepath.Join(single, "out"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range run.Cells {
		oneRegister(t, runfolder.CellFile(filepath.Join(single, "out"), c.ID, runfolder.EnergyFile))
	}
	for path, least := range map[string]int{"docs/results.md": 6, "README.md": 2} {
		programs := examples(t, path)
		if len(programs) < least {
			t.Errorf("%s has %d Python examples, want %d or more", path, len(programs), least)
		}
		for _, p := range programs {
			out := sortedLines(runPython(t, nested, p))
			if len(out) == 0 {
				t.Errorf("%s: an example prints nothing:\n%s", path, p)
			}
			if diff := cmp.Diff(sortedLines(runPython(t, single, p)), out); diff != "" {
				t.Errorf("%s: an example counts what is not summed, or not all that is (-one register +several):\n%s\n%s", path, diff, p)
			}
		}
	}
}

// sortedLines are the lines of a text in an order of their own: a reader's
// groups come in any.
func sortedLines(text string) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(lines)
	return slices.DeleteFunc(lines, func(s string) bool { return s == "" })
}

// oneRegister rewrites energy.arrow as if the host had one register that counts
// what the summed ones do together.
func oneRegister(t *testing.T, path string) {
	t.Helper()
	rows, meta, err := runfolder.Energies().Read(path)
	if err != nil {
		t.Fatal(err)
	}
	type key struct {
		convention string
		request    int64
	}
	at := map[key]int{}
	var joined []runfolder.Energy
	for _, r := range rows {
		if !r.Summed {
			continue
		}
		i, ok := at[key{r.Convention, r.Request}]
		if !ok {
			at[key{r.Convention, r.Request}] = len(joined)
			r.Domain = "host"
			joined = append(joined, r)
			continue
		}
		j := &joined[i]
		j.Energy, j.Lo, j.Hi = j.Energy+r.Energy, j.Lo+r.Lo, j.Hi+r.Hi
		j.Prefill, j.Decode, j.Idle = j.Prefill+r.Prefill, j.Decode+r.Decode, j.Idle+r.Idle
	}
	w, err := runfolder.Energies().Create(path, meta)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(joined...); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOtherReadersSeeTheSame holds what pyarrow, polars and DuckDB read against
// the invariants: the rows close to the counter, the counts agree, the units
// are there, lists are lists, nulls are nulls.
func TestOtherReadersSeeTheSame(t *testing.T) {
	python(t)
	dir := t.TempDir()
	spec := sweep()
	spec.Failures = 0.05
	if _, err := spec.Write(filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(filepath.Join("testdata", "readers.py"))
	if err != nil {
		t.Fatal(err)
	}
	if out := runPython(t, dir, string(program)); strings.TrimSpace(out) != "8 cells agree" {
		t.Errorf("the readers say %q, want that 8 cells agree", out)
	}
}
