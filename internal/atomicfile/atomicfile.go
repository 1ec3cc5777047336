// Package atomicfile replaces files in one step: a reader sees the old file or
// the new one, and a crash leaves one of them whole.
package atomicfile

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Write gives path the content text, durably and in one step.
func Write(path string, text []byte) error {
	return Stream(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// WriteJSON writes v to path as indented JSON, durably and in one step.
func WriteJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return Write(path, append(text, '\n'))
}

// Stream gives path what content writes, durably and in one step. If content
// fails, path stays as it was.
func Stream(path string, content func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	err = content(f)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}
