package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// detectJSON takes every JSON file that no format before it took: a table of
// objects, by a map of their members.
func detectJSON(head []byte) bool {
	b := bytes.TrimSpace(bytes.TrimPrefix(head, []byte("\ufeff")))
	return len(b) > 0 && (b[0] == '{' || b[0] == '[')
}

// readJSONTable reads objects with a time and a power: one a line, in an array,
// or in an array that is a member of one object. They go through the same
// columns as a CSV table.
func readJSONTable(r io.Reader, p *Power, o Options, sink func(Sample) error) error {
	x := &powerTable{t: newRecords(r), p: p, o: o, sink: sink}
	x.stamps.zone = o.Clock.zone
	var names []string
	found := 0
	row := func(v jsontext.Value) error {
		all, err := members(v, 0)
		if err != nil {
			return err
		}
		if names == nil {
			plain := slices.Sorted(maps.Keys(all))
			if len(o.Columns) > 0 && !hasAll(plain, o) {
				return nil // another kind of object
			}
			if x.t.fields, err = plainFields(all, plain); err != nil {
				return err
			}
			err := x.roles(plain, true)
			if err != nil && len(o.Columns) == 0 {
				return fmt.Errorf("the members of its objects are %s: say which are which, in what unit, with --column time=NAME --column power=NAME:W", clip(strings.Join(plain, ", ")))
			}
			if err != nil {
				return err
			}
			names, x.columns = plain, -1 // no header is repeated
		}
		if x.t.fields, err = plainFields(all, names); err != nil {
			return err
		}
		if len(x.t.fields[x.time]) == 0 {
			return nil // another kind of object
		}
		found++
		x.t.line = found
		if err := x.row(); err != nil {
			if l := (*lineError)(nil); errors.As(err, &l) {
				return fmt.Errorf("object %d: %w", l.line, l.err)
			}
			return err
		}
		return nil
	}
	var err error
	if p.Cut, err = eachObject(r, row); err != nil {
		return err
	}
	if names == nil && len(o.Columns) > 0 {
		return fmt.Errorf("no object has the members %s", clip(strings.Join(slices.Sorted(maps.Keys(columnNames(o.Columns))), ", ")))
	}
	if x.blind != nil {
		return x.blind.close()
	}
	return nil
}

// columnNames are the names of all columns that a map names.
func columnNames(c Columns) map[string]bool {
	all := map[string]bool{}
	for _, role := range powerRoles {
		for _, col := range c[role] {
			all[col.Name] = true
		}
	}
	return all
}

// hasAll reports whether an object has every member that the map names, or,
// where it is for several logs, a time and a power of them.
func hasAll(names []string, o Options) bool {
	if o.Several {
		c := o.Columns.among(names)
		return len(c["time"]) > 0 && len(c["power"])+len(c["wall"])+len(c["energy"]) > 0
	}
	for name := range columnNames(o.Columns) {
		if !slices.Contains(names, name) {
			return false
		}
	}
	return true
}

// members returns the plain members of an object, and those of the objects in
// it under names joined by dots. An object of a value and its unit, as amd-smi
// writes them, is one member: "63 W". Lists are left out.
func members(v jsontext.Value, depth int) (map[string]jsontext.Value, error) {
	var all map[string]jsontext.Value
	if err := json.Unmarshal(v, &all, lenient()); err != nil {
		return nil, err
	}
	for name, value := range all {
		switch value.Kind() {
		case '[':
			delete(all, name)
		case '{':
			delete(all, name)
			if depth == maxDepth {
				continue
			}
			inner, err := members(value, depth+1)
			if err != nil {
				return nil, err
			}
			if number, unit := inner["value"], inner["unit"]; len(inner) == 2 && number.Kind() == '0' && unit.Kind() == '"' {
				all[name] = jsontext.Value(fmt.Sprintf(`"%s %s`, number, unit[1:]))
				continue
			}
			for within, value := range inner {
				all[name+"."+within] = value
			}
		}
	}
	return all, nil
}
