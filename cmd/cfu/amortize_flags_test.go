package main

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"cfubench/meter"
)

// Flags that mean nothing, or that no number can be, are wrong usage, said in
// one line before anything is read.
func TestAmortizeRefusesFlags(t *testing.T) {
	oneGoroutine(t)
	tests := []struct{ flags, want string }{
		{"--lifetime-inferences nan", "lifetime inferences NaN: give a finite number above 0"},
		{"--lifetime-inferences inf", "lifetime inferences +Inf"},
		{"--lifetime-inferences 0", "--lifetime-inferences 0: want a number above 0"},
		{"--lifetime-inferences -1", "lifetime inferences -1"},
		{"--utilisation nan", "utilisation NaN: give a share above 0 and at most 1"},
		{"--utilisation 1.1", "utilisation 1.1"},
		{"--functional-unit x=inf", `functional unit "x=inf"`},
		{"--functional-unit x=nan", `functional unit "x=nan"`},
		{"--functional-unit x=0", `functional unit "x=0"`},
		{"--functional-unit x=5,x=6", "functional unit x is given twice: keep one"},
		{"--functional-unit request=5", "request is counted by the run"},
		{"--monte-carlo 1", "1 Monte Carlo draws: give 0 for none, or 100"},
		{"--monte-carlo -1", "-1 Monte Carlo draws"},
		{"--monte-carlo 2000000000", "2000000000 Monte Carlo draws"},
		{"--report x.pdf", "--report x.pdf: want a name that ends in .html or .txt"},
		{"--form poster=x", "--form poster=x: want NAME=FILE with one of sci"},
		{"--form sci", "--form sci: want NAME=FILE"},
		{"--figure x.png", "--figure x.png: want a name that ends in .svg"},
		{"--report x.html --report ./x.html", "./x.html cannot be written: another file goes there"},
		{"--form sci=x.json --disclosure x.json", "x.json cannot be written: another file goes there"},
		{"--inventory x.json --disclosure x.json", "x.json cannot be written: --inventory reads it"},
		{"--outcome-unit right", "--outcome-unit names what --outcomes counts"},
		{"--rebound 1 --rebound-from -1 --requests-per-month 1", "--rebound-from -1: want a cost above 0"},
		{"--share 3/2", `share "3/2": give a number above 0 and at most 1`},
		{"--share 0", `share "0"`},
		{"--share x", `share "x"`},
		{"--pue 0.5", "PUE 0.5 must be at least 1 and at most 20"},
		{"--pue nan", "PUE NaN"},
		{"--price -1", "price -1: give money per kWh"},
		{"--price inf", "price +Inf"},
		{"--currency XXX", `currency "XXX" is unknown: use one of USD EUR`},
		{"--grid moon", `grid "moon" is no electricity preset: see cfu amortize --list-presets`},
		{"--category mood", `impact category "mood" is unknown`},
		{"--requests-per-month nan", "--requests-per-month NaN: want a number above 0"},
		{"--requests-per-month 0", "--requests-per-month 0: want a number above 0"},
		{"--growth 0.1", "--growth is for a yearly view: add --requests-per-month"},
		{"--grid-decline 0.05", "--grid-decline is for a yearly view: add --requests-per-month"},
		{"--discount 0.05", "--discount is for a yearly view: add --requests-per-month"},
		{"--requests-per-month 1 --rebound 1", "--rebound and --rebound-from belong together"},
		{"--draws x", "--draws is for --crossover"},
		{"--slo-ttft 1s", "--slo-ttft is for a run"},
		{"--convention token", "--convention token is for --requests-only"},
		{"--rebound 1 --rebound-from inf --requests-per-month 1", "rebound: give a finite elasticity and baseline"},
		{"--outcomes x", "--outcomes is for a run"},
		{"--format csv --category water", "--published --format csv prints the published table"},
		{"--format csv --functional-unit output_token", "leave out --functional-unit, or take --format json"},
		{"--gwp ar3", `GWP set "ar3" is unknown`},
		{"--basis moon", `basis "moon" is unknown`},
	}
	for _, test := range tests {
		code, _, stderr := cfu(t, t.Context(), nil, append([]string{"amortize", "--published"}, strings.Fields(test.flags)...)...)
		if want := strings.ReplaceAll(test.want, "one of USD EUR", "one of [USD EUR"); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, %q; want exit 2 and %q", test.flags, code, stderr, want)
		}
	}
	for _, args := range [][]string{{"--crossover", "a"}, {"--crossover", "a", "b", "--report", "x.html"}, {"--crossover", "--published"},
		{"--crossover", "a", "b", "--requests-per-month", "1e6"}, {"--crossover", "a", "b", "--form", "sci=x.json"},
		{"--crossover", "a", "b", "--functional-unit", "request,output_token"}, {"--crossover", "a", "b", "--monte-carlo", "0", "--draws", "x.csv"},
		{"--crossover", "a", "b", "--devices", "-1"}, {"--crossover", "a", "b", "--slo-ttft", "-1s"}, {"--crossover", "a", "b", "--convention", "token"},
		{"--crossover", "a", "b", "--model", "OLMo 2 7B"}, {"--crossover", "OLMo 2 7B@inf", "OLMo 2 7B@8", "--devices", "2"},
		{"--crossover", "OLMo 2 7B@inf", "OLMo 2 7B@8", "--requests-only"}, {"--crossover", "OLMo 2 7B@inf", "OLMo 2 7B@8", "--outcomes", "x"}} {
		if code, _, stderr := cfu(t, t.Context(), nil, append([]string{"amortize"}, args...)...); code != 2 || !strings.Contains(stderr, "--help") {
			t.Errorf("%v: exit %d, %q; want exit 2", args, code, stderr)
		}
	}
}

