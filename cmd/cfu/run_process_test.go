package main

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a cfu in a process of its own: TestMain puts it on the path.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr lockedBuffer
	ended          chan struct{}
}

// start starts a command line; the process is killed with the test, if it still
// runs then.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	return startCommand(t, env, "cfu", args...)
}

// startCommand starts any program so.
func startCommand(t testing.TB, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.Env = append(p.cmd.Environ(), env...)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// wait returns the exit code, −1 after a signal.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		p.cmd.Process.Signal(syscall.SIGQUIT)
		<-p.ended
		t.Fatalf("cfu %s did not end within a minute:\n%s", strings.Join(p.cmd.Args[1:], " "), &p.stderr)
	}
	return p.cmd.ProcessState.ExitCode()
}

// eventually waits until ok, and fails the test if it does not come to that.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after 30 s: no %s", what)
		}
	}
}

// errorLine is the one line by which a failed command says why.
func errorLine(t *testing.T, stderr string) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	last := lines[len(lines)-1]
	if !strings.HasPrefix(last, "cfu ") {
		t.Errorf("stderr ends with %q, want a line of cfu's:\n%s", last, stderr)
	}
	return last
}

// mustFinish fails the test if a run did not come to its end. On a machine that
// is busy with other things, the client or the host may have been too slow for
// a verdict of valid, and the processor-time model (domain cpu), whose unit is a
// scheduler tick, may have seen none of a short window; these are findings of
// the run, not its failure.
func mustFinish(t *testing.T, code int, stderr string) {
	t.Helper()
	busy := regexp.MustCompile(`\((client_late|client_starved|idle_drift)\)|\bcpu did not advance`)
	if code == 0 {
		return
	}
	line := errorLine(t, stderr)
	_, why, invalid := strings.Cut(line, ": the run is invalid: ")
	if code != 1 || !invalid {
		t.Fatalf("got exit %d, want 0:\n%s", code, stderr)
	}
	for _, reason := range strings.Split(why, "; ") {
		if !busy.MatchString(reason) {
			t.Fatalf("got exit %d for %q, want a valid run:\n%s", code, reason, stderr)
		}
	}
	t.Logf("a busy machine: %s", why)
}

// lockedBuffer may be read while a process still writes to it.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String is what was printed, each sentence in one line.
func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return unwrapped(b.buf.String())
}
