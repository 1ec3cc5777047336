package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// The tests of the files with_ start the real engine (scripts/engine) and drive it
// through the built binary, as a user would. They are the longest of the package, and
// the files' names have go test begin with them as a rule: it releases parallel tests
// from the last to the first.

// TestRealEngine runs one after another what has the engine compute most of the time.
func TestRealEngine(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the real engine")
	}
	t.Parallel()
	t.Run("sweep", sweepOnTheRealEngine)
	t.Run("a run that is stopped keeps its rows and resumes", runThatIsStopped)
	t.Run("an engine that dies in mid-run is reported", engineThatDies)
}

// repoRoot is the checkout's folder.
func repoRoot(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// engineFlags are those of a short run on the real engine.
func engineFlags(t *testing.T, out string, more ...string) []string {
	return append([]string{"run", "--engine-cmd", repoRoot(t) + "/scripts/engine --batch {batch} --port {port}",
		"--dataset", "sample", "--num-requests", "6", "--seed", "1", "--max-prompt-tokens", "128",
		"--max-tokens", "12", "--ignore-eos", "--idle", "300ms", "--warmup", "1", "--out", out}, more...)
}

// engines counts the running processes of the real engine under this test.
func engines(t *testing.T, marker string) int {
	t.Helper()
	b, err := exec.Command("pgrep", "-f", "-c", marker).Output()
	if exit := (&exec.ExitError{}); err != nil && !errors.As(err, &exit) {
		t.Skipf("pgrep: %v", err)
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return n
}

// sweepOnTheRealEngine holds the tables of a sweep to the invariants of the design, and
// opens them with other tools.
func sweepOnTheRealEngine(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	cmd := exec.Command("cfu", engineFlags(t, out, "--batch", "1,4", "--concurrency", "1,4", "--convention", "equal,token,residency,phase")...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("cfu run: %v\n%s", err, stderr.String())
	}

	run, err := runfolder.ReadRun(out)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, c := range run.Cells {
		ids = append(ids, c.ID)
	}
	if want := []string{"b1-c1-r1", "b1-c4-r1", "b4-c1-r1", "b4-c4-r1"}; !slices.Equal(ids, want) {
		t.Fatalf("got cells %v, want %v", ids, want)
	}
	if run.Engine[0].Kind != "llama.cpp" || run.Engine[1].EffectiveBatch != 4 {
		t.Errorf("got engines %+v, want llama.cpp with the batch limit read back", run.Engine)
	}
	realCounter := false
	for _, d := range run.Domains {
		realCounter = realCounter || d.Kind != meter.KindModel
	}
	for _, c := range run.Cells {
		checkCell(t, out, c)
	}
	rows, _, err := runfolder.Footprints().Read(filepath.Join(out, "footprint.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	type key struct{ cell, unit, category string }
	sums, totals := map[key]float64{}, map[key]float64{}
	for _, r := range rows {
		k := key{r.Cell, string(r.FunctionalUnit), string(r.Category)}
		if string(r.Stage) == "total" {
			totals[k] = r.Value
		} else {
			sums[k] += r.Value
		}
	}
	if len(totals) == 0 {
		t.Error("footprint.arrow has no totals")
	}
	for k, total := range totals {
		if math.Abs(sums[k]-total) > 1e-9*math.Abs(total) {
			t.Errorf("%v: stages sum to %g, want the total %g", k, sums[k], total)
		}
	}
	if !realCounter {
		if !strings.Contains(stdout.String(), "model") {
			t.Errorf("the printed table does not say that its joules are modelled:\n%s", stdout.String())
		}
		b, err := os.ReadFile(filepath.Join(out, "summary.json"))
		if err != nil || !bytes.Contains(b, []byte(`"model"`)) {
			t.Errorf("summary.json does not say that its joules are modelled (err %v)", err)
		}
	}
	if last := strings.Fields(stdout.String()); len(last) == 0 || !fileExists(last[len(last)-1]) {
		t.Errorf("the output does not end with the path of a file that exists:\n%s", stdout.String())
	}
	readWithPython(t, out)
}

// checkCell reads a cell's tables back and checks the invariants of the design.
func checkCell(t *testing.T, out string, c runfolder.Cell) {
	t.Helper()
	dir := filepath.Join(out, "cells", c.ID)
	requests, _, err := runfolder.Requests().Read(filepath.Join(dir, "requests.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	if len(requests) != 6 {
		t.Errorf("%s: got %d requests, want 6", c.ID, len(requests))
	}
	for _, r := range requests {
		if !r.OK() {
			t.Errorf("%s request %d failed: %s", c.ID, r.Request, r.Err)
			continue
		}
		if r.OutputTokens != r.TargetOutputTokens {
			t.Errorf("%s request %d: got %d output tokens, want the target %d", c.ID, r.Request, r.OutputTokens, r.TargetOutputTokens)
		}
		if !(r.Due <= r.Sent && r.Sent < r.FirstToken && r.FirstToken <= r.LastToken && r.LastToken <= r.Done) {
			t.Errorf("%s request %d: stamps out of order: %v %v %v %v %v", c.ID, r.Request, r.Due, r.Sent, r.FirstToken, r.LastToken, r.Done)
		}
		var n int32
		for _, k := range r.TokenCount {
			n += k
		}
		if int(n) != r.OutputTokens {
			t.Errorf("%s request %d: token counts sum to %d, want %d", c.ID, r.Request, n, r.OutputTokens)
		}
		if r.CachedTokens > 0 {
			t.Errorf("%s request %d: %d cached tokens, want none: a repeated prompt must not be free", c.ID, r.Request, r.CachedTokens)
		}
		if r.ServerPrefill <= 0 || r.ServerDecode <= 0 {
			t.Errorf("%s request %d: no server timings", c.ID, r.Request)
		}
	}
	shares, meta, err := runfolder.Energies().Read(filepath.Join(dir, "energy.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	type key struct{ convention, domain string }
	sums := map[key]meter.Energy{}
	rows := map[key]int{}
	for _, s := range shares {
		k := key{s.Convention, s.Domain}
		sums[k] += s.Energy
		rows[k]++
		// What is unattributed closes the sum to the counter's own difference,
		// which may be under the curve's.
		if s.Lo > s.Energy || s.Energy > s.Hi || s.Energy < 0 && s.Request != attribution.UnattributedRow {
			t.Errorf("%s %v request %d: energy %v is outside [%v, %v] or negative", c.ID, k, s.Request, s.Energy, s.Lo, s.Hi)
		}
		if s.Request >= 0 && s.Method == "" {
			t.Errorf("%s %v request %d: no method", c.ID, k, s.Request)
		}
	}
	readings, err := runfolder.ReadReadings(filepath.Join(dir, "readings.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range readings.Domains {
		energy := energyOf(t, meta, d.Name)
		for _, conv := range []string{"equal", "token", "residency", "phase"} {
			k := key{conv, d.Name}
			if rows[k] != 8 {
				t.Errorf("%s %v: got %d rows, want 6 requests, idle and unattributed", c.ID, k, rows[k])
			}
			if sums[k] != energy {
				t.Errorf("%s %v: shares sum to %d µJ, want the domain's energy %d µJ", c.ID, k, sums[k], energy)
			}
		}
	}
}

// readWithPython opens every table with pyarrow and polars as a user would.
func readWithPython(t *testing.T, out string) {
	python := os.Getenv("CFU_PYTHON")
	if python == "" {
		t.Log("CFU_PYTHON is not set: the tables were not read with pyarrow and polars")
		return
	}
	script := `
import sys, glob, json
import pyarrow.feather, pyarrow.ipc, polars
out = {}
for f in sorted(glob.glob(sys.argv[1] + "/**/*.arrow", recursive=True)):
    a = pyarrow.ipc.open_file(f).read_all()
    p = polars.read_ipc(f)
    assert a.num_rows == p.height, f
    assert all((a.schema.field(n).metadata or {}).get(b"unit") is not None for n in a.column_names), f
    out[f[len(sys.argv[1]) + 1:]] = a.num_rows
print(json.dumps(out))
`
	b, err := exec.Command(python, "-c", script, out).CombinedOutput()
	if err != nil {
		t.Fatalf("read with pyarrow and polars: %v\n%s", err, b)
	}
	var rows map[string]int
	if err := json.Unmarshal(b, &rows); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	for _, f := range []string{"footprint.arrow", "cells/b4-c4-r1/requests.arrow", "cells/b4-c4-r1/readings.arrow", "cells/b4-c4-r1/energy.arrow"} {
		if rows[f] == 0 {
			t.Errorf("%s: Python read %d rows, want some", f, rows[f])
		}
	}
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// running is a cfu that was started and has not ended yet.
type running struct {
	cmd    *exec.Cmd
	ended  chan error
	output *bytes.Buffer // read it after ended
}

// startAndWaitForRows starts cfu and returns when its first cell has written a
// row.
func startAndWaitForRows(t *testing.T, args []string, out, cell string) *running {
	t.Helper()
	cmd := exec.Command("cfu", args...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	path := filepath.Join(out, "cells", cell, "requests.arrow")
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if rows, _, err := runfolder.Requests().Read(path); err == nil && len(rows) > 0 {
			return &running{cmd, ended, &output}
		}
		select {
		case err := <-ended:
			t.Fatalf("cfu ended before it had a row: %v\n%s", err, output.String())
		default:
		}
		if time.Now().After(deadline) {
			cmd.Process.Kill()
			<-ended
			t.Fatalf("no row after a minute:\n%s", output.String())
		}
	}
}

func runThatIsStopped(t *testing.T) {
	tests := []struct {
		why    string
		signal syscall.Signal
	}{
		{"an interrupt finishes writing what is complete", syscall.SIGINT},
		{"a kill in mid-cell loses no complete row", syscall.SIGKILL},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			name := "resume-test-" + filepath.Base(t.TempDir()) + strconv.Itoa(os.Getpid()) + strconv.Itoa(int(tt.signal))
			args := engineFlags(t, out, "--batch", "2", "--concurrency", "2", "--num-requests", "8", "--max-tokens", "32", "--certify=false", "--report=false")
			args[2] += " --name " + name
			r := startAndWaitForRows(t, args, out, "b2-c2-r1")
			r.cmd.Process.Signal(tt.signal)
			err := <-r.ended
			if tt.signal == syscall.SIGINT && r.cmd.ProcessState.ExitCode() != 1 {
				t.Errorf("got %v, want exit 1:\n%s", err, r.output)
			}
			for deadline := time.Now().Add(10 * time.Second); engines(t, name) > 0; time.Sleep(50 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("the engine outlived cfu")
				}
			}
			kept, meta, err := runfolder.Requests().Read(filepath.Join(out, "cells", "b2-c2-r1", "requests.arrow"))
			if err != nil || len(kept) == 0 {
				t.Fatalf("got %d rows and error %v, want the completed rows", len(kept), err)
			}
			if _, err := runfolder.ReadReadings(filepath.Join(out, "cells", "b2-c2-r1", "readings.arrow")); err != nil {
				t.Errorf("readings of the stopped cell: %v", err)
			}

			resumed := exec.Command("cfu", append(args, "--resume")...)
			if b, err := resumed.CombinedOutput(); err != nil {
				t.Fatalf("resume: %v\n%s", err, b)
			}
			all, _, err := runfolder.Requests().Read(filepath.Join(out, "cells", "b2-c2-r1", "requests.arrow"))
			if err != nil || len(all) != 8 {
				t.Errorf("after resume: got %d rows and error %v, want 8", len(all), err)
			}
			run, err := runfolder.ReadRun(out)
			if err != nil || len(run.Cells) != 1 || !run.Cells[0].Complete {
				t.Fatalf("after resume: got cells %+v and error %v, want one complete cell", run.Cells, err)
			}
			if got, want := run.Cells[0].ScheduleHash, meta["schedule_hash"]; got != want || got == "" {
				t.Errorf("after resume: got schedule %s, want that of the start, %s", got, want)
			}
		})
	}
}

func engineThatDies(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	name := "dies-test-" + strconv.Itoa(os.Getpid())
	args := engineFlags(t, out, "--batch", "2", "--concurrency", "2", "--num-requests", "8", "--max-tokens", "32", "--certify=false")
	args[2] += " --name " + name
	r := startAndWaitForRows(t, args, out, "b2-c2-r1")
	if err := exec.Command("pkill", "-KILL", "-f", "engine.py.*"+name).Run(); err != nil {
		t.Fatalf("kill the engine: %v", err)
	}
	<-r.ended
	if code := r.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("got exit %d, want 1", code)
	}
	if !strings.Contains(r.output.String(), "the engine ended in mid-run") {
		t.Errorf("the output does not say that the engine ended:\n%s", r.output)
	}
	rows, _, err := runfolder.Requests().Read(filepath.Join(out, "cells", "b2-c2-r1", "requests.arrow"))
	if err != nil || len(rows) == 0 {
		t.Errorf("got %d rows and error %v, want the completed ones", len(rows), err)
	}
	failed := 0
	for _, r := range rows {
		if !r.OK() {
			failed++
		}
	}
	if failed == 0 {
		t.Error("got no failed row, want those that were in flight")
	}
}
