// Package process starts processes that are ended as a whole, and reads what
// the kernel says of processes.
//
// A Group is a process and all that come of it. Where the kernel lets this
// process make control groups (cgroup v2), they are its members, and none can
// leave. Elsewhere they are found as its process group, as descendants, and by
// a mark in their environment, which daemons keep too. Should this process be
// killed, a small watchdog ends the group all the same. Only a process that
// clears its environment, leaves the process group and detaches itself from its
// parent is not found, and only without control groups.
package process

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// DefaultGrace is how long a group may take to end after SIGTERM.
const DefaultGrace = 10 * time.Second

// markName is the variable that marks a group's processes.
const markName = "CFU_PROCESS_GROUP"

// Spec says what to start.
type Spec struct {
	Args []string
	Env  []string // nil for this process's
	Dir  string
	// Output gets what the group prints, from one goroutine; nil for nowhere.
	Output io.Writer
	// Bind, if given, is called on the thread that starts the process, which
	// inherits its core mask.
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
	pid      int
	grace    time.Duration
	procfs   string
	mark     string
	cgroup   *cgroup // nil without
	output   *os.File
	watchdog *watchdog
	tasks    errgroup.Group
	exited   chan struct{}
	exitErr  error // valid once exited is closed
	drained  chan struct{}
	stop     sync.Once
	stopErr  error
}

// Start starts a group. The caller must Stop it.
func Start(s Spec) (*Group, error) {
	if s.Grace <= 0 {
		s.Grace = DefaultGrace
	}
	if s.ProcFS == "" {
		s.ProcFS = ProcFS
	}
	if s.Env == nil {
		s.Env = os.Environ()
	}
	g := &Group{
		grace: s.Grace, procfs: s.ProcFS, mark: markName + "=" + rand.Text(),
		exited: make(chan struct{}), drained: make(chan struct{}),
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("pipe for the output of %s: %w", s.Args[0], err)
	}
	g.output = r
	if g.watchdog, err = newWatchdog(s.Grace); err != nil {
		r.Close()
		w.Close()
		return nil, err
	}
	if !s.NoCgroup {
		g.cgroup = newCgroup()
	}
	if err := g.spawn(s, w); err != nil {
		r.Close()
		return nil, errors.Join(err, g.watchdog.dismiss(), g.cgroup.remove(), g.tasks.Wait())
	}
	g.watchdog.guard(g)
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

// spawn starts the first process and waits for its end on a goroutine.
func (g *Group) spawn(s Spec, w *os.File) error {
	started := make(chan error)
	g.tasks.Go(func() error {
		// The parent-death signal is sent when the forking thread ends, not
		// the process, and the core mask is inherited from that thread: so one
		// thread starts the process, stays with it until it ends, and is
		// thrown away after.
		runtime.LockOSThread()
		var cmd *exec.Cmd
		var err error
		if s.Bind != nil {
			err = s.Bind()
		}
		if err == nil {
			cmd, err = g.fork(s, w)
		}
		w.Close()
		if err == nil {
			g.pid = cmd.Process.Pid
		}
		started <- err
		if err != nil {
			return nil
		}
		if err = cmd.Wait(); err == nil {
			err = errors.New("exit status 0")
		}
		g.exitErr = err
		close(g.exited)
		return nil
	})
	return <-started
}

// fork starts the command, in the control group where that works.
func (g *Group) fork(s Spec, w *os.File) (*exec.Cmd, error) {
	command := func() *exec.Cmd {
		cmd := exec.Command(s.Args[0], s.Args[1:]...)
		cmd.Env, cmd.Dir = append(s.Env[:len(s.Env):len(s.Env)], g.mark), s.Dir
		cmd.Stdout, cmd.Stderr = w, w
		cmd.SysProcAttr = ownGroup()
		return cmd
	}
	if g.cgroup != nil {
		cmd := command()
		g.cgroup.use(cmd.SysProcAttr)
		err := cmd.Start()
		g.cgroup.used()
		if err == nil {
			return cmd, nil
		}
		g.cgroup.remove() // the kernel allows the folder, not the move into it
		g.cgroup = nil
	}
	cmd := command()
	return cmd, cmd.Start()
}

// PID is the id of the first process, which is also that of the process group.
func (g *Group) PID() int { return g.pid }

// Contained reports whether the group is a control group, which nothing leaves.
func (g *Group) Contained() bool { return g.cgroup != nil }

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
	left := g.endAll(ctx)
	var err error
	if len(left) > 0 {
		err = fmt.Errorf("processes %v are still there after SIGKILL", left)
	}
	err = errors.Join(err, g.watchdog.dismiss())
	if len(left) == 0 {
		err = errors.Join(err, g.cgroup.remove())
	}
	// Whatever still holds the pipe is none of the group: do not wait for it.
	g.output.SetReadDeadline(time.Now().Add(time.Second))
	if len(left) == 0 {
		g.tasks.Wait()
	}
	return errors.Join(err, g.output.Close())
}

