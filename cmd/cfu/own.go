package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"cfubench/internal/folder"
	"cfubench/internal/subcommand"
)

// ownNew makes this command the owner of the run folder dir, which it makes if it
// is not there. What release finds empty of a folder that was made is removed.
func ownNew(env subcommand.Environment, dir, what string) (release func(), err error) {
	_, err = os.Stat(dir)
	made := errors.Is(err, fs.ErrNotExist)
	f, err := folder.Create(dir)
	if err != nil {
		return nil, err
	}
	lock, err := own(env, f, what)
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

// ownRun makes this command the owner of a run folder that is there. Of one that
// is not, whoever reads it says so.
func ownRun(env subcommand.Environment, dir, what string) (release func(), err error) {
	f, err := folder.Open(dir)
	if err != nil {
		return func() {}, nil
	}
	return own(env, f, what)
}

// own takes the lock of a folder and closes the folder with it.
func own(env subcommand.Environment, f *folder.Folder, what string) (release func(), err error) {
	lock, dead, err := f.Lock("cfu " + what)
	if err != nil {
		f.Close()
		return nil, err
	}
	if dead != nil {
		fmt.Fprintf(env.Stderr, "%s: taken over from a process that has ended: %s\n", f.Path(), *dead)
	}
	return func() {
		if err := errors.Join(lock.Release(), f.Close()); err != nil {
			fmt.Fprintf(env.Stderr, "warning: give %s back: %v\n", f.Path(), err)
		}
	}, nil
}
