package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cfubench/results/runfolder"
	"cfubench/results/summary"

	"golang.org/x/sync/errgroup"
)

// TestFourShardsMergeToOneClientsRun runs four clients that meet at each cell's
// start, one of them with a meter, and holds the merged run against one client's.
func TestFourShardsMergeToOneClientsRun(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, paced)
	dir := t.TempDir()
	flags := func(out string, more ...string) []string {
		return append([]string{"run", "--endpoint", e.URL, "--out", filepath.Join(dir, out), "--num-requests", "18", "--concurrency", "4",
			"--rate", "40", "--max-tokens", "3", "--idle", "50ms", "--warmup", "0", "--certify=false", "--report=false"}, more...)
	}
	code, _, stderr := cfu(t, t.Context(), nil, flags("one", "--meter", "cputime")...)
	mustFinish(t, code, stderr)

	const n = 4
	merge := []string{"merge", "--out", filepath.Join(dir, "merged")}
	var g errgroup.Group
	codes, errs := make([]int, n), make([]string, n)
	for i := range n {
		meter := "none"
		if i == 2 {
			meter = "cputime"
		}
		out := fmt.Sprintf("shard%d", i+1)
		args := flags(out, "--meter", meter, "--shard", fmt.Sprintf("%d/%d", i+1, n), "--rendezvous", filepath.Join(dir, "rendezvous"))
		g.Go(func() error {
			codes[i], _, errs[i] = cfu(t, t.Context(), nil, args...)
			return nil
		})
		merge = append(merge, filepath.Join(dir, out))
	}
	g.Wait()
	for i := range n {
		mustFinish(t, codes[i], errs[i])
		if i != 2 && strings.Contains(errs[i], "meter:") {
			t.Errorf("shard %d with --meter none speaks of meters:\n%s", i+1, errs[i])
		}
	}
	code, _, stderr = cfu(t, t.Context(), nil, merge...)
	mustFinish(t, code, stderr)

	merged := filepath.Join(dir, "merged")
	sameRun(t, filepath.Join(dir, "one"), merged)
	run := closed(t, merged)
	if len(run.Cells) != 2 {
		t.Fatalf("got %d cells, want 2", len(run.Cells))
	}
	for _, c := range run.Cells {
		if want := map[string]int{"b0-c4-r1": 4, "b0-rate40-r1": 0}[c.ID]; c.Concurrency != want || c.Requests != 18 {
			t.Errorf("%s: got %d requests at concurrency %d, want the 18 of all shards at %d", c.ID, c.Requests, c.Concurrency, want)
		}
		var last time.Duration
		for _, r := range rowsOf(t, merged, c.ID) {
			if r.Sent < c.Window.Start || r.Done > c.Window.End {
				t.Errorf("%s request %d: %v to %v is not in the window %v", c.ID, r.Request, r.Sent, r.Done, c.Window)
			}
			if c.Concurrency > 0 {
				continue
			}
			// The four begin together but for what a busy host keeps one of them.
			if r.Due < last-100*time.Millisecond {
				t.Errorf("%s request %d: due at %v, long before the one ahead of it at %v", c.ID, r.Request, r.Due, last)
			}
			last = max(last, r.Due)
		}
	}
	if run.Config.Shard != "" {
		t.Errorf("the merged run calls itself shard %v", run.Config.Shard)
	}
	if n := len(e.sent()); n != 4*18 {
		t.Errorf("the endpoint got %d requests, want those of two runs of two cells", n)
	}
}

