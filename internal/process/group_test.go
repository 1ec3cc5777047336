package process

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"cfubench/internal/process/processtest"
)

// start starts this binary in a part and waits until it and all that come of it
// are there.
func start(t *testing.T, traits string, s Spec) (*Group, []int) {
	t.Helper()
	out := &processtest.Log{}
	s.Args, s.Env, s.Output = []string{os.Args[0]}, append(os.Environ(), playAs+"="+traits), out
	g, err := Start(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Stop(context.Background()) })
	for deadline := time.Now().Add(time.Minute); !strings.Contains(out.String(), "ready"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the process does not come up; it printed %q", out.String())
		}
	}
	return g, append(pids(out.String()), g.PID())
}

func pids(printed string) []int { return processtest.Named(printed, "self") }

// awaitEnd fails the test if some of the processes run on.
func awaitEnd(t *testing.T, pids []int, comment string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); len(processtest.Running(pids)) > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			left := processtest.Running(pids)
			for _, pid := range left {
				syscall.Kill(pid, syscall.SIGKILL)
			}
			t.Fatalf("%s: processes %v of %v still run", comment, left, pids)
		}
	}
}

var families = []struct {
	name, traits string
	processes    int
}{
	{"one that ends at SIGTERM", "plain", 1},
	{"one that ignores SIGTERM", "ignores-term", 1},
	{"children", "children", 3},
	{"children of one that ignores SIGTERM", "ignores-term+children", 3},
	{"a worker with a session of its own", "own-session", 2},
	{"one that ignores SIGTERM and has a session of its own", "stubborn-session", 2},
	{"a daemon whose parent is gone", "daemon", 2},
	{"a daemon with nothing in its environment", "lost", 2},
	{"such a daemon that ignores SIGTERM", "stubborn-lost", 2},
	{"all of them", "ignores-term+children+own-session+stubborn-session+daemon+stubborn-lost", 7},
}

func TestStopLeavesNoProcess(t *testing.T) {
	empty := t.TempDir()
	for _, f := range families {
		for _, how := range []struct {
			name string
			spec Spec
		}{
			{"where control groups can be made", Spec{}},
			{"without control groups", Spec{NoCgroup: true}},
			{"without /proc", Spec{ProcFS: empty}},
			{"without either", Spec{ProcFS: empty, NoCgroup: true}},
		} {
			t.Run(f.name+", "+how.name, func(t *testing.T) {
				t.Parallel()
				how.spec.Grace = 500 * time.Millisecond
				g, all := start(t, f.traits, how.spec)
				if got := len(processtest.Running(all)); got < f.processes {
					t.Fatalf("%d of %v run before Stop, want %d", got, all, f.processes)
				}
				if err := g.Stop(t.Context()); err != nil {
					t.Errorf("Stop: %v", err)
				}
				if left := processtest.Running(all); len(left) > 0 {
					awaitEnd(t, all, "after Stop")
				}
				if err := g.Stop(t.Context()); err != nil {
					t.Errorf("second Stop: %v", err)
				}
				if g.Err() == nil {
					t.Error("Err is nil after the end")
				}
				if _, err := os.Stat(g.contained); g.contained != "" && err == nil {
					t.Errorf("control group %s is left", g.contained)
				}
				if _, err := ReadStat(ProcFS, g.watchdog.cmd.Process.Pid); err == nil {
					t.Errorf("the watchdog, process %d, is left", g.watchdog.cmd.Process.Pid)
				}
			})
		}
	}
}

// When the process that started a group is killed, the group ends all the same.
func TestKilledStarterLeavesNoProcess(t *testing.T) {
	for _, f := range families {
		for _, how := range []string{"cgroup", "no-cgroup", "no-proc"} {
			t.Run(f.name+", "+how, func(t *testing.T) {
				t.Parallel()
				launcher := exec.Command(os.Args[0], how, os.Args[0])
				launcher.Env = append(os.Environ(), playAs+"=launcher", "PART_OF_ITS_CHILD="+f.traits)
				out, err := launcher.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := launcher.Start(); err != nil {
					t.Fatal(err)
				}
				var printed strings.Builder
				lines := bufio.NewScanner(out)
				for lines.Scan() {
					printed.WriteString(lines.Text() + "\n")
					if len(pids(printed.String())) >= f.processes && strings.Contains(printed.String(), "ready") {
						break
					}
				}
				all := pids(printed.String())
				if got := len(processtest.Running(all)); got < f.processes {
					t.Errorf("%d of %v run, want %d:\n%s", got, all, f.processes, printed.String())
				}
				launcher.Process.Kill()
				launcher.Wait()
				awaitEnd(t, all, "after the starter was killed")
			})
		}
	}
}

