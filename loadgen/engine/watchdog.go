package engine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// watchScript waits on its input for the id of a process group, and then for
// the word that all is well. The end of the input without it means that the
// writer was killed: it ends the group. It leads a group of its own, so that
// what kills the writer's group does not reach it.
const watchScript = `trap '' HUP INT TERM
read -r group || exit 0
read -r word && exit 0
kill -s TERM -- "-$group" 2>/dev/null || exit 0
n=0
while [ $n -lt "$1" ] && kill -s CONT -- "-$group" 2>/dev/null; do n=$((n + 1)); sleep 1; done
kill -s KILL -- "-$group" 2>/dev/null
exit 0`

// watchdog is a small process that outlives this one by what it takes to end a
// process group. The parent-death signal alone reaches only the group's first
// process, which may be a shell.
type watchdog struct {
	cmd   *exec.Cmd
	input *os.File
}

func newWatchdog(grace time.Duration) (*watchdog, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("pipe for the engine's watchdog: %w", err)
	}
	defer r.Close()
	seconds := int(grace/time.Second) + 1
	cmd := exec.Command("sh", "-c", watchScript, "sh", strconv.Itoa(seconds))
	cmd.Stdin = r
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		w.Close()
		return nil, fmt.Errorf("start the engine's watchdog: %w", err)
	}
	return &watchdog{cmd, w}, nil
}

// guard names the group.
func (w *watchdog) guard(group int) {
	fmt.Fprintln(w.input, group) // a watchdog that somebody killed is missed by dismiss
}

// dismiss ends the watchdog.
func (w *watchdog) dismiss() error {
	fmt.Fprintln(w.input, "dismissed")
	w.input.Close()
	var ended *exec.ExitError
	if err := w.cmd.Wait(); err != nil && !errors.As(err, &ended) {
		return fmt.Errorf("end the engine's watchdog: %w", err)
	}
	return nil
}
