package main

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"cfubench/results/runfolder"
)

// TestFindRate searches the rate of a server of known capacity: one request at
// a time, at least 10 ms each, so 100 a second at most; on a busy machine less.
// The seed's arrivals come in a burst early on, which no rate near the capacity
// survives within the few requests that a test can wait for. It runs alone, as the other
// searches here do: beside tests that take the processor the rate found would be so low
// that its requests take minutes.
func TestFindRate(t *testing.T) {
	const capacity = 100
	e := newEndpoint(t, queued)
	out := filepath.Join(t.TempDir(), "out")
	args := []string{"run", "--endpoint", e.URL, "--out", out, "--meter", "cputime", "--num-requests", "40", "--max-tokens", "4",
		"--idle", "0s", "--warmup", "0", "--certify=false", "--report=false",
		"--repeat", "2", "--find-rate", "--slo", "ttft=60ms", "--slo-share", "0.9", "--find-rate-from", "40", "--find-rate-requests", "150", "--seed", "2"}
	code, stdout, stderr := cfu(t, t.Context(), nil, args...)
	mustFinish(t, code, stderr)
	run := closed(t, out)
	if len(run.RateSearches) != 1 || len(run.Cells) != 2 {
		t.Fatalf("got searches %+v and %d cells, want one and both repeats", run.RateSearches, len(run.Cells))
	}
	found := run.RateSearches[0]
	t.Logf("%+v", found.Trials)
	if found.Rate <= 0 || found.Rate >= capacity || found.SLO.String() != "ttft=60ms" {
		t.Errorf("got %.4g requests/s for %s, want a rate below the capacity of %d for ttft=60ms", found.Rate, found.SLO, capacity)
	}
	if found.FailedAt <= found.Rate || found.FailedAt > 2*capacity {
		t.Errorf("got the lowest failing rate %.4g, want one above the %.4g found", found.FailedAt, found.Rate)
	}
	if first := found.Trials[0].Rate; first != 40 {
		t.Errorf("got a first trial at %v requests/s, want --find-rate-from 40", first)
	}
	for _, trial := range found.Trials {
		if trial.Requests == 0 || trial.Met > trial.Requests || (trial.Verdict == "passes") != (trial.Rate <= found.Rate) {
			t.Errorf("got trial %+v, want requests, and a pass exactly where the rate is at most %v", trial, found.Rate)
		}
	}
	for i, c := range run.Cells {
		if c.Repeat != i+1 || c.Rate < 0.99*found.Rate || c.Rate > 1.01*found.Rate || !c.Complete || c.Requests == 0 {
			t.Errorf("got cell %+v, want repeat %d measured at the rate found, %v", c, i+1, found.Rate)
		}
	}
	if !strings.Contains(stdout, "90 % of requests meet ttft=60ms") {
		t.Errorf("the output does not say which rate was found:\n%s", stdout)
	}

	sent := len(e.sent())
	code, _, stderr = cfu(t, t.Context(), nil, append(args, "--resume")...)
	mustFinish(t, code, stderr)
	again, err := runfolder.ReadRun(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.sent()) != sent || len(again.RateSearches) != 1 || len(again.Cells) != 2 {
		t.Errorf("resume of a complete search: got %d more requests, %d searches and %d cells, want none, one and two",
			len(e.sent())-sent, len(again.RateSearches), len(again.Cells))
	}
}

// A search that is told no rate begins at half of what the saturated server completes,
// and says what it tries.
func TestFindRateWhereNoneKeepsTheSLO(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, paced)
	out := filepath.Join(t.TempDir(), "out")
	code, _, stderr := cfu(t, t.Context(), nil, "run", "--endpoint", e.URL, "--out", out, "--meter", "cputime", "--num-requests", "8",
		"--max-tokens", "4", "--idle", "0s", "--warmup", "0", "--certify=false", "--find-rate", "--slo", "e2e=1ms", "--slo-share", "0.5")
	if line := errorLine(t, stderr); code != 1 || !regexp.MustCompile(`e2e=1ms: no rate keeps the SLO: of [0-9]+ requests sent one at a time 0 met it`).MatchString(line) {
		t.Errorf("got exit %d and %q, want 1 and that no rate keeps the SLO", code, line)
	}
	for _, said := range []string{
		`rate search: 32 requests at a time show where to begin \(5s to 1m0s\)`,
		`rate search: trial 1: [0-9.e+]+ requests/s: \d+ to 2000 requests pass it, \S+ to \S+; one that fails ends sooner`,
		`rate search: [0-9.e+]+ requests/s: fails: 0 of \d+ requests met the SLO`,
		`rate search: up to \d+ requests one at a time show whether the server keeps the SLO without a queue`,
		`rate search: one request at a time: 0 of \d+ met the SLO`,
	} {
		if !regexp.MustCompile(said).MatchString(stderr) {
			t.Errorf("the run does not say %q:\n%s", said, stderr)
		}
	}
}

// A search goes on though some requests are never answered: they missed the objective
// when its bound had passed, and are not waited for until they time out.
func TestFindRateWhereSomeAreNeverAnswered(t *testing.T) {
	if testing.Short() {
		t.Skip("long, and alone")
	}
	e := newEndpoint(t, mute)
	began := time.Now()
	_, _, stderr := cfu(t, t.Context(), nil, "run", "--endpoint", e.URL, "--out", filepath.Join(t.TempDir(), "out"), "--meter", "cputime", "--num-requests", "10",
		"--max-tokens", "4", "--idle", "0s", "--warmup", "0", "--certify=false", "--report=false", "--timeout", "1m",
		"--find-rate", "--slo", "ttft=60ms", "--slo-share", "0.6", "--find-rate-from", "40", "--find-rate-requests", "100")
	// Of the trials that a request without an answer fell in, each would take a minute;
	// the cell at the rate that is found may have one too.
	trials := regexp.MustCompile(`requests/s: (?:passes|fails|undecided): (\d+) of (\d+) requests`).FindAllStringSubmatch(stderr, -1)
	long := 0
	for _, trial := range trials {
		if n, _ := strconv.Atoi(trial[2]); n > 20 {
			long++
		}
	}
	if took := time.Since(began); long == 0 || took > time.Minute+time.Duration(long)*30*time.Second {
		t.Errorf("got %d trials of more than 20 requests in %v, want some, without a wait for a timeout in each:\n%s", long, took, stderr)
	}
}
