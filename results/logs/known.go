package logs

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cfubench/meter"
)

// firstRecord returns the fields of the first record of a file and whether
// they are names.
func firstRecord(head []byte) (fields []string, named bool) {
	r := newRecords(bytes.NewReader(head))
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
	return named && slices.Contains(fields, "gpu") &&
		(slices.Contains(fields, "socket_power") || slices.Contains(fields, "total_energy_consumption"))
}

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
		c.prefer(names, "power", Column{"socket_power", "W"})
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
	}
	return namedColumns(names)
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
			if _, u := stripUnit(f); u.known() && len(c["power"]) == 0 {
				c["power"] = []Column{{Name: fmt.Sprint(i + 1)}}
			}
			if bytes.HasPrefix(f, []byte("GPU-")) || bytes.HasPrefix(f, []byte("MIG-")) {
				c["gpu"] = []Column{{Name: fmt.Sprint(i + 1)}}
			}
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
	for _, gauge := range []string{"power.draw", "power.draw.average", "power.draw.instant"} {
		for _, name := range names {
			plain := strings.TrimSpace(strings.TrimSuffix(strings.TrimSuffix(name, "[W]"), "[mW]"))
			if plain == gauge && len(c["power"]) == 0 {
				col := Column{Name: name}
				if plain == name {
					col.Unit = "W" // nounits in an old driver's header
				}
				c["power"] = []Column{col}
			}
		}
	}
	if len(c["power"]) == 0 {
		return nil, errors.New("nvidia-smi's table has no power.draw: log with --query-gpu=timestamp,uuid,power.draw")
	}
	return c, nil
}

// namedColumns maps a table whose names say what they are: a time, one or more
// powers with their unit, and a GPU where there is one.
func namedColumns(names []string) (Columns, error) {
	c := Columns{}
	for _, name := range names {
		small := strings.ToLower(name)
		switch {
		case slices.Contains([]string{"timestamp", "time", "epoch", "unix_time", "ts"}, small), unitInName("time", name).known() && (strings.HasPrefix(small, "epoch") || strings.HasPrefix(small, "time") || strings.HasPrefix(small, "unix")):
			c["time"] = append(c["time"], Column{Name: name})
		case slices.Contains([]string{"gpu", "gpu_id", "gpu_index", "gpuid", "uuid", "gpu_uuid", "device", "card"}, small):
			c["gpu"] = append(c["gpu"], Column{Name: name})
		case slices.Contains([]string{"host", "hostname", "node"}, small):
			c["host"] = append(c["host"], Column{Name: name})
		case strings.HasPrefix(small, "power") && unitInName("power", name).known() && !strings.Contains(small, "cap") && !strings.Contains(small, "limit"):
			c["power"] = append(c["power"], Column{Name: name})
		case strings.HasPrefix(small, "energy") && unitInName("energy", name).known():
			c["energy"] = append(c["energy"], Column{Name: name})
		}
	}
	if len(c["time"]) != 1 || len(c["gpu"]) > 1 || len(c["power"])+len(c["energy"]) != 1 {
		return nil, errors.New("the columns do not say by their names which is the time, the power and the GPU: map them with --column")
	}
	return c, nil
}
