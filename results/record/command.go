package record

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// command is a command that stands at its start until it is let go: its process
// is there before it does anything, so that its meters are. Its input, output,
// environment and process group are those of cfu, and it outlives cfu: a meter
// that is killed must not end two weeks of training.
type command struct {
	cmd    *exec.Cmd
	gate   *os.File // a byte lets it go
	exited chan struct{}
	failed error // of the wait, once exited is closed
	reaped sync.Once
	status error // of the command, once it is reaped
}

// wait takes the command's end from the kernel.
func (c *command) wait() error {
	c.reaped.Do(func() { c.status = c.cmd.Wait() })
	return c.status
}

// gateScript waits for a line on descriptor 3, closes it and becomes the command.
// Without the line cfu has gone, and nothing is run.
const gateScript = `IFS= read -r go <&3 || exit 125
exec 3<&-
unset go
exec "$@"`

// hold starts a command up to its gate. Wrong names are found here.
func hold(args []string) (*command, error) {
	path, err := exec.LookPath(args[0])
	if err != nil {
		return nil, fmt.Errorf("command %w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("pipe for the gate: %w", err)
	}
	defer r.Close()
	c := &command{gate: w, exited: make(chan struct{})}
	c.cmd = exec.Command("/bin/sh", append([]string{"-c", gateScript, "sh", path}, args[1:]...)...)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.cmd.ExtraFiles = []*os.File{r}
	if err := c.cmd.Start(); err != nil {
		w.Close()
		return nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	go func() {
		defer close(c.exited)
		c.failed = awaitEnd(c)
	}()
	return c, nil
}

func (c *command) pid() int { return c.cmd.Process.Pid }

// release lets the command begin.
func (c *command) release() error {
	_, err := c.gate.WriteString("\n")
	return errors.Join(err, c.gate.Close())
}

// ended is how a command ended.
type ended struct {
	code         int // 128 and the number of the signal that ended it
	signal       string
	user, system time.Duration
}

// reap takes the command's end from the kernel. The gate, if it is still shut, is
// given up.
func (c *command) reap() (ended, error) {
	c.gate.Close()
	err := c.wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return ended{}, fmt.Errorf("wait for the command: %w", err)
	}
	state := c.cmd.ProcessState
	e := ended{code: state.ExitCode(), user: state.UserTime(), system: state.SystemTime()}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		e.code, e.signal = 128+int(status.Signal()), unix.SignalName(status.Signal())
	}
	return e, nil
}

// forwarded are the signals that the command gets from cfu.
var forwarded = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2}

// signals are those sent to cfu from now on. The function ends that.
func signals() (<-chan os.Signal, func()) {
	c := make(chan os.Signal, 16)
	signal.Notify(c, forwarded...)
	return c, func() { signal.Stop(c) }
}

// pass gives the command a signal that cfu got, but for one that the terminal has
// sent to both.
func (c *command) pass(s os.Signal) {
	if (s == os.Interrupt || s == syscall.SIGQUIT) && foreground() {
		return
	}
	_ = c.cmd.Process.Signal(s) // it may have ended meanwhile
}

// foreground reports whether the terminal's keys are sent to cfu's process
// group, in which the command is.
func foreground() bool {
	for _, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		if !term.IsTerminal(int(f.Fd())) {
			continue
		}
		if group, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP); err == nil {
			return group == unix.Getpgrp()
		}
	}
	return false
}