const (
	stopPoll = 10 * time.Millisecond
	// lookAgain is how often the whole host is looked through for members while
	// known ones are still there.
	lookAgain = 200 * time.Millisecond
	// killLimit bounds the wait after SIGKILL: only a process that the kernel
	// cannot interrupt is still there.
	killLimit = 10 * time.Second
)

// endAll signals until no process is left; it returns those that are.
func (g *Group) endAll(ctx context.Context) []int {
	f := newFamily(g)
	if !f.visible() {
		g.endBlind(ctx)
		return nil
	}
	signal := syscall.SIGTERM
	told := map[identity]syscall.Signal{}
	grace, kill := time.After(g.grace), ctx.Done()
	var limit <-chan time.Time
	for {
		alive := f.look()
		if len(alive) == 0 {
			return nil
		}
		if signal == syscall.SIGKILL {
			g.cgroup.kill()
		}
		for _, p := range alive {
			// SIGTERM once each: a second makes some servers drop their shutdown.
			if id := identityOf(p); told[id] != signal {
				told[id] = signal
				if p.PID == g.pid {
					syscall.Kill(-g.pid, signal) // in one call, which no fork escapes
				} else if p.Group != g.pid || signal == syscall.SIGKILL {
					syscall.Kill(p.PID, signal)
				}
			}
		}
		if _, leader := told[identity{g.pid, f.leader}]; !leader {
			syscall.Kill(-g.pid, signal) // the leader has ended, the group has not
			told[identity{g.pid, f.leader}] = signal
		}
		select {
		case <-f.gone(alive):
		case <-grace:
			signal, grace, kill, limit = syscall.SIGKILL, nil, nil, time.After(killLimit)
		case <-kill:
			signal, grace, kill, limit = syscall.SIGKILL, nil, nil, time.After(killLimit)
		case <-limit:
			pids := make([]int, len(alive))
			for i, p := range alive {
				pids[i] = p.PID
			}
			return pids
		}
	}
}

// endBlind ends the group where processes cannot be looked at: there are still
// the control group and the process group.
func (g *Group) endBlind(ctx context.Context) {
	syscall.Kill(-g.pid, syscall.SIGTERM)
	grace := time.After(g.grace)
	for waiting := true; waiting && !g.emptyBlind(); {
		select {
		case <-time.After(stopPoll):
		case <-grace:
			waiting = false
		case <-ctx.Done():
			waiting = false
		}
	}
	g.cgroup.kill()
	syscall.Kill(-g.pid, syscall.SIGKILL)
	// Zombies count as there, and who they are cannot be seen.
	for limit := time.Now().Add(time.Second); !g.emptyBlind() && time.Now().Before(limit); {
		time.Sleep(stopPoll)
	}
}

func (g *Group) emptyBlind() bool {
	if pids, err := g.cgroup.pids(); err == nil && g.cgroup != nil {
		return len(pids) == 0
	}
	return errors.Is(syscall.Kill(-g.pid, 0), syscall.ESRCH)
}
