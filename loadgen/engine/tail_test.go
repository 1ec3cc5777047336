package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestRedact(t *testing.T) {
	for _, tt := range []struct{ name, command, want string }{
		{"an option and its value", "vllm serve m --api-key sk-1 --port 1", "vllm serve m --api-key *** --port 1"},
		{"with an equals sign", "llama-server --api-key=sk-1", "llama-server --api-key=***"},
		{"in quotes", `x --hf-token "a b" y`, `x --hf-token *** y`},
		{"a variable before the command", "HF_TOKEN=t VLLM_API_KEY='k 1' vllm serve", "HF_TOKEN=*** VLLM_API_KEY=*** vllm serve"},
		{"nothing to hide", "engine --batch {batch} --port {port}", "engine --batch {batch} --port {port}"},
		{"a short key is not replaced elsewhere", "x --api-key 1 --port 11", "x --api-key *** --port 11"},
		{"an option that only ends like one", "x --max-token 5 --no-token 7", "x --max-token 5 --no-token 7"},
		{"words that only look like it", "x --max-num-batched-tokens 8 --api-keyboard k", "x --max-num-batched-tokens 8 --api-keyboard k"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Redact(tt.command); got != tt.want {
				t.Errorf("Redact(%s) = %s, want %s", tt.command, got, tt.want)
			}
		})
	}
}

// A key that the command takes from the environment is known to the shell only:
// the log must not have it either.
func TestSecretsOfTheEnvironment(t *testing.T) {
	t.Setenv("MY_KEY", "sk-from-environment")
	var log strings.Builder
	tail := newTail(&log, secrets(`vllm serve m --api-key "$MY_KEY" --seed 1`))
	fmt.Fprintln(tail, "args: api_key=sk-from-environment seed=1")
	if want := "args: api_key=*** seed=1\n"; log.String() != want {
		t.Errorf("the log has %q, want %q", log.String(), want)
	}
}

// fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestTail(t *testing.T) {
	t.Run("keeps the last lines", func(t *testing.T) {
		tail := newTail(nil, nil)
		for i := range 3 * tailLines {
			fmt.Fprintf(tail, "line %d\n", i)
		}
		got := strings.Split(tail.lines(), "\n")
		if len(got) != tailLines || got[tailLines-1] != fmt.Sprintf("  line %d", 3*tailLines-1) {
			t.Errorf("the tail is %q, want the last %d lines", got, tailLines)
		}
	})
	t.Run("cuts a long line, not the log's", func(t *testing.T) {
		var log strings.Builder
		tail := newTail(&log, nil)
		long := strings.Repeat("ä", tailWidth)
		fmt.Fprintln(tail, long)
		if got := tail.lines(); len(got) > tailWidth+8 || !strings.HasSuffix(got, "…") {
			t.Errorf("a line of %d bytes became %d bytes", len(long), len(got))
		}
		if log.String() != long+"\n" {
			t.Errorf("the log has %d bytes of a line of %d", log.Len(), len(long))
		}
	})
	t.Run("goes on when the log cannot be written", func(t *testing.T) {
		tail := newTail(fullDisk{}, nil)
		if n, err := tail.Write([]byte("a\n")); n != 2 || err != nil {
			t.Errorf("Write: %d, %v, want 2 and no error", n, err)
		}
	})
}

// However the output is cut into writes, the log has the same lines, and no
// secret.
func TestTailDoesNotDependOnWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.SampledFrom([]string{"sk-1", "load", " ", "\n", "\r", "é", "\t"})).Draw(t, "words")
		text := strings.Join(words, "")
		whole, cut := new(strings.Builder), new(strings.Builder)
		one, many := newTail(whole, []string{"sk-1"}), newTail(cut, []string{"sk-1"})
		one.Write([]byte(text))
		one.flush()
		for rest := []byte(text); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			many.Write(rest[:n])
			rest = rest[n:]
		}
		many.flush()
		if whole.String() != cut.String() || one.lines() != many.lines() {
			t.Errorf("log %q and tail %q in one write, %q and %q in several", whole, one.lines(), cut, many.lines())
		}
		if strings.Contains(cut.String(), "sk-1") {
			t.Errorf("log %q has the secret", cut)
		}
	})
}
