package hwmon

import (
	"cmp"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"cfubench/meter"
	"cfubench/meter/sysfs"
)

// inspect returns the registers of the chip in dir by the rule for its name.
func inspect(dir string) ([]candidate, []meter.Refusal) {
	name := sysfs.Word(filepath.Join(dir, "name"))
	switch {
	case name == "xe" || name == "i915":
		return intelGPU(dir, name)
	case strings.HasPrefix(name, "i915_gt"):
		return nil, nil // one tile of a card whose own chip is read
	case name == "power_meter" || name == "acpi_power_meter":
		return acpiMeter(dir)
	case name == "amd_energy" || name == "zenergy": // the second is the first, kept on out of tree
		return amdEnergy(dir)
	case name == "ina3221":
		return jetson(dir)
	case name == "amdgpu":
		return nil, nil // meter/amdgpu reads it
	}
	var unknown []string
	for _, pattern := range []string{"energy*_input", "power*_input", "power*_average"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err == nil {
			unknown = append(unknown, files...)
		}
	}
	if len(unknown) == 0 {
		return nil, currents(dir, name)
	}
	return nil, []meter.Refusal{{
		Source: source, Domain: filepath.Base(dir) + " (" + cmp.Or(name, "without a name") + ")",
		Reason: "has " + filepath.Base(unknown[0]) + ", but what this chip's registers cover is not known",
	}}
}

// intelGPU reads an Intel GPU's energy1_input, the card, or energy2_input, the
// GPU package within it, on boards that count only that
// (Documentation/ABI/testing/sysfs-driver-intel-xe-hwmon, …-i915-hwmon). Both
// are microjoules that the kernel accumulates from a 32-bit register of 61 µJ
// steps, at each read: read often, it never misses a wrap.
func intelGPU(dir, name string) ([]candidate, []meter.Refusal) {
	device := filepath.Join(dir, "device")
	address := sysfs.PCIAddress(device)
	d := meter.Domain{
		Name: "gpu-" + cmp.Or(address, filepath.Base(dir)), Device: cmp.Or(address, dir), Source: source,
		Kind: meter.KindCounter, Scope: meter.ScopeGPU, Quantum: 61 * meter.Microjoule,
		UpdatePeriod: defaultPeriod,
	}
	// power1_max, power1_rated_max and power1_cap are limits of an average over
	// seconds, which power may pass; power1_crit is that of the card's fuses.
	if v, err := sysfs.Number(filepath.Join(dir, "power1_crit")); err == nil && v > 0 {
		d.Limit = meter.Power(v)
	}
	for channel, note := range []string{"", "the GPU package without the rest of the card"} {
		path := filepath.Join(dir, "energy"+string(rune('1'+channel))+"_input")
		if _, err := sysfs.Number(path); err == nil || sysfs.Denied(err) {
			d.Note = note
			return []candidate{{path: path, domain: d}}, nil
		}
	}
	return nil, []meter.Refusal{{
		Source: source, Domain: d.Name,
		Reason: "the " + name + " driver publishes no energy file for this GPU",
		Remedy: "discrete Intel GPUs have one from Linux 6.2 (i915) or 6.5 (xe); an integrated GPU is part of the processor package",
	}}
}

// socketOf finds the socket's number at the end of a meter's description.
var socketOf = regexp.MustCompile(`(?i)socket\s*(\d+)$`)

// acpiMeter reads an ACPI power meter's power1_average (microwatts over
// power1_average_interval milliseconds). On Grace the meter's own text says
// what it covers; elsewhere it is the input of the whole machine (ACPI §10.4).
func acpiMeter(dir string) ([]candidate, []meter.Refusal) {
	path, in := firstOf(dir, "power1_average")
	if path == "" {
		return nil, nil
	}
	text := sysfs.Word(filepath.Join(in, "power1_oem_info"))
	d := meter.Domain{
		Device: cmp.Or(text, dir), Source: source, Kind: meter.KindPower,
		UpdatePeriod: time.Second, Note: text,
	}
	if ms, err := sysfs.Number(filepath.Join(in, "power1_average_interval")); err == nil && ms > 0 {
		d.UpdatePeriod = time.Duration(ms) * time.Millisecond
	}
	if v, err := sysfs.Number(filepath.Join(in, "power1_cap")); err == nil && v > 0 {
		d.Limit = meter.Power(v)
	}
	socket := ""
	if m := socketOf.FindStringSubmatch(text); m != nil {
		socket = m[1]
	}
	switch lower := strings.ToLower(text); {
	case socket == "":
		d.Name, d.Scope, d.Note = "node-"+filepath.Base(dir), meter.ScopeNode, "ACPI power meter "+text
		d.Coarse = d.UpdatePeriod >= time.Second
	case strings.HasPrefix(lower, "module power"):
		d.Name, d.Scope = "module"+socket, meter.ScopeModule
	case strings.HasPrefix(lower, "grace power"):
		d.Name, d.Scope = "grace"+socket, meter.ScopeGrace
	case strings.HasPrefix(lower, "cpu power"):
		d.Name, d.Scope = "grace"+socket+"-cpu", meter.ScopeCore
	case strings.HasPrefix(lower, "sysio power"):
		d.Name, d.Scope = "grace"+socket+"-sysio", meter.ScopeUncore
	default:
		return nil, []meter.Refusal{{
			Source: source, Domain: filepath.Base(dir),
			Reason: "ACPI power meter describes itself as " + text + ": what it covers is not known",
		}}
	}
	return []candidate{{path: path, domain: d, socket: socket}}, nil
}

// firstOf finds a file in the chip's directory or in its device's, where the
// ACPI meter's are.
func firstOf(dir, file string) (path, in string) {
	for _, in := range []string{dir, filepath.Join(dir, "device")} {
		path := filepath.Join(in, file)
		if _, err := sysfs.Number(path); err == nil || sysfs.Denied(err) {
			return path, in
		}
	}
	return "", ""
}

// amdEnergy reads the sockets of the amd_energy driver (Linux 5.8 to 5.12 and
// out of tree): energyN_input in microjoules, labelled Esocket0, Esocket1, ….
// Its per-core registers are within them.
func amdEnergy(dir string) ([]candidate, []meter.Refusal) {
	labels, err := filepath.Glob(filepath.Join(dir, "energy*_label"))
	if err != nil {
		return nil, nil
	}
	var found []candidate
	for _, label := range labels {
		number, ok := strings.CutPrefix(sysfs.Word(label), "Esocket")
		if !ok {
			continue
		}
		found = append(found, candidate{
			path: strings.TrimSuffix(label, "_label") + "_input",
			domain: meter.Domain{
				Name: "package-" + strings.TrimLeft(number, "0") + zeroOf(number), Device: dir + " " + number, Source: source,
				Kind: meter.KindCounter, Scope: meter.ScopePackage, Quantum: 16 * meter.Microjoule,
				UpdatePeriod: time.Millisecond,
			},
		})
	}
	return found, nil
}

// zeroOf is "0" for a number that is all zeros, else "".
func zeroOf(number string) string {
	if strings.Trim(number, "0") == "" {
		return "0"
	}
	return ""
}
