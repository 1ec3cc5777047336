package derivation

import (
	"os"
	"path/filepath"
	"testing"

	"cfubench/results/runfolder"
)

// Names of cells and folders have = and #, as those of parameters do.
func TestSplitDesign(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"out", "a=b", "a#b"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var run runfolder.Run
	for _, cell := range []string{"b1-c1-r1", "ctx=1024-b2-c1-r1", "ctx=1024-b2-c1-r12"} {
		run.Cells = append(run.Cells, runfolder.Cell{ID: cell})
	}
	if err := runfolder.WriteRun("out", run); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][3]string{
		"out":                            {"out", "", ""},
		"out=mine.json":                  {"out", "", "mine.json"},
		"out#b1-c1-r1":                   {"out", "b1-c1-r1", ""},
		"out#b1-c1-r1=olmo2-7b":          {"out", "b1-c1-r1", "olmo2-7b"},
		"out#ctx=1024-b2-c1-r12":         {"out", "ctx=1024-b2-c1-r12", ""},
		"out#ctx=1024-b2-c1-r1=a=b.json": {"out", "ctx=1024-b2-c1-r1", "a=b.json"},
		"out#nosuch":                     {"out", "nosuch", ""},
		"a=b":                            {"a=b", "", ""},
		"a=b=mine.json":                  {"a=b", "", "mine.json"},
		"a#b#cell":                       {"a#b", "cell", ""},
		"OLMo 2 7B@inf":                  {"OLMo 2 7B@inf", "", ""},
		"OLMo 2 7B@inf=olmo2-7b":         {"OLMo 2 7B@inf", "", "olmo2-7b"},
		filepath.Join("no", "folder") + "#c=olmo2": {filepath.Join("no", "folder"), "c", "olmo2"},
	} {
		dir, cell, inventory := splitDesign(text)
		if got := [3]string{dir, cell, inventory}; got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
