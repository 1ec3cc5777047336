package main

import (
	"encoding/json"
	"errors"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cfubench/attribution/lca"
	"cfubench/meter"
	"cfubench/meter/rapl/powercaptest"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
)

// kills is how many records TestRecordKilled kills.
var kills = flag.Int("record-kills", 12, "kill this many records at random instants")

// sockets is a machine of two sockets; one register wraps some seconds after its
// start, about when a record's window begins.
func sockets(t *testing.T) (*powercaptest.Tree, meter.Power) {
	return powercaptest.New(t,
		powercaptest.Zone{Dir: "intel-rapl:0", Name: "package-0", Power: 80 * meter.Watt, Range: 262_143_328_850 * meter.Microjoule, Limit: 250 * meter.Watt},
		powercaptest.Zone{Dir: "intel-rapl:1", Name: "package-1", Power: 60 * meter.Watt, Range: 600 * meter.Joule, Start: 240 * meter.Joule, Limit: 250 * meter.Watt},
	), 140 * meter.Watt
}

// recording is cfu record as a process of its own, with its signals.
func recording(t *testing.T, tree *powercaptest.Tree, out string, args ...string) (*exec.Cmd, fileText) {
	t.Helper()
	line := append([]string{"record", "--out", out, "--meter", "rapl", "--sysfs", tree.Root, "--idle", "200ms"}, args...)
	cmd := exec.Command("cfu", line...)
	// A file, for a pipe would be open as long as the command is.
	stderr, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stderr.Close() })
	cmd.Stderr = stderr
	return cmd, fileText(stderr.Name())
}

// fileText prints as what is in a file.
type fileText string

