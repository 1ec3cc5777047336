package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"cfubench/internal/process/processtest"
	"cfubench/internal/secret"
)

// start launches a server that must come up, and stops it with the test.
func start(t *testing.T, l Launch) *Server {
	t.Helper()
	l.Ready = time.Minute
	s, err := Start(t.Context(), l)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	return s
}

// pids are the processes that a playing server has named.
func pids(printed string) []int { return processtest.Named(printed, "self", "child", "ready") }

func TestStopLeavesNoProcess(t *testing.T) {
	for _, tt := range []struct {
		name, traits string
		wrap         string // a shell line around the command
		processes    int    // that the server names
	}{
		{name: "a server that ends at SIGTERM", traits: "plain", processes: 1},
		{name: "a server that ignores SIGTERM is killed after the grace", traits: "ignores-term", processes: 1},
		{name: "a server's children end with it", traits: "children", processes: 3},
		{name: "children of a server that ignores SIGTERM, too", traits: "ignores-term+children", processes: 3},
		{name: "a child that left the group is still kin", traits: "escapee", processes: 2},
		{name: "a shell between launcher and server", traits: "children", wrap: "(%s); true", processes: 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			command := server(t, tt.traits)
			if tt.wrap != "" {
				command = fmt.Sprintf(tt.wrap, command)
			}
			var out processtest.Log
			s := start(t, Launch{Command: command, Batch: 1, Grace: time.Second, Log: &out})
			family := pids(out.String())
			if len(family) != tt.processes {
				t.Fatalf("the server named %d processes, want %d:\n%s", len(family), tt.processes, out.String())
			}
			if got := processtest.Running(family); len(got) != tt.processes {
				t.Fatalf("before Stop processes %v run, want all of %v", got, family)
			}
			if err := s.Stop(context.Background()); err != nil {
				t.Errorf("Stop: %v", err)
			}
			if got := processtest.Running(family); len(got) > 0 {
				t.Errorf("after Stop processes %v run, want none", got)
			}
			if s.ExitError() == nil {
				t.Error("ExitError after Stop is nil, want how it ended")
			}
		})
	}
}

// TestStopOfAnInterruptedRun: an hour of grace would time the test out.
func TestStopOfAnInterruptedRun(t *testing.T) {
	for _, tt := range []struct{ name, traits, end string }{
		{"a server that ignores SIGTERM is killed soon", "ignores-term+children", "signal: killed"},
		{"another has a moment to end by itself", "children", "signal: terminated"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out processtest.Log
			s := start(t, Launch{Command: server(t, tt.traits), Batch: 1, Grace: time.Hour, Log: &out})
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := s.Stop(ctx); err != nil {
				t.Errorf("Stop: %v", err)
			}
			if got := processtest.Running(pids(out.String())); len(got) > 0 {
				t.Errorf("after Stop processes %v run, want none", got)
			}
			if err := s.ExitError(); err == nil || !strings.Contains(err.Error(), tt.end) {
				t.Errorf("it ended with %v, want %q", err, tt.end)
			}
		})
	}
}

// TestKilledLauncherLeavesNoOrphan kills the launching process so that it can
// do nothing more: the server and its children must end all the same.
func TestKilledLauncherLeavesNoOrphan(t *testing.T) {
	for _, tt := range []struct{ name, traits, wrap string }{
		{"a server with children", "children", "%s"},
		{"a server that ignores SIGTERM", "ignores-term+children", "%s"},
		{"a server behind a shell", "children", "(%s); true"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			launcher := exec.Command(self, fmt.Sprintf(tt.wrap, server(t, tt.traits)))
			launcher.Env = append(os.Environ(), playAs+"=launcher")
			out, err := launcher.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := launcher.Start(); err != nil {
				t.Fatal(err)
			}
			var printed strings.Builder
			for lines := bufio.NewScanner(out); lines.Scan(); {
				fmt.Fprintln(&printed, lines.Text())
				if strings.HasPrefix(lines.Text(), "ready") {
					break
				}
			}
			family := pids(printed.String())
			if len(family) < 4 { // two children, the server, the leader (perhaps the same)
				t.Fatalf("launcher named %v, want a server and its children:\n%s", family, printed.String())
			}
			if err := launcher.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			launcher.Wait()
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
				left := processtest.Running(family)
				if len(left) == 0 {
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("a minute after the launcher was killed processes %v of %v still run", left, family)
				}
			}
		})
	}
}

