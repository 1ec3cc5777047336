package sweep

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"cfubench/results/runfolder"
)

// File is a sweep as a YAML file says it: the flags of `cfu run` by their names,
// and the configurations to compare. docs/sweep.md has its schema.
type File struct {
	Flags          []FlagSetting
	Grid           Grid
	Configurations []FileConfiguration
	name           string
}

// FlagSetting is a flag by its name without dashes, its value as on the command
// line or, of a List, its values, and the line that says so.
type FlagSetting struct {
	Name   string
	Values []string
	List   bool
	Line   int
}

// FileConfiguration is a named configuration.
type FileConfiguration struct {
	Label     string
	EngineCmd string // "" for the run's own
	Params    map[string]string
	Line      int
}

// ParseFile reads a sweep file. Errors are FILE:LINE: field: what is wrong.
func ParseFile(name string, text []byte) (File, error) {
	f := File{name: name}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // as editors of Windows write it
	doc, err := parser.ParseBytes(text, 0)
	if err != nil {
		return f, fmt.Errorf("%s: not YAML: %s", name, firstLine(err.Error()))
	}
	if len(doc.Docs) != 1 || doc.Docs[0].Body == nil {
		return f, fmt.Errorf("%s: want one YAML document", name)
	}
	fields, err := f.mapping(doc.Docs[0].Body, "the file")
	if err != nil {
		return f, err
	}
	for _, field := range fields {
		switch field.name {
		case "params":
			err = f.params(field)
		case "zip":
			err = f.zip(field)
		case "exclude":
			err = f.exclude(field)
		case "configurations":
			err = f.configurations(field)
		case "param":
			err = f.errorf(field.line, field.name, "write params: with NAME: [V1, V2] for each parameter")
		default:
			s := FlagSetting{Name: field.name, Line: field.line}
			_, s.List = field.node.(*ast.SequenceNode)
			s.Values, err = f.texts(field)
			f.Flags = append(f.Flags, s)
		}
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

// Expand gives the configurations of the file, whose engine command is engineCmd
// where they have none of their own.
func (f File) Expand(engineCmd string) ([]runfolder.Configuration, error) {
	if len(f.Configurations) == 0 {
		if len(f.Grid.Params) == 0 {
			return nil, nil
		}
		out, err := f.Grid.Configurations(engineCmd)
		return out, f.placed(err)
	}
	if err := f.Grid.check(); err != nil {
		return nil, f.placed(err)
	}
	var out []runfolder.Configuration
	hits, used := make([]int, len(f.Grid.Exclude)), map[string]bool{}
	for _, c := range f.Configurations {
		cmd := c.EngineCmd
		if cmd == "" {
			cmd = engineCmd
		}
		if cmd == "" {
			return nil, f.errorf(c.Line, "configurations", "%s has no engine-cmd, and neither has the file", c.Label)
		}
		grid, err := f.Grid.left(c.Params, func(name string) bool { return strings.Contains(cmd, "{"+name+"}") })
		if err != nil {
			return nil, f.errorf(c.Line, "configurations", "%s: %w", c.Label, err)
		}
		combinations, err := grid.Expand()
		if err != nil {
			return nil, f.errorf(c.Line, "configurations", "%s: %w", c.Label, err)
		}
		for _, more := range combinations {
			k := runfolder.Configuration{Label: c.Label, EngineCmd: cmd, Params: map[string]string{}}
			for n, v := range c.Params {
				k.Params[n] = v
			}
			for n, v := range more {
				k.Params[n] = v
			}
			if l := grid.label(more); l != "" {
				k.Label += "," + l
			}
			for _, n := range slices.Sorted(maps.Keys(k.Params)) {
				if !strings.Contains(cmd, "{"+n+"}") {
					return nil, f.errorf(c.Line, "configurations", "%s: parameter %s: the engine command has no {%s}", c.Label, n, n)
				}
			}
			for n := range k.Params {
				used[n] = true
			}
			if !excluded(f.Grid.Exclude, k.Params, hits) {
				out = append(out, k)
			}
		}
	}
	for _, p := range f.Grid.Params {
		if !used[p.Name] {
			return nil, f.placed(p.refuse("parameter %s: no configuration's engine command leaves {%[1]s} open", p.Name))
		}
	}
	if err := idle(f.Grid.Exclude, hits); err != nil {
		return nil, f.placed(err)
	}
	if len(out) == 0 {
		return nil, f.placed(f.Grid.Exclude[0].refuse("every combination is excluded"))
	}
	return out, nil
}

// placed gives an error of the grid its place: the line and field of the file, or
// the flag.
func (f File) placed(err error) error {
	var wrong gridError
	switch {
	case !errors.As(err, &wrong):
		return err
	case wrong.line == 0:
		return fmt.Errorf("--param: %w", wrong.error)
	}
	return f.errorf(wrong.line, wrong.field, "%w", wrong.error)
}

// flagNamed is a flag that an error begins with.
var flagNamed = regexp.MustCompile(`^--([a-z-]+)`)

// Place gives an error of Check the line of the file that has what is wrong: a
// configuration, or a flag that the error begins with and that the file sets, which
// inForce tells.
func (f File) Place(err error, inForce func(flag string) bool) error {
	var wrong configurationError
	if errors.As(err, &wrong) {
		for _, c := range f.Configurations {
			if wrong.label == c.Label || strings.HasPrefix(wrong.label, c.Label+",") {
				return fmt.Errorf("%s:%d: %w", f.name, c.Line, err)
			}
		}
	}
	if m := flagNamed.FindStringSubmatch(fmt.Sprint(err)); m != nil && inForce(m[1]) {
		for _, s := range f.Flags {
			if s.Name == m[1] {
				return fmt.Errorf("%s:%d: %w", f.name, s.Line, err)
			}
		}
	}
	return err
}

func (f File) errorf(line int, field, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s: %w", f.name, line, field, fmt.Errorf(format, args...))
}

// field is an entry of a mapping.
type field struct {
	name string
	line int
	node ast.Node
}

// mapping lists the entries of a mapping in order; one that is there twice is an
// error.
func (f File) mapping(n ast.Node, what string) ([]field, error) {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		return nil, f.errorf(lineOf(n), what, "want NAME: VALUE lines")
	}
	var out []field
	for _, v := range values {
		name, ok := scalar(v.Key) // which JSON has in quotes
		if !ok {
			return nil, f.errorf(lineOf(v.Key), what, "%.40q is no name", v.Key.String())
		}
		if slices.ContainsFunc(out, func(o field) bool { return o.name == name }) {
			return nil, f.errorf(lineOf(v.Key), name, "it is given twice")
		}
		out = append(out, field{name, lineOf(v.Key), v.Value})
	}
	return out, nil
}

// items lists a sequence; a single value is a list of one.
func items(n ast.Node) []ast.Node {
	if s, ok := n.(*ast.SequenceNode); ok {
		return s.Values
	}
	return []ast.Node{n}
}

// scalar is the text of a value that is no list or mapping.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.MappingKeyNode: // written with a question mark
		return scalar(n.Value)
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode:
		return strings.TrimPrefix(n.GetToken().Value, "."), true // .inf is --rate inf
	}
	return "", false
}

