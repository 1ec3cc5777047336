package engine

import (
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

func TestServerIsBoundToItsCores(t *testing.T) {
	var ours unix.CPUSet
	if err := unix.SchedGetaffinity(0, &ours); err != nil {
		t.Fatal(err)
	}
	first := 0
	for !ours.IsSet(first) {
		first++
	}
	s := start(t, Launch{Command: "echo {cpus} >&2; " + server(t, "plain"), Batch: 1, CPUs: strconv.Itoa(first)})
	var its, after unix.CPUSet
	if err := unix.SchedGetaffinity(s.PID(), &its); err != nil {
		t.Fatal(err)
	}
	if its.Count() != 1 || !its.IsSet(first) {
		t.Errorf("the server may run on %d cores, want only core %d", its.Count(), first)
	}
	if err := unix.SchedGetaffinity(0, &after); err != nil {
		t.Fatal(err)
	}
	if after != ours {
		t.Errorf("this process may run on %d cores after the launch, want %d as before", after.Count(), ours.Count())
	}
}
