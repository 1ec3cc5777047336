package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfubench/results/runfolder"
	"cfubench/results/simulated"
)

// A table that is made again takes the files that show it along: after each of
// these the folder agrees with itself, and keeps the SLO and the files that it had.
func TestFolderAgreesAfterEveryPass(t *testing.T) {
	oneGoroutine(t)
	for _, tt := range []struct {
		name string
		args []string
		want string // of summary.json
	}{
		{"other conventions", []string{"attribute", "--convention", "residency,token"}, `"convention": "residency"`},
		{"another inventory", []string{"amortize", "--inventory", "cpu-server"}, `"inventory": "cpu-server"`},
		{"another length of life", []string{"amortize", "--lifetime-inferences", "12345"}, `"lifetime_inferences": 12345`},
		{"the run's own inventory", []string{"amortize"}, `"inventory": "olmo2-7b"`},
		{"no inventory", []string{"amortize", "--inventory", "none"}, `"inventory": "run"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := simulate(t, "out", small)
			if code, _, stderr := cfuCommand(t, "report", out, "--slo", "ttft=1s"); code != 0 {
				t.Fatal(stderr)
			}
			page := filepath.Join(out, runfolder.ReportFile)
			before, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			if code, _, stderr := cfuCommand(t, append([]string{tt.args[0], out}, tt.args[1:]...)...); code != 0 {
				t.Fatal(stderr)
			}
			text, err := os.ReadFile(filepath.Join(out, runfolder.SummaryFile))
			if err != nil || !strings.Contains(string(text), tt.want) || !strings.Contains(string(text), `"slo": "ttft=1s"`) {
				t.Errorf("summary.json: %v; want %s and the SLO that it had", err, tt.want)
			}
			if code, stdout, stderr := cfuCommand(t, "check", out); code != 0 {
				t.Errorf("check: %s%s", stdout, stderr)
			}
			after, err := os.ReadFile(page)
			if err != nil || string(after) == string(before) != (tt.name == "the run's own inventory") {
				t.Errorf("the page is as before: %v, %v", string(after) == string(before), err)
			}
		})
	}
}

// What is not there is not made.
func TestPassMakesNoReportOfItsOwn(t *testing.T) {
	oneGoroutine(t)
	out := simulate(t, "out", small)
	if code, _, stderr := cfuCommand(t, "amortize", out); code != 0 {
		t.Fatal(stderr)
	}
	for _, file := range []string{runfolder.SummaryFile, runfolder.ReportFile} {
		if _, err := os.Lstat(filepath.Join(out, file)); err == nil {
			t.Errorf("amortize made %s, which was not there", file)
		}
	}
}

func TestAmortizeWithoutTheRunsInventory(t *testing.T) {
	oneGoroutine(t)
	out := simulate(t, "out", small)
	run, err := runfolder.ReadRun(out)
	if err != nil {
		t.Fatal(err)
	}
	run.Config.Inventory = "gone.json"
	if err := runfolder.WriteRun(out, run); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := cfuCommand(t, "amortize", out)
	if code != 1 || !strings.Contains(stderr, "gone.json") || !strings.Contains(stderr, "--inventory") {
		t.Errorf("exit %d, %q; want the file and the flag", code, stderr)
	}
}

// small is a run of one cell.
func small(s *simulated.Spec) { s.Concurrencies, s.Repeats, s.Requests = []int{2}, 1, 20 }
