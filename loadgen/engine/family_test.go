package engine

import (
	"os"
	"slices"
	"testing"
)

func TestParseStat(t *testing.T) {
	// After proc_pid_stat(5); the name holds what it likes.
	const rest = " S 41 42 40 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 987654 1000 100"
	for _, tt := range []struct {
		name, stat string
		want       process
		ok         bool
	}{
		{"a plain name", "43 (sleep)" + rest, process{43, 41, 42, 987654, 'S'}, true},
		{"a name with spaces and parentheses", "43 (tmux: (1) x)" + rest, process{43, 41, 42, 987654, 'S'}, true},
		{"a line cut short", "43 (sleep) S 41", process{}, false},
		{"nothing", "", process{}, false},
		{"another thing", "no parenthesis here", process{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := parseStat(43, []byte(tt.stat))
			if ok != tt.ok || ok && got != tt.want {
				t.Errorf("parseStat(%q) = %+v, %v, want %+v, %v", tt.stat, got, ok, tt.want, tt.ok)
			}
		})
	}
	all, err := processes()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(all, func(p process) bool { return p.pid == os.Getpid() && p.parent == os.Getppid() }) {
		t.Errorf("this process %d, child of %d, is not among the host's %d", os.Getpid(), os.Getppid(), len(all))
	}
}

func TestParseCPUs(t *testing.T) {
	for _, tt := range []struct {
		name, list string
		want       cpuList
		ok         bool
	}{
		{"none given", "", nil, true},
		{"one", "3", cpuList{3}, true},
		{"ranges and cores", "0-2,8", cpuList{0, 1, 2, 8}, true},
		{"a range backwards", "3-1", nil, false},
		{"more than the kernel has", "0-4096", nil, false},
		{"an open range", "3-", nil, false},
		{"a gap", "1,,2", nil, false},
		{"a negative core", "-1", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseCPUs(tt.list)
			if (err == nil) != tt.ok || !slices.Equal(got, tt.want) {
				t.Errorf("parseCPUs(%q) = %v, %v, want %v, %v", tt.list, got, err, tt.want, tt.ok)
			}
		})
	}
}