// Two published designs cross where the figures do, and every draw can be had.
func TestCrossoverCommand(t *testing.T) {
	oneGoroutine(t)
	dir := t.TempDir()
	code, stdout, stderr := cfu(t, t.Context(), nil, "amortize", "--crossover", "Llama 3.1 8B@inf", "OLMo 2 7B@inf", "--format", "csv", "--monte-carlo", "1000",
		"--draws", filepath.Join(dir, "draws.csv"), "--figure", filepath.Join(dir, "f.svg"))
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][0] != "gwp" {
		t.Fatalf("got %q (%v), want one row, of gwp: the other categories lack figures of Llama's training", rows, err)
	}
	if n, _ := strconv.ParseFloat(rows[1][5], 64); math.Abs(n/290e9-1) > 0.01 {
		t.Errorf("they cross at %s, want 290 billion", rows[1][5])
	}
	if !strings.Contains(stderr, "energy is not compared") {
		t.Errorf("nothing says why energy is not compared: %s", stderr)
	}
	draws, err := os.ReadFile(filepath.Join(dir, "draws.csv"))
	if n := strings.Count(string(draws), "\n"); err != nil || n != 1+2*1000 {
		t.Errorf("%d lines of draws, want a header and two designs of 1000 (%v)", n, err)
	}
	if want := "draw,design,category,unit,functional_unit,upfront,per_unit\n0,Llama 3.1 8B @ inf,gwp,kg CO2e,request,"; !strings.HasPrefix(string(draws), want) {
		t.Errorf("the draws begin with %.120q, want %q", draws, want)
	}
	if svg, err := os.ReadFile(filepath.Join(dir, "f.svg")); err != nil || !strings.Contains(string(svg), "overtakes at 28") {
		t.Errorf("the figure does not mark the crossing (%v)", err)
	}
}

