package logs

import (
	"fmt"
	"slices"
	"strings"
)

// Column is a column of a table and the unit of its numbers.
type Column struct {
	Name string // the file's name of it, or its number from 1
	Unit string // "" where the name or the values say it
}

// Columns maps roles to columns. Power, wall (the power of a whole machine) and
// energy may have several: then each column is a device of its own.
type Columns map[string][]Column

// The roles of columns in power logs and in request logs.
var (
	powerRoles   = []string{"time", "power", "wall", "energy", "gpu", "host"}
	requestRoles = []string{
		"id", "label", "repeat", "conversation", "start", "first_token", "end", "ttft", "latency",
		"prompt_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "served_by", "finish_reason", "error",
		"cell_begin", "cell_end",
	}
)

// Set reads "ROLE=COLUMN[:UNIT]" and adds it. A comma parts several columns.
func (c Columns) Set(text string) error {
	role, names, ok := strings.Cut(text, "=")
	if !ok || names == "" {
		return fmt.Errorf("column %q: want ROLE=COLUMN or ROLE=COLUMN:UNIT", clip(text))
	}
	if !slices.Contains(powerRoles, role) && !slices.Contains(requestRoles, role) {
		return fmt.Errorf("column %q: unknown role %q; want one of %s for a power log, or %s for a request log",
			clip(text), clip(role), strings.Join(powerRoles, ", "), strings.Join(requestRoles, ", "))
	}
	for name := range strings.SplitSeq(names, ",") {
		col := Column{Name: strings.TrimSpace(name)}
		if i := strings.LastIndexByte(name, ':'); i >= 0 {
			if _, known := unitOf(role, name[i+1:]); known {
				col = Column{strings.TrimSpace(name[:i]), name[i+1:]}
			} else if unitRole(role) != nil {
				return fmt.Errorf("column %q: unknown unit %q; want one of %s", clip(text), clip(name[i+1:]), unitList(role))
			}
		}
		c[role] = append(c[role], col)
	}
	return nil
}

// unitRole returns the units that a role's numbers may have, nil for none.
func unitRole(role string) map[string]unit {
	switch role {
	case "power", "wall":
		return powerUnits
	case "energy":
		return energyUnits
	case "time", "start", "first_token", "end", "ttft", "latency", "cell_begin", "cell_end":
		return timeUnits
	}
	return nil
}

func unitOf(role, name string) (unit, bool) {
	u, ok := unitRole(role)[name]
	return u, ok
}

func unitList(role string) string {
	var names []string
	for name := range unitRole(role) {
		if !strings.HasPrefix(name, "µ") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// unitInName finds the unit that a column's name ends in: "power_mw",
// "power.draw [W]", "TimeStampUs", "GPU Energy (mJ)".
func unitInName(role, name string) unit {
	units := unitRole(role)
	for _, pair := range []struct{ open, shut string }{{"[", "]"}, {"(", ")"}} {
		if i := strings.LastIndex(name, pair.open); i >= 0 && strings.HasSuffix(name, pair.shut) {
			return units[name[i+1:len(name)-1]]
		}
	}
	i := strings.LastIndexAny(name, "_.-/")
	suffix := name[i+1:]
	if i < 0 {
		// TimeStampUs: a capital begins the unit.
		for j := len(name) - 1; j > 0 && len(name)-j <= 2; j-- {
			if name[j] >= 'A' && name[j] <= 'Z' && name[j-1] >= 'a' && name[j-1] <= 'z' {
				suffix = name[j:]
			}
		}
	}
	switch strings.ToLower(suffix) {
	case "watts", "watt":
		return units["W"]
	case "joules":
		return units["J"]
	}
	if u, ok := units[suffix]; ok {
		return u
	}
	// Names are often in small letters throughout: mW and MW, mJ and MJ are told
	// apart by sense, which nobody logs in mega.
	for symbol, u := range units {
		if symbol != "MJ" && strings.EqualFold(symbol, suffix) {
			return u
		}
	}
	return unit{}
}

// Power is the part of the map for power logs.
func (c Columns) Power() Columns { return c.part(powerRoles) }

// among is the part of the map for a table with columns of these names.
func (c Columns) among(names []string) Columns {
	out := Columns{}
	for role, columns := range c {
		for _, col := range columns {
			if slices.Contains(names, col.Name) {
				out[role] = append(out[role], col)
			}
		}
	}
	return out
}

// Requests is the part of the map for request logs.
func (c Columns) Requests() Columns { return c.part(requestRoles) }

func (c Columns) part(roles []string) Columns {
	out := Columns{}
	for _, role := range roles {
		if columns, ok := c[role]; ok {
			out[role] = columns
		}
	}
	return out
}
