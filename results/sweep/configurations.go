package sweep

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"cfubench/internal/secret"
	"cfubench/loadgen/engine"
	"cfubench/results/runfolder"
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

// check refuses what does not go together. An error is a gridError.
func (g Grid) check() error {
	byName := map[string]Param{}
	for _, p := range g.Params {
		switch {
		case slices.Contains(reserved, p.Name):
			return p.refuse("parameter %s: cfu replaces {%[1]s} itself", p.Name)
		case secret.IsSecretName(p.Name):
			return p.refuse("parameter %s has secrets for values, which would stand in labels and names of folders: put each into an environment variable, and that into the engine command", p.Name)
		case byName[p.Name].Name != "":
			return p.refuse("parameter %s is given twice", p.Name)
		case len(p.Values) == 0:
			return p.refuse("parameter %s has no values", p.Name)
		}
		byName[p.Name] = p
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
				return z.refuse("%s has %d values, %s has %d", n, len(byName[n].Values), z.Names[0], len(byName[z.Names[0]].Values))
			}
			zipped[n] = true
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
	for _, p := range g.Params {
		values[p.Name] = p.Values
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
	byName := map[string]Param{}
	for _, p := range g.Params {
		byName[p.Name] = p
	}
	for _, e := range g.Exclude {
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

// label is the name of a combination: its values by parameter, in the order of
// the grid.
func (g Grid) label(c map[string]string) string {
	var parts []string
	for _, p := range g.Params {
		if v, ok := c[p.Name]; ok {
			parts = append(parts, p.Name+"="+v)
		}
	}
	return folderName(strings.Join(parts, ","))
}

// folderName is s with what cannot stand in a folder's name replaced.
func folderName(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`/\:*?"<>| `, r) {
			return '_'
		}
		return r
	}, s)
}

// Configurations are the combinations of the grid as configurations of the
// engine's command: without parameters one without a label.
func (g Grid) Configurations(engineCmd string) ([]runfolder.Configuration, error) {
	combinations, err := g.Expand()
	if err != nil {
		return nil, err
	}
	var out []runfolder.Configuration
	for _, c := range combinations {
		for _, n := range slices.Sorted(maps.Keys(c)) {
			if !strings.Contains(engineCmd, "{"+n+"}") {
				return nil, g.param(n).refuse("parameter %s: the engine command has no {%[1]s}", n)
			}
		}
		out = append(out, runfolder.Configuration{Label: g.label(c), EngineCmd: engineCmd, Params: c})
	}
	if len(out) == 0 {
		return nil, g.Exclude[0].refuse("every combination of the parameters is excluded")
	}
	return out, nil
}

// param is the parameter of that name.
func (g Grid) param(name string) Param {
	i := slices.IndexFunc(g.Params, func(p Param) bool { return p.Name == name })
	return g.Params[i]
}

// command is a configuration's engine command with its parameters in place.
func command(c runfolder.Configuration) string {
	pairs := make([]string, 0, 2*len(c.Params))
	for _, n := range slices.Sorted(maps.Keys(c.Params)) {
		pairs = append(pairs, "{"+n+"}", c.Params[n])
	}
	return strings.NewReplacer(pairs...).Replace(c.EngineCmd)
}

// placeholder is a name in braces as parameters have it. The shell's variables and
// what stands in double braces are none.
var placeholder = regexp.MustCompile(`(?:^|[^${])\{([A-Za-z][A-Za-z0-9_-]*)\}(?:[^}]|$)`)

// unreplaced warns of each name in braces that reaches an engine as it stands: it
// may be misspelt, or lack its --param.
func (c Config) unreplaced() (warnings []string) {
	for _, k := range c.configurations() {
		for _, m := range placeholder.FindAllStringSubmatch(command(k), -1) {
			w := fmt.Sprintf("the engine command has {%s}, which nothing replaces: give --param %[1]s=VALUES if it is a parameter", m[1])
			if !slices.Contains(reserved, m[1]) && !slices.Contains(warnings, w) {
				warnings = append(warnings, w)
			}
		}
	}
	return warnings
}

// configurations are those of the run: without any, the one of --engine-cmd or of
// the endpoint.
func (c Config) configurations() []runfolder.Configuration {
	if len(c.Configurations) > 0 {
		return c.Configurations
	}
	return []runfolder.Configuration{{EngineCmd: c.EngineCmd}}
}

// checkConfigurations checks each configuration's command and name.
func (c *Config) checkConfigurations() error {
	seen := map[string]bool{}
	for _, k := range c.Configurations {
		name := k.Label
		switch {
		case c.Endpoint != "":
			return usagef("--endpoint serves one configuration: --param and --sweep with configurations need --engine-cmd")
		case c.FindRate && len(c.Configurations) > 1 && name == "":
			return usagef("a configuration of several has no label")
		case name != folderName(name) || strings.HasPrefix(name, "."):
			return usagef("configuration label %.80q: it names folders: leave out / \\ : * ? \" < > | and spaces", name)
		case seen[name]:
			return usagef("two configurations are called %.80q, as their folders would be: give each a label of its own under configurations: in a --sweep file", name)
		}
		seen[name] = true
		if err := checkEngineCmd(command(k)); err != nil {
			if name == "" {
				return err
			}
			return usagef("configuration %s: %w", name, err)
		}
	}
	return nil
}

// longestName is how many bytes the name of a file or folder has at most.
const longestName = 255

// foundRate is a load whose name is as long as that of any rate that is found.
var foundRate = runfolder.AtRate(-1.0 / 3)

// checkNames checks that each configuration's label leaves room for the names of the
// folders and files that begin with it.
func (c *Config) checkNames() error {
	for _, l := range c.launches() {
		longest := l.logName()
		if c.FindRate {
			p := l.point()
			p.Load = foundRate
			longest = longer(longest, p.Cell(1))
		}
		for _, cell := range l.cells {
			longest = longer(longest, cell.id)
		}
		if over := len(longest) - longestName; over > 0 {
			return usagef("configuration %.40s…: with a label of %d bytes a file's name is %d bytes too long: give it a label under configurations: in a --sweep file", l.configuration.Label, len(l.configuration.Label), over)
		}
	}
	return nil
}

// longer is the longer of two names.
func longer(a, b string) string {
	if len(b) > len(a) {
		return b
	}
	return a
}

// checkEngineCmd checks that a command takes the batch size and the port.
func checkEngineCmd(cmd string) error {
	line, err := engine.CommandFor(cmd)
	switch {
	case err != nil:
		return usagef("--engine-cmd: %w", err)
	case !strings.Contains(line, "{batch}"):
		return usagef("--engine-cmd has no {batch}: put it where the command takes the batch size")
	case !strings.Contains(line, "{port}"):
		return usagef("--engine-cmd has no {port}: cfu picks a free port for each server and must pass it on")
	}
	return nil
}