// A run is a design too, by its cheapest cell, and one is refused with none.
func TestCrossoverOfRuns(t *testing.T) {
	oneGoroutine(t)
	dir := amortizedRun(t, meter.KindCounter)
	if code, stdout, stderr := cfu(t, t.Context(), nil, "amortize", "--crossover", dir+"#b2-c2-r1=olmo2-7b", dir+"=olmo2-13b", "--monte-carlo", "100"); code != 0 || !strings.Contains(stdout, "global warming") {
		t.Errorf("exit %d: %s %s", code, stdout, stderr)
	}
	if code, stdout, stderr := cfu(t, t.Context(), nil, "amortize", "--crossover", dir, dir+"=olmo2-13b", "--monte-carlo", "100"); code != 0 || strings.Contains(stdout, "global warming") || !strings.Contains(stderr, "gwp is not compared") {
		t.Errorf("a design without hardware is compared in carbon with one that has it: exit %d: %s %s", code, stdout, stderr)
	}
	if code, _, stderr := cfu(t, t.Context(), nil, "amortize", "--crossover", dir+"#b9", dir); code != 1 || !strings.Contains(stderr, "has no assessed cell b9") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// Correct answers are a functional unit, with the uncertainty of their count.
func TestOutcomesAreAUnit(t *testing.T) {
	oneGoroutine(t)
	dir := amortizedRun(t, meter.KindCounter)
	file := filepath.Join(dir, "eval.csv")
	if err := os.WriteFile(file, []byte("request,success\n0,true\n1,false\n2,true\n3,true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := cfu(t, t.Context(), nil, "amortize", dir, "--inventory", "olmo2-7b", "--format", "csv", "--monte-carlo", "0", "--outcomes", file, "--outcome-unit", "correct_answer", "--category", "energy")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	found := false
	for _, line := range strings.Split(stdout, "\n") {
		cells := strings.Split(line, ",")
		if len(cells) > 7 && cells[1] == "correct_answer" && cells[4] == "inference" {
			found = true
			value, _ := strconv.ParseFloat(cells[5], 64)
			hi, _ := strconv.ParseFloat(cells[7], 64)
			// Two of three completed requests; the fourth failed.
			if math.Abs(value/(360/3.6e6*1.2/2)-1) > 1e-9 || hi < 1.5*value {
				t.Errorf("got %s, want half the cell with a wide interval", line)
			}
		}
	}
	if !found {
		t.Errorf("no row per correct answer in\n%s", stdout)
	}
	for text, want := range map[string]string{
		"request,success\n0,true\n":   "2 of its 3 completed requests have no outcome: they cost and count no success",
		"request,success\n999,true\n": "none of its 3 completed requests has an outcome: success is left out",
	} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := cfu(t, t.Context(), nil, "amortize", dir, "--inventory", "olmo2-7b", "--monte-carlo", "0", "--outcomes", file); code != 0 || !strings.Contains(stderr, want) {
			t.Errorf("%q: exit %d, %s; want %q", text, code, stderr, want)
		}
	}
}

// Designs are judged each by itself: the outcomes of one run are not those of another, of
// which a warning says so where one file is of both.
func TestOutcomesOfDesigns(t *testing.T) {
	oneGoroutine(t)
	dirs, files := []string{amortizedRun(t, meter.KindCounter), amortizedRun(t, meter.KindCounter)}, []string{}
	for i, text := range []string{"request,success\n0,1\n1,1\n2,1\n", "request,success\n0,1\n1,0\n2,0\n"} {
		file := filepath.Join(t.TempDir(), "eval.csv")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, dirs[i]+"="+file)
	}
	compare := func(flags ...string) (difference float64, stderr string, code int) {
		args := append([]string{"amortize", "--crossover", dirs[0], dirs[1], "--inventory", "olmo2-7b", "--category", "energy", "--monte-carlo", "0", "--format", "csv"}, flags...)
		code, stdout, stderr := cfu(t, t.Context(), nil, args...)
		if rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll(); err == nil && len(rows) == 2 {
			difference, _ = strconv.ParseFloat(rows[1][10], 64)
		}
		return difference, stderr, code
	}
	const perRequest = 360 / 3.6e6 * 1.2 / 3
	if d, stderr, code := compare("--outcomes", files[0], "--outcomes", files[1]); code != 0 || math.Abs(math.Abs(d)/(2*perRequest)-1) > 1e-9 || strings.Contains(stderr, "alike") {
		t.Errorf("a file each: exit %d, difference %g, want that of a third of the successes, %g: %s", code, d, 2*perRequest, stderr)
	}
	_, first, _ := strings.Cut(files[0], "=")
	if d, stderr, code := compare("--outcomes", first); code != 0 || d != 0 || !strings.Contains(stderr, "are joined to the requests of "+dirs[0]+" and "+dirs[1]+" alike") {
		t.Errorf("one file: exit %d, difference %g: %s", code, d, stderr)
	}
	for _, test := range []struct{ flags, want string }{
		{"--outcomes " + first + " --outcomes " + first, "another file is given, too"},
		{"--outcomes " + files[0] + " --outcomes " + files[0], "another file is of run " + dirs[0]},
		{"--outcomes " + filepath.Dir(first) + "=" + first, "it is none of the designs"},
	} {
		if _, stderr, code := compare(strings.Fields(test.flags)...); code != 1 || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: exit %d, %s; want %q", test.flags, code, stderr, test.want)
		}
	}
	if code, _, stderr := cfu(t, t.Context(), nil, "amortize", dirs[0], "--outcomes", files[0]); code != 2 || !strings.Contains(stderr, "OUT=FILE is for --crossover") {
		t.Errorf("of one run: exit %d, %s", code, stderr)
	}
}