// noScalar says what a node is that is no text.
func noScalar(n ast.Node, want string) string {
	switch n.(type) {
	case *ast.NullNode:
		return want + ", got none: the text null or ~ stands in quotes"
	case *ast.AnchorNode, *ast.AliasNode:
		return want + ": cfu reads no anchors (&) and aliases (*)"
	}
	return want
}

// texts are the values of a list of scalars.
func (f File) texts(v field) ([]string, error) {
	var out []string
	for _, n := range items(v.node) {
		t, ok := scalar(n)
		if !ok {
			return nil, f.errorf(lineOf(n), v.name, "%s", noScalar(n, "want a value or a list of values"))
		}
		out = append(out, t)
	}
	return out, nil
}

func (f *File) params(v field) error {
	entries, err := f.mapping(v.node, v.name)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !paramName.MatchString(e.name) {
			return f.errorf(e.line, "params", "%.40q is no name: want letters, digits, _ and -", e.name)
		}
		values, err := f.texts(field{v.name + ": " + e.name, e.line, e.node})
		if err != nil {
			return err
		}
		f.Grid.Params = append(f.Grid.Params, Param{e.name, values, e.line})
	}
	return nil
}

func (f *File) zip(v field) error {
	lists := items(v.node)
	if len(lists) > 0 {
		if _, nested := lists[0].(*ast.SequenceNode); !nested {
			lists = []ast.Node{v.node} // one list, written without its brackets
		}
	}
	for _, n := range lists {
		names, err := f.texts(field{"zip", lineOf(n), n})
		if err != nil {
			return f.errorf(lineOf(n), "zip", "want names of parameters, such as [dtype, kv]; their values stand in params")
		}
		f.Grid.Zip = append(f.Grid.Zip, Zip{names, lineOf(n)})
	}
	return nil
}

func (f *File) exclude(v field) error {
	for _, n := range items(v.node) {
		values, err := f.settings(n, "exclude")
		if err != nil {
			return err
		}
		f.Grid.Exclude = append(f.Grid.Exclude, Exclusion{values, lineOf(n)})
	}
	return nil
}

// settings is a mapping of names to scalars.
func (f File) settings(n ast.Node, what string) (map[string]string, error) {
	entries, err := f.mapping(n, what)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, e := range entries {
		t, ok := scalar(e.node)
		if !ok {
			return nil, f.errorf(e.line, what, "%s: %s", e.name, noScalar(e.node, "want one value"))
		}
		out[e.name] = t
	}
	return out, nil
}

func (f *File) configurations(v field) error {
	entries := items(v.node)
	if len(entries) == 0 {
		return f.errorf(v.line, v.name, "the list is empty: give it an entry, or leave it out")
	}
	for _, n := range entries {
		entries, err := f.mapping(n, "configurations")
		if err != nil {
			return err
		}
		c := FileConfiguration{Line: lineOf(n)}
		for _, e := range entries {
			var ok bool
			switch e.name {
			case "label":
				c.Label, ok = scalar(e.node)
			case "engine-cmd":
				c.EngineCmd, ok = scalar(e.node)
			case "params":
				c.Params, err = f.settings(e.node, "configurations: params")
				ok = true
			default:
				return f.errorf(e.line, "configurations", "%q is no field: it has label, engine-cmd and params", e.name)
			}
			if err != nil {
				return err
			}
			if !ok {
				return f.errorf(e.line, "configurations", "%s: %s", e.name, noScalar(e.node, "want one value"))
			}
		}
		if c.Label == "" {
			return f.errorf(c.Line, "configurations", "an entry has no label")
		}
		f.Configurations = append(f.Configurations, c)
	}
	return nil
}

func lineOf(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}
