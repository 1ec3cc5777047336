package engine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// fakePython plays the interpreter for scripts/engine: it says it is version
// $1, makes "environments" whose python is itself, and notes each installation,
// which takes a moment, in $LEDGER. $BREAK makes installations fail half-way.
const fakePython = `#!/bin/sh
case "$1 $2" in
"-c import"*) echo %s ;;
"-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
"-m pip") echo installing >>"$LEDGER"; sleep 0.3; [ -z "$BREAK" ] ;;
*) exit 9 ;;
esac
`

// toolbox is a PATH with what the script needs and the given interpreters
// (name to version), so that the host's own are not found.
func toolbox(t *testing.T, pythons map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, tool := range []string{"bash", "sh", "cat", "cp", "cut", "dirname", "flock", "mkdir", "rm", "sha256sum", "sleep", "touch", "uname"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Skipf("the script needs %s: %v", tool, err)
		}
		if err := os.Symlink(path, filepath.Join(dir, tool)); err != nil {
			t.Fatal(err)
		}
	}
	for name, version := range pythons {
		if err := os.WriteFile(filepath.Join(dir, name), fmt.Appendf(nil, fakePython, version), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// script runs scripts/NAME and returns its exit code and what it printed.
func script(t *testing.T, path, cache, ledger string, more []string, name string, args ...string) (int, string) {
	t.Helper()
	cmd := exec.Command(filepath.Join("..", "..", "scripts", name), args...)
	cmd.Env = append([]string{"PATH=" + path, "CFU_CACHE=" + cache, "LEDGER=" + ledger}, more...)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func TestEngineScriptFindsPython(t *testing.T) {
	for _, tt := range []struct {
		name    string
		pythons map[string]string
		code    int
		want    string
	}{
		{"none at all", nil, 1, "Python is missing: install Python 3.10 or newer"},
		{"too old", map[string]string{"python3": "3.9"}, 1, "Python is too old (python3 is 3.9): install Python 3.10 or newer"},
		{"several, all too old", map[string]string{"python3": "3.6", "python": "2.7"}, 1, "too old (python3 is 3.6, python is 2.7)"},
		{"just new enough", map[string]string{"python3": "3.10"}, 0, ""},
		{"a newer one under its own name", map[string]string{"python3": "3.9", "python3.12": "3.12"}, 0, ""},
		{"a newer major version", map[string]string{"python3": "4.0"}, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out := script(t, toolbox(t, tt.pythons), t.TempDir(), filepath.Join(t.TempDir(), "ledger"), nil, "engine", "--install-only")
			if code != tt.code || !strings.Contains(out, tt.want) || tt.code == 0 && out != "" {
				t.Errorf("exit %d with %q, want %d with %q", code, out, tt.code, tt.want)
			}
		})
	}
}

func TestEngineScriptInstallsOnceAndWhole(t *testing.T) {
	path := toolbox(t, map[string]string{"python3": "3.11"})
	cache := filepath.Join(t.TempDir(), "cache with a space")
	ledger := filepath.Join(t.TempDir(), "ledger")
	installs := func() int {
		b, err := os.ReadFile(ledger)
		if err != nil {
			return 0
		}
		return strings.Count(string(b), "installing")
	}

	if code, out := script(t, path, cache, ledger, []string{"BREAK=1"}, "engine", "--install-only"); code != 1 || !strings.Contains(out, "could not be installed") {
		t.Fatalf("a broken installation: exit %d with %q, want 1 and why", code, out)
	}
	if n := installs(); n != 1 {
		t.Fatalf("%d installations, want 1", n)
	}
	// What the broken one left is not used: of five at once one makes it anew
	// and four wait for it.
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			if code, out := script(t, path, cache, ledger, nil, "engine", "--install-only"); code != 0 {
				t.Errorf("exit %d with %q, want 0", code, out)
			}
		})
	}
	all.Wait()
	if n := installs(); n != 2 {
		t.Errorf("%d installations after five calls at once, want one more than before", n)
	}
	// Once it is there, no interpreter but its own is needed, and nothing is
	// installed.
	if code, out := script(t, toolbox(t, nil), cache, ledger, nil, "engine", "--install-only"); code != 0 {
		t.Errorf("exit %d with %q, want 0", code, out)
	}
	if n := installs(); n != 2 {
		t.Errorf("%d installations at the end, want none more", n)
	}
}

func TestEngineScriptUsage(t *testing.T) {
	path := toolbox(t, nil) // usage is settled before anything is looked for
	for _, tt := range []struct {
		name string
		args string
		code int
		want string
	}{
		{"help", "--help", 0, "usage: scripts/engine"},
		{"no batch", "--port 8000", 2, "--batch is missing"},
		{"no port", "--batch 1", 2, "--port is missing"},
		{"a batch of none", "--batch 0 --port 8000", 2, "--batch must be a whole number of at least 1, got '0'"},
		{"a port beyond the last", "--batch 1 --port 65536", 2, "--port must be below 65536"},
		{"no number", "--batch 1 --port 8000 --threads two", 2, "--threads must be a whole number of at least 1, got 'two'"},
		{"a flag without its value", "--batch", 2, "--batch needs a value"},
		{"an unknown flag", "--bacth 1", 2, "unknown argument '--bacth'"},
	} {
		for _, name := range []string{"engine", "engine-vllm"} {
			t.Run(name+": "+tt.name, func(t *testing.T) {
				code, out := script(t, path, t.TempDir(), os.DevNull, nil, name, strings.Fields(tt.args)...)
				want := strings.Replace(tt.want, "scripts/engine", "scripts/"+name, 1)
				if code != tt.code || !strings.Contains(out, want) {
					t.Errorf("exit %d with %q, want %d with %q", code, out, tt.code, want)
				}
			})
		}
	}
}

// TestVLLMScriptLaunchesTheUsersOwn: with --model and a vllm on PATH nothing is
// installed, and that vllm gets the batch limit.
func TestVLLMScriptLaunchesTheUsersOwn(t *testing.T) {
	path := toolbox(t, nil)
	if err := os.WriteFile(filepath.Join(path, "vllm"), []byte("#!/bin/sh\necho \"$VLLM_SERVER_DEV_MODE $*\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	code, out := script(t, path, t.TempDir(), os.DevNull, nil, "engine-vllm",
		"--batch", "16", "--port", "8123", "--model", "allenai/OLMo-2-1124-7B", "--", "--tensor-parallel-size", "2")
	want := "1 serve allenai/OLMo-2-1124-7B --host 127.0.0.1 --port 8123 --max-num-seqs 16 --enable-prompt-tokens-details --tensor-parallel-size 2\n"
	if code != 0 || out != want {
		t.Errorf("exit %d, vllm was called with %q, want %q", code, out, want)
	}
}
