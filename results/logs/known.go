package logs

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cfubench/meter"
)

// firstRecord returns the fields of the first record of a file and whether
// they are names.
func firstRecord(head []byte) (fields []string, named bool) {
	r := newTable(bytes.NewReader(head))
	if r.read() != nil {
		return nil, false
	}
	for _, f := range r.fields {
		fields = append(fields, string(f))
	}
	return fields, r.header()
}

// detectNvidiaSMI knows `nvidia-smi --query-gpu=… --format=csv`, and hl-smi,
// which has the same names: with a header of which one field begins with
// power.draw, or without one by a date first and a value in W.
func detectNvidiaSMI(head []byte) bool {
	fields, named := firstRecord(head)
	if named {
		return slices.ContainsFunc(fields, func(f string) bool {
			return strings.HasPrefix(f, "power.draw")
		})
	}
	return len(fields) > 1 && isDate([]byte(fields[0])) && slices.ContainsFunc(fields[1:], func(f string) bool {
		_, u := stripUnit([]byte(f))
		return u.known()
	})
}

// detectAMDSMI knows `amd-smi metric --csv -w`: gpu and socket_power.
func detectAMDSMI(head []byte) bool {
	fields, named := firstRecord(head)
	return named && slices.Contains(fields, "gpu") && slices.ContainsFunc(fields, func(f string) bool {
		return slices.Contains(amdPowers, Column{f, "W"}) || f == "total_energy_consumption"
	})
}

// amdPowers are the columns of amd-smi that are a power, in the order in which
// they are preferred. Which of the last two has a value depends on the card.
var amdPowers = []Column{{"socket_power", "W"}, {"current_socket_power", "W"}, {"average_socket_power", "W"}}

// detectROCmSMI knows `rocm-smi --showpower --csv` and loggers around it: a
// device column of cards and a power in watts.
func detectROCmSMI(head []byte) bool {
	fields, named := firstRecord(head)
	return named && slices.Contains(fields, "device") && slices.ContainsFunc(fields, rocmPower)
}

func rocmPower(f string) bool {
	return f == "power_watts" || strings.HasPrefix(f, "Average Graphics Package Power") || strings.HasPrefix(f, "Current Socket Graphics Package Power")
}

// detectDCGM knows tables of DCGM's field watches: GPUId and TimeStampUs.
func detectDCGM(head []byte) bool {
	fields, named := firstRecord(head)
	return named && slices.Contains(fields, "GPUId") && slices.Contains(fields, "TimeStampUs")
}

// detectCSV takes the tables whose columns' names say what they are and in
// what unit; all others need a map.
func detectCSV(head []byte) bool {
	fields, named := firstRecord(head)
	if !named {
		return false
	}
	_, err := knownColumns("csv", fields, true, nil)
	return err == nil
}

// defaultsOf is what the devices of a format are.
func defaultsOf(format string) Device {
	d := Device{Scope: meter.ScopeGPU, Kind: meter.KindPower}
	if format == "spl" {
		d.Scope = meter.ScopeNode
	}
	return d
}