func TestStartFails(t *testing.T) {
	for _, tt := range []struct {
		name   string
		launch Launch
		want   []string // parts of the error
	}{
		{"a server that dies at start is told with its last words",
			Launch{Command: "echo port {port} batch {batch}; echo cannot load model >&2; exit 3", Batch: 4, Ready: time.Minute},
			[]string{"ended before it was healthy", "exit status 3", "batch 4", "cannot load model"}},
		{"a server that ends without a word, and with success, has failed too",
			Launch{Command: ": {port} {batch}", Batch: 1, Ready: time.Minute},
			[]string{"ended before it was healthy", "exit status 0", "printed nothing"}},
		{"a program that is not there",
			Launch{Command: "no-such-engine --port {port}", Ready: time.Minute},
			[]string{"exit status 127", "no-such-engine"}},
		{"a server that never becomes healthy",
			Launch{Command: server(t, "sick"), Batch: 1, Ready: 1500 * time.Millisecond, Grace: time.Second},
			[]string{"not healthy after 1.5s", "more time", "loading weights, for ever"}},
		{"a key in the command is not in the error",
			Launch{Command: "echo got sk-123 for {port}; exit 1 # --api-key sk-123", Ready: time.Minute},
			[]string{"got *** for"}},
		{"a command without a place for the port", Launch{Command: "vllm serve m"}, []string{"has no {port}", "put it where"}},
		{"a command without a place for the batch size", Launch{Command: "vllm serve m --port {port}", Batch: 8}, []string{"has no {batch}"}},
		{"an empty command", Launch{Command: " "}, []string{"empty"}},
		{"{cpus} without cores", Launch{Command: "x {port} {cpus}"}, []string{"{cpus}"}},
		{"cores that are none", Launch{Command: "x {port}", CPUs: "0-x"}, []string{`"0-x"`, "2-5"}},
		{"cores that the host has not", Launch{Command: "x {port}", CPUs: "1023"}, []string{"bind to cores", "does the host have them"}},
		{"a preset without a model", Launch{Command: "vllm:"}, []string{"vllm:MODEL"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Start(t.Context(), tt.launch)
			if err == nil {
				s.Stop(context.Background())
				t.Fatal("Start succeeded, want an error")
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q lacks %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "sk-123") {
				t.Errorf("error %q holds the key", err)
			}
		})
	}
}

// A key that the command takes from the environment is known to the shell only:
// neither the log nor anything else that the caller redacts has it.
func TestKeysOfTheEngineAreKnown(t *testing.T) {
	t.Setenv("MY_KEY", "sk-from-environment")
	var out processtest.Log
	secrets := secret.New()
	s := start(t, Launch{Command: `echo "args: api_key=$MY_KEY --api-key '$MY_KEY'"; echo got $MY_KEY; : --api-key "$MY_KEY"; ` + server(t, "plain"), Batch: 1, Log: &out, Secrets: secrets})
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Contains(got, "from-environment") || !strings.Contains(got, "got ***\n") {
		t.Errorf("the log is %q", got)
	}
	if got := secrets.Text("the server says sk-from-environment"); got != "the server says ***" {
		t.Errorf("elsewhere it says %q", got)
	}
}

// A key that the command does not mention is in its environment all the same, and
// engines print their environments.
func TestInheritedKeysOfTheEngineAreKnown(t *testing.T) {
	t.Setenv("HF_TOKEN", "token-of-the-hub")
	var out processtest.Log
	s := start(t, Launch{Command: `echo "env: $(printenv HF_TOKEN)"; ` + server(t, "plain"), Batch: 1, Log: &out, Secrets: secret.New()})
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasPrefix(got, "env: ***\n") {
		t.Errorf("the log is %q", got)
	}
}

