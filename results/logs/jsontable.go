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
	x := &powerTable{t: newRecords(r), p: p, o: o, sink: sink, gpu: -1, host: -1, name: -1, number: -1, field: -1, ids: map[string]int{}}
	x.stamps.zone = o.Clock.zone
	var names []string
	found := 0
	row := func(v jsontext.Value) error {
		var members map[string]jsontext.Value
		if err := json.Unmarshal(v, &members, lenient()); err != nil {
			return err
		}
		if names == nil {
			plain := []string{}
			for name, value := range members {
				if k := value.Kind(); k != '{' && k != '[' {
					plain = append(plain, name)
				}
			}
			slices.Sort(plain)
			x.columns = -1 // no header is repeated
			err := x.roles(plain, true)
			if err != nil && len(o.Columns) == 0 {
				return fmt.Errorf("the members of its objects are %s: say which are which, in what unit, with --column time=NAME --column power=NAME:W", clip(strings.Join(plain, ", ")))
			}
			if err != nil {
				return err
			}
			names = plain
		}
		fields, err := plainFields(members, names)
		if err != nil {
			return err
		}
		x.t.fields = fields
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
	err := eachObject(r, func(v jsontext.Value) error {
		if names == nil && len(o.Columns) > 0 && !hasAll(v, o.Columns) {
			return nil
		}
		return row(v)
	})
	if err != nil {
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

// hasAll reports whether an object has every member that the map names.
func hasAll(v jsontext.Value, c Columns) bool {
	var members map[string]jsontext.Value
	if json.Unmarshal(v, &members, lenient()) != nil {
		return false
	}
	for name := range columnNames(c) {
		if _, ok := members[name]; !ok {
			return false
		}
	}
	return true
}
