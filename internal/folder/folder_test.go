package folder_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cfubench/internal/folder"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("FOLDER_TEST_HOLD"); dir != "" { // another process that holds a folder
		f, err := folder.Open(dir)
		if err == nil {
			_, _, err = f.Lock("cfu run")
		}
		if err != nil {
			os.Stdout.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Stdout.WriteString("held\n")
		time.Sleep(time.Hour)
	}
	os.Exit(m.Run())
}

// hold starts a process that holds dir.
func hold(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FOLDER_TEST_HOLD="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("the other process says %q", line)
	}
	return cmd
}

func open(t *testing.T, dir string) *folder.Folder {
	t.Helper()
	f, err := folder.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	f := open(t, dir)
	other := hold(t, dir)

	var held *folder.HeldError
	_, _, err := f.Lock("cfu run")
	if !errors.As(err, &held) || held.Owner.PID != other.Process.Pid || held.Elsewhere {
		t.Fatalf("a live owner's folder: %v, want one that names process %d", err, other.Process.Pid)
	}
	for _, part := range []string{dir, "in use by cfu run", "process", "wait for it, stop it"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}

	other.Process.Kill()
	other.Wait()
	lock, dead, err := f.Lock("cfu run")
	if err != nil || dead == nil || dead.PID != other.Process.Pid {
		t.Fatalf("a dead owner's folder: %v, owner %v, want it taken over from %d", err, dead, other.Process.Pid)
	}
	if _, _, err := f.Lock("cfu report"); !errors.As(err, &held) {
		t.Errorf("a second lock of this process: %v, want refused", err)
	}
	// Whoever has the lock of the kernel lives, also before it has written who it is.
	if err := os.Truncate(filepath.Join(dir, folder.LockFile), 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Lock("cfu report"); !errors.As(err, &held) || held.Elsewhere || !strings.Contains(err.Error(), "in use by another process, which has just begun: wait for it") {
		t.Errorf("an owner that has not said who it is: %v, want refused in words", err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("after Release %v is left", entries)
	}
	lock, dead, err = f.Lock("cfu run")
	if err != nil || dead != nil {
		t.Errorf("a free folder: %v, owner %v", err, dead)
	}
	lock.Release()
	if err := lock.Release(); err != nil {
		t.Errorf("a second Release: %v", err)
	}
}

func TestLockOfOthers(t *testing.T) {
	self := folder.Self("cfu run")
	for _, c := range []struct {
		comment string
		content func(o folder.Owner) any
		refused bool
	}{
		{"another host's", func(o folder.Owner) any { o.Host, o.Boot = "node7", "b"; return o }, true},
		{"this host's, of an earlier boot", func(o folder.Owner) any { o.Boot = "earlier"; return o }, false},
		{"of a process that has ended", func(o folder.Owner) any { o.PID = 1 << 22; return o }, false},
		{"of a process whose number is another's now", func(o folder.Owner) any { o.Started++; return o }, false},
		{"no owner at all", func(folder.Owner) any { return "?" }, false},
		{"nothing", nil, false},
	} {
		t.Run(c.comment, func(t *testing.T) {
			dir := t.TempDir()
			var text []byte
			if c.content != nil {
				text, _ = json.Marshal(c.content(self))
			}
			if err := os.WriteFile(filepath.Join(dir, folder.LockFile), text, 0o644); err != nil {
				t.Fatal(err)
			}
			lock, _, err := open(t, dir).Lock("cfu run")
			var held *folder.HeldError
			if got := errors.As(err, &held); got != c.refused || !c.refused && err != nil {
				t.Fatalf("Lock: %v, want refused %v", err, c.refused)
			}
			if c.refused && (!held.Elsewhere || !strings.Contains(err.Error(), "on node7") || !strings.Contains(err.Error(), "remove")) {
				t.Errorf("the error is %q", err)
			}
			lock.Release()
		})
	}
}

// Of many at once one gets the folder at a time, each gets it in the end, and
// none sees another in it.
func TestOneAtATime(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for done := 0; done < 20; {
				lock, _, err := f.Lock("cfu run")
				if err != nil {
					time.Sleep(time.Millisecond)
					continue
				}
				in, err := os.OpenFile(filepath.Join(dir, "in"), os.O_CREATE|os.O_EXCL, 0o644)
				if err != nil {
					t.Errorf("two are in: %v", err)
				} else {
					in.Close()
					os.Remove(filepath.Join(dir, "in"))
				}
				if err := lock.Release(); err != nil {
					t.Error(err)
				}
				done++
			}
		})
	}
	all.Wait()
}

func TestLockIsNoLink(t *testing.T) {
	dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(dir, folder.LockFile)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := open(t, dir).Lock("cfu run"); err == nil {
		t.Error("a lock that is a link out of the folder was taken")
	}
	if b, _ := os.ReadFile(victim); string(b) != "precious" {
		t.Errorf("the file that it leads to is %q", b)
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"b0-c1-r1", "b8-rate12.5-r1", "näme", "a b", strings.Repeat("x", 255)} {
		if err := folder.CheckName(name); err != nil {
			t.Errorf("%q: %v, want allowed", name, err)
		}
	}
	for _, name := range []string{"", ".", "..", "../x", "a/b", `a\b`, "/etc/passwd", "a\x00b", "a\nb", "\x1b[31m", "a\u202eb", "\xff", ".hidden",
		"-rf", "c:d", "x*", "a.", "a ", strings.Repeat("x", 256)} {
		if folder.CheckName(name) == nil {
			t.Errorf("%q is allowed", name)
		}
	}
	for _, path := range []string{"cells/b0-c1-r1/requests.arrow", "run.json"} {
		if err := folder.CheckPath(path); err != nil {
			t.Errorf("%q: %v, want allowed", path, err)
		}
	}
	for _, path := range []string{"/run.json", "cells/../../x", "cells//x", "", "cells/./x"} {
		if folder.CheckPath(path) == nil {
			t.Errorf("%q is allowed", path)
		}
	}
}

// No path that is allowed leads out of the folder.
func TestPathsStayBelow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		path := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"a", "..", ".", "/", `\`, "\x00", "c:", " ", "~"})).Draw(t, "path"), "")
		if folder.CheckPath(path) == nil && !filepath.IsLocal(path) {
			t.Errorf("%q is allowed and not local", path)
		}
	})
}
