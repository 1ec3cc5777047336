package summary_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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

// TestReadersOfTheDocumentation runs every Python example of docs/results.md on a run.
func TestReadersOfTheDocumentation(t *testing.T) {
	python(t)
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "results.md"))
	if err != nil {
		t.Fatal(err)
	}
	programs := regexp.MustCompile("(?s)```python\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(programs) < 5 {
		t.Fatalf("docs/results.md has %d Python examples, want 5 or more", len(programs))
	}
	dir := t.TempDir()
	if _, err := sweep().Write(filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	for _, p := range programs {
		if out := runPython(t, dir, p[1]); strings.TrimSpace(out) == "" {
			t.Errorf("an example prints nothing:\n%s", p[1])
		}
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
