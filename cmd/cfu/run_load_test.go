package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cfubench/loadgen"
	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// TestOpenLoop holds the due times of the tables against the law that was
// asked for. What is late on a busy machine is late: due times are not.
func TestOpenLoop(t *testing.T) {
	t.Parallel()
	const n, rate = 12, 20.0
	for _, row := range []struct {
		arrival string
		more    []string
		seeded  bool
		check   func(gaps []time.Duration) error
	}{
		{"constant", nil, false, func(gaps []time.Duration) error {
			for _, g := range gaps {
				if g != 50*time.Millisecond {
					return fmt.Errorf("got a gap of %v, want 50ms each", g)
				}
			}
			return nil
		}},
		{"poisson", nil, true, spread(0.2, 2.5)},
		{"gamma", []string{"--burstiness", "100"}, true, spread(0, 0.3)}, // coefficient of variation 0.1
	} {
		t.Run(row.arrival, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t, healthy)
			due := func(seed string) []time.Duration {
				t.Helper()
				out := filepath.Join(t.TempDir(), "out")
				args := append(load(e, out, "--num-requests", fmt.Sprint(n), "--rate", fmt.Sprintf("%v,inf", rate), "--arrival", row.arrival, "--seed", seed), row.more...)
				code, _, stderr := cfu(t, t.Context(), nil, args...)
				mustFinish(t, code, stderr)
				run := closed(t, out)
				if c := run.Cells[1]; !c.RateInf || c.ID != "b0-rateinf-r1" {
					t.Errorf("got second cell %+v, want b0-rateinf-r1", c)
				}
				for _, r := range rowsOf(t, out, "b0-rateinf-r1") {
					if r.Due != run.Cells[1].Window.Start && r.Due-run.Cells[1].Window.Start > 50*time.Millisecond {
						t.Errorf("rate inf, request %d: due %v after the window's start, want at once", r.Request, r.Due-run.Cells[1].Window.Start)
					}
				}
				var times []time.Duration
				rows := rowsOf(t, out, "b0-rate20-r1")
				slices.SortFunc(rows, func(a, b loadgen.Record) int { return a.Request - b.Request })
				for _, r := range rows {
					if r.Sent < r.Due {
						t.Errorf("request %d: sent at %v, before it was due at %v", r.Request, r.Sent, r.Due)
					}
					times = append(times, r.Due-rows[0].Due)
				}
				return times
			}
			times := due("1")
			if len(times) != n {
				t.Fatalf("got %d requests, want %d", len(times), n)
			}
			var gaps []time.Duration
			for i := 1; i < n; i++ {
				gaps = append(gaps, times[i]-times[i-1])
			}
			if err := row.check(gaps); err != nil {
				t.Errorf("%s: %v in %v", row.arrival, err, gaps)
			}
			if row.seeded {
				if other := due("2"); slices.Equal(other, times) {
					t.Errorf("%s: another seed gave the same times", row.arrival)
				}
			}
		})
	}
}

// spread checks that the coefficient of variation of gaps is within bounds.
func spread(lo, hi float64) func(gaps []time.Duration) error {
	return func(gaps []time.Duration) error {
		var sum, squares float64
		for _, g := range gaps {
			sum += g.Seconds()
			squares += g.Seconds() * g.Seconds()
		}
		n := float64(len(gaps))
		mean := sum / n
		if cv := math.Sqrt(squares/n-mean*mean) / mean; cv < lo || cv > hi {
			return fmt.Errorf("got a coefficient of variation of %.2f, want %.2f to %.2f", cv, lo, hi)
		}
		return nil
	}
}

// load are flags without a load, for the tests of loads.
func load(e *endpoint, out string, more ...string) []string {
	return append([]string{"run", "--endpoint", e.URL, "--out", out, "--meter", "cputime", "--max-tokens", "4",
		"--idle", "0s", "--warmup", "0", "--certify=false", "--report=false"}, more...)
}

