package process

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"cfubench/meter/sysfs"
)

// Group is a control group and the file that counts the CPU time of all
// that is in it, whoever started it.
type Group struct {
	Path string // within its hierarchy: "/system.slice/vllm.service"
	dir  string
	file string // "cpu.stat" or "cpuacct.usage"
}

// groups lists the control groups that a process is in and that count processor
// time, the unified hierarchy first. cgroups is where they are mounted.
func (fs FS) groups(cgroups string, pid int) (found []Group) {
	b, err := os.ReadFile(fs.file(pid, "cgroup"))
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(b)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		controllers, path := parts[1], parts[2]
		var tops []string
		file := "cpuacct.usage"
		switch {
		case controllers == "":
			tops, file = []string{"", "unified"}, "cpu.stat"
		case slices.Contains(strings.Split(controllers, ","), "cpuacct"):
			tops = []string{controllers, "cpuacct"}
		}
		for _, top := range tops {
			g := Group{Path: path, dir: filepath.Join(cgroups, top, path), file: file}
			if _, err := g.Used(); err == nil {
				found = append(found, g)
				break
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Group) int {
		return strings.Compare(a.file, b.file) // cpu.stat comes first
	})
	return found
}

var errNoUsage = errors.New("no usage_usec")

// Used is the CPU time of all that is or was in the group.
func (g Group) Used() (time.Duration, error) {
	u, err := g.Open()
	if err != nil {
		return 0, err
	}
	used, err := u.Read()
	return used, errors.Join(err, u.Close())
}

// Usage is the open file of a group's CPU time.
type Usage struct {
	group Group
	file  *os.File
	buf   [1024]byte
}

// Open opens the file of the group's CPU time.
func (g Group) Open() (*Usage, error) {
	f, err := os.Open(filepath.Join(g.dir, g.file))
	if err != nil {
		return nil, err
	}
	return &Usage{group: g, file: f}, nil
}

// Close closes the file.
func (u *Usage) Close() error { return u.file.Close() }

// Read returns the group's CPU time. It allocates nothing unless it fails.
func (u *Usage) Read() (time.Duration, error) {
	n, err := u.file.ReadAt(u.buf[:], 0)
	if n == 0 && err != nil {
		return 0, err
	}
	return u.group.parse(u.buf[:n])
}

// parse reads the text of the group's file.
func (g Group) parse(b []byte) (time.Duration, error) {
	if g.file == "cpuacct.usage" {
		n, err := sysfs.Parse(b)
		return time.Duration(n), err
	}
	for line := range bytes.Lines(b) {
		if v, ok := bytes.CutPrefix(line, []byte("usage_usec ")); ok {
			n, err := sysfs.Parse(v)
			return time.Duration(n) * time.Microsecond, err
		}
	}
	return 0, errNoUsage
}

// Members lists the processes in the group and in those within it.
func (g Group) Members() (pids []int) {
	_ = filepath.WalkDir(g.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.Name() != "cgroup.procs" {
			return nil // what has gone meanwhile has no members
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		for word := range bytes.FieldsSeq(b) {
			if pid, err := strconv.Atoi(string(word)); err == nil {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	return pids
}

// shared reports whether a group is one that processes of all kinds are in: the
// root, a login session, the first process.
func (g Group) shared() bool {
	base := filepath.Base(g.Path)
	return g.Path == "/" || g.Path == "" || base == "init.scope" || strings.HasPrefix(base, "session-") || strings.HasPrefix(base, "user@") || strings.HasSuffix(base, ".slice")
}

// OwnGroup finds the control group that holds the process tree below root and
// nothing else, false if there is none: a container's, a service's, one that a
// launcher made. A process of the tree may be outside if it stands above those
// inside (the shell that started them). self is this process, which is in none.
// outside lists the tree's processes that are not in the group.
func (fs FS) OwnGroup(cgroups string, root, self int) (own Group, outside []int, ok bool) {
	tree := fs.below(root)
	tried := map[string]bool{}
	for _, pid := range tree {
		for _, g := range fs.groups(cgroups, pid) {
			if tried[g.dir] {
				continue
			}
			tried[g.dir] = true
			if g.shared() {
				continue
			}
			if outside, ok := fs.holds(g, tree, root, self); ok {
				return g, outside, true
			}
		}
	}
	return Group{}, nil, false
}

// holds reports whether group g holds the tree and nothing else.
func (fs FS) holds(g Group, tree []int, root, self int) (outside []int, ok bool) {
	members := g.Members()
	if len(members) == 0 || slices.Contains(members, self) {
		return nil, false
	}
	for _, pid := range members {
		if slices.Contains(tree, pid) || fs.Descends(root, pid) {
			continue // of the tree, or what started it
		}
		if !fs.orphaned(pid, root, members) {
			return nil, false
		}
	}
	for _, pid := range tree {
		if slices.Contains(members, pid) {
			continue
		}
		above := slices.ContainsFunc(tree, func(p int) bool { return slices.Contains(members, p) && fs.Descends(p, pid) })
		if !above {
			return nil, false
		}
		outside = append(outside, pid)
	}
	return outside, true
}

// orphaned reports whether pid, which is not below root, may have been: the way up
// from it leaves the members without meeting what started root, and it came later.
func (fs FS) orphaned(pid, root int, members []int) bool {
	of, err := fs.Stat(root)
	if err != nil {
		return false
	}
	for range deepest {
		st, err := fs.Stat(pid)
		if err != nil {
			return true // gone meanwhile
		}
		if st.Started < of.Started || fs.Descends(root, pid) {
			return false
		}
		if !slices.Contains(members, st.Parent) {
			return true
		}
		pid = st.Parent
	}
	return false
}

// below lists root and the processes below it, parents before children.
func (fs FS) below(root int) []int {
	all, err := fs.All()
	if err != nil {
		return []int{root}
	}
	children := map[int][]int{}
	for _, pid := range all {
		if st, err := fs.Stat(pid); err == nil {
			children[st.Parent] = append(children[st.Parent], pid)
		}
	}
	tree := []int{root}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, children[tree[i]]...)
	}
	return tree
}