// knownColumns maps the columns of a known format.
func knownColumns(format string, names []string, named bool, row [][]byte) (Columns, error) {
	switch format {
	case "nvidia-smi":
		return nvidiaColumns(names, named, row)
	case "amd-smi":
		c := Columns{"time": {{Name: "timestamp", Unit: "s"}}, "gpu": {{Name: "gpu"}}}
		c["power"] = valued(amdPowers, names, row)
		if len(c["power"]) == 0 {
			c.prefer(names, "energy", Column{"total_energy_consumption", "J"})
		}
		return c, nil
	case "rocm-smi":
		i := slices.IndexFunc(names, rocmPower)
		if i < 0 {
			return nil, errors.New("rocm-smi's table has no power: say which column is it with --column power=NAME:W")
		}
		if !slices.Contains(names, "timestamp") {
			return nil, errors.New("rocm-smi's table has no time: log with the time of each call and name its column with --column time=NAME")
		}
		return Columns{"time": {{Name: "timestamp"}}, "gpu": {{Name: "device"}}, "power": {{names[i], "W"}}}, nil
	case "dcgm":
		c := Columns{"time": {{"TimeStampUs", "us"}}, "gpu": {{Name: "GPUId"}}}
		if slices.Contains(names, "Field") && slices.Contains(names, "Values") {
			c["field"], c["power"] = []Column{{Name: "Field"}}, []Column{{"Values", "W"}}
			return c, nil
		}
		c.prefer(names, "power", Column{"Watts", "W"}, Column{"power_usage", "W"}, Column{"power_usage_instant", "W"})
		if len(c["power"]) == 0 {
			return nil, errors.New("the DCGM table has no column Watts: say which is the power with --column power=NAME:W")
		}
		return c, nil
	case "json":
		// amd-smi's objects have their powers with their unit under "power".
		var powers []Column
		for _, col := range amdPowers {
			powers = append(powers, Column{Name: "power." + col.Name})
		}
		if power := valued(powers, names, row); len(power) > 0 && slices.Contains(names, "gpu") && slices.Contains(names, "timestamp") {
			return Columns{"time": {{Name: "timestamp"}}, "gpu": {{Name: "gpu"}}, "power": power}, nil
		}
	}
	return namedColumns(names)
}

// valued is the first of the columns that has a value in the file's first row,
// or the first that it has.
func valued(columns []Column, names []string, row [][]byte) (chosen []Column) {
	for _, col := range columns {
		i := slices.Index(names, col.Name)
		if i >= 0 && len(chosen) == 0 {
			chosen = []Column{col}
		}
		if i >= 0 && i < len(row) && !noValue(row[i]) {
			return []Column{col}
		}
	}
	return chosen
}

// prefer maps a role to the first of the columns that the file has.
func (c Columns) prefer(names []string, role string, columns ...Column) {
	for _, col := range columns {
		if slices.Contains(names, col.Name) {
			c[role] = []Column{col}
			return
		}
	}
}

// nvidiaColumns maps nvidia-smi's columns.
func nvidiaColumns(names []string, named bool, row [][]byte) (Columns, error) {
	c := Columns{}
	if !named {
		c["time"] = []Column{{Name: "1"}}
		for i, f := range row {
			if _, u := stripUnit(f); u.known() {
				c["power"] = append(c["power"], Column{Name: fmt.Sprint(i + 1)})
			}
			if bytes.HasPrefix(f, []byte("GPU-")) || bytes.HasPrefix(f, []byte("MIG-")) {
				c["gpu"] = []Column{{Name: fmt.Sprint(i + 1)}}
			}
		}
		if len(c["power"]) > 1 {
			return nil, fmt.Errorf("%d columns without a name are in W, the %s.: say which is the power drawn and not a limit with --column time=1 --column power=%s:W, and the GPU's with --column gpu=N", len(c["power"]), columnList(c["power"]), c["power"][0].Name)
		}
		return c, nil
	}
	c.prefer(names, "time", Column{Name: "timestamp"})
	if len(c["time"]) == 0 {
		return nil, errors.New("nvidia-smi's table has no timestamp: log with --query-gpu=timestamp,uuid,power.draw")
	}
	c.prefer(names, "gpu", Column{Name: "uuid"}, Column{Name: "gpu_uuid"}, Column{Name: "pci.bus_id"}, Column{Name: "gpu_bus_id"}, Column{Name: "index"}, Column{Name: "gpu_serial"})
	c.prefer(names, "index", Column{Name: "index"})
	c.prefer(names, "product", Column{Name: "name"}, Column{Name: "gpu_name"})
	c.prefer(names, "driver", Column{Name: "driver_version"})
	var gauges []Column
	for _, gauge := range []string{"power.draw", "power.draw.average", "power.draw.instant"} {
		for _, name := range names {
			plain := strings.TrimSpace(strings.TrimSuffix(strings.TrimSuffix(name, "[W]"), "[mW]"))
			if plain == gauge {
				col := Column{Name: name}
				if plain == name {
					col.Unit = "W" // nounits in an old driver's header
				}
				gauges = append(gauges, col)
			}
		}
	}
	c["power"] = valued(gauges, names, row)
	if len(c["power"]) == 0 {
		return nil, errors.New("nvidia-smi's table has no power.draw: log with --query-gpu=timestamp,uuid,power.draw")
	}
	return c, nil
}

