package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfubench/results/runfolder"
	"cfubench/results/simulated"
	"cfubench/results/summary"
)

// simulate writes a run folder called name and returns its path.
func simulate(t *testing.T, name string, change func(*simulated.Spec)) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	spec := simulated.Spec{
		Seed: 1, Model: "m", Batches: []int{2}, Concurrencies: []int{2, 4}, Repeats: 2, Requests: 60,
		Server: simulated.DefaultServer(), Inventory: "olmo2-7b", Conventions: "phase,equal",
	}
	change(&spec)
	if _, err := spec.Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// readSummary reads summary.json of a run folder.
func readSummary(dir string) (s summary.Summary, err error) {
	text, err := os.ReadFile(filepath.Join(dir, runfolder.SummaryFile))
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(text, &s)
}

func TestReportCommand(t *testing.T) {
	oneGoroutine(t)
	out := simulate(t, "out", func(*simulated.Spec) {})
	code, stdout, stderr := cfuCommand(t, "report", out, "--slo", "ttft=1s")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d, stderr %q", code, stderr)
	}
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if last := lines[len(lines)-1]; last != filepath.Join(out, "report.html") {
		t.Errorf("the last line is %q, want the report's path", last)
	}
	for _, want := range []string{"b2-c4 × 2", "C_FU", "goodput", "SLO ttft=1s"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("stdout lacks %q", want)
		}
	}
	page, err := os.ReadFile(filepath.Join(out, "report.html"))
	if err != nil || !bytes.Contains(page, []byte("Power over time")) {
		t.Errorf("report.html: %v; want the power traces in it", err)
	}
	if _, err := readSummary(out); err != nil {
		t.Error(err)
	}
}

func TestReportOfAnInvalidRunFails(t *testing.T) {
	oneGoroutine(t)
	out := simulate(t, "out", func(s *simulated.Spec) { s.Incomplete = true })
	code, stdout, stderr := cfuCommand(t, "report", out)
	if code != 1 || !strings.Contains(stderr, "the run is invalid: b2-c4-r2: interrupted") || !strings.Contains(stdout, "1 invalid") || !strings.Contains(stdout, "invalid incomplete: ") {
		t.Errorf("exit %d, stderr %q; want 1 and why, with the table printed", code, stderr)
	}
}

func TestCompareCommand(t *testing.T) {
	oneGoroutine(t)
	a := simulate(t, "a", func(*simulated.Spec) {})
	b := simulate(t, "b", func(s *simulated.Spec) { s.Server.TokenTime *= 2 })
	code, stdout, stderr := cfuCommand(t, "compare", a, b)
	if code != 0 || stderr != "" || !strings.Contains(stdout, "b2-c2: "+b+" against "+a) || !strings.Contains(stdout, "energy_per_request_j (J)") {
		t.Errorf("exit %d, stderr %q, stdout\n%s", code, stderr, stdout)
	}
	code, stdout, _ = cfuCommand(t, "compare", a, b, a, "--format", "csv", "--metric", "latency_mean_s")
	if rows := strings.Count(stdout, "\n"); code != 0 || rows != 1+2*2 || !strings.HasPrefix(stdout, "point,base,other,metric,unit,") {
		t.Errorf("exit %d, %d lines of CSV, want a heading and two points of two runs:\n%s", code, rows, stdout)
	}
	other := simulate(t, "other", func(s *simulated.Spec) { s.Model = "another" })
	code, stdout, stderr = cfuCommand(t, "compare", a, other)
	if code != 1 || stdout != "" || !strings.Contains(stderr, "--across model") {
		t.Errorf("comparing two models: exit %d, stdout %q, stderr %q; want a refusal that names the flag", code, stdout, stderr)
	}
}

func TestReportOfSeveralRuns(t *testing.T) {
	oneGoroutine(t)
	a := simulate(t, "a", func(*simulated.Spec) {})
	b := simulate(t, "b", func(s *simulated.Spec) { s.Server.TokenTime *= 2 })
	path := filepath.Join(t.TempDir(), "page.html")
	code, stdout, stderr := cfuCommand(t, "report", a, b, "--slo", "ttft=1s", "--by", "carbon_cfu_g", "--out", path)
	if code != 0 || stderr != "" || !strings.HasPrefix(stdout, "a:b2-c2 needs the least C_FU per request") || !strings.HasSuffix(stdout, "\n"+path+"\n") {
		t.Errorf("exit %d, stderr %q, stdout\n%s", code, stderr, stdout)
	}
	if page, err := os.ReadFile(path); err != nil || !bytes.Contains(page, []byte("2 runs side by side")) {
		t.Errorf("the page: %v, %d bytes", err, len(page))
	}
	for _, dir := range []string{a, b} {
		if _, err := os.Stat(filepath.Join(dir, "report.html")); err == nil {
			t.Errorf("a page was written into %s", dir)
		}
	}
	other := simulate(t, "other", func(s *simulated.Spec) { s.Seed = 2 })
	code, _, stderr = cfuCommand(t, "report", a, other, "--out", path)
	if code != 1 || !strings.Contains(stderr, "say --across trace") {
		t.Errorf("two traces on one page: exit %d, stderr %q; want a refusal that names the flag", code, stderr)
	}
}

