package host_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfubench/meter/host"
)

func TestListenerOfARealSocket(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	for _, url := range []string{
		fmt.Sprintf("http://127.0.0.1:%d/v1", port), fmt.Sprintf("http://localhost:%d", port), fmt.Sprintf("http://0.0.0.0:%d", port),
	} {
		if pid, err := host.Listener("/proc", url); err != nil || pid != os.Getpid() {
			t.Errorf("listener of %s: %d, %v; want this process, %d", url, pid, err, os.Getpid())
		}
	}
	l.Close()
	if pid, err := host.Listener("/proc", fmt.Sprintf("http://127.0.0.1:%d", port)); err == nil {
		t.Errorf("listener of a closed port: %d, want an error", pid)
	}
}

// proxy is a process that only passes requests on.
const proxy = 77

// process writes a process with its parent and the sockets it holds below proc.
func process(t *testing.T, proc string, pid, parent int, sockets ...int) {
	t.Helper()
	fds := filepath.Join(proc, fmt.Sprint(pid), "fd")
	if err := os.MkdirAll(fds, 0o755); err != nil {
		t.Fatal(err)
	}
	stat := fmt.Sprintf("%d (server) S %d 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 5 0", pid, parent)
	if err := os.WriteFile(filepath.Join(proc, fmt.Sprint(pid), "stat"), []byte(stat), 0o644); err != nil {
		t.Fatal(err)
	}
	command := "server"
	if pid == proxy {
		command = "/usr/bin/docker-proxy"
	}
	if err := os.WriteFile(filepath.Join(proc, fmt.Sprint(pid), "cmdline"), []byte(command), 0o644); err != nil {
		t.Fatal(err)
	}
	for i, inode := range sockets {
		if err := os.Symlink(fmt.Sprintf("socket:[%d]", inode), filepath.Join(fds, fmt.Sprint(i+3))); err != nil {
			t.Fatal(err)
		}
	}
}

func TestListenerAmongProcesses(t *testing.T) {
	const header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	const listen = "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n"
	const talk = "   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1\n"
	for _, tt := range []struct {
		does, url, tcp, tcp6 string
		processes            [][]int // pid, parent, sockets…
		want                 int
		fails                string
	}{
		{"the one process that listens, and not its client", "http://localhost:8080", header + listen + talk, "",
			[][]int{{50, 1, 4712}, {60, 1, 4711}}, 60, ""},
		{"a server and the workers it forked: the server", "http://localhost:8080", header + listen, "",
			[][]int{{300, 400, 4711}, {400, 1, 4711}, {500, 400, 4711}}, 400, ""},
		{"a container's port on the host: its proxy is not the engine", "http://localhost:8080", header + listen, "",
			[][]int{{proxy, 1, 4711}}, 0, "process 77 (/usr/bin/docker-proxy), which listens on port 8080, only passes requests on"},
		{"a socket of IPv6", "http://[::1]:8080", header, header + listen, [][]int{{60, 1, 4711}}, 60, ""},
		{"the port of plain http", "http://localhost", header + strings.ReplaceAll(listen, "1F90", "0050"), "", [][]int{{60, 1, 4711}}, 60, ""},
		{"the port of https", "https://localhost", header + strings.ReplaceAll(listen, "1F90", "01BB"), "", [][]int{{60, 1, 4711}}, 60, ""},
		{"a connection only", "http://localhost:8080", header + talk, "", [][]int{{60, 1, 4712}}, 0, "nothing listens on port 8080"},
		{"a socket that no process here holds", "http://localhost:8080", header + listen, "", [][]int{{60, 1, 99}}, 0, "another namespace"},
		{"another host", "http://192.0.2.7:8080", header + listen, "", [][]int{{60, 1, 4711}}, 0, "192.0.2.7 is another host"},
		{"a name that is not this host's", "http://example.invalid:8080", header + listen, "", nil, 0, "another host"},
		{"a table cut short", "http://localhost:8080", header + listen[:40], "", [][]int{{60, 1, 4711}}, 0, "nothing listens"},
		{"no URL", "http://local host", header, "", nil, 0, "no URL"},
		{"a port that is none", "http://localhost:99999", header, "", nil, 0, "port"},
	} {
		proc := t.TempDir()
		if err := os.Mkdir(filepath.Join(proc, "net"), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"tcp": tt.tcp, "tcp6": tt.tcp6} {
			if text == "" {
				continue // no IPv6
			}
			if err := os.WriteFile(filepath.Join(proc, "net", name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range tt.processes {
			process(t, proc, p[0], p[1], p[2:]...)
		}
		pid, err := host.Listener(proc, tt.url)
		if pid != tt.want || (err != nil) != (tt.fails != "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
			t.Errorf("%s: got %d, %v; want %d, error %q", tt.does, pid, err, tt.want, tt.fails)
		}
	}
}
