package main

import (
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSignalsBeforeTheStart: a command that still waits for what its flags name, a pipe
// or an agent, ends at the first signal, and says that it does.
func TestSignalsBeforeTheStart(t *testing.T) {
	t.Parallel()
	agent, err := net.Listen("tcp", "127.0.0.1:0") // it takes connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { agent.Close() })
	for _, tt := range []struct{ name, line, want string }{
		{"a trace", "run --endpoint http://127.0.0.1:1 --out OUT --dataset jsonl:PIPE", "terminated"},
		{"a key", "run --endpoint http://127.0.0.1:1 --out OUT --api-key-file PIPE", "terminated"},
		{"a sweep file", "run --endpoint http://127.0.0.1:1 --out OUT --sweep PIPE", "terminated"},
		{"an inventory", "run --endpoint http://127.0.0.1:1 --out OUT --inventory PIPE", "terminated"},
		{"a watch's key", "watch --endpoint http://127.0.0.1:1 --out OUT --api-key-file PIPE", "terminated"},
		{"groups to fit again", "shapley --refit PIPE --out OUT", "terminated"},
		{"a trace to describe", "datasets stat jsonl:PIPE", "terminated"},
		{"a record's meters", "record --out OUT --meter agent:AGENT -- sleep 60", "interrupted before anything was metered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			pipe := filepath.Join(dir, "pipe")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			line := strings.NewReplacer("PIPE", pipe, "OUT", filepath.Join(dir, "out"), "AGENT", agent.Addr().String()).Replace(tt.line)
			cmd := exec.Command("cfu", strings.Fields(line)...)
			var said strings.Builder
			cmd.Stdout, cmd.Stderr = &said, &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			select {
			case err := <-ended:
				t.Fatalf("it ended before the signal: %v\n%s", err, &said)
			case <-time.After(1500 * time.Millisecond):
			}
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-ended:
				if exitCode(err) != "1" || !strings.Contains(said.String(), tt.want) {
					t.Errorf("got exit %s and %q, want 1 and %q", exitCode(err), &said, tt.want)
				}
			case <-time.After(8 * time.Second): // two on a host of its own
				_ = cmd.Process.Kill()
				t.Error("it does not end at a signal")
			}
		})
	}
}
