package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// sweepOf writes a sweep file of labels with their engine commands and returns its path
// and a folder for the run.
func sweepOf(t *testing.T, commands ...string) (file, out string) {
	t.Helper()
	dir := t.TempDir()
	file, out = filepath.Join(dir, "sweep.yaml"), filepath.Join(dir, "out")
	text := "dataset: jsonl:" + filepath.Join(dir, "trace.jsonl") + "\nidle: 0s\nwarmup: 0\ncertify: false\nreport: false\nmeter: cputime\n"
	if strings.Contains(commands[1], "{mode}") {
		text += "params: {mode: [plain]}\n"
	}
	text += "configurations:\n"
	for i := 0; i < len(commands); i += 2 {
		text += fmt.Sprintf("  - label: %s\n    engine-cmd: %q\n", commands[i], strings.ReplaceAll(commands[i+1], "OUT", out))
	}
	for path, text := range map[string]string{
		file: text, filepath.Join(dir, "trace.jsonl"): strings.Repeat(`{"prompt":"one two three","output_tokens":64}`+"\n", 64),
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return file, out
}

// A configuration that cannot be measured is recorded with its reason, the others are
// measured, and --resume tries it again.
func TestAnUnfitConfiguration(t *testing.T) {
	t.Parallel()
	const good = "exec burn-engine {batch} {port}"
	file, out := sweepOf(t, "first", "exec burn-engine {mode} {batch} {port}",
		"large", "[ -e OUT/fits ] || { echo CUDA out of memory; exit 3; }; "+good,
		"fragile", "[ -e OUT/fits ] || { while [ ! -e OUT/cells/fragile-b1-c2-r1 ]; do sleep 0.02; done; kill -9 $$; } & "+good,
		"last", good)
	args := []string{"run", "--sweep", file, "--num-requests", "32", "--concurrency", "2", "--out", out}
	code, stdout, stderr := cfu(t, t.Context(), nil, args...)
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if code != 1 || len(lines) < 3 {
		t.Fatalf("got exit %d, want 1 and what failed:\n%s", code, stderr)
	}
	for i, want := range [][2]string{
		{"cfu run: 2 of 4 configurations failed; the same command with --resume tries again", ""},
		{"large, batch 1: ", "engine ended before it was healthy: exit status 3; its last lines: CUDA out of memory"},
		{"fragile, batch 1: ", "engine ended: signal: killed; it printed nothing"}, // whatever noticed it first
	} {
		if got := lines[len(lines)-3+i]; !strings.HasPrefix(got, want[0]) || !strings.Contains(got, want[1]) {
			t.Errorf("got the last lines %q, want %q", got, want)
		}
	}
	run := closedComplete(t, out)
	if got := fmt.Sprint(run.names); got != "[first,mode=plain-b1-c2-r1 last-b1-c2-r1]" {
		t.Errorf("got the complete cells %s, want those of first and last", got)
	}
	if len(run.Failed) != 2 || run.Failed[0].Label != "large" || run.Failed[1].Label != "fragile" || !strings.Contains(run.Failed[0].Reason, "CUDA out of memory") {
		t.Errorf("got failed %+v, want large and fragile with their reasons", run.Failed)
	}
	if !strings.Contains(stdout, "last-b1-c2") {
		t.Errorf("the table has no row of the last configuration:\n%s", stdout)
	}
	if code, stdout, stderr := cfuCommand(t, "compare", out); code != 0 || !strings.Contains(stdout, "last-b1-c2") {
		t.Errorf("compare: got exit %d:\n%s%s", code, stdout, stderr)
	}
	// The parameter is a column beside the label.
	_, table, _ := cfuCommand(t, "export", out, "--table", "requests")
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil || len(rows) < 65 {
		t.Fatalf("export: got %d rows, %v, want those of two cells", len(rows), err)
	}
	last := len(rows[0]) - 1
	for cell, want := range map[string]string{"cell": "param.mode", "first,mode=plain-b1-c2-r1": "plain", "last-b1-c2-r1": ""} {
		if i := slices.IndexFunc(rows, func(r []string) bool { return r[0] == cell }); i < 0 || rows[i][last] != want {
			t.Errorf("export: the last column of %s is not %q:\n%.300s", cell, want, table)
		}
	}
	if s, err := summary.Summarize(t.Context(), out); err != nil || s.Points[0].Params["mode"] != "plain" || s.Cells[0].Params["mode"] != "plain" {
		t.Errorf("the summary has no parameter of the first point: %+v, %v", s.Points, err)
	}

	if err := os.WriteFile(filepath.Join(out, "fits"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, stderr = cfu(t, t.Context(), nil, append(args, "--resume")...)
	mustFinish(t, code, stderr)
	if run = closedComplete(t, out); len(run.names) != 4 || len(run.Failed) > 0 {
		t.Errorf("after --resume: got the complete cells %v and failed %+v, want four and none", run.names, run.Failed)
	}
}

// completed is a run with the names of its complete cells.
type completed struct {
	runfolder.Run
	names []string
}

func closedComplete(t *testing.T, out string) (c completed) {
	t.Helper()
	run, err := runfolder.ReadRun(out)
	if err != nil {
		t.Fatal(err)
	}
	c.Run = run
	for _, cell := range run.Cells {
		if cell.Complete {
			c.names = append(c.names, cell.ID)
			closedCell(t, out, cell)
		}
	}
	satisfiesSchemas(t, out)
	return c
}

// A configuration with which no rate keeps the SLO is a result of the search, which goes
// on with the next.
func TestFindRateGoesOnWhereNoneKeepsTheSLO(t *testing.T) {
	if testing.Short() {
		t.Skip("long, and alone")
	}
	file, out := sweepOf(t, "slow", "exec burn-engine wait=100ms {batch} {port}", "quick", "exec burn-engine {batch} {port}")
	args := []string{"run", "--sweep", file, "--num-requests", "16", "--out", out, "--find-rate", "--find-rate-from", "200", "--find-rate-requests", "40",
		"--slo", "ttft=40ms", "--slo-share", "0.5", "--max-tokens", "8"}
	code, stdout, stderr := cfu(t, t.Context(), nil, args...)
	mustFinish(t, code, stderr)
	if !strings.Contains(stdout, "slow, batch 1, ttft=40ms: no rate keeps the SLO: of 12 requests sent one at a time 0 met it") {
		t.Errorf("the run does not say that no rate keeps the SLO with slow:\n%s", stdout)
	}
	run := closedComplete(t, out)
	if len(run.RateSearches) != 2 || !run.RateSearches[0].Rejected() || len(run.RateSearches[0].Trials) != 1 || run.RateSearches[0].Alone == nil || run.RateSearches[1].Rejected() {
		t.Fatalf("got searches %+v, want slow rejected by requests one at a time, and a rate of quick", run.RateSearches)
	}
	if len(run.names) != 1 || !strings.HasPrefix(run.names[0], "quick-") || len(run.Failed) > 0 {
		t.Errorf("got cells %v and failed %+v, want one of quick and none", run.names, run.Failed)
	}
	code, _, stderr = cfu(t, t.Context(), nil, append(args, "--resume")...)
	mustFinish(t, code, stderr)
	if strings.Contains(stderr, "starting") {
		t.Errorf("--resume of a complete search starts an engine:\n%s", stderr)
	}
}

// Names that a file system does not take are refused before an engine is started.
func TestALabelThatIsTooLong(t *testing.T) {
	file, out := sweepOf(t, strings.Repeat("x", 235), "burn-engine {batch} {port}", strings.Repeat("y", 247), "burn-engine {batch} {port}")
	code, _, stderr := cfu(t, t.Context(), nil, "run", "--sweep", file, "--out", out, "--dry-run")
	if want := "with a label of 247 bytes a file's name is 6 bytes too long: give it a label under configurations: in a --sweep file"; code != 2 || !strings.Contains(stderr, want) {
		t.Errorf("got exit %d and %q, want 2 and %q", code, stderr, want)
	}
}
