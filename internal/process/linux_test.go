package process

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// A start that fails leaves no control group.
func TestNoControlGroupIsLeft(t *testing.T) {
	Start(Spec{Args: []string{filepath.Join(t.TempDir(), "none")}})
	own := ownCgroup()
	if own == "" {
		t.Skip("no control groups of version 2")
	}
	left, err := filepath.Glob(filepath.Join(own, "cfu-"+strconv.Itoa(os.Getpid())+"-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("control groups %v are left, %v", left, err)
	}
}

// Whether groups are contained depends on the host; what is said of it is so.
func TestContained(t *testing.T) {
	g, _ := start(t, "plain", Spec{})
	if !g.Contained() {
		t.Skip("no control groups can be made here")
	}
	pids, err := cgroupAt(g.contained).pids()
	if err != nil || len(pids) != 1 || pids[0] != g.PID() {
		t.Errorf("the control group has %v, %v, want process %d", pids, err, g.PID())
	}
}
