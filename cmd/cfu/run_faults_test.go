package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"cfubench/results/runfolder"
)

// quick are flags for runs against the test endpoint, which this very process
// serves: the meter is the CPU-time model of the test itself.
func quick(e *endpoint, out string, more ...string) []string {
	return append([]string{"run", "--endpoint", e.URL, "--out", out, "--num-requests", "4", "--concurrency", "2",
		"--idle", "50ms", "--warmup", "0", "--certify=false", "--report=false", "--max-tokens", "4"}, more...)
}

func TestFailedRequestsAreRowsWithTheirError(t *testing.T) {
	t.Parallel()
	tests := []struct {
		fault      fault
		code       int
		wantErr    string // in the failed rows, "" if none fails
		wantStatus int
		failed     int
	}{
		{paced, 0, "", 200, 0},
		{status500, 1, "out of memory", 500, 4},
		{status429, 1, "slow down", 429, 4},
		{cut, 1, "stream", 200, 4},
		{malformed, 1, "", 200, 4},
		{oddFails, 1, "out of memory", 500, 2},
	}
	for _, tt := range tests {
		t.Run(string(tt.fault), func(t *testing.T) {
			e := newEndpoint(t, tt.fault)
			out := filepath.Join(t.TempDir(), "out")
			code, stdout, stderr := cfu(t, t.Context(), nil, quick(e, out)...)
			if tt.code == 0 {
				mustFinish(t, code, stderr)
			} else if code != tt.code {
				t.Errorf("got exit %d, want %d; stderr:\n%s", code, tt.code, stderr)
			}
			rows, _, err := runfolder.Requests().Read(filepath.Join(out, "cells", "b0-c2-r1", "requests.arrow"))
			if err != nil {
				t.Fatalf("read back: %v\nstderr:\n%s", err, stderr)
			}
			if len(rows) != 4 {
				t.Fatalf("got %d rows, want every one of the 4 requests", len(rows))
			}
			failed := 0
			for _, r := range rows {
				if r.OK() {
					continue
				}
				failed++
				if !strings.Contains(r.Err, tt.wantErr) || strings.Contains(r.Err, "\n") {
					t.Errorf("request %d: got error %q, want one line with %q", r.Request, r.Err, tt.wantErr)
				}
				if r.Status != tt.wantStatus {
					t.Errorf("request %d: got status %d, want %d", r.Request, r.Status, tt.wantStatus)
				}
			}
			if failed != tt.failed {
				t.Errorf("got %d failed rows, want %d", failed, tt.failed)
			}
			if tt.failed == 4 && regexp.MustCompile(`\d J`).MatchString(stdout) {
				t.Errorf("a run without one success printed a headline figure:\n%s", stdout)
			}
		})
	}
}

func TestWrongModelIsRefusedBeforeTheRun(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, paced)
	out := filepath.Join(t.TempDir(), "out")
	code, _, stderr := cfu(t, t.Context(), nil, quick(e, out, "--model", "huge")...)
	if code != 1 || !strings.Contains(stderr, `"huge"`) || !strings.Contains(stderr, "tiny") {
		t.Errorf("got exit %d and %q, want 1 and a line naming the model asked for and the one there is", code, stderr)
	}
}

func TestOutThatHoldsARunIsNotTouched(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, paced)
	out := filepath.Join(t.TempDir(), "out")
	first, _, said := cfu(t, t.Context(), nil, quick(e, out)...)
	mustFinish(t, first, said)
	before, err := os.ReadFile(filepath.Join(out, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	code, _, stderr := cfu(t, t.Context(), nil, quick(e, out)...)
	if code != 1 || !strings.Contains(stderr, "already holds a run") {
		t.Errorf("got exit %d and %q, want 1 and 'already holds a run'", code, stderr)
	}
	after, err := os.ReadFile(filepath.Join(out, "run.json"))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("run.json of the earlier run was changed (err %v)", err)
	}
}

func TestResumeWithOtherFlagsSaysWhichDiffer(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, paced)
	out := filepath.Join(t.TempDir(), "out")
	first, _, said := cfu(t, t.Context(), nil, quick(e, out)...)
	mustFinish(t, first, said)
	code, _, stderr := cfu(t, t.Context(), nil, quick(e, out, "--resume", "--seed", "2")...)
	if code != 1 || !strings.Contains(stderr, "--seed") {
		t.Errorf("got exit %d and %q, want 1 and the flag that differs", code, stderr)
	}
	code, _, stderr = cfu(t, t.Context(), nil, quick(e, out, "--resume")...)
	mustFinish(t, code, stderr)
	if !strings.Contains(stderr, "nothing is left to measure") {
		t.Errorf("got %q, want the cell taken from the earlier run", stderr)
	}
}

func TestTheAPIKeyIsSentAndKeptNowhere(t *testing.T) {
	t.Parallel()
	const key = "sk-secret-0123456789"
	e := newEndpoint(t, oddFails)
	e.model = "tiny-" + key // a server may say it anywhere
	out := filepath.Join(t.TempDir(), "out")
	env := func(name string) string {
		if name == "MY_KEY" {
			return key
		}
		return ""
	}
	_, stdout, stderr := cfu(t, t.Context(), env, quick(e, out, "--api-key-env", "MY_KEY")...)
	e.mu.Lock()
	got := e.headers[0].Get("Authorization")
	e.mu.Unlock()
	if got != "Bearer "+key {
		t.Errorf("got Authorization %q, want the bearer key", got)
	}
	if strings.Contains(stdout+stderr, key) {
		t.Error("the key was printed")
	}
	err := filepath.WalkDir(out, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(key)) {
			t.Errorf("%s holds the key", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestBodiesAsk(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, paced)
	out := filepath.Join(t.TempDir(), "out")
	code, _, stderr := cfu(t, t.Context(), nil, quick(e, out, "--ignore-eos", "--min-tokens", "--extra-body", `{"top_k": 1}`)...)
	mustFinish(t, code, stderr)
	prompts := map[string]bool{}
	for _, b := range e.sent() {
		if b["temperature"] != 0.0 || b["ignore_eos"] != true || b["min_tokens"] != b["max_tokens"] || b["stream"] != true || b["top_k"] != 1.0 {
			t.Errorf("got body %v, want temperature 0, ignore_eos, min_tokens like max_tokens, stream and the extra field", b)
		}
		if o, _ := b["stream_options"].(map[string]any); o["include_usage"] != true {
			t.Errorf("got stream_options %v, want include_usage", b["stream_options"])
		}
		m := b["messages"].([]any)[0].(map[string]any)["content"].(string)
		if prompts[m] {
			t.Errorf("two requests share one prompt: %.40q", m)
		}
		prompts[m] = true
	}
}
