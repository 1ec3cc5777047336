package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

const playAs = "CFU_PROCESS_TEST_PART"

// TestMain lets this binary play the parts of a process tree: with playAs in
// the environment it is a process of a group, or one that starts a group and
// waits to be killed.
func TestMain(m *testing.M) {
	switch part := os.Getenv(playAs); part {
	case "":
		os.Exit(m.Run())
	case "launcher":
		spec := Spec{Args: os.Args[2:], Output: os.Stdout, Grace: time.Second, NoCgroup: os.Args[1] != "cgroup",
			Env: append(os.Environ(), playAs+"="+os.Getenv("PART_OF_ITS_CHILD"))}
		if os.Args[1] == "no-proc" {
			spec.ProcFS = os.DevNull
		}
		g, err := Start(spec)
		if err != nil {
			fmt.Println("launch:", err)
			os.Exit(1)
		}
		fmt.Println("self", g.PID())
		time.Sleep(time.Hour)
		g.Stop(context.Background())
	default:
		play(part)
	}
}

// play is a process with the given traits, joined by "+". Each process says its
// number, so that a test can look for it.
func play(traits string) {
	has := func(trait string) bool { return strings.Contains(traits, trait) }
	if has("ignores-term") {
		signal.Ignore(syscall.SIGTERM)
	}
	start := func(attr *syscall.SysProcAttr, name string, args ...string) {
		cmd := exec.Command(name, args...)
		cmd.SysProcAttr, cmd.Stdout = attr, os.Stdout
		if err := cmd.Start(); err != nil {
			panic(err)
		}
		fmt.Println("self", cmd.Process.Pid)
	}
	if has("children") {
		start(nil, "sleep", "300")
		start(nil, "sleep", "300")
	}
	if has("own-session") {
		start(&syscall.SysProcAttr{Setsid: true}, "sleep", "300")
	}
	if has("stubborn-session") {
		start(&syscall.SysProcAttr{Setsid: true}, "sh", "-c", "trap '' TERM; sleep 300")
	}
	if has("daemon") { // a double fork: its parent, the shell, is gone before "ready"
		shell := exec.Command("sh", "-c", "sleep 300 & echo self $!")
		shell.SysProcAttr, shell.Stdout = &syscall.SysProcAttr{Setsid: true}, os.Stdout
		if err := shell.Run(); err != nil {
			panic(err)
		}
	}
	lost := func(command string) { // a double fork that keeps no environment either
		shell := exec.Command("sh", "-c", "env -i "+command+" & echo self $!")
		shell.SysProcAttr, shell.Stdout = &syscall.SysProcAttr{Setsid: true}, os.Stdout
		if err := shell.Run(); err != nil {
			panic(err)
		}
	}
	if has("lost") {
		lost("sleep 300")
	}
	if has("stubborn-lost") {
		lost(`sh -c 'trap "" TERM; while :; do sleep 1; done'`)
	}
	if has("dies") {
		time.Sleep(300 * time.Millisecond)
		fmt.Println("out of memory")
		os.Exit(7)
	}
	fmt.Println("ready")
	time.Sleep(300 * time.Second)
}
