package rapl

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"cfubench/meter"
	"cfubench/meter/sysfs"
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
		name, err := sysfs.Text(filepath.Join(top, dir, "name"))
		if err != nil {
			return nil, err
		}
		z := zone{dir: dir, name: name}
		if strings.Count(dir, ":") > 1 {
			z.parent = dir[:strings.LastIndex(dir, ":")]
		}
		if v, err := sysfs.Number(filepath.Join(top, dir, "max_energy_range_uj")); err == nil {
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
		if name, err := sysfs.Text(constraint + "name"); err != nil || name != "peak_power" {
			continue
		}
		if v, err := sysfs.Number(constraint + "power_limit_uw"); err == nil {
			return meter.Power(v)
		}
	}
	return 0
}

// readEnergy returns an energy_uj register in µJ. It allocates nothing unless
// it fails.
func readEnergy(r *sysfs.Register) (meter.Energy, error) {
	v, err := r.Read()
	if err == nil && v < 0 {
		err = errNegative
	}
	return meter.Energy(v), err
}

var errNegative = errors.New("a counter below 0")
