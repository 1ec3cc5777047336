package hwmon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cfubench/meter"
)

// chip writes files of a hardware monitor below a fake sysfs.
func chip(t *testing.T, root, name string, files map[string]string) {
	t.Helper()
	for file, text := range files {
		path := filepath.Join(root, "class", "hwmon", name, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func acpi(text, microwatts string) map[string]string {
	return map[string]string{
		"name": "power_meter", "device/power1_average": microwatts, "device/power1_oem_info": text,
		"device/power1_average_interval": "50",
	}
}

// outline is the domains with their first values, and the refusals.
func outline(sources []meter.Source, left []meter.Refusal) string {
	var b strings.Builder
	for _, s := range sources {
		readings := s.Read(nil)
		for i, d := range s.Domains() {
			b.WriteString(d.Name + " " + string(d.Kind) + " " + string(d.Scope))
			if d.Parent != "" {
				b.WriteString(" in " + d.Parent)
			}
			switch r := readings[i]; {
			case r.HasEnergy:
				b.WriteString(": " + r.Energy.String())
			case r.HasPower:
				b.WriteString(": " + r.Power.String())
			default:
				b.WriteString(": " + string(r.Status))
			}
			b.WriteByte('\n')
		}
	}
	for _, l := range left {
		b.WriteString("left out: " + l.Domain + ": " + l.Reason + "\n")
	}
	return b.String()
}

func TestChips(t *testing.T) {
	for _, row := range []struct {
		name  string
		chips map[string]map[string]string
		want  string
	}{
		{"a host without monitors has nothing and nothing to say", nil, ""},
		{"a discrete Intel GPU counts its card", map[string]map[string]string{
			"hwmon2": {"name": "xe", "energy1_input": "5000000", "energy2_input": "4000000", "power1_max": "190000000", "device/uevent": "PCI_SLOT_NAME=0000:03:00.0"},
		}, "gpu-0000:03:00.0 counter gpu: 5 J\n"},
		{"one that counts the package alone is read there", map[string]map[string]string{
			"hwmon2": {"name": "xe", "energy2_input": "4000000", "device/uevent": "PCI_SLOT_NAME=0000:03:00.0"},
		}, "gpu-0000:03:00.0 counter gpu: 4 J\n"},
		{"an i915 card is read once, not by its tiles too", map[string]map[string]string{
			"hwmon2": {"name": "i915", "energy1_input": "5000000", "device/uevent": "PCI_SLOT_NAME=0000:03:00.0"},
			"hwmon3": {"name": "i915_gt0", "energy1_input": "3000000"},
			"hwmon4": {"name": "i915_gt1", "energy1_input": "2000000"},
		}, "gpu-0000:03:00.0 counter gpu: 5 J\n"},
		{"an integrated Intel GPU has no counter and says where it is", map[string]map[string]string{
			"hwmon0": {"name": "i915", "device/uevent": "PCI_SLOT_NAME=0000:00:02.0"},
		}, "left out: gpu-0000:00:02.0: the i915 driver publishes no energy file for this GPU\n"},
		{"a Grace Hopper module and its parts know each other", map[string]map[string]string{
			"hwmon1":  acpi("Module Power Socket 0", "500000000"),
			"hwmon2":  acpi("Grace Power Socket 0", "90000000"),
			"hwmon3":  acpi("CPU Power Socket 0", "70000000"),
			"hwmon10": acpi("SysIO Power Socket 0", "9000000"),
			"hwmon11": acpi("Grace Power Socket 1", "80000000"),
		}, `module0 power module: 500 W
grace0 power grace in module0: 90 W
grace0-cpu power core in grace0: 70 W
grace0-sysio power uncore in grace0: 9 W
grace1 power grace: 80 W
`},
		{"another ACPI meter is the whole machine's", map[string]map[string]string{
			"hwmon1": {"name": "power_meter", "device/power1_average": "310000000"},
		}, "node-hwmon1 power node: 310 W\n"},
		{"an ACPI meter of unknown coverage is not guessed", map[string]map[string]string{
			"hwmon1": acpi("Fan Tray Socket 0", "9000000"),
		}, "left out: hwmon1: ACPI power meter describes itself as Fan Tray Socket 0: what it covers is not known\n"},
		{"amd_energy has its sockets, without the cores in them", map[string]map[string]string{
			"hwmon1": {"name": "amd_energy", "energy1_label": "Ecore000", "energy1_input": "1000000",
				"energy2_label": "Esocket0", "energy2_input": "7000000", "energy3_label": "Esocket1", "energy3_input": "8000000"},
		}, "package-0 counter package: 7 J\npackage-1 counter package: 8 J\n"},
		{"zenergy is amd_energy under another name", map[string]map[string]string{
			"hwmon1": {"name": "zenergy", "energy1_label": "Ecore000", "energy1_input": "1000000", "energy2_label": "Esocket0", "energy2_input": "7000000"},
		}, "package-0 counter package: 7 J\n"},
		{"a Jetson's input rail is the module, the others are within", map[string]map[string]string{
			"hwmon1": {"name": "ina3221", "in1_label": "VDD_IN", "in1_input": "19000", "curr1_input": "1300",
				"in2_label": "VDD_CPU_GPU_CV", "in2_input": "19000", "curr2_input": "700", "in3_label": "VDD_SOC", "in3_input": "19000", "curr3_input": "300"},
		}, "module-vdd_in power module: 24.7 W\nleft out: hwmon1 (ina3221): 1 of 3 rails are read: the others (VDD_CPU_GPU_CV, VDD_SOC) are within VDD_IN\n"},
		{"a Jetson without such a rail is named", map[string]map[string]string{
			"hwmon1": {"name": "ina3221", "in1_label": "VDD_GPU_SOC", "in1_input": "19000", "curr1_input": "1300", "in2_label": "VDD_CPU_CV", "in2_input": "19000", "curr2_input": "700"},
		}, "left out: hwmon1 (ina3221): rails VDD_GPU_SOC, VDD_CPU_CV: none is the module's input, and what each covers is not known\n"},
		{"a negative current is no power", map[string]map[string]string{
			"hwmon1": {"name": "ina3221", "in1_label": "VDD_IN", "in1_input": "19000", "curr1_input": "-5"},
		}, "module-vdd_in power module: transient\n"},
		{"a chip of rails that nobody knows is named, a laptop's plug is not", map[string]map[string]string{
			"hwmon1": {"name": "ltc2991", "in1_input": "12000", "curr1_input": "100"},
			"hwmon2": {"name": "ucsi_source_psy_USBC000:001", "in0_input": "5000", "curr1_input": "100"},
		}, "left out: hwmon1 (ltc2991): has curr1_input and no power: what this chip's rails cover is not known\n"},
		{"a meter's own words are fit to print", map[string]map[string]string{
			"hwmon1": acpi("PSU \xff \x1b[31m Socket 0", "9000000"),
		}, "left out: hwmon1: ACPI power meter describes itself as PSU � Socket 0: what it covers is not known\n"},
		{"a chip that nobody knows is named", map[string]map[string]string{
			"hwmon1": {"name": "nct6683", "power1_input": "100"},
			"hwmon2": {"name": "coretemp", "temp1_input": "45000"},
			"hwmon3": {"name": "amdgpu", "power1_average": "100"},
		}, "left out: hwmon1 (nct6683): has power1_input, but what this chip's registers cover is not known\n"},
		{"a register that does not read as a number is left out", map[string]map[string]string{
			"hwmon1": {"name": "amd_energy", "energy2_label": "Esocket0", "energy2_input": "n/a"},
		}, "left out: package-0: read energy2_input: not a whole number\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			root := t.TempDir()
			for name, files := range row.chips {
				chip(t, root, name, files)
			}
			sources, left := Open(meter.NewClock(time.Now()), root)
			if got := outline(sources, left); got != row.want {
				t.Errorf("got\n%swant\n%s", got, row.want)
			}
			for _, s := range sources {
				dst := make([]meter.Reading, 0, 8)
				if n := testing.AllocsPerRun(100, func() { dst = s.Read(dst[:0]) }); n != 0 {
					t.Errorf("got %v allocations a read, want 0", n)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestDomainsTellPeriodAndLimit(t *testing.T) {
	root := t.TempDir()
	grace := acpi("Grace Power Socket 0", "90000000")
	grace["device/power1_cap"] = "250000000"
	chip(t, root, "hwmon1", grace)
	sources, _ := Open(meter.NewClock(time.Now()), root)
	if len(sources) != 1 {
		t.Fatalf("got %d sources, want one", len(sources))
	}
	defer sources[0].Close()
	if d := sources[0].Domains()[0]; d.UpdatePeriod != 50*time.Millisecond || d.Limit != 250*meter.Watt || d.Coarse {
		t.Errorf("got %+v, want a period of 50 ms and a limit of 250 W", d)
	}
}

// What an Intel GPU may draw on average is no bound of its counter; its fuses are.
func TestIntelLimitIsTheCriticalOne(t *testing.T) {
	for _, tt := range []struct {
		does  string
		files map[string]string
		want  meter.Power
	}{
		{"the average alone bounds nothing", map[string]string{"power1_max": "190000000"}, 0},
		{"the critical power does", map[string]string{"power1_max": "190000000", "power1_crit": "380000000"}, 380 * meter.Watt},
	} {
		root := t.TempDir()
		tt.files["name"], tt.files["energy1_input"] = "xe", "5000000"
		chip(t, root, "hwmon1", tt.files)
		sources, _ := Open(meter.NewClock(time.Now()), root)
		if len(sources) != 1 {
			t.Fatalf("%s: no source", tt.does)
		}
		if got := sources[0].Domains()[0].Limit; got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.does, got, tt.want)
		}
		if err := sources[0].Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestRegisterThatFailsLater(t *testing.T) {
	root := t.TempDir()
	chip(t, root, "hwmon1", map[string]string{"name": "xe", "energy1_input": "5000000"})
	sources, left := Open(meter.NewClock(time.Now()), root)
	if len(sources) != 1 {
		t.Fatalf("got no source, refusals %+v", left)
	}
	defer sources[0].Close()
	path := filepath.Join(root, "class", "hwmon", "hwmon1", "energy1_input")
	if err := os.WriteFile(path, nil, 0o644); err != nil { // truncated in place
		t.Fatal(err)
	}
	if r := sources[0].Read(nil)[0]; r.HasEnergy || r.Status != meter.StatusTransient {
		t.Errorf("got %+v, want a transient reading without a value", r)
	}
}

func TestUnreadableRegisterSaysSo(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	root := t.TempDir()
	chip(t, root, "hwmon1", map[string]string{"name": "xe", "energy1_input": "5000000"})
	if err := os.Chmod(filepath.Join(root, "class", "hwmon", "hwmon1", "energy1_input"), 0); err != nil {
		t.Fatal(err)
	}
	sources, left := Open(meter.NewClock(time.Now()), root)
	if len(sources) != 0 || len(left) != 1 || !strings.Contains(left[0].Reason, "not readable") || !strings.Contains(left[0].Remedy, "chmod a+r") {
		t.Errorf("got %d sources and refusals %+v, want that the file is not readable and how to change it", len(sources), left)
	}
}