// When somebody kills the watchdog, the starter learns it and ends the group.
func TestKilledWatchdog(t *testing.T) {
	g, all := start(t, "ignores-term+children", Spec{})
	if err := g.watchdog.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-g.Exited()
	if !errors.Is(g.Err(), errWatchdog) {
		t.Errorf("Err = %v, want %v", g.Err(), errWatchdog)
	}
	if err := g.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
	awaitEnd(t, all, "after the watchdog was killed")
	if _, err := os.Stat(g.contained); g.contained != "" && err == nil {
		t.Errorf("control group %s is left", g.contained)
	}
}

// What the first process inherits is what it would without a watchdog: folder,
// variables, signals, and the same open files.
func TestInherited(t *testing.T) {
	args := []string{"sh", "-c", `pwd; echo "[$VALUE]"; ls /proc/self/fd; grep SigIgn /proc/self/status`}
	env := append(os.Environ(), "VALUE=first", "VALUE=a\xff\nb")
	direct := exec.Command(args[0], args[1:]...)
	direct.Env = env
	want, err := direct.CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	var out processtest.Log
	g, err := Start(Spec{Args: args, Env: env, Output: &out})
	if err != nil {
		t.Fatal(err)
	}
	<-g.Drained()
	if err := g.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if out.String() != string(want) || !strings.Contains(out.String(), "[a\xff\nb]") {
		t.Errorf("the process says\n%s\nwant\n%s", out.String(), want)
	}
}

func TestStopAtOnceWhenContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	g, all := start(t, "ignores-term+children", Spec{Grace: time.Hour})
	cancel()
	if err := g.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
	awaitEnd(t, all, "after Stop with an ended context")
}

func TestOneThatDies(t *testing.T) {
	var out processtest.Log
	log := NewLog(&out, nil)
	g, err := Start(Spec{Args: []string{os.Args[0]}, Env: append(os.Environ(), playAs+"=dies"), Output: log})
	if err != nil {
		t.Fatal(err)
	}
	<-g.Exited()
	<-g.Drained()
	if err := g.Err(); err == nil || err.Error() != "exit status 7" {
		t.Errorf("Err = %v, want exit status 7", err)
	}
	if got := log.Last(); got != "  out of memory" {
		t.Errorf("the last lines are %q", got)
	}
	if err := g.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
}

func TestStartFails(t *testing.T) {
	if _, err := Start(Spec{Args: []string{filepath.Join(t.TempDir(), "none")}}); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a program that is not there: %v", err)
	}
}

func TestParseStat(t *testing.T) {
	// After proc_pid_stat(5); the name holds what it likes.
	const rest = " S 41 42 40 0 -1 4194560 1 0 0 0 1 2 3 4 20 0 1 0 987654 1000 100"
	want := Stat{PID: 43, Parent: 41, Group: 42, Session: 40, State: 'S', User: 10 * time.Millisecond, System: 20 * time.Millisecond,
		ChildUser: 30 * time.Millisecond, ChildSystem: 40 * time.Millisecond, Started: 987654}
	for _, c := range []struct {
		comment, stat, name string
		ok                  bool
	}{
		{"a plain name", "43 (sleep)" + rest, "sleep", true},
		{"a name with spaces and parentheses", "43 (tmux: (1) x)" + rest, "tmux: (1) x", true},
		{"a name with a line feed", "43 (a\n1 (b) R 1)" + rest, "a\n1 (b) R 1", true},
		{"a line cut short", "43 (sleep) S 41", "", false},
		{"a field that is no number", "43 (sleep) S x 42 40 0 -1 4194560 1 0 0 0 1 2 3 4 20 0 1 0 987654 1000 100", "", false},
		{"nothing", "", "", false},
		{"another thing", "no parenthesis here", "", false},
		{"parentheses the wrong way round", "43 )(" + rest, "", false},
	} {
		got, err := ParseStat([]byte(c.stat))
		want.Name = c.name
		if (err == nil) != c.ok || c.ok && got != want {
			t.Errorf("%s: %+v, %v, want %+v", c.comment, got, err, want)
		}
	}
	all, err := All(ProcFS)
	if err != nil {
		t.Skip(err)
	}
	if !slices.ContainsFunc(all, func(s Stat) bool { return s.PID == os.Getpid() && s.Parent == os.Getppid() }) {
		t.Errorf("this process %d is not among the host's %d", os.Getpid(), len(all))
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("43 (sleep) S 41 42 40 0 -1 4194560 1 0 0 0 1 2 3 4 20 0 1 0 987654 1000 100"))
	f.Fuzz(func(t *testing.T, b []byte) { ParseStat(b) })
}
