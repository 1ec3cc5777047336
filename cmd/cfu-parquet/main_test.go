package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet/file"

	"cfubench/results/simulated"
)

// folder writes a simulated run.
func folder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	spec := simulated.Spec{
		Seed: 1, Model: "m", Batches: []int{2}, Concurrencies: []int{2, 4}, Requests: 50,
		Server: simulated.DefaultServer(), Conventions: "equal",
	}
	if _, err := spec.Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRunFolderBecomesParquet(t *testing.T) {
	dir := folder(t)
	var stdout, stderr bytes.Buffer
	if code := run(&stdout, &stderr, []string{dir}); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	files := strings.Fields(stdout.String())
	if len(files) != 6 { // requests, readings, energy of two cells
		t.Fatalf("wrote %q, want 6 files", files)
	}
	for _, path := range files {
		r, err := file.OpenParquetFile(path, false)
		if err != nil {
			t.Fatal(err)
		}
		if r.NumRows() == 0 {
			t.Errorf("%s has no rows", path)
		}
		if got := r.MetaData().KeyValueMetadata().FindValue("table"); got == nil || !strings.HasPrefix(filepath.Base(path), *got) {
			t.Errorf("%s does not keep the schema metadata", path)
		}
		r.Close()
		if _, err := os.Stat(path + ".partial"); err == nil {
			t.Errorf("%s.partial was left behind", path)
		}
	}
}

// TestOtherReaders holds the Parquet files against the Arrow tables in pyarrow
// and as one dataset in DuckDB and polars.
func TestOtherReaders(t *testing.T) {
	python := os.Getenv("CFU_PYTHON")
	if python == "" {
		t.Skip("CFU_PYTHON is not set: scripts/python tables makes a Python with pyarrow, polars and duckdb")
	}
	dir := folder(t)
	if code := run(&bytes.Buffer{}, &bytes.Buffer{}, []string{dir}); code != 0 {
		t.Fatalf("exit %d", code)
	}
	const program = `
import glob, sys, duckdb, polars as pl, pyarrow.ipc, pyarrow.parquet as pq
for arrow in glob.glob("out/cells/*/*.arrow"):
    a, p = pyarrow.ipc.open_file(arrow).read_all(), pq.read_table(arrow.replace(".arrow", ".parquet"))
    assert a.equals(p), arrow
    for f in p.schema:
        assert f.metadata[b"unit"], (arrow, f)
rows = duckdb.sql("select count(*), count(distinct filename) from read_parquet('out/cells/*/requests.parquet', filename=true)").fetchall()[0]
assert rows == (100, 2), rows
assert pl.scan_parquet("out/cells/*/requests.parquet").select(pl.len()).collect().item() == 100
print("equal")
`
	cmd := exec.CommandContext(t.Context(), python, "-c", program)
	cmd.Dir = filepath.Dir(dir)
	out, err := cmd.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "equal" {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestPartialTableIsConverted(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, "cells", "b2-c2-r1", "readings.arrow")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.arrow.partial")
	if err := os.WriteFile(cut, text[:len(text)-10], 0o644); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	out := t.TempDir()
	if code := run(&stdout, &stderr, []string{cut, "--dir", out}); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	r, err := file.OpenParquetFile(filepath.Join(out, "cut.arrow.partial.parquet"), false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.NumRows() == 0 {
		t.Error("the rows of a partial table are lost")
	}
}

func TestUsage(t *testing.T) {
	empty := t.TempDir()
	for _, c := range []struct {
		comment string
		args    []string
		code    int
		stderr  string
	}{
		{"no argument", nil, 2, "want a table or the OUT of a run"},
		{"an unknown flag", []string{"--colour"}, 2, "unknown flag"},
		{"help is no failure", []string{"--help"}, 0, ""},
		{"a folder without a run", []string{empty}, 1, "holds no run"},
		{"no such file", []string{filepath.Join(empty, "none.arrow")}, 1, "no such file"},
		{"not a table", []string{os.Args[0]}, 1, "not an Arrow IPC file"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(&stdout, &stderr, c.args)
		if code != c.code || !strings.Contains(stderr.String(), c.stderr) {
			t.Errorf("%s: exit %d, stderr %q; want %d, %q", c.comment, code, stderr.String(), c.code, c.stderr)
		}
	}
}
