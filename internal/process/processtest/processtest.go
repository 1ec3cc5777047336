// Package processtest has what tests of process trees share: a log that several
// processes write, and which of the processes that it names run.
package processtest

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Log is a writer that several goroutines share, and read while it is written.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends b.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// String is what was written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Named are the processes that a text names in lines of two words, one of keys and
// a number.
func Named(text string, keys ...string) (pids []int) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 2 {
			continue
		}
		for _, k := range keys {
			if pid, err := strconv.Atoi(f[1]); f[0] == k && err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// Running are those of the processes that /proc shows and that are no zombies. It
// reads /proc by itself, since the reader of the project is among what is tested.
func Running(pids []int) (live []int) {
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		// The state follows the name, which stands in parentheses.
		_, state, _ := strings.Cut(string(stat[max(0, bytes.LastIndexByte(stat, ')')):]), " ")
		if !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X") {
			live = append(live, pid)
		}
	}
	return live
}