func TestTraceArrivalKeepsTheTracesTimes(t *testing.T) {
	t.Parallel()
	trace := filepath.Join(t.TempDir(), "azure.csv")
	if err := os.WriteFile(trace, []byte(`TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,12,3
2023-11-16 18:15:46.8805900,7,2
2023-11-16 18:15:46.9805900,9,4
2023-11-16 18:15:47.4805900,5,1
`), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		arrival string
		scale   float64
	}{{"trace", 1}, {"trace:0.5", 0.5}} {
		t.Run(row.arrival, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t, paced)
			out := filepath.Join(t.TempDir(), "out")
			code, _, stderr := cfu(t, t.Context(), nil, load(e, out, "--dataset", "azure:"+trace, "--arrival", row.arrival, "--num-requests", "4")...)
			mustFinish(t, code, stderr)
			run := closed(t, out)
			rows := rowsOf(t, out, "b0-trace-r1")
			slices.SortFunc(rows, func(a, b loadgen.Record) int { return a.Request - b.Request })
			if len(rows) != 4 {
				t.Fatalf("got %d rows, want the trace's 4 requests", len(rows))
			}
			for i, want := range []time.Duration{0, 200, 300, 800} {
				want = time.Duration(float64(want) * row.scale * float64(time.Millisecond))
				if got := rows[i].Due - rows[0].Due; got != want {
					t.Errorf("request %d: due %v after the first, want %v", i, got, want)
				}
				if got, want := rows[i].OutputTokens, []int{3, 2, 4, 1}[i]; got != want || rows[i].TargetOutputTokens != want {
					t.Errorf("request %d: got %d output tokens for a target of %d, want %d", i, got, rows[i].TargetOutputTokens, want)
				}
			}
			if c := run.Cells[0]; c.Rate != 0 || c.Concurrency != 0 {
				t.Errorf("got cell %+v, want neither a rate nor a concurrency", c)
			}
			if sum, err := readSummary(out); err != nil || len(sum.Points) != 1 || sum.Points[0].Name != "b0-trace" || sum.Cells[0].Cell != "b0-trace-r1" {
				t.Errorf("got points %+v and %v, want b0-trace of b0-trace-r1", sum.Points, err)
			}
		})
	}
	t.Run("a trace without times is refused", func(t *testing.T) {
		e := newEndpoint(t, healthy)
		code, _, stderr := cfu(t, t.Context(), nil, load(e, filepath.Join(t.TempDir(), "out"), "--arrival", "trace")...)
		if line := errorLine(t, stderr); code != 1 || !strings.Contains(line, "the trace sample has no times") {
			t.Errorf("got exit %d and %q, want 1 and that the trace has no times", code, line)
		}
	})
}

// TestHistory sends a conversation of three turns and looks at what the server
// got as its history.
func TestHistory(t *testing.T) {
	t.Parallel()
	trace := filepath.Join(t.TempDir(), "sharegpt.json")
	if err := os.WriteFile(trace, []byte(`[{"id": "talk", "conversations": [
{"from": "human", "value": "first question of three"}, {"from": "gpt", "value": "the first answer of the trace"},
{"from": "human", "value": "second question of three"}, {"from": "gpt", "value": "the second answer of the trace"},
{"from": "human", "value": "third question of three"}, {"from": "gpt", "value": "the third answer of the trace"}]}]`), 0o644); err != nil {
		t.Fatal(err)
	}
	questions := []string{"first question of three", "second question of three", "third question of three"}
	for _, row := range []struct {
		history string
		answers [2]string
	}{
		{"answers", [2]string{strings.Repeat(answerWord(1), 4), strings.Repeat(answerWord(2), 4)}},
		{"trace", [2]string{"the first answer of the trace", "the second answer of the trace"}},
	} {
		t.Run(row.history, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t, paced)
			out := filepath.Join(t.TempDir(), "out")
			code, _, stderr := cfu(t, t.Context(), nil, load(e, out, "--dataset", "sharegpt:"+trace, "--tokenizer", "words",
				"--multi-turn", "--history", row.history, "--think", "100ms", "--num-requests", "3")...)
			mustFinish(t, code, stderr)
			closed(t, out)
			bodies := e.sent()
			if len(bodies) != 3 {
				t.Fatalf("got %d requests, want one a turn", len(bodies))
			}
			for turn, body := range bodies {
				var want []string
				for i := range turn {
					want = append(want, "user: "+questions[i], "assistant: "+row.answers[i])
				}
				want = append(want, "user: "+questions[turn])
				var got []string
				for _, m := range body["messages"].([]any) {
					m := m.(map[string]any)
					text := m["content"].(string)
					if i := strings.Index(text, questions[0]); i > 0 {
						text = text[i:] // the salt is ahead of it
					}
					got = append(got, fmt.Sprintf("%s: %s", m["role"], text))
				}
				if !slices.Equal(got, want) {
					t.Errorf("turn %d: got messages %q, want %q", turn, got, want)
				}
			}
			rows := rowsOf(t, out, "b0-c1-r1")
			for i, r := range rows {
				if r.Conversation != "talk" || r.Turn != i {
					t.Errorf("row %d: got turn %d of %q, want turn %d of talk", i, r.Turn, r.Conversation, i)
				}
				if i > 0 && r.Sent-rows[i-1].Done < 100*time.Millisecond {
					t.Errorf("turn %d: sent %v after the answer to the one before, want the 100ms of --think at least", i, r.Sent-rows[i-1].Done)
				}
			}
		})
	}
}

