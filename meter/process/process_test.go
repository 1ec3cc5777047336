package process

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const tail = " 0 -1 4194560 100 0 0 0 11 22 33 44 20 0 7 0 5150 1000 100 18446744073709551615"
	for _, tt := range []struct {
		does, text string
		want       Stat
		fails      bool
	}{
		{"an ordinary line", "123 (llama-server) S 42 7 123" + tail, Stat{Parent: 42, Session: 123, Waited: 770 * time.Millisecond, Started: 5150}, false},
		{"a name with spaces and parentheses", "123 (a) (b) c) R 42 7 123" + tail, Stat{Parent: 42, Session: 123, Waited: 770 * time.Millisecond, Started: 5150}, false},
		{"no name", "123 S 42", Stat{}, true},
		{"a line cut short", "123 (x) S 42 123 200", Stat{}, true},
		{"words for numbers", "123 (x) S forty", Stat{}, true},
		{"nothing", "", Stat{}, true},
	} {
		got, err := ParseStat([]byte(tt.text))
		if got != tt.want || (err != nil) != tt.fails {
			t.Errorf("%s: got %+v, %v; want %+v, error %v", tt.does, got, err, tt.want, tt.fails)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("123 (llama-server) S 42 123 200 0 -1 4194560 100 0 0 0 11 22 33 44 20 0 7 0 5150"))
	f.Add([]byte("1 ()) S 0"))
	f.Add([]byte(")"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseStat(b)
		if err == nil && s.Parent < 0 {
			t.Errorf("parent %d of %q", s.Parent, b)
		}
	})
}

// tree is a procfs, or a tree of control groups, with these files.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for file, text := range files {
		path := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestForwarder(t *testing.T) {
	for _, tt := range []struct {
		does, line string
		want       bool
	}{
		{"Docker's proxy of a published port", "/usr/bin/docker-proxy\x00-proto\x00tcp\x00-host-port\x008000\x00", true},
		{"a tunnel", "ssh\x00-L\x008000:gpu:8000\x00gpu\x00", true},
		{"a forwarded port of a pod", "kubectl\x00port-forward\x00svc/vllm\x008000\x00", true},
		{"nginx, which writes over its arguments", "nginx: master process /usr/sbin/nginx -g daemon off;\x00", true},
		{"an engine", "/usr/bin/python3\x00-m\x00vllm.entrypoints.openai.api_server\x00", false},
		{"an engine with a file that is called after a proxy", "llama-server\x00-m\x00/models/nginx.gguf\x00", false},
		{"a process without arguments", "", false},
	} {
		fs := FS(tree(t, map[string]string{"42/cmdline": tt.line}))
		if got := fs.Forwarder(42); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.does, got, tt.want)
		}
	}
}

func TestOnlyForwards(t *testing.T) {
	for _, tt := range []struct {
		does   string
		used   time.Duration
		tokens int64
		want   bool
	}{
		{"no CPU time while thousands of tokens came", time.Millisecond, 10_000, true},
		{"a GPU's engine at a large batch spends some 50 µs a token", 500 * time.Millisecond, 10_000, false},
		{"too few tokens to tell", 0, 20, false},
	} {
		if got := OnlyForwards(tt.used, tt.tokens); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.does, got, tt.want)
		}
	}
}

func TestCommandIsFitToPrint(t *testing.T) {
	for _, tt := range []struct{ does, line, want string }{
		{"as it was started", "vllm\x00serve\x00m\x00", "vllm serve m"},
		{"without secrets", "vllm\x00--api-key\x00sk-1\x00--hf-token=abc\x00--port\x001\x00", "vllm --api-key … --hf-token=… --port 1"},
		{"without control characters", "a\x1b[31m\x00b\nc\x00", "a b c"},
		{"cut", strings.Repeat("x", 200), strings.Repeat("x", longestCommand-1) + "…"},
		{"unknown", "", "of an unknown command"},
	} {
		if got := FS(tree(t, map[string]string{"42/cmdline": tt.line})).Command(42); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.does, got, tt.want)
		}
	}
}

// stat is the file of a process with this parent and start.
func stat(parent, started int) string {
	return "1 (x) S " + strconv.Itoa(parent) + " 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 " + strconv.Itoa(started) + " 0 0"
}

