package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfubench/meter"
	"cfubench/results/runfolder"

	"golang.org/x/sync/errgroup"
)

// TestMergeRecords merges the records of two nodes, one of which was gone on with, and
// holds the merged one against a stage that names both.
func TestMergeRecords(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var g errgroup.Group
	for i, args := range [][][]string{
		{{"--kind", "training", "--", "sleep", "0.5"}},
		{{"--label", "second", "--", "sleep", "0.3"}, {"--append", "--", "sleep", "0.4"}},
	} {
		tree, _ := sockets(t)
		out := filepath.Join(dir, "rack", fmt.Sprintf("node%d", i))
		if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
			t.Fatal(err)
		}
		var commands []func() error
		for _, a := range args {
			cmd, stderr := recording(t, tree, out, a...)
			commands = append(commands, func() error {
				if err := cmd.Run(); err != nil {
					return fmt.Errorf("%w\n%s", err, stderr)
				}
				return nil
			})
		}
		g.Go(func() error { // the parts in turn, the nodes side by side
			for _, run := range commands {
				if err := run(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	nodes := []string{filepath.Join(dir, "rack", "node0"), filepath.Join(dir, "rack", "node1")}
	all := filepath.Join(dir, "all")
	code, stdout, stderr := cfu(t, t.Context(), nil, "merge", "--out", all, nodes[0], nodes[1])
	mustFinish(t, code, stderr)
	if !strings.Contains(stdout, "package-0@node1") || !strings.Contains(stderr, "node1: record-2: nothing is known of the") {
		t.Errorf("got\n%s%s\nwant the domains of each node and the gap of the second", stdout, stderr)
	}
	satisfiesSchemas(t, all)

	run, err := runfolder.ReadRun(all)
	if err != nil {
		t.Fatal(err)
	}
	var cells []string
	for _, c := range run.Cells {
		cells = append(cells, c.ID)
	}
	if got, want := strings.Join(cells, " "), "node0-record node1-record node1-record-2"; got != want {
		t.Errorf("got the parts %s, want %s", got, want)
	}
	if run.Record.Stage != "training" || run.Record.Label != "second" {
		t.Errorf("got the kind %q and the label %q, want those that a node has", run.Record.Stage, run.Record.Label)
	}
	for _, d := range run.Domains {
		if !strings.HasSuffix(d.Name, "@"+d.Host) {
			t.Errorf("domain %s is at host %q, want the node's name in both", d.Name, d.Host)
		}
	}
	got, first, second := recorded(t, all), recorded(t, nodes[0]), recorded(t, nodes[1])
	if want := first.Energy + second.Energy; got.Energy != want || got.EnergyLo != first.EnergyLo+second.EnergyLo || got.EnergyHi != first.EnergyHi+second.EnergyHi {
		t.Errorf("got %v in [%v, %v], want the sum of both, %v", got.Energy, got.EnergyLo, got.EnergyHi, want)
	}
	if got.DeviceTime != first.DeviceTime+second.DeviceTime || got.Unmetered != second.Unmetered || got.Gaps != 1 {
		t.Errorf("got the device time %v and %+v, want %v and the second node's gap", got.DeviceTime, got.Unmetered, first.DeviceTime+second.DeviceTime)
	}
	for _, args := range [][]string{{"check", all}, {"report", all}, {"attribute", all}, {"export", all, "--dir", filepath.Join(dir, "csv")}} {
		if code, stdout, stderr := cfu(t, t.Context(), nil, args...); code != 0 {
			t.Errorf("cfu %v: got exit %d:\n%s%s", args, code, stdout, stderr)
		}
	}
	served := amortizedRun(t, meter.KindCounter)
	amortized := func(record any) (string, string) {
		_, preset, _ := cfu(t, t.Context(), nil, "amortize", "--print-preset", "cpu-server")
		var inventory map[string]any
		if err := json.Unmarshal([]byte(preset), &inventory); err != nil {
			t.Fatal(err)
		}
		inventory["stages"] = []any{map[string]any{"name": "nap", "kind": "training", "record": record}}
		text, err := json.Marshal(inventory)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "inventory.json")
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := cfu(t, t.Context(), nil, "amortize", served, "--inventory", path, "--format", "csv", "--monte-carlo", "0", "--mix-boundaries")
		mustFinish(t, code, stderr)
		return stdout, stderr
	}
	array, doubts := amortized(nodes)
	merged, _ := amortized("all")
	if rows(array) != rows(merged) {
		t.Errorf("amortized as one record:\n%s\nas an array:\n%s", rows(merged), rows(array))
	}
	if !strings.Contains(doubts, `stage "nap": its record has a gap of`) {
		t.Errorf("nothing says that energy is missing:\n%s", doubts)
	}

	link, copied := filepath.Join(dir, "link"), filepath.Join(dir, "copied")
	if err := os.Symlink(nodes[0], link); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(copied, os.DirFS(nodes[0])); err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(dir, "cut")
	if err := os.CopyFS(cut, os.DirFS(nodes[1])); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(cut, runfolder.RecordFile)); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		why     string
		records []string
		want    string
	}{
		{"a record is given twice", []string{nodes[0], link}, "link: it is given twice, also as " + nodes[0]},
		{"a copy of a record", []string{nodes[0], copied}, "copied: it is a copy of " + nodes[0]},
		{"a record that was cut short", []string{nodes[0], cut}, "cut: it has no record.json: cfu record --out " + cut + " --append completes"},
		{"one that was merged already", []string{nodes[0], all}, "all: it is merged of several records already"},
		{"a run beside a record", []string{nodes[0], served}, "it holds a run and no record"},
		{"a record beside a run", []string{served, nodes[0]}, "run without --shard"},
		{"a folder without a run", []string{nodes[0], dir}, "run.json"},
	} {
		out := filepath.Join(t.TempDir(), "merged")
		code, stdout, stderr := cfu(t, t.Context(), nil, append([]string{"merge", "--out", out}, row.records...)...)
		if code != 1 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, row.want) {
			t.Errorf("%s: got exit %d, %q on stdout and %q, want 1, nothing and one line with %q", row.why, code, stdout, stderr, row.want)
		}
		if _, err := os.Stat(filepath.Join(out, runfolder.RunFile)); !os.IsNotExist(err) {
			t.Errorf("%s: run.json of a merge that failed: got %v, want none", row.why, err)
		}
	}
	if code, _, stderr := cfu(t, t.Context(), nil, "merge", "--out", all, nodes[0], nodes[1]); code != 1 || !strings.Contains(stderr, "already holds a run") {
		t.Errorf("merge over a record: got exit %d and %q, want 1 and a refusal", code, stderr)
	}
	if code, _, stderr := cfu(t, t.Context(), nil, "record", "--out", all, "--append", "--", "true"); code != 1 || !strings.Contains(stderr, "is merged of several records") {
		t.Errorf("going on with what was merged: got exit %d and %q, want 1 and a refusal", code, stderr)
	}
}

// rows are those of an assessment without their source, which names a file.
func rows(table string) string {
	var all []string
	for _, line := range strings.Split(strings.TrimSpace(table), "\n") {
		cells := strings.Split(line, ",")
		all = append(all, strings.Join(cells[:min(8, len(cells))], ","))
	}
	return strings.Join(all, "\n")
}
