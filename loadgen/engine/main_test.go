package engine

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets this binary play the parts of a process tree: with playAs in
// the environment it is a server under test, or a launcher to be killed.
func TestMain(m *testing.M) {
	switch part := os.Getenv(playAs); part {
	case "":
		os.Exit(m.Run())
	case "launcher":
		playLauncher()
	default:
		playServer(part)
	}
}

const playAs = "CFU_ENGINE_TEST_PART"

// server returns the command that makes this binary a server with the given
// traits: "ignores-term", "sick", "children", "escapee", "shell" and so on,
// joined by "+".
func server(t *testing.T, traits string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return playAs + "=" + traits + " exec " + self + " {port} {batch}"
}

// playServer serves /health on the port of its arguments.
func playServer(traits string) {
	has := func(trait string) bool { return strings.Contains(traits, trait) }
	if has("ignores-term") {
		signal.Ignore(syscall.SIGTERM)
	}
	// Children say who they are, so that a test can look for them.
	start := func(attr *syscall.SysProcAttr) {
		cmd := exec.Command("sleep", "300")
		cmd.SysProcAttr = attr
		if err := cmd.Start(); err != nil {
			panic(err)
		}
		fmt.Println("child", cmd.Process.Pid)
	}
	if has("children") {
		start(nil)
		start(nil)
	}
	if has("escapee") {
		start(&syscall.SysProcAttr{Setsid: true})
	}
	fmt.Println("self", os.Getpid())
	status := http.StatusOK
	if has("sick") {
		fmt.Println("loading weights, for ever")
		status = http.StatusServiceUnavailable
	}
	http.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) })
	http.HandleFunc("/die", func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("out of memory")
		os.Exit(7)
	})
	fmt.Println(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}

// playLauncher starts the server of its arguments and waits to be killed.
func playLauncher() {
	s, err := Start(context.Background(), Launch{
		Command: os.Args[1], Batch: 1, Ready: time.Minute, Grace: time.Second, Log: os.Stdout,
	})
	if err != nil {
		fmt.Println("launch:", err)
		os.Exit(1)
	}
	fmt.Println("ready", s.PID())
	time.Sleep(time.Hour)
}