func (f fileText) String() string {
	b, err := os.ReadFile(string(f))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// recorded reads record.json as an inventory does.
func recorded(t *testing.T, out string) lca.Record {
	t.Helper()
	r, err := derivation.Files{}.Record("", out)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// held fails unless the true energy of the record's windows lies in its bracket, but
// for what the tree's own writer was late.
func held(t *testing.T, tree *powercaptest.Tree, out string, power meter.Power) runfolder.Run {
	t.Helper()
	run, err := runfolder.ReadRun(out)
	if err != nil {
		t.Fatal(err)
	}
	satisfiesSchemas(t, out)
	r := recorded(t, out)
	var truth, slack meter.Energy
	for _, c := range run.Cells {
		truth += meter.EnergyOf(power, c.Window.Length())
		slack += meter.EnergyOf(power, 2*tree.Late())
	}
	if truth < r.EnergyLo-slack || truth > r.EnergyHi+slack {
		t.Errorf("the true %v are outside the bracket [%v, %v] and the %v that the tree may be late", truth, r.EnergyLo, r.EnergyHi, slack)
	}
	return run
}

// TestRecordCommand meters a command under a known power.
func TestRecordCommand(t *testing.T) {
	t.Parallel()
	tree, power := sockets(t)
	out := filepath.Join(t.TempDir(), "rec")
	cmd, stderr := recording(t, tree, out, "--label", "nap", "--kind", "training", "--", "sh", "-c", "echo from the command; cat; sleep 0.5; exit 7")
	cmd.Stdin = strings.NewReader("its input\n")
	stdout, err := cmd.Output()
	if got := exitCode(err); got != "7" {
		t.Fatalf("got exit %s, want the command's own 7:\n%s", got, stderr)
	}
	if got, want := string(stdout), "from the command\nits input\n"; got != want {
		t.Errorf("got the output %q, want the command's alone: %q", got, want)
	}
	run := held(t, tree, out, power)
	part := run.Record.Parts[0]
	if run.Record.Stage != "training" || run.Record.Label != "nap" || part.Exit == nil || *part.Exit != 7 {
		t.Errorf("got the record %+v", run.Record)
	}
	c := run.Cells[0]
	if len(run.Cells) != 1 || c.ID != runfolder.RecordCell || !c.Complete || c.IdleBefore.Length() == 0 || c.IdleAfter.Length() == 0 {
		t.Errorf("got the cells %+v, want one with idle time on both sides", run.Cells)
	}
	r := recorded(t, out)
	if r.Kind != meter.KindCounter || r.DeviceTime != c.Window.Length() || r.Metered != lca.Device {
		t.Errorf("got the record %+v", r)
	}
	code, preset, _ := cfu(t, t.Context(), nil, "amortize", "--print-preset", "cpu-server")
	if code != 0 {
		t.Fatalf("cfu amortize --print-preset: exit %d", code)
	}
	var inventory map[string]any
	if err := json.Unmarshal([]byte(preset), &inventory); err != nil {
		t.Fatal(err)
	}
	inventory["stages"] = []any{map[string]any{"name": "nap", "kind": "training", "record": filepath.Base(out)}}
	text, err := json.Marshal(inventory)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(filepath.Dir(out), "inventory.json") // a record is named as seen from it
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	inv, err := lca.Load(path, derivation.Files{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(inv.Upfront); n != 1 || math.Abs(inv.Upfront[0].Energy.Canonical()*3.6e6-r.Energy.Joules()) > 1e-6 {
		t.Errorf("got the stages %+v, want one of the record's %v", inv.Upfront, r.Energy)
	}
	for _, args := range [][]string{{"report", out}, {"attribute", out}, {"export", out, "--dir", filepath.Join(out, "csv")}} {
		if code, stdout, stderr := cfu(t, t.Context(), nil, args...); code != 0 {
			t.Errorf("cfu %v: got exit %d:\n%s%s", args, code, stdout, stderr)
		}
	}
	if code, _, stderr := cfu(t, t.Context(), nil, "amortize", out); code != 1 || !strings.Contains(stderr, `"record"`) {
		t.Errorf("cfu amortize: got exit %d, want one that says how a record is used:\n%s", code, stderr)
	}
}

// TestRecordSignals holds that signals are the command's, and what code they end in.
func TestRecordSignals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, script string
		signal       syscall.Signal
		want         string
	}{
		{"a command that a signal ends has 128 and its number", "echo up; exec sleep 30", syscall.SIGTERM, "143"},
		{"an interrupt is the command's to answer", "trap 'exit 5' INT; echo up; while :; do sleep 0.05; done", syscall.SIGINT, "5"},
		{"a signal that the command survives ends nothing", "trap 'echo again; n=1' USR1; echo up; while [ -z \"$n\" ]; do sleep 0.05; done; exit 4", syscall.SIGUSR1, "4"},
		{"a command that kills itself", "echo up; kill -KILL $$", 0, "137"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tree, power := sockets(t)
			out := filepath.Join(t.TempDir(), "rec")
			cmd, stderr := recording(t, tree, out, "--", "sh", "-c", test.script)
			startUp(t, cmd, stderr)
			if test.signal != 0 {
				if err := cmd.Process.Signal(test.signal); err != nil {
					t.Fatal(err)
				}
			}
			if got := exitCode(cmd.Wait()); got != test.want {
				t.Fatalf("got exit %s, want %s:\n%s", got, test.want, stderr)
			}
			held(t, tree, out, power)
		})
	}
}

// startUp starts a record and waits until its command says something.
func startUp(t *testing.T, cmd *exec.Cmd, stderr fileText) {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 16)); err != nil {
		t.Fatalf("the command said nothing: %v\n%s", err, stderr)
	}
}

