package loadgen

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// spareFiles is what a process needs beside its connections: sensors, tables,
// the runtime.
const spareFiles = 64

// CheckLimits reports what on this host stands in the way of that many
// connections at a time, in words with a remedy; empty if nothing does. It
// raises the soft limit on open files as far as the hard one allows.
func CheckLimits(concurrency int) []string {
	var problems []string
	if p := checkFiles(concurrency); p != "" {
		problems = append(problems, p)
	}
	if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		if p := checkPorts(concurrency, string(b)); p != "" {
			problems = append(problems, p)
		}
	}
	return problems
}

func checkFiles(concurrency int) string {
	need := uint64(concurrency) + spareFiles
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || limit.Cur >= need {
		return ""
	}
	if limit.Max >= need {
		raised := unix.Rlimit{Cur: need, Max: limit.Max}
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) == nil {
			return ""
		}
	}
	return fmt.Sprintf("%d connections need %d open files, the limit is %d: raise it with ulimit -n %d",
		concurrency, need, limit.Cur, need)
}

// checkPorts holds the connections against the local port range: one endpoint
// address takes one local port a connection.
func checkPorts(concurrency int, portRange string) string {
	fields := strings.Fields(portRange)
	if len(fields) != 2 {
		return ""
	}
	low, err1 := strconv.Atoi(fields[0])
	high, err2 := strconv.Atoi(fields[1])
	if err1 != nil || err2 != nil || high-low+1 >= concurrency {
		return ""
	}
	return fmt.Sprintf("%d connections to one address need as many local ports, ip_local_port_range %d-%d has %d: widen net.ipv4.ip_local_port_range",
		concurrency, low, high, high-low+1)
}
