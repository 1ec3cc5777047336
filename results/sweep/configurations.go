package sweep

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"cfubench/loadgen/engine"
	"cfubench/results/runfolder"
)

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
				return nil, g.byName()[n].refuse("parameter %s: the engine command has no {%[1]s}", n)
			}
		}
		out = append(out, runfolder.Configuration{Label: g.label(c), EngineCmd: engineCmd, Params: c})
	}
	if len(out) == 0 {
		return nil, g.Exclude[0].refuse("every combination of the parameters is excluded")
	}
	return out, nil
}

// command is a configuration's engine command with its parameters in place.
func command(c runfolder.Configuration) string {
	pairs := make([]string, 0, 2*len(c.Params))
	for _, n := range slices.Sorted(maps.Keys(c.Params)) {
		pairs = append(pairs, "{"+n+"}", c.Params[n])
	}
	return strings.NewReplacer(pairs...).Replace(c.EngineCmd)
}

// placeholder is a name in braces as parameters have it, with a sign that makes it
// another thing: the shell's variables and what stands in double braces are none.
var placeholder = regexp.MustCompile(`[${]?\{([A-Za-z][A-Za-z0-9_-]*)\}\}?`)

// unreplaced warns of each name in braces that reaches an engine as it stands: it
// may be misspelt, or lack its --param.
func (c Config) unreplaced() (warnings []string) {
	for _, k := range c.configurations() {
		for _, m := range placeholder.FindAllStringSubmatch(command(k), -1) {
			if m[0] != "{"+m[1]+"}" {
				continue
			}
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

// configurationError says which configuration is wrong.
type configurationError struct {
	label string
	error
}

func (e configurationError) Error() string {
	return fmt.Sprintf("configuration %.80s: %v", e.label, e.error)
}

func (e configurationError) Unwrap() error { return e.error }

func refuseConfiguration(label, format string, args ...any) error {
	return usagef("%w", configurationError{label, fmt.Errorf(format, args...)})
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
			return refuseConfiguration(name, "it names folders: leave out / \\ : * ? \" < > | and spaces, and a dot at its beginning")
		case seen[name]:
			return refuseConfiguration(name, "two have this name, as their folders would: give each a label of its own under configurations: in a --sweep file")
		}
		seen[name] = true
		if err := checkEngineCmd(command(k)); err != nil {
			if name == "" {
				return err
			}
			return refuseConfiguration(name, "%w", err)
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
			longest = longer(longest, p.Cell(c.Repeat))
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
