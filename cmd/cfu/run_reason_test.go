package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cfubench/results/runfolder"
)

// TestAFailureIsSaidOnce: an engine that ends in mid-run is the reason on
// stderr, alone; that the cell is therefore invalid stands in the table.
func TestAFailureIsSaidOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	trace := filepath.Join(dir, "trace.jsonl")
	if err := os.WriteFile(trace, []byte(strings.Repeat(`{"prompt":"one two three","output_tokens":64}`+"\n", 512)), 0o644); err != nil {
		t.Fatal(err)
	}
	out, marker := filepath.Join(dir, "out"), fmt.Sprintf("reason-test-%d", os.Getpid())
	p := start(t, nil, "run", "--engine-cmd", "burn-engine "+marker+" {batch} {port}", "--dataset", "jsonl:"+trace, "--num-requests", "512",
		"--concurrency", "2", "--warmup", "0", "--idle", "0s", "--certify=false", "--report=false", "--out", out)
	eventually(t, "row", func() bool {
		rows, _, err := runfolder.Requests().Read(filepath.Join(runfolder.CellDir(out, "b1-c2-r1"), runfolder.RequestsFile))
		return err == nil && len(rows) > 0
	})
	if err := exec.Command("pkill", "-KILL", "-f", "^burn-engine "+marker).Run(); err != nil {
		t.Fatalf("kill the engine: %v", err)
	}
	code, stderr := p.wait(t), p.stderr.String()
	const why = "the engine ended in mid-run: "
	if code != 1 || strings.Count(stderr, "\ncfu run: "+why) != 1 || strings.Count(stderr, why) != 1 || strings.Contains(stderr, "the run is invalid") {
		t.Errorf("got exit %d and %q, want 1 and %q once, as the only reason", code, stderr, why)
	}
	if !strings.Contains(p.stdout.String(), "invalid: incomplete") {
		t.Errorf("got %q on stdout, want the cell's row with its verdict", &p.stdout)
	}
}