// Samples of several filters are refused until one of them is named.
func TestOutcomesOfOneFilter(t *testing.T) {
	oneGoroutine(t)
	dir := amortizedRun(t, meter.KindCounter)
	file := filepath.Join(dir, "samples_gsm8k.jsonl")
	var text strings.Builder
	for _, filter := range []string{"strict-match", "flexible-extract"} {
		for i := range 4 {
			fmt.Fprintf(&text, `{"doc_id": %d, "filter": %q, "exact_match": 1.0}`+"\n", i, filter)
		}
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	for outcomes, want := range map[string]string{
		file:                   file + ":5: request 0 has an outcome in line 1, too: these samples have the filters flexible-extract, strict-match: choose one, such as " + file + "#flexible-extract",
		file + "#strict-match": "",
		file + "#loose":        `no outcome of filter "loose"`,
	} {
		code, stdout, stderr := cfu(t, t.Context(), nil, "amortize", dir, "--inventory", "olmo2-7b", "--format", "csv", "--monte-carlo", "0", "--outcomes", outcomes)
		if (code == 0) != (want == "") || !strings.Contains(stderr, want) || want == "" && !strings.Contains(stdout, ",success,") {
			t.Errorf("%s: got exit %d, %s; want %q", outcomes, code, stderr, want)
		}
	}
}

// A preset prints as it can be written into a file, and loads again.
func TestPrintPreset(t *testing.T) {
	oneGoroutine(t)
	code, stdout, stderr := cfu(t, t.Context(), nil, "amortize", "--print-preset", "olmo2-7b")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	path := filepath.Join(t.TempDir(), "mine.json")
	if err := os.WriteFile(path, []byte(stdout), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := cfu(t, t.Context(), nil, "amortize", "--published", "--inventory", path, "--model", "OLMo 2 7B", "--monte-carlo", "0"); code != 0 {
		t.Errorf("the printed preset: exit %d: %s", code, stderr)
	}
	for _, part := range []string{"h200-boavizta", "ecologits-fra"} {
		if code, stdout, stderr := cfu(t, t.Context(), nil, "amortize", "--print-preset", part); code != 0 || !strings.Contains(stdout, `"title"`) {
			t.Errorf("%s: exit %d, %s %s", part, code, stdout, stderr)
		}
	}
}

// The published runs of one's own inventory are assessed, not the presets'.
func TestOwnPublishedRuns(t *testing.T) {
	oneGoroutine(t)
	figure := func(value, unit, boundary string) string {
		return `{"value": ` + value + `, "unit": "` + unit + `", "source": "test", "year": 2026, "boundary": "` + boundary + `", "quality": "measured"}`
	}
	path := filepath.Join(t.TempDir(), "mine.json")
	text := `{"schema": 2, "name": "mine", "hardware": ["h100-ademe2026"], "electricity": "ecologits-fra", "facility": "ovh",
		"model": {"title": "Acme 7B", "runs": [{"rate": "8", "requests": 100, "devices": 1, "energy": ` + figure("1", "kWh", "device") + `}]},
		"boundary_mix": {"allow": true, "reason": "test"}, "lifetime_inferences": ` + figure("1", "billion requests", "none") + `}`
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := cfu(t, t.Context(), nil, "amortize", "--published", "--inventory", path, "--format", "csv")
	if lines := strings.Count(stdout, "\n"); code != 0 || lines != 2 || !strings.Contains(stdout, "Acme 7B,8,24,") {
		t.Errorf("exit %d, %d lines: %s %s; want a header and the inventory's own run", code, lines, stdout, stderr)
	}
}
