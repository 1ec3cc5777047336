package process

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// watchdogName is what the watchdog is called, by which this binary knows its part.
const watchdogName = "cfu-watchdog"

// What the two say to each other, a line each: on the watchdog's input the order
// (JSON), then stop and kill; on its output the rest, with a number each.
const (
	sayStop    = "stop"    // SIGTERM, and SIGKILL after the grace; the end of the input says so too
	sayKill    = "kill"    // SIGKILL
	sayStarted = "started" // the first process, and the folder of the control group
	sayFailed  = "failed"  // to start: the error's number
	sayExited  = "exited"  // the first process: its wait status
	sayLeft    = "left"    // a process that SIGKILL does not end
)

// order is what the watchdog is to start. Arguments and variables are bytes: they
// need not be text.
type order struct {
	Args, Env [][]byte
	Grace     time.Duration
	ProcFS    string
	Cgroup    bool // if one can be had
}

func bytesOf(texts []string) [][]byte {
	all := make([][]byte, len(texts))
	for i, s := range texts {
		all[i] = []byte(s)
	}
	return all
}

func textsOf(all [][]byte) []string {
	texts := make([]string, len(all))
	for i, b := range all {
		texts[i] = string(b)
	}
	return texts
}

// watchdog is this program once more, as the parent of a group's first process. It
// adopts whatever comes of the group and outlives this process by what it takes to
// end that.
type watchdog struct {
	cmd    *exec.Cmd
	input  *os.File
	report *os.File
}

// newWatchdog starts a watchdog whose processes print to output. It leads a process
// group of its own, so that what kills this one's does not reach it.
func newWatchdog(output *os.File) (*watchdog, error) {
	self, err := ownBinary()
	if err != nil {
		return nil, fmt.Errorf("start the watchdog: %w", err)
	}
	in, input, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("pipe to the watchdog: %w", err)
	}
	defer in.Close()
	report, out, err := os.Pipe()
	if err != nil {
		input.Close()
		return nil, fmt.Errorf("pipe from the watchdog: %w", err)
	}
	defer out.Close()
	cmd := exec.Command(self)
	cmd.Args = []string{watchdogName}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		input.Close()
		report.Close()
		return nil, fmt.Errorf("start the watchdog: %w", err)
	}
	return &watchdog{cmd, input, report}, nil
}

// ownBinary is the path of this program. The kernel's link also holds after
// somebody has replaced the file.
func ownBinary() (string, error) {
	const link = "/proc/self/exe"
	if _, err := os.Stat(link); err == nil {
		return link, nil
	}
	path, err := exec.LookPath(os.Args[0])
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	return filepath.Abs(path)
}

// order tells the watchdog what to start.
func (w *watchdog) order(o order) error {
	b, err := json.Marshal(o)
	if err == nil {
		_, err = w.input.Write(append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("order the watchdog: %w", err)
	}
	return nil
}

// say sends a word. A watchdog that has gone is missed when its report ends.
func (w *watchdog) say(word string) { io.WriteString(w.input, word+"\n") }

// close takes the watchdog's end from the kernel: an error if it was killed.
func (w *watchdog) close() error {
	w.input.Close()
	w.report.Close()
	return w.cmd.Wait()
}
