package report_test

import (
	"bytes"
	"encoding/json"
	"html"
	"strings"
	"testing"
	"time"

	"cfubench/attribution/lca/report/browsertest"
	"cfubench/internal/golden"
	"cfubench/internal/si"
	"cfubench/meter"
	"cfubench/results/commandline"
	"cfubench/results/comparison"
	"cfubench/results/report"
	"cfubench/results/runfolder"
	"cfubench/results/simulated"
	"cfubench/results/summary"
)

// spec is a sweep over two batch sizes and two loads.
func spec() simulated.Spec {
	return simulated.Spec{
		Seed: 1, Model: "SmolLM2-135M", Batches: []int{1, 8}, Concurrencies: []int{1, 8}, Repeats: 2, Requests: 80,
		Server: simulated.DefaultServer(), Inventory: "olmo2-7b",
		Conventions: "token,phase,equal",
	}
}

// pages are the runs whose reports are goldens.
func pages() map[string]func(*simulated.Spec) {
	return map[string]func(*simulated.Spec){
		"sweep": func(*simulated.Spec) {},
		// A model in place of a sensor, one chunk for three tokens, failures.
		"modelled": func(s *simulated.Spec) {
			s.Kind, s.Repeats, s.Batches, s.Failures, s.Server.Chunk = meter.KindModel, 1, []int{4}, 0.03, 3
			s.Concurrencies, s.Requests = []int{4}, 60
		},
		// Open loop, too many requests to draw one by one.
		"rates": func(s *simulated.Spec) {
			s.Concurrencies, s.Rates, s.Repeats, s.Requests = nil, []float64{0.5, 2, 8}, 1, 200
			s.Server.Output = 12
		},
		// Interrupted: no headline figure.
		"invalid": func(s *simulated.Spec) {
			s.Incomplete, s.Batches, s.Concurrencies, s.Repeats, s.Requests = true, []int{4}, []int{4}, 1, 30
		},
	}
}

// render makes the report of a page's run.
func render(t *testing.T, change func(*simulated.Spec)) (summary.Summary, []byte) {
	t.Helper()
	run, s := simulate(t, change)
	var b bytes.Buffer
	if err := report.Write(&b, run, s); err != nil {
		t.Fatal(err)
	}
	return s, b.Bytes()
}

// simulate makes and summarizes a page's run.
func simulate(t *testing.T, change func(*simulated.Spec)) (runfolder.Run, summary.Summary) {
	t.Helper()
	dir := t.TempDir()
	s := spec()
	change(&s)
	run, err := s.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	summary, err := summary.SummarizeWith(t.Context(), dir, run, summary.Options{Limits: summary.DefaultLimits(), Traces: 12})
	if err != nil {
		t.Fatal(err)
	}
	return run, summary
}

// TestGoldens holds what every page shows, and the whole of the smallest one.
func TestGoldens(t *testing.T) {
	for name, change := range pages() {
		t.Run(name, func(t *testing.T) {
			view, err := json.MarshalIndent(report.ViewOf(simulate(t, change)), "", " ")
			if err != nil {
				t.Fatal(err)
			}
			golden.Check(t, "testdata/"+name+".json", append(view, '\n'))
		})
	}
	_, page := render(t, pages()["invalid"])
	golden.Check(t, "testdata/invalid.html", page)
}

func TestReportIsSelfContained(t *testing.T) {
	_, page := render(t, pages()["sweep"])
	text := strings.ReplaceAll(string(page), "http://www.w3.org/2000/svg", "") // a name, not an address
	for _, forbidden := range []string{"src=", "http://", "https://", "@import", "import(", "fetch(", "XMLHttpRequest", "url(", "<link rel=\"stylesheet\""} {
		if strings.Contains(text, forbidden) {
			t.Errorf("the report contains %q", forbidden)
		}
	}
	if n := strings.Count(text, "<script"); n != 1 {
		t.Errorf("the report has %d scripts, want the one that zooms", n)
	}
}

