package rapl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"cfubench/meter"
)

// zone is one directory of the powercap tree that carries a RAPL register
// (https://docs.kernel.org/power/powercap/powercap.html).
type zone struct {
	dir    string // base name: "intel-rapl:0:1"
	name   string // "package-0", "package-0-die-1", "dram", "core", "psys"
	parent string // base name of the zone above, "" at the top
	wrap   meter.Energy
	limit  meter.Power
}

// zones lists the RAPL zones under root/class/powercap in the order of their
// names. Other control types (dtpm) live in the same directory and are not
// RAPL; a zone without a range is listed with range 0.
func zones(root string) ([]zone, error) {
	top := filepath.Join(root, "class", "powercap")
	entries, err := os.ReadDir(top)
	if err != nil {
		return nil, err
	}
	var found []zone
	for _, e := range entries {
		dir := e.Name()
		if !strings.HasPrefix(dir, "intel-rapl:") && !strings.HasPrefix(dir, "intel-rapl-mmio:") {
			continue
		}
		name, err := readWord(filepath.Join(top, dir, "name"))
		if err != nil {
			return nil, err
		}
		z := zone{dir: dir, name: name}
		if strings.Count(dir, ":") > 1 {
			z.parent = dir[:strings.LastIndex(dir, ":")]
		}
		if v, err := readNumber(filepath.Join(top, dir, "max_energy_range_uj")); err == nil {
			z.wrap = meter.Energy(v)
		}
		z.limit = zoneLimit(filepath.Join(top, dir))
		found = append(found, z)
	}
	sort.Slice(found, func(i, j int) bool { return before(found[i].dir, found[j].dir) })
	return found, nil
}

// before orders zone directories by their numbers, MSR zones first.
func before(a, b string) bool {
	x, y := strings.Split(a, ":"), strings.Split(b, ":")
	for i := range min(len(x), len(y)) {
		if x[i] == y[i] {
			continue
		}
		n, errN := strconv.Atoi(x[i])
		m, errM := strconv.Atoi(y[i])
		if errN == nil && errM == nil {
			return n < m
		}
		return len(x[i]) < len(y[i])
	}
	return len(x) < len(y)
}

// zoneLimit is the zone's peak power limit, which the processor never exceeds,
// 0 if the zone has none. The long-term and short-term limits are averages over
// seconds and milliseconds: power may pass them, and no bound may rest on them.
func zoneLimit(dir string) meter.Power {
	for i := range 3 {
		constraint := filepath.Join(dir, fmt.Sprintf("constraint_%d_", i))
		if name, err := readWord(constraint + "name"); err != nil || name != "peak_power" {
			continue
		}
		if v, err := readNumber(constraint + "power_limit_uw"); err == nil {
			return meter.Power(v)
		}
	}
	return 0
}

// register is one energy_uj file kept open: pread at 0 makes the kernel read
// the register anew, without the cost of opening.
type register struct {
	file *os.File
	buf  [32]byte
}

func openRegister(path string) (*register, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &register{file: f}, nil
}

// read returns the register in µJ. It allocates nothing unless it fails.
func (r *register) read() (meter.Energy, error) {
	n, err := unix.Pread(int(r.file.Fd()), r.buf[:], 0)
	if err != nil {
		return 0, err
	}
	v, err := parseNumber(r.buf[:n])
	return meter.Energy(v), err
}

var errNumber = errors.New("not a whole number")

// parseNumber reads the decimal in b, which may end in white space.
func parseNumber(b []byte) (int64, error) {
	var v int64
	digits := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			if c == '\n' && digits > 0 {
				break
			}
			return 0, errNumber
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
	return v, nil
}

func readNumber(path string) (int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	v, err := parseNumber(b)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	return v, nil
}

func readWord(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(b)), nil
}

// denied reports whether err is a permission error.
func denied(err error) bool { return errors.Is(err, fs.ErrPermission) }
