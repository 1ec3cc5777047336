// Package sysfs reads the small text and binary files in which Linux publishes
// its registers.
package sysfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"cfubench/internal/outside"
)

// Register is one file kept open: reading it at offset 0 makes the kernel form
// its text anew, without the cost of opening it. It is used by one goroutine at
// a time.
type Register struct {
	file *os.File
	buf  [32]byte
}

// OpenRegister opens the register at path.
func OpenRegister(path string) (*Register, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &Register{file: f}, nil
}

// Read returns the register's whole number. It allocates nothing unless it
// fails.
func (r *Register) Read() (int64, error) {
	n, err := r.ReadBytes(r.buf[:])
	if err != nil {
		return 0, err
	}
	return Parse(r.buf[:n])
}

// ReadBytes reads the register from its beginning into b and returns how much
// of b it filled.
func (r *Register) ReadBytes(b []byte) (int, error) {
	n, err := r.file.ReadAt(b, 0)
	if n > 0 {
		return n, nil // a register shorter than b ends in io.EOF
	}
	return 0, err
}

// Close closes the file.
func (r *Register) Close() error { return r.file.Close() }

var errNumber = errors.New("not a whole number")

// Parse reads the decimal in b, which may have a minus in front and white space
// behind.
func Parse(b []byte) (int64, error) {
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	var v int64
	digits := 0
	for i, c := range b {
		if c < '0' || c > '9' {
			if digits == 0 || len(strings.TrimSpace(string(b[i:]))) > 0 {
				return 0, errNumber
			}
			break
		}
		if v > (1<<63-1-int64(c-'0'))/10 {
			return 0, errNumber
		}
		v = v*10 + int64(c-'0')
		digits++
	}
	if digits == 0 {
		return 0, errNumber
	}
	if negative {
		v = -v
	}
	return v, nil
}

// Number reads the file at path as a whole number.
func Number(path string) (int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	v, err := Parse(b)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	return v, nil
}

// Text reads the file at path as a line that is fit to print.
func Text(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return outside.Clean(string(b)), nil
}

// Lines reads the lines of the file at path, each fit to print.
func Lines(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []string
	for line := range strings.Lines(string(b)) {
		all = append(all, outside.Clean(line))
	}
	return all, nil
}

// Word is Text, "" if the file cannot be read.
func Word(path string) string {
	text, _ := Text(path)
	return text
}

var pci = regexp.MustCompile(`^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$`)

// PCIAddress returns the PCI address of the device whose directory is dir, ""
// if it is none.
func PCIAddress(dir string) string {
	lines, _ := Lines(filepath.Join(dir, "uevent")) // without one its link tells
	for _, line := range lines {
		if v, ok := strings.CutPrefix(line, "PCI_SLOT_NAME="); ok {
			return strings.ToLower(v)
		}
	}
	real, err := filepath.EvalSymlinks(dir)
	if err == nil && pci.MatchString(filepath.Base(real)) {
		return filepath.Base(real)
	}
	return ""
}

// Denied reports whether err says that the user may not.
func Denied(err error) bool { return errors.Is(err, fs.ErrPermission) }

// Missing reports whether err says that there is no such file.
func Missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// Gone reports whether err, of a register that was open, says that its device
// was unplugged or its driver unloaded.
func Gone(err error) bool { return errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.ENXIO) }

// ByNumber compares names that end in numbers (hwmon2 before hwmon10).
func ByNumber(a, b string) int {
	x, m := split(a)
	y, n := split(b)
	if x != y {
		return strings.Compare(x, y)
	}
	return m - n
}

func split(name string) (string, int) {
	head := strings.TrimRight(name, "0123456789")
	n, err := strconv.Atoi(name[len(head):])
	if err != nil {
		return name, 0
	}
	return head, n
}