// TestRecordIdleAfterASignal holds that who ends a record does not wait for the
// whole idle time after it: a second of it is metered.
func TestRecordIdleAfterASignal(t *testing.T) {
	t.Parallel()
	tree, power := sockets(t)
	out := filepath.Join(t.TempDir(), "rec")
	cmd, stderr := recording(t, tree, out, "--idle", "2500ms", "--", "sh", "-c", "echo up; exec sleep 30")
	startUp(t, cmd, stderr)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := exitCode(cmd.Wait()); got != "143" {
		t.Fatalf("got exit %s, want 143:\n%s", got, stderr)
	}
	cell := held(t, tree, out, power).Cells[0]
	if before, after := cell.IdleBefore.Length(), cell.IdleAfter.Length(); before < 2500*time.Millisecond || after < time.Second || after >= before {
		t.Errorf("metered %v of idling before the command and %v after the signal, want 2.5s and 1s", before, after)
	}
}

// TestRecordProcess meters a process that is there until it ends, and a host for a
// time.
func TestRecordProcess(t *testing.T) {
	t.Parallel()
	tree, power := sockets(t)
	t.Run("pid", func(t *testing.T) {
		t.Parallel()
		there := exec.Command("sleep", "8")
		if err := there.Start(); err != nil {
			t.Fatal(err)
		}
		reaped := make(chan error, 1)
		go func() { reaped <- there.Wait() }()
		recordedAlone(t, tree, power, "--pid", strconv.Itoa(there.Process.Pid))
		if err := <-reaped; err != nil {
			t.Error(err)
		}
	})
	t.Run("until", func(t *testing.T) {
		t.Parallel()
		run := recordedAlone(t, tree, power, "--until", "600ms")
		if got := run.Cells[0].Window.Length(); got < 600*time.Millisecond {
			t.Errorf("metered %v, want the 600ms after the calibration, however long it took", got)
		}
	})
}

// recordedAlone records without a command.
func recordedAlone(t *testing.T, tree *powercaptest.Tree, power meter.Power, args ...string) runfolder.Run {
	t.Helper()
	out := filepath.Join(t.TempDir(), "rec")
	cmd, stderr := recording(t, tree, out, args...)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	return held(t, tree, out, power)
}

// TestRecordKilled kills records at random instants: what a folder then holds is
// whole up to seconds before, its energy in the bracket, and --append goes on.
func TestRecordKilled(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("kills a dozen processes")
	}
	tree, power := sockets(t)
	for range *kills {
		t.Run("kill", func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "rec")
			cmd, _ := recording(t, tree, out, "--", "sleep", "20")
			began := time.Now()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(rand.IntN(9000)) * time.Millisecond)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			killed := time.Now()
			_ = cmd.Wait() // it was killed
			run, err := runfolder.ReadRun(out)
			if err != nil { // before its window
				if _, err := os.Stat(filepath.Join(out, runfolder.RecordFile)); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("a record without a run: %v", err)
				}
				run = runfolder.Run{Record: &runfolder.Recorded{}}
			}
			for _, p := range run.Record.Parts { // the command outlives a cfu that is killed
				if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
					t.Errorf("the command did not outlive cfu: %v", err)
				}
			}
			cmd, stderr := recording(t, tree, out, "--append", "--", "sh", "-c", "sleep 0.3")
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s", err, stderr)
			}
			after := held(t, tree, out, power)
			last := after.Cells[len(after.Cells)-1]
			if !last.Complete || last.Window.Length() < 300*time.Millisecond {
				t.Errorf("got %+v of what went on", last)
			}
			if len(after.Cells) == 1 { // killed in the calibration, the idle time or the window's first moments
				return
			}
			first, part := after.Cells[0], after.Record.Parts[0]
			if !part.Cut || after.Record.Parts[1].Gap <= 0 || len(first.Reasons) == 0 {
				t.Errorf("nothing says that the first part was cut and a gap followed: %+v", after.Record)
			}
			end := time.Unix(0, first.OriginUnix).Add(first.Window.End)
			if lost := killed.Sub(end); lost > 3*time.Second || end.Before(began) {
				t.Errorf("killed %v after its start, it ends %v before that: want seconds at most", killed.Sub(began), lost)
			}
		})
	}
}
