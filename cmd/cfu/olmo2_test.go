package main

import (
	"bytes"
	"encoding/csv"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cfubench/results/runfolder"
)

// olmo2 runs scripts/olmo2 in an empty folder, as somebody would from outside
// the repository.
func olmo2(t *testing.T, args ...string) (code, stdout, stderr string) {
	t.Helper()
	script, err := filepath.Abs("../../scripts/olmo2")
	if err != nil {
		t.Fatal(err)
	}
	var o, e bytes.Buffer
	cmd := exec.Command("bash", append([]string{script}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), &o, &e
	cmd.Env = append(cmd.Environ(), "CFU=cfu") // TestMain has put it on the path; scripts/quickstart has it built
	return exitCode(cmd.Run()), o.String(), e.String()
}

// The published findings, from the script that the README names.
func TestOLMo2Published(t *testing.T) {
	t.Parallel()
	oneGoroutine(t)
	code, stdout, stderr := olmo2(t, "--published", "--format", "csv")
	if code != "0" {
		t.Fatalf("exit %s: %s", code, stderr)
	}
	rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(rows[0], ","), "model,rate,kwh_per_2400,gco2e_per_2400,joules_per_request,break_even_requests,published_break_even"; got != want {
		t.Errorf("header %s, want %s", got, want)
	}
	if len(rows) != 1+12*3 {
		t.Errorf("got %d rows, want 12 models at 3 rates", len(rows)-1)
	}
}

// Without --format csv and --all it is one sentence and a small table: joules per request,
// how many times those of the saturated server, and the break-even.
func TestOLMo2PublishedTable(t *testing.T) {
	t.Parallel()
	oneGoroutine(t)
	code, stdout, stderr := olmo2(t, "--published")
	if code != "0" {
		t.Fatalf("exit %s: %s", code, stderr)
	}
	text := strings.Join(strings.Fields(stdout), " ")
	for _, want := range []string{"19.9 times as much energy", "unlimited 27 1 20.9 billion", "8 73.5 2.72 7.67 billion", "1 537 19.9 1.05 billion"} {
		if !strings.Contains(text, want) {
			t.Errorf("got\n%s\nwant %q in it", stdout, want)
		}
	}
}

// A fresh measurement: three rates against a live endpoint, each beside its
// published row.
func TestOLMo2Endpoint(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("measures at three rates")
	}
	e := newEndpoint(t, healthy)
	out := filepath.Join(t.TempDir(), "run")
	_, stdout, stderr := olmo2(t, "--endpoint", e.URL, "--num-requests", "4", "--out", out, "--format", "csv", "--",
		"--idle", "50ms", "--warmup", "0", "--certify=false", "--report=false", "--max-tokens", "4", "--tokenizer", "words")
	rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	if err != nil || len(rows) != 7 {
		t.Fatalf("got %v, %d rows, want a header and three pairs; stderr:\n%s", err, len(rows), stderr)
	}
	for i, rate := range []string{"inf", "8", "1"} {
		measured, published := rows[1+2*i], rows[2+2*i]
		if measured[0] != "tiny" || measured[1] != rate || !strings.HasPrefix(measured[7], "measured") {
			t.Errorf("pair %d: got %v, want the measurement of tiny at %s", i, measured, rate)
		}
		if published[0] != "OLMo 2 7B" || published[1] != rate || published[7] != "published" {
			t.Errorf("pair %d: got %v, want the published row at %s", i, published, rate)
		}
		if measured[5] != "" {
			t.Errorf("rate %s: break-even %s of tiny with the training of another model", rate, measured[5])
		}
	}
	run, err := runfolder.ReadRun(out)
	if err != nil {
		t.Fatal(err)
	}
	if run.Trace.Selection != "sglang" || len(run.Cells) != 3 || !strings.Contains(stderr, "using the bundled sample") {
		t.Errorf("selection %q, %d cells; want SGLang's selection at three rates, and the sample named on stderr", run.Trace.Selection, len(run.Cells))
	}
}

func TestOLMo2Usage(t *testing.T) {
	t.Parallel()
	oneGoroutine(t)
	tests := []struct {
		args []string
		want string
	}{
		{nil, "give --published or --endpoint URL"},
		{[]string{"--published", "--endpoint", "http://x"}, "exclude each other"},
		{[]string{"--published", "--out", "x"}, "--out is for a measurement"},
		{[]string{"--endpoint"}, "--endpoint wants a value"},
		{[]string{"--endpoint", "http://x", "--model", "y"}, "with --endpoint use --beside NAME"},
		{[]string{"--fast"}, "unknown argument --fast"},
	}
	for _, test := range tests {
		if code, _, stderr := olmo2(t, test.args...); code != "2" || !strings.Contains(stderr, test.want) {
			t.Errorf("%q: exit %s, %q; want exit 2 and %q", test.args, code, stderr, test.want)
		}
	}
}
