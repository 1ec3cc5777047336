package folder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"cfubench/internal/outside"
	"cfubench/internal/process"
)

// LockFile is the name of the lock in a folder.
const LockFile = ".lock"

// Owner is who works in a folder.
type Owner struct {
	PID int `json:"pid"`
	// Started is when the process started, in clock ticks since the host's boot,
	// 0 where that is not known; Boot identifies that boot. Numbers of processes
	// are given again.
	Started uint64    `json:"started_ticks"`
	Boot    string    `json:"boot_id"`
	Host    string    `json:"host"`
	Since   time.Time `json:"since"`
	What    string    `json:"what"` // the command, without arguments
}

// String names the owner, also one that has the lock and has not said yet who it is.
func (o Owner) String() string {
	if o == (Owner{}) {
		return "another process, which has just begun"
	}
	return fmt.Sprintf("%s, process %d on %s, since %s", outside.Line(o.What, 40), o.PID, outside.Line(o.Host, 80), o.Since.Format(time.DateTime))
}

// HeldError says that another process works in the folder.
type HeldError struct {
	Folder string
	Owner  Owner
	// Elsewhere is set if the owner is on another host, or in a container of its
	// own: whether it still runs cannot be seen from here.
	Elsewhere bool
}

func (e *HeldError) Error() string {
	text := fmt.Sprintf("%s is in use by %s", e.Folder, e.Owner)
	if e.Elsewhere {
		return text + fmt.Sprintf("; whether it still runs cannot be seen from here: if it does not, remove %s/%s", e.Folder, LockFile)
	}
	return text + ": wait for it, stop it, or give another folder"
}

// Lock is the ownership of a folder.
type Lock struct {
	root *os.Root
	file *os.File
}

// Lock makes this process the folder's owner, for what (the command's name). A
// live owner's folder is refused with a *HeldError; a dead one's is taken over,
// and dead says whose it was (nil without).
//
// On one host the kernel's lock of the file decides, which ends with its
// process. Between hosts the file's content does: another host's owner is
// believed to be alive.
func (f *Folder) Lock(what string) (lock *Lock, dead *Owner, err error) {
	defer func() {
		var held *HeldError
		if err != nil && !errors.As(err, &held) {
			err = fmt.Errorf("lock %s: %w", f.path, err)
		}
	}()
	for range 10 {
		file, err := f.OpenFile(LockFile, os.O_RDWR|os.O_CREATE|openFlags, 0o644)
		if err != nil {
			return nil, nil, err
		}
		lock, dead, err := f.take(file, what)
		if err == nil {
			return lock, dead, nil
		}
		file.Close()
		if !errors.Is(err, errAgain) {
			return nil, nil, err
		}
	}
	return nil, nil, errors.New("others take and leave it all the time")
}

// errAgain says that the file was removed while it was opened.
var errAgain = errors.New("the lock was removed meanwhile")

func (f *Folder) take(file *os.File, what string) (*Lock, *Owner, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is no regular file", LockFile)
	}
	locked, lockErr := lockFile(file)
	owner, known := readOwner(file)
	self := Self(what)
	switch {
	case lockErr != nil: // no locks in this file system: the content decides
		if known && (owner.Host != self.Host || owner.Boot != self.Boot && owner.Boot != "" || alive(owner, self)) {
			return nil, nil, &HeldError{f.path, owner, owner.Host != self.Host}
		}
	case !locked:
		return nil, nil, &HeldError{f.path, owner, known && owner.Boot != self.Boot}
	case known && owner.Host != self.Host && owner.Boot != self.Boot:
		return nil, nil, &HeldError{f.path, owner, true}
	}
	if now, err := f.Stat(LockFile); err != nil || !os.SameFile(now, info) {
		return nil, nil, errAgain
	}
	text, err := json.Marshal(self)
	if err != nil {
		return nil, nil, err
	}
	if err := file.Truncate(0); err != nil {
		return nil, nil, err
	}
	if _, err := file.WriteAt(append(text, '\n'), 0); err != nil {
		return nil, nil, err
	}
	if !known {
		return &Lock{f.Root, file}, nil, nil
	}
	return &Lock{f.Root, file}, &owner, nil
}

// Release gives the folder back.
func (l *Lock) Release() error {
	if l == nil || l.file == nil {
		return nil
	}
	// Removed while it is held: who opens it now sees that it is another file.
	err := l.root.Remove(LockFile)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	err = errors.Join(err, l.file.Close())
	l.file = nil
	return err
}

func readOwner(file *os.File) (o Owner, ok bool) {
	b := make([]byte, 4096)
	n, _ := file.ReadAt(b, 0)
	if err := json.Unmarshal(b[:n], &o); err != nil || o.PID <= 0 {
		return Owner{}, false
	}
	return o, true
}

// Self is this process as an owner.
func Self(what string) Owner {
	o := Owner{PID: os.Getpid(), Since: time.Now().UTC().Truncate(time.Second), What: what}
	o.Host, _ = os.Hostname()
	if b, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		o.Boot = strings.TrimSpace(string(b))
	}
	if s, err := process.ReadStat(process.ProcFS, o.PID); err == nil {
		o.Started = s.Started
	}
	return o
}

// alive reports whether the owner, of this boot, still runs.
func alive(o, self Owner) bool {
	s, err := process.ReadStat(process.ProcFS, o.PID)
	if err != nil {
		return self.Started == 0 && signalable(o.PID) // processes cannot be seen here
	}
	return !s.Ended() && (o.Started == 0 || s.Started == o.Started)
}
