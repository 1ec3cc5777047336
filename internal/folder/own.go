package folder

import (
	"errors"
	"io/fs"
	"os"
)

// Say tells a user something, in a line of its own.
type Say func(format string, args ...any)

// OwnNew makes this process, called what, the owner of the folder dir, which it makes if
// it is not there. What release finds empty of a folder that was made is removed.
func OwnNew(dir, what string, say Say) (release func(), err error) {
	_, err = os.Stat(dir)
	made := errors.Is(err, fs.ErrNotExist)
	f, err := Create(dir)
	if err != nil {
		return nil, err
	}
	lock, err := f.own(what, say)
	if err != nil {
		return nil, err
	}
	return func() {
		lock()
		if made {
			os.Remove(dir) // fails where something is in it
		}
	}, nil
}

// Own makes this process the owner of a folder that is there. Of one that is not,
// whoever reads it says so.
func Own(dir, what string, say Say) (release func(), err error) {
	f, err := Open(dir)
	if err != nil {
		return func() {}, nil
	}
	return f.own(what, say)
}

// own takes the lock of a folder and closes the folder with it.
func (f *Folder) own(what string, say Say) (release func(), err error) {
	lock, dead, err := f.Lock(what)
	if err != nil {
		f.Close()
		return nil, err
	}
	if dead != nil {
		say("%s: taken over from a process that has ended: %s", f.Path(), *dead)
	}
	return func() {
		if err := errors.Join(lock.Release(), f.Close()); err != nil {
			say("warning: give %s back: %v", f.Path(), err)
		}
	}, nil
}
