package sweep

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/results/derivation"
	"cfubench/results/logs"
	"cfubench/results/runfolder"
)

// A recording that everybody can compute: a GPU at 100 W that goes to 300 W for
// the two seconds in which four requests are served one after another.
var importOrigin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano()

func importedLogs(t *testing.T, firstReading, lastReading time.Duration) (power, requests string) {
	t.Helper()
	dir := t.TempDir()
	var p, q strings.Builder
	p.WriteString("epoch_ns,gpu,power_mw\n")
	for at := firstReading; at <= lastReading; at += 100 * time.Millisecond {
		w := 100 + float64(at.Milliseconds()%200)/1e4
		if at >= 2*time.Second && at < 4*time.Second {
			w = 300
		}
		fmt.Fprintf(&p, "%d,0,%.0f\n%d,1,%.0f\n", importOrigin+int64(at), w*1e3, importOrigin+int64(at), 90e3+float64(at.Milliseconds()%200))
	}
	q.WriteString("request_start_ns,request_end_ns,prompt_tokens,completion_tokens,physical_gpu,answer\n")
	for i := range 4 {
		sent := importOrigin + int64(2*time.Second) + int64(i)*int64(500*time.Millisecond)
		fmt.Fprintf(&q, "%d,%d,100,%d,0,secret words\n", sent, sent+int64(500*time.Millisecond), 10)
	}
	power, requests = filepath.Join(dir, "power.csv"), filepath.Join(dir, "requests.csv")
	for path, text := range map[string]string{power: p.String(), requests: q.String()} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return power, requests
}

// An imported folder is attributed as a run's own: each request its joules.
func TestImportedFolderIsARun(t *testing.T) {
	power, requests := importedLogs(t, 0, 6*time.Second)
	out := filepath.Join(t.TempDir(), "out")
	got, err := Import{Out: out, Power: []LogFile{{Path: power}}, Requests: LogFile{Path: requests}}.Run()
	if err != nil {
		t.Fatal(err)
	}
	// The requests name their GPU: the other one is not the server's.
	if len(got.Run.Domains) != 1 || got.Run.Domains[0].Name != "gpu0" {
		t.Errorf("got domains %+v, want gpu0 alone", got.Run.Domains)
	}
	run, err := runfolder.ReadRun(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Cells) != 1 || run.Cells[0].Requests != 4 || !run.Cells[0].Complete {
		t.Fatalf("got cells %+v, want one complete with 4 requests", run.Cells)
	}
	attributed, err := derivation.Attribution{Conventions: "residency,equal", Weights: "1:1", Params: attribution.Params{PromptWeight: 1, OutputWeight: 1}}.Cell(t.Context(), out, run, run.Cells[0])
	if err != nil {
		t.Fatal(err)
	}
	// The last reading at 300 W is 100 ms before the end: a trapezoid falls there.
	for _, d := range attributed.Divisions {
		if j := d.Requests.Joules(); math.Abs(j-590) > 0.5 {
			t.Errorf("%s: got %.3f J for the requests, want 590", d.Convention, j)
		}
	}
	rows, _, err := runfolder.Requests().Read(runfolder.CellFile(out, run.Cells[0].ID, runfolder.RequestsFile))
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%+v", rows); len(rows) != 4 || strings.Contains(text, "secret") {
		t.Errorf("got %d rows, want 4 without a word of the answers: %.200s", len(rows), text)
	}
}

func TestImportRefusals(t *testing.T) {
	for _, tt := range []struct {
		why         string
		first, last time.Duration
		change      func(*Import)
		want        string // "" for none
	}{
		{"the log begins late", 2100 * time.Millisecond, 6 * time.Second, nil, "do not bracket the requests: they begin 0.100 s after"},
		{"which may be held", 2100 * time.Millisecond, 6 * time.Second, func(im *Import) { im.EdgeSlack = 200 * time.Millisecond }, ""},
		{"a GPU that is not there", 0, 6 * time.Second, func(im *Import) { im.GPUs = []string{"7"} }, "the log has no such device"},
		{"no power log", 0, 6 * time.Second, func(im *Import) { im.Power = nil }, "--power FILE"},
		{"no folder", 0, 6 * time.Second, func(im *Import) { im.Out = "" }, "--out DIR"},
		{"another hour", 5000 * time.Second, 5001 * time.Second, nil, "do not overlap"},
	} {
		power, requests := importedLogs(t, tt.first, tt.last)
		im := Import{Out: filepath.Join(t.TempDir(), "out"), Power: []LogFile{{Path: power}}, Requests: LogFile{Path: requests}}
		if tt.change != nil {
			tt.change(&im)
		}
		got, err := im.Run()
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.why, err)
			} else if !strings.Contains(strings.Join(got.Run.Warnings, "\n"), "the nearest is held there") {
				t.Errorf("%s: got warnings %q, want one of what was held", tt.why, got.Run.Warnings)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want a refusal in one line with %q", tt.why, err, tt.want)
		}
		if _, err := os.Stat(filepath.Join(im.Out, runfolder.RunFile)); im.Out != "" && err == nil {
			t.Errorf("%s: a run was written all the same", tt.why)
		}
	}
}