func TestExportToMLflow(t *testing.T) {
	oneGoroutine(t)
	out, store := simulate(t, "out", func(*simulated.Spec) {}), filepath.Join(t.TempDir(), "mlruns")
	code, stdout, stderr := cfuCommand(t, "export", out, "--to", "mlflow", "--dir", store)
	runs, _ := filepath.Glob(filepath.Join(strings.TrimSpace(stdout), "*", "metrics", "energy_per_request_j"))
	if code != 0 || stderr != "" || !strings.HasPrefix(stdout, store) || len(runs) != 4 {
		t.Errorf("exit %d, stderr %q, stdout %q; %d runs with an energy, want 4", code, stderr, stdout, len(runs))
	}
}

func TestExportToWandb(t *testing.T) {
	oneGoroutine(t)
	out, store := simulate(t, "out", func(s *simulated.Spec) { s.Batches = []int{1, 4} }), filepath.Join(t.TempDir(), "wandb")
	code, stdout, stderr := cfuCommand(t, "export", out, "--to", "wandb-offline", "--dir", store)
	folders := strings.Fields(stdout)
	if code != 0 || stderr != "" || len(folders) != 2 {
		t.Fatalf("exit %d, stderr %q, stdout %q; want two folders, one a batch size", code, stderr, stdout)
	}
	for _, folder := range folders {
		if logs, _ := filepath.Glob(filepath.Join(folder, "run-*.wandb")); len(logs) != 1 || filepath.Dir(folder) != store {
			t.Errorf("%s has the logs %v, want one in a folder of %s", folder, logs, store)
		}
	}
}

func TestExportCommand(t *testing.T) {
	oneGoroutine(t)
	out := simulate(t, "out", func(*simulated.Spec) {})
	code, stdout, _ := cfuCommand(t, "export", out, "--table", "energy")
	if rows := strings.Count(stdout, "\n"); code != 0 || rows != 1+4*2*4*62 {
		t.Errorf("exit %d, %d lines, want a heading and 62 rows of two conventions and four domains in four cells", code, rows)
	}
	dir := filepath.Join(t.TempDir(), "csv")
	if code, same, _ := cfuCommand(t, "export", out, "--to", "csv", "--table", "energy"); code != 0 || same != stdout {
		t.Errorf("--to csv --table energy: exit %d, and another table than without --to", code)
	}
	code, stdout, stderr := cfuCommand(t, "export", out, "--dir", dir)
	if code != 0 || len(strings.Fields(stdout)) != 4 {
		t.Errorf("exit %d, stderr %q, wrote %q; want requests, readings, energy and footprint", code, stderr, stdout)
	}
	for _, path := range strings.Fields(stdout) {
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestResultsCommandsSayWhatIsWrong(t *testing.T) {
	oneGoroutine(t)
	out, empty := simulate(t, "out", func(*simulated.Spec) {}), t.TempDir()
	for _, c := range []struct {
		comment string
		args    []string
		code    int
		stderr  string
	}{
		{"report wants a folder", []string{"report"}, 2, "want the folder of a run, or of several"},
		{"report of one run across a difference", []string{"report", out, "--across", "trace"}, 2, "are of several runs"},
		{"report of several runs by more of something", []string{"report", out, out, "--by", "output_tokens_per_j", "--out", filepath.Join(empty, "r.html")}, 1, "more of it is better"},
		{"export to a store without a place", []string{"export", out, "--to", "mlflow"}, 2, "want --dir, the store"},
		{"export to a tool that there is not", []string{"export", out, "--to", "wandb"}, 2, "want vllm or aiperf, or mlflow or wandb-offline"},
		{"report of a folder without a run", []string{"report", empty}, 1, "holds no run"},
		{"report with a bad SLO", []string{"report", out, "--slo", "fast"}, 2, "--slo"},
		{"report to a folder that there is not", []string{"report", out, "--out", filepath.Join(empty, "no", "r.html")}, 1, "no such file or directory"},
		{"compare wants a run", []string{"compare"}, 2, "want a run or more"},
		{"compare with a test that there is not", []string{"compare", out, out, "--test", "anova"}, 2, `test "anova" is unknown`},
		{"compare in a format that there is not", []string{"compare", out, out, "--format", "xml"}, 2, "want text or csv"},
		{"compare by a metric that there is not, as CSV", []string{"compare", out, out, "--format", "csv", "--by", "foo"}, 2, `metric "foo" is unknown`},
		{"compare in pairs of what there is not, as CSV", []string{"compare", out, out, "--format", "csv", "--pair-by", "weather"}, 2, `pairs by "weather": want repeat or block`},
		{"compare with no run", []string{"compare", out, empty}, 1, "holds no run"},
		{"export to CSV without a place", []string{"export", out, "--to", "csv"}, 2, "--to csv: want --dir DIR, for every table, or --table NAME"},
		{"export of one cell to a folder", []string{"export", out, "--to", "vllm", "--dir", empty}, 2, "--to vllm prints one cell: leave out --dir"},
		{"export wants to know where", []string{"export", out}, 2, "want one of --table NAME, --dir DIR and --to FORMAT"},
		{"export of a table that there is not", []string{"export", out, "--table", "tokens"}, 1, `table "tokens" is unknown`},
		{"export of a table that the run lacks", []string{"export", out, "--table", "engine"}, 1, "has no table engine"},
	} {
		code, _, stderr := cfuCommand(t, c.args...)
		if code != c.code || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%s: exit %d, stderr %q; want %d, %q", c.comment, code, stderr, c.code, c.stderr)
		}
		if strings.Count(strings.TrimSpace(stderr), "\n") > 1 {
			t.Errorf("%s: more than a line and a hint: %q", c.comment, stderr)
		}
	}
}