func TestCompletionsAPI(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, paced)
	out := filepath.Join(t.TempDir(), "out")
	code, _, stderr := cfu(t, t.Context(), nil, load(e, out, "--api", "completions", "--num-requests", "3")...)
	mustFinish(t, code, stderr)
	closed(t, out)
	for i, body := range e.sent() {
		prompt, ok := body["prompt"].(string)
		if !ok || prompt == "" || body["messages"] != nil || e.paths[i] != "/v1/completions" {
			t.Errorf("got %v at %s, want a prompt at /v1/completions", body, e.paths[i])
		}
	}
	for _, r := range rowsOf(t, out, "b0-c1-r1") {
		if !r.OK() || r.OutputTokens < 1 || r.FirstToken == loadgen.Never {
			t.Errorf("got %+v, want an answer with stamped tokens", r)
		}
	}
}

func TestMaxInFlightHoldsBackAndSaysSo(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, paced)
	out := filepath.Join(t.TempDir(), "out")
	code, _, stderr := cfu(t, t.Context(), nil, load(e, out, "--rate", "inf", "--max-in-flight", "2", "--num-requests", "6")...)
	if e.peak != 2 {
		t.Errorf("got %d requests in flight at most, want the 2 of --max-in-flight", e.peak)
	}
	held := 0
	for _, r := range rowsOf(t, out, "b0-rateinf-r1") {
		if slices.Contains(r.Flags, loadgen.FlagHeld) {
			held++
			if r.Lateness() <= 0 {
				t.Errorf("request %d was held back and is not late", r.Request)
			}
		}
	}
	if held != 4 {
		t.Errorf("got %d requests flagged %s, want the 4 that found no room", held, loadgen.FlagHeld)
	}
	mustFinish(t, code, stderr)
	summary, err := summary.Summarize(t.Context(), out)
	if err != nil {
		t.Fatal(err)
	}
	if n := summary.Cells[0].Whole.Lateness.N; n != 2 {
		t.Errorf("got %d requests in the lateness, want the 2 that were not held", n)
	}
}

func TestStopRules(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why     string
		fault   fault
		flags   []string
		atMost  int    // rows
		failed  int    // rows with an error, at least
		invalid string // in the last line, "" for a run that is valid
	}{
		{"--max-errors ends a cell that only fails", status500, []string{"--max-errors", "3", "--num-requests", "500"}, 100, 3, "errors"},
		{"--max-duration ends a cell with what was sent by then", paced, []string{"--max-duration", "300ms", "--num-requests", "500"}, 100, 0, ""},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t, row.fault)
			out := filepath.Join(t.TempDir(), "out")
			code, _, stderr := cfu(t, t.Context(), nil, load(e, out, row.flags...)...)
			t.Logf("exit %d\n%s", code, stderr)
			if row.invalid == "" {
				mustFinish(t, code, stderr)
			} else if line := errorLine(t, stderr); code != 1 || !strings.Contains(line, row.invalid) {
				t.Errorf("got exit %d and %q, want 1 and %q", code, line, row.invalid)
			}
			run, err := runfolder.ReadRun(out)
			if err != nil {
				t.Fatal(err)
			}
			c := run.Cells[0]
			if c.Requests < 1 || c.Requests > row.atMost || c.Errors < row.failed || c.Requests != len(e.sent()) {
				t.Errorf("got %d requests with %d errors for %d sent, want at most %d with at least %d", c.Requests, c.Errors, len(e.sent()), row.atMost, row.failed)
			}
		})
	}
}