func TestStartCancelled(t *testing.T) {
	interrupted := errors.New("interrupted by the user")
	ctx, cancel := context.WithCancelCause(t.Context())
	var out processtest.Log
	failed := make(chan error)
	go func() {
		_, err := Start(ctx, Launch{Command: server(t, "sick+children"), Batch: 1, Ready: time.Hour, Grace: time.Hour, Log: &out})
		failed <- err
	}()
	for !strings.Contains(out.String(), "for ever") {
		time.Sleep(10 * time.Millisecond)
	}
	cancel(interrupted)
	if err := <-failed; !errors.Is(err, interrupted) {
		t.Errorf("Start: %v, want %v", err, interrupted)
	}
	if got := processtest.Running(pids(out.String())); len(got) > 0 {
		t.Errorf("after a cancelled Start processes %v run, want none", got)
	}
}

func TestServerThatDiesInMidRunSaysSo(t *testing.T) {
	s := start(t, Launch{Command: server(t, "plain"), Batch: 1})
	if err := s.ExitError(); err != nil {
		t.Errorf("ExitError while it runs: %v, want nil", err)
	}
	if resp, err := http.Get(s.URL() + "/die"); err == nil {
		resp.Body.Close()
	}
	<-s.Exited()
	err := s.ExitError()
	for _, part := range []string{"exit status 7", "out of memory"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("ExitError: %v, want it to have %q", err, part)
		}
	}
}

// TestRealEngine starts the server that the quickstart uses.
func TestRealEngine(t *testing.T) {
	if testing.Short() {
		t.Skip("starts llama.cpp's server (installs it the first time)")
	}
	s := start(t, Launch{Command: "../../scripts/engine --batch {batch} --port {port} --ctx 512", Batch: 3})
	ctx := t.Context()

	id, err := Identify(ctx, nil, s.URL(), "")
	if err != nil {
		t.Fatal(err)
	}
	if id.Kind != LlamaCpp || id.EffectiveBatch != 3 || id.ContextTokens != 512 || id.Model != "SmolLM2-135M-Instruct.Q4_1" {
		t.Errorf("Identify: %+v, want llama.cpp with 3 slots of 512 tokens", id)
	}
	if !slices.Equal(id.Unknown, []string{"version"}) { // this build does not record it
		t.Errorf("Identify: unknown %v, want the version only", id.Unknown)
	}

	tok, err := NewTokenizer(nil, s.URL(), "")
	if err != nil {
		t.Fatal(err)
	}
	texts := make([]string, 50)
	for i := range texts {
		texts[i] = strings.Repeat("hello world ", i)
	}
	counts, err := tok.Count(ctx, texts)
	if err != nil {
		t.Fatal(err)
	}
	if counts[0] != 0 || !slices.IsSorted(counts) || counts[49] < 98 {
		t.Errorf("token counts of 0 to 49 repetitions of two words: %v, want from 0 up", counts)
	}

	began := time.Now()
	clock := func() time.Duration { return time.Since(began) }
	body := strings.NewReader(`{"prompt":"one two three","max_tokens":8,"ignore_eos":true,"cache_prompt":false}`)
	resp, err := http.Post(s.URL()+"/v1/completions", "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	e, err := newPeer(nil, s.URL(), "")
	if err != nil {
		t.Fatal(err)
	}
	sample, err := e.scrape(ctx, ProfileFor(LlamaCpp).metrics, clock)
	if err != nil {
		t.Fatal(err)
	}
	// llama.cpp counts the first token with the prompt.
	if sample.OutputTokens < 7 || sample.PromptTokens < 3 || sample.Running != 0 || sample.Waiting != 0 {
		t.Errorf("after a completion of 8 tokens /metrics says %+v", sample)
	}
	if sample.After <= sample.Before {
		t.Errorf("scrape took from %v to %v", sample.Before, sample.After)
	}
}
