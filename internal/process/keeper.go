package process

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// init makes the watchdog of a process that was started as one, before anything
// else of the program begins.
func init() {
	if len(os.Args) == 1 && os.Args[0] == watchdogName {
		keep()
		os.Exit(0)
	}
}

// keeper is the watchdog's side: it starts a group's first process, adopts its
// descendants, and ends them on a word or when nobody can say one any more. One
// goroutine sends signals and takes the ended from the kernel, so that a child's
// number is its own until then.
type keeper struct {
	order   order
	adopts  bool    // orphans
	cgroup  *cgroup // nil without
	pid     int     // of the first process
	running bool    // the first process is
	swept   int     // where blind looks the next time
	reaping chan os.Signal
}

// keep is the life of a watchdog. Its main thread is the group's parent and lives
// as long as it does.
func keep() {
	// Caught, not ignored: children would inherit that. The reader of what this says
	// may go first.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE)
	k := keeper{adopts: adoptOrphans(), reaping: make(chan os.Signal, 1)}
	signal.Notify(k.reaping, syscall.SIGCHLD)
	lines := bufio.NewReader(os.Stdin)
	line, err := lines.ReadBytes('\n')
	if err != nil || json.Unmarshal(line, &k.order) != nil {
		return
	}
	if err := k.start(); err != nil {
		var number syscall.Errno
		if !errors.As(err, &number) {
			number = syscall.EIO
		}
		say(sayFailed, int(number))
		return
	}
	words := make(chan string)
	go func() {
		for {
			word, err := lines.ReadString('\n')
			if err != nil {
				word = sayStop + "\n"
			}
			words <- word[:len(word)-1]
			if err != nil {
				return
			}
		}
	}()
	k.end(words)
	k.cgroup.remove()
}

func say(what string, number int) { fmt.Println(what, number) }

// start starts the first process, in the control group where that works.
func (k *keeper) start() error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	output := os.Stderr.Fd()
	if k.order.Cgroup {
		k.cgroup = newCgroup()
	}
	args, attr := textsOf(k.order.Args), syscall.ProcAttr{
		Env: textsOf(k.order.Env), Files: []uintptr{null.Fd(), output, output}, Sys: childOfWatchdog()}
	if k.cgroup != nil {
		k.cgroup.use(attr.Sys)
		k.pid, err = syscall.ForkExec(args[0], args, &attr)
		k.cgroup.used()
		if err != nil { // the kernel may allow the folder, not the move into it
			k.cgroup.remove()
			k.cgroup, attr.Sys = nil, childOfWatchdog()
		}
	}
	if k.cgroup == nil {
		if k.pid, err = syscall.ForkExec(args[0], args, &attr); err != nil {
			return err
		}
	}
	k.running = true
	fmt.Println(sayStarted, k.pid, k.cgroup.folder())
	// From here on only the group holds the output, whose end says that nobody can
	// print any more. The folder may be removed.
	_, _ = unix.Dup2(int(null.Fd()), int(output)), os.Chdir("/")
	return nil
}

// reap takes ended children from the kernel. It reports whether any is left.
func (k *keeper) reap() bool {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return false
		case pid == 0:
			return true
		case pid == k.pid && k.running:
			k.running = false
			say(sayExited, int(status))
		}
	}
}

// killLimit bounds the wait after SIGKILL: only a process that the kernel cannot
// interrupt is still there.
const killLimit = 10 * time.Second

// end waits for the word, and ends the group: SIGTERM once to each process, a
// second makes some servers drop their shutdown; then SIGKILL until none is left.
func (k *keeper) end(words <-chan string) {
	var (
		sig                syscall.Signal // 0 before the word
		told               = map[identity]syscall.Signal{}
		look, grace, limit <-chan time.Time
	)
	kill := func() {
		if sig != syscall.SIGKILL {
			sig, grace, limit = syscall.SIGKILL, nil, time.After(killLimit)
		}
	}
	for {
		left := k.reap()
		if sig != 0 {
			members := k.members()
			if len(members) == 0 && !left {
				return
			}
			if sig == syscall.SIGKILL {
				k.cgroup.kill()
			}
			k.tell(members, told, sig)
			look = time.After(k.pause())
			select {
			case <-limit:
				for _, m := range members {
					say(sayLeft, m.pid)
				}
				return
			default:
			}
		}
		select {
		case <-k.reaping:
		case <-look:
		case <-grace:
			kill()
		case word := <-words:
			switch {
			case word == sayKill:
				kill()
			case sig == 0:
				sig, grace = syscall.SIGTERM, time.After(k.order.Grace)
			}
		}
	}
}

// grouped reports whether the first process's group is there, and is it: once its
// leader is reaped, the kernel may give the number again.
func (k *keeper) grouped() bool {
	return k.running || !k.adopts && !errors.Is(syscall.Kill(-k.pid, 0), syscall.ESRCH)
}

// tell sends a signal to each member that has not had it. The first process's group
// gets it in one call, which no fork escapes.
func (k *keeper) tell(members []identity, told map[identity]syscall.Signal, sig syscall.Signal) {
	members = slices.DeleteFunc(members, func(m identity) bool { return told[m] == sig && sig != syscall.SIGKILL })
	grouped := k.grouped() && slices.ContainsFunc(members, func(m identity) bool { return m.pid == k.pid })
	if grouped {
		syscall.Kill(-k.pid, sig)
	}
	for _, m := range members {
		group, err := syscall.Getpgid(m.pid)
		if !grouped || err != nil || group != k.pid {
			syscall.Kill(m.pid, sig)
		}
		told[m] = sig
	}
}
