package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// A budget leaves out the cell whose schedule alone is longer, says so before the first
// and at the end, and measures the one behind it.
func TestBudgetLeavesOutWhatCannotEndInIt(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, paced)
	out := filepath.Join(t.TempDir(), "out")
	args := []string{"run", "--endpoint", e.URL, "--out", out, "--meter", "cputime", "--num-requests", "3", "--max-tokens", "4", "--idle", "0s",
		"--warmup", "0", "--certify=false", "--report=false", "--arrival", "constant", "--rate", "0.001,1000", "--budget", "15m"}
	const room = "--budget 15m0s: idle windows and schedules alone leave room for 1 of 2 cells"
	code, stdout, stderr := cfu(t, t.Context(), nil, append(args, "--dry-run")...)
	mustFinish(t, code, stderr)
	for _, said := range []string{"expected time: at least 33m20s, for idle windows and schedules", room} {
		if !strings.Contains(strings.ReplaceAll(stdout, "\n  ", " "), said) {
			t.Errorf("the plan does not say %q:\n%s", said, stdout)
		}
	}
	code, _, stderr = cfu(t, t.Context(), nil, args...)
	mustFinish(t, code, stderr)
	run := closed(t, out)
	if len(run.Cells) != 1 || run.Cells[0].Rate != 1000 {
		t.Errorf("got the cells %+v, want the one at 1000 requests/s", run.Cells)
	}
	for _, said := range []string{room, "--budget 15m0s: 1 of 2 cells are not measured; --resume measures them, within a budget of its own"} {
		if !strings.Contains(stderr, said) {
			t.Errorf("the run does not say %q:\n%s", said, stderr)
		}
	}
}