func TestMergeRefusesWhatIsNotOneRun(t *testing.T) {
	t.Parallel()
	oneGoroutine(t)
	quickly, slowly := newEndpoint(t, paced), newEndpoint(t, slow)
	dir := t.TempDir()
	trace := filepath.Join(dir, "trace.jsonl")
	write := func(prompt string) {
		t.Helper()
		var b strings.Builder
		for i := range 8 {
			fmt.Fprintf(&b, `{"prompt": "%s %d", "output_tokens": 3}`+"\n", prompt, i)
		}
		if err := os.WriteFile(trace, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// shard runs one and returns its folder.
	shard := func(name, part, meter string, more ...string) string {
		t.Helper()
		out := filepath.Join(dir, name)
		code, _, stderr := cfu(t, t.Context(), nil, quick(quickly, out, append([]string{"--meter", meter, "--num-requests", "8", "--dataset", "jsonl:" + trace, "--shard", part}, more...)...)...)
		mustFinish(t, code, stderr)
		return out
	}
	write("one")
	first, second := shard("first", "1/2", "cputime"), shard("second", "2/2", "cputime")
	unmetered := shard("unmetered", "1/2", "none")
	unmetered2 := shard("unmetered2", "2/2", "none")
	otherFlags := shard("other-flags", "2/2", "cputime", "--seed", "2", "--max-tokens", "2")
	moreCells := shard("more-cells", "2/2", "cputime", "--repeat", "2")
	write("another")
	otherTrace := shard("other-trace", "2/2", "cputime")
	write("one")

	ctx, interrupt := context.WithCancel(t.Context())
	incomplete := filepath.Join(dir, "incomplete")
	go func() {
		for len(slowly.sent()) < 2 && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		interrupt()
	}()
	args := quick(slowly, incomplete, "--meter", "cputime", "--dataset", "jsonl:"+trace, "--shard", "2/2", "--num-requests", "8")
	if code, _, stderr := cfu(t, ctx, nil, args...); code != 1 {
		t.Fatalf("interrupted: got exit %d, want 1:\n%s", code, stderr)
	}
	// As if it had asked the same server.
	run, err := runfolder.ReadRun(incomplete)
	if err != nil {
		t.Fatal(err)
	}
	run.Config.Endpoint = quickly.URL
	if err := runfolder.WriteRun(incomplete, run); err != nil {
		t.Fatal(err)
	}

	for _, row := range []struct {
		why    string
		shards []string
		want   string
	}{
		{"a shard is missing", []string{first}, "first: it is shard 1/2: give the folders of all 2 shards, not 1"},
		{"a shard is given twice", []string{first, first}, "shard 2 of 2 is missing, or one is given twice"},
		{"a shard of another trace", []string{first, otherTrace}, "its trace is not"},
		{"a shard with other flags names them", []string{first, otherFlags}, "--max-tokens, --seed"},
		{"a shard with more cells names the flag", []string{first, moreCells}, "--repeat"},
		{"a shard whose cell was interrupted", []string{first, incomplete}, "cell b0-c2-r1 is not complete: "},
		{"nobody had a meter", []string{unmetered, unmetered2}, "no shard metered anything"},
		{"a folder without a run", []string{first, dir}, "run.json"},
	} {
		t.Run(row.why, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "merged")
			code, stdout, stderr := cfu(t, t.Context(), nil, append([]string{"merge", "--out", out}, row.shards...)...)
			if code != 1 || stdout != "" {
				t.Errorf("got exit %d and %q on stdout, want 1 and nothing", code, stdout)
			}
			if strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, row.want) {
				t.Errorf("got %q, want one line with %q", stderr, row.want)
			}
			if _, err := os.Stat(filepath.Join(out, runfolder.RunFile)); !os.IsNotExist(err) {
				t.Errorf("run.json of a merge that failed: got %v, want none", err)
			}
		})
	}
	t.Run("both metered, one after the other", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "merged")
		code, _, stderr := cfu(t, t.Context(), nil, "merge", "--out", out, second, first)
		if !strings.Contains(stderr, "shards 1 and 2 both metered: the readings of shard 1 are kept") {
			t.Errorf("got %q, want which readings are kept", stderr)
		}
		if code != 1 || !strings.Contains(errorLine(t, stderr), "("+summary.ReasonNotCovered+")") {
			t.Errorf("got exit %d and %q, want 1: nobody metered while the second shard sent", code, stderr)
		}
		code, _, stderr = cfu(t, t.Context(), nil, "merge", "--out", out, first, second)
		if code != 1 || !strings.Contains(stderr, "already holds a run") {
			t.Errorf("merge over a run: got exit %d and %q, want 1 and a refusal", code, stderr)
		}
	})
}

// A shard that fails does not leave the others waiting: they end with its reason.
func TestAShardThatFailsEndsTheOthers(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, paced)
	dir := t.TempDir()
	shard := func(i, meter string) *process {
		return start(t, nil, quick(e, filepath.Join(dir, i), "--meter", meter, "--sysfs", dir,
			"--shard", i+"/2", "--rendezvous", filepath.Join(dir, "rendezvous"))...)
	}
	first := shard("1", "none")
	failing := shard("2", "hwmon") // of which the empty folder has none
	if code := failing.wait(t); code != 1 {
		t.Fatalf("the failing shard: got exit %d, want 1:\n%s", code, &failing.stderr)
	}
	code, line := first.wait(t), errorLine(t, first.stderr.String())
	if code != 1 || !strings.Contains(line, "shard 2 has given up: ") || !strings.Contains(line, "hwmon") {
		t.Errorf("the other shard: got exit %d and %q, want 1 and why the first failed", code, line)
	}
}
