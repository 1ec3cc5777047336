package runfolder_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfubench/results/runfolder"
	"cfubench/results/simulated"
)

// TestDamagedTablesAreNotLeftOut: what is exported has every cell that has the table, or
// the error says which table stands in the way.
func TestDamagedTablesAreNotLeftOut(t *testing.T) {
	t.Parallel()
	flip := func(at int) func(string, []byte) error {
		return func(path string, b []byte) error {
			b[(at+len(b))%len(b)] ^= 1
			return os.WriteFile(path, b, 0o644)
		}
	}
	for _, tt := range []struct {
		name   string
		table  string
		damage func(path string, b []byte) error
		want   string // in the error, "" for none
	}{
		{"a bit before the schema", "requests", flip(8), "requests.arrow: "},
		{"a bit in the schema", "requests", flip(100), "requests.arrow: the schema: damaged"},
		{"a bit in the footer", "requests", flip(-20), "requests.arrow: damaged"},
		{"a bit of a table that attribution made", "energy", flip(100), "energy.arrow: damaged"},
		{"its second half is missing", "requests", func(p string, b []byte) error { return os.WriteFile(p, b[:len(b)/2], 0o644) }, "requests.arrow: damaged or cut short"},
		{"it is empty", "requests", func(p string, _ []byte) error { return os.WriteFile(p, nil, 0o644) }, "requests.arrow: the file is empty"},
		{"a directory is in its place", "readings", func(p string, _ []byte) error { return os.Mkdir(p, 0o755) }, "no regular file"},
		{"it is gone, and run.json has its digest", "requests", func(string, []byte) error { return nil }, "requests.arrow, which run.json lists, is gone"},
		{"it is partial, and run.json has its digest", "requests", func(p string, b []byte) error { return os.WriteFile(p+".partial", b, 0o644) }, "requests.arrow, which run.json lists, is gone"},
		{"it is gone, and attribution makes it", "energy", func(string, []byte) error { return nil }, ""},
		{"a stopped attribution left a part", "energy", func(p string, b []byte) error { return os.WriteFile(p+".partial", b[:9], 0o644) }, ""},
	} {
		dir := filepath.Join(t.TempDir(), "out")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		spec := simulated.Spec{Seed: 1, Model: "m", Batches: []int{2}, Concurrencies: []int{2, 4}, Requests: 20, Server: simulated.DefaultServer(), Conventions: "equal"}
		if _, err := spec.Write(dir); err != nil {
			t.Fatal(err)
		}
		run, err := runfolder.ReadRun(dir)
		if err != nil {
			t.Fatal(err)
		}
		path := runfolder.CellFile(dir, run.Cells[0].ID, tt.table+".arrow")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := tt.damage(path, b); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		err = runfolder.ExportCSV(t.Context(), &out, dir, run, tt.table)
		all := runfolder.ExportAll(t.Context(), filepath.Join(t.TempDir(), "csv"), dir, run, func(string) {})
		if tt.want == "" {
			if err != nil || all != nil {
				t.Errorf("%s: got %v and of all tables %v, want the other cell alone", tt.name, err, all)
			}
			continue
		}
		for _, err := range []error{err, all} {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: got %v, want an error with %q", tt.name, err, tt.want)
			}
		}
	}
}
