package runfolder

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLocate(t *testing.T) {
	for _, tt := range []struct{ path, dir, name string }{
		{"out/cells/a/energy.arrow", "out", "cells/a/energy.arrow"},
		{"out/cells/a/energy.arrow.partial", "out", "cells/a/energy.arrow.partial"},
		{"out/cells/a", "out", "cells/a"},
		{"out/cells", "out", "cells"},
		{"out/bare-idle/readings.arrow", "out", "bare-idle/readings.arrow"},
		{"out/bare-idle", "out", "bare-idle"},
		{"out/run.json", "out", "run.json"},
		{"run.json", ".", "run.json"},
		{"./cells/../cells/a/x.arrow", ".", "cells/a/x.arrow"},
		{"/out/footprint.arrow.partial", "/out", "footprint.arrow.partial"},
		// Folders of odd names: the root is the run folder all the same.
		{"cells/run.json", "cells", "run.json"},
		{"cells/cells/a/energy.arrow", "cells", "cells/a/energy.arrow"},
		{"cells/out/footprint.arrow", "cells/out", "footprint.arrow"},
		{"bare-idle/bare-idle/readings.arrow", "bare-idle", "bare-idle/readings.arrow"},
		{"cells/out/cells/a/energy.arrow", "cells/out", "cells/a/energy.arrow"},
	} {
		if dir, name := locate(tt.path); dir != tt.dir || name != tt.name {
			t.Errorf("%s is %s in %s, want %s in %s", tt.path, name, dir, tt.name, tt.dir)
		}
	}
}

// Whatever of a run folder is a link to somewhere else, nothing there is read,
// written or removed, and what is written in the place of a link to a file is a
// file of the folder's own.
func TestNoLinkLeadsOut(t *testing.T) {
	for _, link := range []string{"cells", "cells/a", "cells/a/energy.arrow", "cells/a/energy.arrow.partial"} {
		t.Run(link, func(t *testing.T) {
			victim, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
			for _, name := range []string{"a/energy.arrow", "energy.arrow", "file"} {
				path := filepath.Join(victim, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte("precious"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			to := victim
			if strings.Contains(link, ".arrow") {
				to = filepath.Join(victim, "file")
			}
			if err := os.MkdirAll(filepath.Dir(filepath.Join(out, link)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(to, filepath.Join(out, link)); err != nil {
				t.Fatal(err)
			}
			table := CellFile(out, "a", EnergyFile)
			if text, err := ReadFile(table); err == nil {
				t.Errorf("read %q", text)
			}
			if entries, err := ReadDir(CellDir(out, "a")); err == nil && link != "cells/a/energy.arrow" && link != "cells/a/energy.arrow.partial" {
				t.Errorf("listed %v", entries)
			}
			if r, err := OpenTable(table); err == nil {
				r.Close()
				t.Error("opened the table")
			}
			if w, err := Energies().Derive(table, nil); err == nil {
				if err := w.Close(); err != nil {
					t.Error(err)
				}
			}
			if w, err := Requests().Create(table, nil); err == nil {
				if err := w.Close(); err != nil {
					t.Error(err)
				}
			}
			if f, err := Create(table); err == nil {
				f.Close()
			}
			// Errors of these are as good as their doing nothing out there.
			_ = Rename(table, filepath.Join(filepath.Dir(table), "other"))
			_ = Remove(table)
			_ = MakeDir(CellDir(out, "b"))
			_ = RemoveAll(CellDir(out, "a"))
			for _, name := range []string{"a/energy.arrow", "energy.arrow", "file"} {
				if text, err := os.ReadFile(filepath.Join(victim, name)); err != nil || string(text) != "precious" {
					t.Errorf("%s is %q, %v", name, text, err)
				}
			}
			if entries, err := os.ReadDir(victim); err != nil || len(entries) != 3 {
				t.Errorf("there are %v, %v; want the three that were there", entries, err)
			}
		})
	}
}

// A run folder may itself be a link: its user says where it is.
func TestFolderMayBeALink(t *testing.T) {
	real, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	if err := os.Symlink(real, out); err != nil {
		t.Fatal(err)
	}
	if err := MakeDir(CellDir(out, "a")); err != nil {
		t.Fatal(err)
	}
	w, err := Requests().Create(CellFile(out, "a", RequestsFile), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(CellFile(real, "a", RequestsFile)); err != nil {
		t.Error(err)
	}
	if _, err := Stat(CellFile(out, "b", RequestsFile)); err == nil || !os.IsNotExist(err) || !strings.Contains(err.Error(), CellFile(out, "b", RequestsFile)) {
		t.Errorf("a file that is not there: %v, want its whole path", err)
	}
}