func TestOwnGroup(t *testing.T) {
	// Process 40 is the engine's, started by 39; 50 is ours.
	for _, tt := range []struct {
		does    string
		procs   map[string]string // pid → group; parents and starts below
		parents map[string]string
		want    string // path, "" for none
		outside int
	}{
		{"a service with its workers", map[string]string{"40": "/vllm.service", "41": "/vllm.service", "50": "/user.slice/session-1.scope"},
			map[string]string{"40": stat(1, 10), "41": stat(40, 11), "50": stat(1, 5)}, "/vllm.service", 0},
		{"an orphan of it, and its child", map[string]string{"40": "/vllm.service", "41": "/vllm.service", "42": "/vllm.service", "50": "/"},
			map[string]string{"40": stat(1, 10), "41": stat(1, 11), "42": stat(41, 12), "50": stat(1, 5)}, "/vllm.service", 0},
		{"a container, whose first process started the engine", map[string]string{"39": "/docker/abc", "40": "/docker/abc", "50": "/"},
			map[string]string{"39": stat(1, 9), "40": stat(39, 10), "50": stat(1, 5)}, "/docker/abc", 0},
		{"the shell that started the engine is outside", map[string]string{"40": "/", "41": "/bench", "50": "/"},
			map[string]string{"40": stat(50, 10), "41": stat(40, 11), "50": stat(1, 5)}, "/bench", 1},
		{"not one that we are in", map[string]string{"40": "/bench", "50": "/bench"},
			map[string]string{"40": stat(50, 10), "50": stat(1, 5)}, "", 0},
		{"not one with a stranger in it", map[string]string{"39": "/bench", "40": "/bench", "43": "/bench", "50": "/"},
			map[string]string{"39": stat(1, 8), "40": stat(39, 10), "43": stat(39, 11), "50": stat(1, 5)}, "", 0},
		{"not a login session", map[string]string{"40": "/user.slice/session-3.scope", "50": "/"},
			map[string]string{"40": stat(1, 10), "50": stat(1, 5)}, "", 0},
		{"not one that a worker is not in", map[string]string{"40": "/vllm.service", "41": "/", "50": "/"},
			map[string]string{"40": stat(1, 10), "41": stat(40, 11), "50": stat(1, 5)}, "", 0},
		{"not the root of all", map[string]string{"40": "/", "50": "/"},
			map[string]string{"40": stat(1, 10), "50": stat(1, 5)}, "", 0},
	} {
		procfs, groups := map[string]string{}, map[string]string{}
		for pid, path := range tt.procs {
			procfs[pid+"/cgroup"] = "1:name=systemd:/x\n0::" + path + "\n"
			procfs[pid+"/stat"] = tt.parents[pid]
			groups[filepath.Join(path, "cgroup.procs")] += pid + "\n"
			groups[filepath.Join(path, "cpu.stat")] = "usage_usec 2500\nuser_usec 2000\n"
		}
		got, outside, ok := FS(tree(t, procfs)).OwnGroup(tree(t, groups), 40, 50)
		if ok != (tt.want != "") || got.Path != tt.want || len(outside) != tt.outside {
			t.Errorf("%s: got %q with %v outside, want %q with %d", tt.does, got.Path, outside, tt.want, tt.outside)
			continue
		}
		if used, err := got.Used(); ok && (err != nil || used != 2500*time.Microsecond) {
			t.Errorf("%s: used %v, %v; want 2.5 ms", tt.does, used, err)
		}
	}
}

// The older hierarchy counts nanoseconds in a file of its own.
func TestOwnGroupOfTheOlderHierarchy(t *testing.T) {
	fs := FS(tree(t, map[string]string{"40/cgroup": "2:cpu,cpuacct:/bench\n0::/\n", "40/stat": stat(1, 10)}))
	groups := tree(t, map[string]string{"cpu,cpuacct/bench/cpuacct.usage": "123456789\n", "cpu,cpuacct/bench/cgroup.procs": "40\n"})
	g, _, ok := fs.OwnGroup(groups, 40, 50)
	used, err := g.Used()
	if !ok || err != nil || used != 123456789 {
		t.Errorf("got %v, %v, %v; want 123.456789 ms", ok, used, err)
	}
}