// columnList lists columns by their names.
func columnList(columns []Column) string {
	var names []string
	for _, c := range columns {
		names = append(names, c.Name)
	}
	return strings.Join(names, ". and ")
}

// gpuInName finds the number of a GPU in the name of a column of a wide table:
// "gpu0_power_w", "card1.Average Graphics Package Power (W)".
var gpuInName = regexp.MustCompile(`(?i)(?:gpu|card|device)[_ -]?[0-9]+(?:[^0-9]|$)`)

// wallNames are the words of a column of the power of a whole machine.
var wallNames = regexp.MustCompile(`(?i)^(?:wall|system|node|chassis|psu|outlet)[_ .-]?power`)

// isLimit reports whether a power's name, in small letters, is that of a bound of it.
func isLimit(small string) bool {
	return strings.Contains(small, "cap") || strings.Contains(small, "limit")
}

// passedOver are the columns whose names say that they hold a power, of which the map
// makes nothing.
func (c Columns) passedOver(names []string) []string {
	read := columnNames(c)
	var list []string
	for _, name := range names {
		small := strings.ToLower(name)
		if !read[name] && strings.Contains(small, "power") && unitInName("power", name).known() && !isLimit(small) && !isSum(wordsOf(name)) {
			list = append(list, name)
		}
	}
	return list
}

// namedColumns maps a table whose names say what they are: a time, one or more
// powers with their unit, and a GPU where there is one.
func namedColumns(names []string) (Columns, error) {
	c := Columns{}
	var wide []Column
	for _, name := range names {
		small := strings.ToLower(name)
		switch {
		case slices.Contains([]string{"timestamp", "time", "epoch", "unix_time", "ts", "timestamp_unix", "unix_timestamp"}, small), unitInName("time", name).known() && (strings.HasPrefix(small, "epoch") || strings.HasPrefix(small, "time") || strings.HasPrefix(small, "unix")):
			c["time"] = append(c["time"], Column{Name: name})
		case slices.Contains([]string{"gpu", "gpu_id", "gpu_index", "gpuid", "uuid", "gpu_uuid", "device", "card"}, small):
			c["gpu"] = append(c["gpu"], Column{Name: name})
		case slices.Contains([]string{"host", "hostname", "node"}, small):
			c["host"] = append(c["host"], Column{Name: name})
		case strings.HasPrefix(small, "power") && unitInName("power", name).known() && !isLimit(small):
			c["power"] = append(c["power"], Column{Name: name})
		case strings.HasPrefix(small, "energy") && unitInName("energy", name).known():
			c["energy"] = append(c["energy"], Column{Name: name})
		case wallNames.MatchString(name) && unitInName("wall", name).known():
			c["wall"] = append(c["wall"], Column{Name: name})
		case gpuInName.MatchString(name) && strings.Contains(small, "power") && unitInName("power", name).known() && !isLimit(small):
			wide = append(wide, Column{Name: name})
		}
	}
	if len(c["power"])+len(c["energy"])+len(c["gpu"]) == 0 && len(wide) > 0 {
		c["power"] = wide
	}
	if len(c["power"]) == 1 && len(wide) == 0 {
		delete(c, "energy") // of one device, and a gauge does not stand still
	}
	values := len(c["power"]) + len(c["energy"])
	if len(c["time"]) != 1 || len(c["gpu"]) > 1 || values+len(c["wall"]) == 0 || values > 1 && len(wide) == 0 || len(c["wall"]) > 1 || len(c["wall"]) > 0 && len(c["gpu"]) > 0 {
		return nil, errors.New("the columns do not say by their names which is the time, the power and the GPU: map them with --column")
	}
	return c, nil
}
