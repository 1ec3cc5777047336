package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// watchScript waits on its input for the group (the id of the process group, the
// mark, the folder of the control group), and then for the word that all is
// well. The end of the input without it means that the writer was killed: it
// ends the group. It leads a group of its own, so that what kills the writer's
// group does not reach it.
const watchScript = `trap '' HUP INT TERM
read -r group || exit 0
read -r mark
read -r cgroup
read -r word && exit 0
members() {
	[ -z "$cgroup" ] || find "$cgroup" -name cgroup.procs -exec cat {} + 2>/dev/null
	for f in $(grep -lF -e "$mark" /proc/[0-9]*/environ 2>/dev/null); do f=${f#/proc/}; echo "${f%%/*}"; done
}
signal() {
	kill -s "$1" -- "-$group" 2>/dev/null
	for pid in $(members); do kill -s "$1" "$pid" 2>/dev/null; done
}
there() { kill -s CONT -- "-$group" 2>/dev/null || [ -n "$(members)" ]; }
signal TERM
n=0
while [ $n -lt "$1" ] && there; do n=$((n + 1)); sleep 1; done
n=0
while there && [ $n -lt 10 ]; do
	[ -z "$cgroup" ] || echo 1 2>/dev/null >"$cgroup/cgroup.kill"
	signal KILL
	n=$((n + 1)); sleep 0.2
done
[ -z "$cgroup" ] || find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
exit 0`

// watchdog is a small process that outlives this one by what it takes to end a
// group. The parent-death signal alone reaches only the group's first process,
// which may be a shell.
type watchdog struct {
	cmd   *exec.Cmd
	input *os.File
}

func newWatchdog(grace time.Duration) (*watchdog, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("pipe for the watchdog: %w", err)
	}
	defer r.Close()
	seconds := int(grace/time.Second) + 1
	cmd := exec.Command("sh", "-c", watchScript, "sh", strconv.Itoa(seconds))
	cmd.Stdin = r
	cmd.Dir = "/" // it may outlive the folder
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		w.Close()
		return nil, fmt.Errorf("start the watchdog: %w", err)
	}
	return &watchdog{cmd, w}, nil
}

// guard names the group. A watchdog that somebody killed is missed by dismiss.
func (w *watchdog) guard(g *Group) {
	fmt.Fprintf(w.input, "%d\n%s\n%s\n", g.pid, g.mark, g.cgroup.folder())
}

// dismiss ends the watchdog.
func (w *watchdog) dismiss() error {
	fmt.Fprint(w.input, "\n\n\ndismissed\n")
	w.input.Close()
	var ended *exec.ExitError
	if err := w.cmd.Wait(); err != nil && !errors.As(err, &ended) {
		return fmt.Errorf("end the watchdog: %w", err)
	}
	return nil
}