func TestModelledJoulesSaySo(t *testing.T) {
	_, page := render(t, pages()["modelled"])
	text := string(page)
	for _, want := range []string{"modelled, not measured", "J/req (model)", "J per request, model", "power, W, model", "process (model)", "modelled_energy", "Joules here come from a model"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report of a modelled run lacks %q", want)
		}
	}
	_, page = render(t, pages()["sweep"])
	if strings.Contains(string(page), "modelled") && strings.Contains(string(page), "(model)") {
		t.Error("the report of a measured run speaks of a model")
	}
}

func TestInvalidRunShowsNoHeadlineFigure(t *testing.T) {
	s, page := render(t, pages()["invalid"])
	if s.Validity.Verdict != summary.Invalid {
		t.Fatalf("verdict = %q, want %q", s.Validity.Verdict, summary.Invalid)
	}
	text := string(page)
	if !strings.Contains(text, "invalid: incomplete") || !strings.Contains(text, "interrupted; its rows are kept") {
		t.Error("the report does not say why the run is invalid")
	}
	per := si.Short(float64(s.Cells[0].Whole.Energy.PerRequest))
	if strings.Contains(text, ">"+per+"<") || strings.Contains(text, "<svg") {
		t.Errorf("the report shows a figure (%s J/request) or a chart of an invalid run", per)
	}
}

func TestTextIsEscaped(t *testing.T) {
	dir := t.TempDir()
	s := spec()
	s.Model, s.Repeats = `<script>alert("x")</script>`, 1
	run, err := s.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	summary, err := summary.Summarize(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := report.Write(&b, run, summary); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "<script>alert") {
		t.Error("a model's name is taken for HTML")
	}
}

func TestSettingsAreWrittenAsFlags(t *testing.T) {
	run := runfolder.Run{Config: runfolder.Config{
		Idle: 2 * time.Second, MaxPromptTokens: 256, Batch: []int{1, 8}, EngineCmd: "vllm:MODEL", IgnoreEOS: true, ExtraBody: map[string]any{"top_k": 1},
	}}
	var b bytes.Buffer
	if err := report.Write(&b, run, summary.Summary{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"--idle": "2s", "--max-prompt-tokens": "256", "--batch": "1,8", "--engine-cmd": "vllm:MODEL", "--ignore-eos": "true", "--extra-body": "{&#34;top_k&#34;:1}",
	} {
		if row := `<th scope="row">` + name + `</th><td>` + want + `</td>`; !strings.Contains(b.String(), row) {
			t.Errorf("the configuration has no row %s %s", name, want)
		}
	}
}

// TestCommandLine: the configuration opens with the line that makes the run again,
// and with what it needs; the page of several has each run's.
func TestCommandLine(t *testing.T) {
	config := commandline.Defaults()
	config.EngineCmd, config.Concurrency = "serve 'a b' --port {port}", []int{4}
	run := runfolder.Run{Config: config, TraceHash: "abc123"}
	var one, all bytes.Buffer
	if err := report.Write(&one, run, summary.Summary{}); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteSeveral(&all, []comparison.Subject{{Name: "first", Run: run}}, nil, comparison.ChooseOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, page := range map[string]string{"of one run": one.String(), "of several": all.String()} {
		text := html.UnescapeString(page)
		for _, want := range []string{"cfu run \\\n  --engine-cmd 'serve '\\''a b'\\'' --port {port}' \\\n", "  --concurrency 4 \\\n", "--out again</pre>", "has the hash abc123"} {
			if !strings.Contains(text, want) {
				t.Errorf("the page %s lacks %q", name, want)
			}
		}
	}
	config.EngineCmd = "serve --port {port} --batch {batch} " + strings.Repeat("--long-option=of-the-engine ", 20)
	long := runfolder.Run{Config: config, TraceHash: strings.Repeat("abc123", 10)}
	var narrow bytes.Buffer
	if err := report.Write(&narrow, long, summary.Summary{}); err != nil {
		t.Fatal(err)
	}
	for _, p := range browsertest.Look(t, narrow.Bytes(), browsertest.View{Width: 390}).Problems() {
		t.Errorf("a long line at 390 px: %s", p)
	}
	one.Reset()
	run.Record = &runfolder.Recorded{}
	if err := report.Write(&one, run, summary.Summary{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(one.String(), "makes the run again") {
		t.Error("a record without a command has a command line")
	}
}
