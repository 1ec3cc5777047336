package sweep

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"cfubench/internal/secret"
)

// Param is one parameter of the engine's command with the values to be tried.
type Param struct {
	Name   string
	Values []string
	Line   int // of the sweep file that names it, 0 for --param
}

var paramName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// reserved are the names in an engine command that cfu replaces itself.
var reserved = []string{"batch", "port", "cpus"}

// Grid is a set of parameters that are tried together.
type Grid struct {
	// Params are crossed: every value of one with every value of the others.
	Params []Param
	// Zip names parameters whose lists go together, the first value of one with
	// the first of the others.
	Zip []Zip
	// Exclude are combinations that are left out: those that have all of the
	// values of one entry.
	Exclude []Exclusion
}

// Zip is one list of names, and the line that has it.
type Zip struct {
	Names []string
	Line  int
}

// Exclusion is one entry of combinations, by parameter, and the line that has it.
type Exclusion struct {
	Values map[string]string
	Line   int
}

// gridError says which field of a grid is wrong, and on which line; 0 for that of
// --param.
type gridError struct {
	field string
	line  int
	error
}

func (e gridError) Error() string { return e.field + ": " + e.error.Error() }

func (e gridError) Unwrap() error { return e.error }

// refuse says what is wrong with the parameter.
func (p Param) refuse(format string, args ...any) error {
	return gridError{"params", p.Line, fmt.Errorf(format, args...)}
}

func (z Zip) refuse(format string, args ...any) error {
	return gridError{"zip", z.Line, fmt.Errorf(format, args...)}
}

func (e Exclusion) refuse(format string, args ...any) error {
	return gridError{"exclude", e.Line, fmt.Errorf(format, args...)}
}

// byName is the grid's parameters by their names.
func (g Grid) byName() map[string]Param {
	out := make(map[string]Param, len(g.Params))
	for _, p := range g.Params {
		out[p.Name] = p
	}
	return out
}

// check refuses what does not go together. An error is a gridError.
func (g Grid) check() error {
	byName, seen := g.byName(), map[string]bool{}
	for _, p := range g.Params {
		switch {
		case slices.Contains(reserved, p.Name):
			return p.refuse("parameter %s: cfu replaces {%[1]s} itself", p.Name)
		case secret.IsSecretName(p.Name):
			return p.refuse("parameter %s has secrets for values, which would stand in labels and names of folders: put each into an environment variable, and that into the engine command", p.Name)
		case seen[p.Name]:
			return p.refuse("parameter %s is given twice", p.Name)
		case len(p.Values) == 0:
			return p.refuse("parameter %s has no values", p.Name)
		}
		seen[p.Name] = true
	}
	zipped := map[string]bool{}
	for _, z := range g.Zip {
		for _, n := range z.Names {
			switch {
			case byName[n].Name == "":
				return z.refuse("params has no parameter %s", n)
			case zipped[n]:
				return z.refuse("parameter %s is in two lists", n)
			case len(byName[n].Values) != len(byName[z.Names[0]].Values):
				return z.refuse("%s and %s have unlike numbers of values: %d and %d", z.Names[0], n, len(byName[z.Names[0]].Values), len(byName[n].Values))
			}
			zipped[n] = true
		}
	}
	for _, p := range g.Params {
		for i, v := range p.Values {
			if !zipped[p.Name] && slices.Contains(p.Values[:i], v) {
				return p.refuse("parameter %s has the value %.80q twice", p.Name, v)
			}
		}
	}
	return nil
}

// left is what a configuration leaves of the grid: the parameters that it does not
// fix and whose place its engine command has, which open tells. Of a list of
// parameters that go together it leaves the rows that have what it fixes; that there is
// none is an error. What is excluded is judged with the fixed parameters, and not here.
func (g Grid) left(fixed map[string]string, open func(name string) bool) (Grid, error) {
	out := Grid{}
	values := map[string][]string{}
	for n, p := range g.byName() {
		values[n] = p.Values
	}
	for _, z := range g.Zip {
		var names, bound []string
		for _, n := range z.Names {
			if v, set := fixed[n]; set {
				bound = append(bound, n+": "+v)
			} else if open(n) {
				names = append(names, n)
			}
		}
		if len(names) == 0 {
			continue
		}
		kept := map[string][]string{}
		seen := map[string]bool{}
		for row := range values[z.Names[0]] {
			matches, key := true, ""
			for _, n := range z.Names {
				v, set := fixed[n]
				matches = matches && (!set || v == values[n][row])
			}
			for _, n := range names {
				key += values[n][row] + "\x00"
			}
			if !matches || seen[key] { // rows that differ in what has no place are one
				continue
			}
			seen[key] = true
			for _, n := range names {
				kept[n] = append(kept[n], values[n][row])
			}
		}
		if len(kept) == 0 {
			return out, fmt.Errorf("no row of the zip [%s] has %s", strings.Join(z.Names, ", "), strings.Join(bound, ", "))
		}
		for _, n := range names {
			values[n] = kept[n]
		}
		out.Zip = append(out.Zip, Zip{names, z.Line})
	}
	for _, p := range g.Params {
		if _, set := fixed[p.Name]; !set && open(p.Name) {
			out.Params = append(out.Params, Param{p.Name, values[p.Name], p.Line})
		}
	}
	return out, nil
}

// Expand lists the combinations of the grid in order, the last parameter turning
// fastest. An error is a gridError.
func (g Grid) Expand() ([]map[string]string, error) {
	if err := g.check(); err != nil {
		return nil, err
	}
	byName := g.byName()
	for _, e := range g.Exclude {
		if len(e.Values) == 0 {
			return nil, e.refuse("an entry is empty: name the values that it leaves out, such as {dtype: float16}")
		}
		for _, n := range slices.Sorted(maps.Keys(e.Values)) {
			if byName[n].Name == "" {
				return nil, e.refuse("there is no parameter %s", n)
			}
		}
	}
	zipped := map[string][]string{} // a parameter to the list that it goes with
	for _, z := range g.Zip {
		for _, n := range z.Names {
			zipped[n] = z.Names
		}
	}
	out := []map[string]string{{}}
	for _, p := range g.Params {
		names := []string{p.Name}
		if z := zipped[p.Name]; z != nil {
			if z[0] != p.Name {
				continue // with the first of its list
			}
			names = z
		}
		var next []map[string]string
		for _, c := range out {
			for k := range p.Values {
				with := maps.Clone(c)
				for _, n := range names {
					with[n] = byName[n].Values[k]
				}
				next = append(next, with)
			}
		}
		out = next
	}
	hits := make([]int, len(g.Exclude))
	out = slices.DeleteFunc(out, func(c map[string]string) bool { return excluded(g.Exclude, c, hits) })
	if err := idle(g.Exclude, hits); err != nil {
		return nil, err
	}
	return out, nil
}

// excluded reports whether a combination has all values of an entry, and counts the
// entries that it has in hits.
func excluded(entries []Exclusion, c map[string]string, hits []int) bool {
	out := false
	for i, e := range entries {
		has := true
		for n, v := range e.Values {
			has = has && c[n] == v
		}
		if has {
			hits[i]++
			out = true
		}
	}
	return out
}

// idle is an error for an entry that excludes nothing: a value is misspelt.
func idle(entries []Exclusion, hits []int) error {
	for i, e := range entries {
		if hits[i] > 0 {
			continue
		}
		var parts []string
		for _, n := range slices.Sorted(maps.Keys(e.Values)) {
			parts = append(parts, n+": "+e.Values[n])
		}
		return e.refuse("no combination has %s", strings.Join(parts, ", "))
	}
	return nil
}