// Real recordings beside the repository, through the importer and attribution.
func TestImportedRecordings(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "data", "recorded")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no recordings here:", err)
	}
	clock := func(text string) logs.Clock {
		c, err := logs.ParseClock(text)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	// perRequest is the mean over the cells of a label, by the equal convention.
	perRequest := func(im Import, label string) float64 {
		t.Helper()
		im.Out = filepath.Join(t.TempDir(), "out")
		got, err := im.Run()
		if err != nil {
			t.Fatal(err)
		}
		sum, n := 0.0, 0
		for _, c := range got.Run.Cells {
			if c.Label != label {
				continue
			}
			a, err := derivation.Attribution{Conventions: "equal", Weights: "1:1", Params: attribution.Params{PromptWeight: 1, OutputWeight: 1}}.Cell(t.Context(), im.Out, got.Run, c)
			if err != nil {
				t.Fatal(err)
			}
			sum += a.Divisions[0].Counter.Joules()
			n += c.Requests
		}
		return sum / float64(n)
	}
	at := func(parts ...string) LogFile { return LogFile{Path: filepath.Join(append([]string{dir}, parts...)...)} }
	pair := Import{Power: []LogFile{at("fytap_rtx5090_case_a", "raw_nvml_50ms.csv")}, Requests: at("fytap_rtx5090_case_a", "request_outcomes.csv")}
	turns := Import{Power: []LogFile{at("powertrace-sim_a100_qwen3-8b_smoke", "power.csv")}, Requests: at("powertrace-sim_a100_qwen3-8b_smoke", "requests.json"),
		PowerOptions: logs.Options{Clock: clock("local:-07:00")}, EdgeSlack: 60 * time.Millisecond}
	for _, tt := range []struct {
		why       string
		im        Import
		label     string
		want, off float64
	}{
		{"RTX 5090, AWQ", pair, "AWQ", 261.138, 0.03},
		{"RTX 5090, GPTQ", pair, "GPTQ", 264.361, 0.03},
		{"A100, four turns", turns, "", 439.9, 0.1},
	} {
		if got := perRequest(tt.im, tt.label); math.Abs(got-tt.want) > tt.off {
			t.Errorf("%s: got %.3f J/request, want %.3f ± %.2f", tt.why, got, tt.want, tt.off)
		}
	}
	wall := Import{Power: []LogFile{at("mlperf_v4.1_h200x8_llama2-70b_server", "spl.txt")}, Requests: at("mlperf_v4.1_h200x8_llama2-70b_server", "mlperf_log_detail.excerpt.txt"),
		PowerOptions: logs.Options{Clock: clock("local:UTC")}, RequestOptions: logs.Options{Clock: clock("local:UTC")}}
	got, err := wall.Run()
	if err != nil {
		t.Fatal(err)
	}
	f := got.Figures[0]
	if math.Abs(f.Watts-6280) > 1 || math.Abs(f.JoulesPerRequest-79.1) > 0.05 || math.Abs(f.JoulesPerOutputToken-0.272) > 0.0005 {
		t.Errorf("MLPerf: got %.1f W, %.2f J/query, %.4f J/token; want 6280, 79.1, 0.272", f.Watts, f.JoulesPerRequest, f.JoulesPerOutputToken)
	}
}

// A format is what stands after the last colon and is known; other colons are the
// file's own.
func TestParseLogFile(t *testing.T) {
	formats := []string{"csv", "zeus"}
	for text, want := range map[string]LogFile{
		"power.csv":        {Path: "power.csv"},
		"power.log:zeus":   {Path: "power.log", Format: "zeus"},
		"C:power.log":      {Path: "C:power.log"},
		"2026-01-01T10:00": {Path: "2026-01-01T10:00"},
		"10:00.log:csv":    {Path: "10:00.log", Format: "csv"},
		":csv":             {Path: ":csv"},
	} {
		if got := ParseLogFile(text, formats); got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}
