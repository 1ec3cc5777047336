package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cfubench/results/runfolder"
)

// onSmallDisk runs a command line in a process whose files may have kib KiB,
// which ends its writes as a full disk does, and returns how it ended.
func onSmallDisk(t *testing.T, kib int, args ...string) (code int, stderr string) {
	t.Helper()
	sh, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash, whose ulimit counts KiB, is not here")
	}
	cmd := exec.Command(sh, append([]string{"-c", fmt.Sprintf(`ulimit -f %d; exec cfu "$@"`, kib), "cfu"}, args...)...)
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), said.String()
}

// reasons are the lines by which a command says why it failed, from the first
// on: there is to be one.
func reasons(stderr string) []string {
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "cfu ") {
			return lines[i:]
		}
	}
	return nil
}

// TestOutThatCannotBeWritten: the run ends before anything is started.
func TestOutThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		about, out string
		kib        int // of the disk
		want       string
	}{
		{"a file where the folder should be", file, 1 << 20, "not a directory"},
		{"a file where the folder above should be", filepath.Join(file, "out"), 1 << 20, "not a directory"},
		{"a file system that takes no folders", "/proc/cfu-out", 1 << 20, "create folder"},
		{"a disk without a free byte", filepath.Join(t.TempDir(), "out"), 0, "lock "},
	} {
		t.Run(c.about, func(t *testing.T) {
			started := filepath.Join(t.TempDir(), "started")
			code, stderr := onSmallDisk(t, c.kib, "run", "--engine-cmd", "sh -c 'mkdir "+started+"; exec burn-engine {batch} {port}'", "--out", c.out)
			why := reasons(stderr)
			if code != 1 || len(why) != 1 || !strings.Contains(why[0], c.want) || !strings.Contains(why[0], c.out) {
				t.Errorf("got exit %d and %q, want 1 and one line with %s and %q", code, why, c.out, c.want)
			}
			if fileExists(started) {
				t.Error("the engine was started for a run that cannot be written")
			}
			if fileExists(filepath.Join(c.out, ".writable")) {
				t.Error("the probe was left behind")
			}
		})
	}
}

// TestDiskFull: the load stops where a table cannot be written, the reason is
// said once, the rows that were written stay, the engine ends, and --resume
// measures the cell again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		about string
		kib   int
		flags []string
		table string
	}{
		{"the requests' rows come first to the end, some seconds into the load", 40, []string{"--num-requests", "256", "--max-tokens", "4", "--idle", "0s", "--think", "20ms"}, runfolder.RequestsFile},
		{"the meters' readings do", 12, []string{"--num-requests", "32", "--max-tokens", "64", "--idle", "1m", "--poll", "2ms"}, runfolder.ReadingsFile},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			out, marker := filepath.Join(dir, "out"), fmt.Sprintf("disk-test-%d-%d", os.Getpid(), c.kib)
			trace := filepath.Join(dir, "trace.jsonl")
			if err := os.WriteFile(trace, []byte(strings.Repeat(`{"prompt":"one two three","output_tokens":64}`+"\n", 256)), 0o644); err != nil {
				t.Fatal(err)
			}
			args := append([]string{"run", "--engine-cmd", "burn-engine " + marker + " {batch} {port}", "--dataset", "jsonl:" + trace,
				"--concurrency", "2", "--warmup", "0", "--certify=false", "--report=false", "--out", out}, c.flags...)
			code, stderr := onSmallDisk(t, c.kib, args...)
			why := reasons(stderr)
			if code != 1 || len(why) != 1 || !strings.Contains(why[0], c.table+": "+syscall.EFBIG.Error()) {
				t.Errorf("got exit %d and %q, want 1 and one line that says that %s is too large:\n%s", code, why, c.table, stderr)
			}
			if n := engines(t, marker); n != 0 {
				t.Errorf("%d processes of the engine are left", n)
			}
			run, err := runfolder.ReadRun(out)
			if c.table == runfolder.ReadingsFile {
				// It happened in the idle baseline, before there was a row to keep.
				if err == nil {
					t.Errorf("got cells %+v, want no request sent after the meters ended", run.Cells)
				}
				return
			}
			if err != nil || len(run.Cells) != 1 || run.Cells[0].Complete || run.Cells[0].Interrupted == "" {
				t.Fatalf("got cells %+v and error %v, want one that says why it is incomplete", run.Cells, err)
			}
			if n := len(rowsOf(t, out, run.Cells[0].ID)); n == 0 || n >= 256 {
				t.Errorf("got %d rows, want those written before the disk was full", n)
			}
			code, _, stderr = cfu(t, t.Context(), nil, append(args, "--resume")...)
			mustFinish(t, code, stderr)
			if n := len(rowsOf(t, out, run.Cells[0].ID)); n != 256 {
				t.Errorf("got %d rows after --resume, want 256", n)
			}
		})
	}
}

// TestReadingsThatCannotBeWritten: a load that nobody meters is for nothing, so
// it stops; what was in flight is a row.
func TestReadingsThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, slow)
	out := filepath.Join(t.TempDir(), "out")
	code, stderr := onSmallDisk(t, 12, load(e, out, "--num-requests", "32", "--concurrency", "2", "--max-tokens", "64", "--ignore-eos", "--poll", "2ms", "--drain", "100ms")...)
	why := reasons(stderr)
	if code != 1 || len(why) != 1 || !strings.Contains(why[0], "store readings: ") || !strings.Contains(why[0], runfolder.ReadingsFile+": "+syscall.EFBIG.Error()) {
		t.Errorf("got exit %d and %q, want 1 and one line that says that the readings cannot be written:\n%s", code, why, stderr)
	}
	if n := len(e.sent()); n == 0 || n == 32 {
		t.Errorf("%d of 32 requests were sent, want those before the meters ended", n)
	}
	if rows := rowsOf(t, out, "b0-c2-r1"); len(rows) != len(e.sent()) {
		t.Errorf("got %d rows for %d requests sent", len(rows), len(e.sent()))
	}
}
