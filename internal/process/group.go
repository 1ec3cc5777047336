// Package process starts processes that are ended as a whole, and reads what
// the kernel says of processes.
//
// A Group is a process and all that come of it. Its parent is a watchdog, a small
// process that outlives this one: should this one be killed, the watchdog ends the
// group all the same. On Linux the watchdog adopts every orphan among its descendants,
// whatever session or environment that has, so that none is lost; where the kernel
// lets it make control groups (cgroup v2), they are also the members of one. Should
// the watchdog be killed, the control group and the process group are left to end.
package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// DefaultGrace is how long a group may take to end after SIGTERM.
const DefaultGrace = 10 * time.Second

// Spec says what to start.
type Spec struct {
	Args []string
	Env  []string // nil for this process's
	// Output gets what the group prints, from one goroutine; nil for nowhere.
	Output io.Writer
	// Bind, if given, is called on a thread whose core mask the process inherits.
	Bind func() error
	// Grace is the time between SIGTERM and SIGKILL, DefaultGrace if 0.
	Grace time.Duration
	// ProcFS is where processes are looked for, ProcFS if empty.
	ProcFS string
	// NoCgroup leaves control groups alone.
	NoCgroup bool
}

// Group is a process that was started, and its descendants.
type Group struct {
	pid       int
	contained string // the folder of the control group, "" without
	output    *os.File
	watchdog  *watchdog
	tasks     errgroup.Group
	exited    chan struct{}
	exitErr   error         // valid once exited is closed
	over      chan struct{} // closed when the watchdog has no more to say
	left      []string      // processes that SIGKILL does not end, valid once over is closed
	drained   chan struct{}
	stop      sync.Once
	stopErr   error
}

// Start starts a group. The caller must Stop it.
func Start(s Spec) (*Group, error) {
	if s.Grace <= 0 {
		s.Grace = DefaultGrace
	}
	if s.ProcFS == "" {
		s.ProcFS = ProcFS
	}
	s.Env = (&exec.Cmd{Env: s.Env}).Environ() // the last of several values
	path, err := exec.LookPath(s.Args[0])
	if err != nil {
		return nil, err
	}
	args := slices.Concat([]string{path}, s.Args[1:])
	g := &Group{exited: make(chan struct{}), over: make(chan struct{}), drained: make(chan struct{})}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("pipe for the output of %s: %w", s.Args[0], err)
	}
	g.watchdog, err = bound(s.Bind, w)
	w.Close()
	if err != nil {
		r.Close()
		return nil, err
	}
	said := bufio.NewReader(g.watchdog.report)
	err = g.watchdog.order(order{Args: bytesOf(args), Env: bytesOf(s.Env), Grace: s.Grace, ProcFS: s.ProcFS, Cgroup: !s.NoCgroup})
	if err == nil {
		err = g.begun(said, path)
	}
	if err != nil {
		r.Close()
		g.watchdog.close()
		return nil, err
	}
	g.output = r
	g.tasks.Go(func() error {
		g.listen(said)
		return nil
	})
	g.tasks.Go(func() error {
		out := s.Output
		if out == nil {
			out = io.Discard
		}
		io.Copy(out, r) // ends when no process holds the pipe's other end
		close(g.drained)
		return nil
	})
	return g, nil
}

// bound starts the watchdog on a thread that bind has bound, which is thrown away
// after.
func bound(bind func() error, output *os.File) (w *watchdog, err error) {
	if bind == nil {
		return newWatchdog(output)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err = bind(); err == nil {
			w, err = newWatchdog(output)
		}
	}()
	<-done
	return w, err
}

// begun reads how the first process started.
func (g *Group) begun(said *bufio.Reader, path string) error {
	line, err := said.ReadString('\n')
	if err != nil {
		return errWatchdog
	}
	what, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	number, folder, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(number)
	if err != nil {
		return fmt.Errorf("the watchdog says %q: %w", line, err)
	}
	if what != sayStarted {
		return fmt.Errorf("start %s: %w", path, syscall.Errno(n))
	}
	g.pid, g.contained = n, folder
	return nil
}

// errWatchdog says that somebody ended the watchdog. The first process has then got
// SIGTERM (Linux).
var errWatchdog = errors.New("its watchdog was killed")

// listen hears the watchdog out.
func (g *Group) listen(said *bufio.Reader) {
	defer close(g.over)
	for {
		line, err := said.ReadString('\n')
		if err != nil {
			break
		}
		what, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch what {
		case sayExited:
			if status, err := strconv.Atoi(number); err == nil && g.exitErr == nil {
				g.exitErr = endOf(syscall.WaitStatus(status))
				close(g.exited)
			}
		case sayLeft:
			g.left = append(g.left, number)
		}
	}
	if g.exitErr == nil {
		g.exitErr = errWatchdog
		close(g.exited)
	}
}

// endOf is how a process ended, in the words of package os.
func endOf(s syscall.WaitStatus) error {
	if s.Signaled() {
		core := ""
		if s.CoreDump() {
			core = " (core dumped)"
		}
		return fmt.Errorf("signal: %v%s", s.Signal(), core)
	}
	return fmt.Errorf("exit status %d", s.ExitStatus())
}

// PID is the id of the first process, which is also that of the process group.
func (g *Group) PID() int { return g.pid }

// Contained reports whether the group is a control group, which nothing leaves.
func (g *Group) Contained() bool { return g.contained != "" }

// Exited is closed when the first process has ended; Err says how, and is nil
// before and never after.
func (g *Group) Exited() <-chan struct{} { return g.exited }

// Err is how the first process ended.
func (g *Group) Err() error {
	select {
	case <-g.exited:
		return g.exitErr
	default:
		return nil
	}
}

// Drained is closed when nobody can print any more.
func (g *Group) Drained() <-chan struct{} { return g.drained }

// Stop ends the group: SIGTERM to every process, SIGKILL to what is left after
// the grace, or at once when ctx ends. It returns when none is left, and fails
// only if some cannot be ended. Stopping a group twice, or one that has ended by
// itself, does no harm.
func (g *Group) Stop(ctx context.Context) error {
	g.stop.Do(func() { g.stopErr = g.end(ctx) })
	return g.stopErr
}

func (g *Group) end(ctx context.Context) error {
	g.watchdog.say(sayStop)
	select {
	case <-g.over:
	case <-ctx.Done():
		g.watchdog.say(sayKill)
		<-g.over
	}
	var err error
	if g.watchdog.close() != nil {
		err = g.endAlone()
	}
	if len(g.left) > 0 {
		err = fmt.Errorf("processes %s are still there after SIGKILL", strings.Join(g.left, ", "))
	}
	// Whatever still holds the pipe is none of the group: do not wait for it.
	g.output.SetReadDeadline(time.Now().Add(time.Second))
	g.tasks.Wait()
	return errors.Join(err, g.output.Close())
}

// endAlone ends what can be found without the watchdog.
func (g *Group) endAlone() error {
	syscall.Kill(-g.pid, syscall.SIGKILL)
	c := cgroupAt(g.contained)
	c.kill()
	return c.remove()
}
