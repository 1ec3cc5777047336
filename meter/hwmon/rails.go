package hwmon

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"cfubench/meter"
	"cfubench/meter/sysfs"
)

// channelOf finds a channel's number in the name of its current.
var channelOf = regexp.MustCompile(`^curr(\d+)_input$`)

// jetson reads the ina3221 of an NVIDIA Jetson: up to three rails, each with a
// voltage in mV and a current in mA, whose product is µW (Documentation/hwmon/ina3221).
// Only the rail that feeds the whole module is taken; the others are within it or,
// on boards without that rail, of unknown coverage.
func jetson(dir string) (found []candidate, left []meter.Refusal) {
	files, err := filepath.Glob(filepath.Join(dir, "curr[0-9]*_input"))
	if err != nil || len(files) == 0 {
		return nil, nil
	}
	var inputs, rails []string
	for _, current := range files {
		m := channelOf.FindStringSubmatch(filepath.Base(current))
		if m == nil {
			continue
		}
		label := cmp.Or(sysfs.Word(filepath.Join(dir, "in"+m[1]+"_label")), "rail "+m[1])
		if label == "sum of shunt voltages" || m[1] > "3" {
			continue // the chip's fourth to seventh channels are sums and shunts
		}
		rails = append(rails, label)
		if !feedsModule(label) {
			continue
		}
		inputs = append(inputs, label)
		found = append(found, candidate{
			path: current, volts: filepath.Join(dir, "in"+m[1]+"_input"),
			domain: meter.Domain{
				Name: "module-" + strings.ToLower(label), Device: dir + " " + label, Source: source,
				Kind: meter.KindPower, Scope: meter.ScopeModule, UpdatePeriod: defaultPeriod,
				Note: "ina3221 rail " + label + ": the module with processor, GPU and memory, voltage × current",
			},
		})
	}
	name := filepath.Base(dir) + " (ina3221)"
	switch {
	case len(rails) == 0:
		return nil, nil
	case len(inputs) == 0:
		left = append(left, meter.Refusal{
			Source: source, Domain: name,
			Reason: fmt.Sprintf("rails %s: none is the module's input, and what each covers is not known", strings.Join(rails, ", ")),
			Remedy: "add them up by the board's manual, or meter its supply",
		})
	case len(rails) > len(inputs):
		left = append(left, meter.Refusal{
			Source: source, Domain: name,
			Reason: fmt.Sprintf("%d of %d rails are read: the others (%s) are within %s", len(inputs), len(rails), strings.Join(without(rails, inputs), ", "), strings.Join(inputs, ", ")),
		})
	}
	return found, left
}

// feedsModule tells the rail that feeds the whole module: VDD_IN of Orin NX, Orin
// Nano, Xavier NX and TX2, POM_5V_IN of the Nano (NVIDIA's Jetson Linux Developer
// Guide, "Software-Based Power Consumption Modeling").
func feedsModule(label string) bool { return label == "VDD_IN" || label == "POM_5V_IN" }

func without(all, some []string) (rest []string) {
	in := map[string]bool{}
	for _, s := range some {
		in[s] = true
	}
	for _, s := range all {
		if !in[s] {
			rest = append(rest, s)
		}
	}
	return rest
}

// currents names a chip that has currents and voltages and no power: a monitor of
// supply rails that no rule knows. Those of batteries and plugs are none.
func currents(dir, name string) []meter.Refusal {
	for _, prefix := range []string{"ucsi", "BAT", "ADP", "AC", "CMB", "cros"} {
		if strings.HasPrefix(name, prefix) {
			return nil
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "curr*_input"))
	if err != nil || len(files) == 0 {
		return nil
	}
	return []meter.Refusal{{
		Source: source, Domain: filepath.Base(dir) + " (" + cmp.Or(name, "without a name") + ")",
		Reason: "has " + filepath.Base(files[0]) + " and no power: what this chip's rails cover is not known",
	}}
}
