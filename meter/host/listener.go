package host

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"cfubench/meter"
	"cfubench/meter/process"
)

// Listener returns the process that listens on the port of a URL whose host is
// this machine, from the socket tables below procfs. Where several processes
// share the socket (a server and its forked workers) it is the one that none of
// the others is an ancestor of. A program that only passes requests on is an error:
// the engine is another process.
func Listener(procfs, endpoint string) (int, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return 0, errors.New("the endpoint is no URL") // which may hold a password
	}
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("the endpoint's port %q is none", port)
	}
	if !meter.IsLocal(u.Hostname()) {
		return 0, fmt.Errorf("%s is another host", u.Hostname())
	}
	inodes := map[string]bool{}
	for _, table := range []string{"tcp", "tcp6"} {
		f, err := os.Open(filepath.Join(procfs, "net", table))
		if errors.Is(err, fs.ErrNotExist) {
			continue // no IPv6
		}
		if err != nil {
			return 0, err
		}
		err = listening(f, uint16(number), inodes)
		f.Close()
		if err != nil {
			return 0, err
		}
	}
	if len(inodes) == 0 {
		return 0, fmt.Errorf("nothing listens on port %d", number)
	}
	pids, denied := holders(procfs, inodes)
	if len(pids) == 0 {
		if denied {
			return 0, fmt.Errorf("the process that listens on port %d belongs to another user", number)
		}
		return 0, fmt.Errorf("the process that listens on port %d is in another namespace (a container)", number)
	}
	pid := eldest(procfs, pids)
	if fs := process.FS(procfs); fs.Forwarder(pid) {
		return 0, &ForwarderError{Port: int(number), PID: pid, Command: fs.Command(pid)}
	}
	return pid, nil
}

// ForwarderError says that what listens on the engine's port is not the engine.
type ForwarderError struct {
	Port, PID int
	Command   string
}

func (e *ForwarderError) Error() string {
	return fmt.Sprintf("process %d (%s), which listens on port %d, only passes requests on: the engine is another process, or on another host", e.PID, e.Command, e.Port)
}

// listening adds to inodes the sockets in a /proc/net/tcp table that listen on port
// (proc_net_tcp: local address is ADDRESS:PORT in hex, state 0A is LISTEN, the
// tenth field is the inode). The kernel lists those that listen before all others,
// and writes the table as it is read: once the port is found the connections, of
// which a loaded server has thousands, are not asked for.
func listening(table io.Reader, port uint16, inodes map[string]bool) error {
	found := false
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 10 {
			continue
		}
		if f[3] != "0A" {
			if found {
				break
			}
			continue
		}
		_, hexPort, ok := strings.Cut(f[1], ":")
		b, err := hex.DecodeString(hexPort)
		if !ok || err != nil || len(b) != 2 {
			continue
		}
		if uint16(b[0])<<8|uint16(b[1]) == port {
			inodes[f[9]] = true
			found = true
		}
	}
	return lines.Err()
}

// holders returns the processes that have one of the sockets open, and whether
// some process did not let itself be looked at.
func holders(procfs string, inodes map[string]bool) (pids []int, denied bool) {
	dirs, err := filepath.Glob(filepath.Join(procfs, "[0-9]*", "fd"))
	if err != nil {
		return nil, false
	}
	for _, dir := range dirs {
		fds, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrPermission) {
			denied = true
		}
		for _, fd := range fds {
			target, err := os.Readlink(filepath.Join(dir, fd.Name()))
			if err != nil {
				continue
			}
			inode, ok := strings.CutPrefix(target, "socket:[")
			if !ok || !inodes[strings.TrimSuffix(inode, "]")] {
				continue
			}
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
			if err == nil {
				pids = append(pids, pid)
			}
			break
		}
	}
	return pids, denied
}

// eldest returns the lowest of pids whose parent is none of them.
func eldest(procfs string, pids []int) int {
	sort.Ints(pids)
	for _, pid := range pids {
		parent := process.FS(procfs).Parent(pid)
		i := sort.SearchInts(pids, parent)
		if i == len(pids) || pids[i] != parent {
			return pid
		}
	}
	return pids[0]
}
