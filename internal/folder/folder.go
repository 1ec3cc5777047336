// Package folder guards a folder of results: one process works in it at a time,
// no name that stands in its files leads out of it, and neither does a link.
package folder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"cfubench/internal/outside"
)

// Folder is an opened folder. Every name that it is asked for is below it, also
// by way of links.
type Folder struct {
	*os.Root
	path string
}

// Open opens an existing folder.
func Open(path string) (*Folder, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open folder: %w", err)
	}
	return &Folder{root, path}, nil
}

// Create opens a folder, and makes it if it is not there.
func Create(path string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("create folder %s: %w", path, err)
	}
	return Open(path)
}

// Path is the folder's path as it was opened.
func (f *Folder) Path() string { return f.path }

// maxName is the longest name that every file system takes.
const maxName = 255

// CheckName says what is wrong with the name of a cell, a table or a log: it
// must be one plain file name on every system. nil is nothing.
func CheckName(name string) error {
	said := func(why string) error { return fmt.Errorf("name %q %s", outside.Line(name, 80), why) }
	switch {
	case name == "":
		return errors.New("an empty name")
	case len(name) > maxName:
		return said(fmt.Sprintf("has %d bytes, at most %d are allowed", len(name), maxName))
	case name == "." || name == "..":
		return said("is no name")
	case strings.ContainsAny(name, `/\`):
		return said("leads into another folder")
	case !utf8.ValidString(name) || outside.Clean(name) != name:
		return said("has characters that cannot be shown")
	case strings.ContainsAny(name, `<>:"|?*`):
		return said(`has one of < > : " | ? *, which not every system takes`)
	case strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-"):
		return said("begins with a dot or a dash")
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return said("ends with a dot or a space")
	}
	return nil
}

// CheckPath says what is wrong with a path in a folder's own files: its elements
// must be names, so that it stays below.
func CheckPath(path string) error {
	if filepath.IsAbs(path) || strings.HasPrefix(path, "/") {
		return fmt.Errorf("path %q is not below the folder", outside.Line(path, 80))
	}
	for name := range strings.SplitSeq(path, "/") {
		if err := CheckName(name); err != nil {
			return err
		}
	}
	return nil
}
