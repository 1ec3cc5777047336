// Package comparison says what differs between runs: aligned load points, a
// difference with its interval and p for every metric, and a refusal where the
// runs differ in more than was asked.
//
// Differences are tested on repeats of a load point where both sides have at
// least two, else on means over batches of consecutive requests within a run.
// With many points and metrics one in twenty tests of no difference will call
// one; the number of tests stands under the table.
package comparison

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cfubench/meter"
	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// Subject is one thing to compare: a run, or one load point or cell of it.
type Subject struct {
	Name    string
	Dir     string // the run's folder
	Run     runfolder.Run
	Summary summary.Summary // only the cells that were selected
	// Selected: one point or cell was asked for, to be compared with another
	// whatever its load.
	Selected bool
}

// LoadAll reads the subjects that arguments name, as Load does.
func LoadAll(ctx context.Context, arguments []string, o summary.Options) ([]Subject, error) {
	var subjects []Subject
	for _, a := range arguments {
		s, err := Load(ctx, a, o)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, s)
	}
	return subjects, nil
}

// Load reads the subject that argument names: OUT, OUT:POINT (such as
// out:b8-c16, all its repeats), OUT:CELL or the path OUT/cells/CELL.
func Load(ctx context.Context, argument string, o summary.Options) (Subject, error) {
	dir, which := split(argument)
	run, err := runfolder.ReadRun(dir)
	if err != nil {
		return Subject{}, err
	}
	s := Subject{Name: argument, Dir: filepath.Clean(dir), Run: run, Selected: which != ""}
	var cells, names []string
	for _, c := range run.Cells {
		names = append(names, c.ID)
		if c.ID == which || c.Point.String() == which {
			cells = append(cells, c.ID)
		}
	}
	one := slices.Contains(cells, which)
	switch {
	case which != "" && len(cells) == 0:
		return Subject{}, fmt.Errorf("%s has no cell or load point %q; its cells are %s", dir, which, strings.Join(names, ", "))
	case one: // by itself: its repeats say nothing of it
		o.Only = func(c runfolder.Cell) bool { return c.ID == which }
	}
	if s.Summary, err = summary.SummarizeWith(ctx, dir, run, o); err != nil || which == "" || one {
		return s, err
	}
	// A load point keeps what the whole run says of it: its interval rests on the others'
	// noise too.
	s.Summary.Cells = slices.DeleteFunc(s.Summary.Cells, func(c summary.CellSummary) bool { return !slices.Contains(cells, c.Cell) })
	s.Summary.Points = slices.DeleteFunc(s.Summary.Points, func(p summary.Point) bool { return p.Name != which })
	return s, nil
}

// Shorten names the subjects by the last part of their paths, where those differ.
func Shorten(subjects []Subject) {
	short := make([]string, len(subjects))
	for i, s := range subjects {
		short[i] = filepath.Base(s.Name)
		if slices.Contains(short[:i], short[i]) {
			return
		}
	}
	for i := range subjects {
		subjects[i].Name = short[i]
	}
}

// split takes a folder and a selection apart.
func split(argument string) (dir, which string) {
	if _, err := os.Stat(filepath.Join(argument, runfolder.RunFile)); err == nil {
		return argument, ""
	}
	clean := filepath.Clean(argument)
	if parent := filepath.Dir(clean); filepath.Base(parent) == runfolder.CellsDir {
		return filepath.Dir(parent), filepath.Base(clean)
	}
	if i := strings.LastIndexByte(argument, ':'); i > 0 {
		return argument[:i], argument[i+1:]
	}
	return argument, ""
}

// Dimension is one respect in which runs can differ.
type Dimension struct {
	Name string
	// Refused: a comparison across it is refused unless asked for, because it
	// would say nothing of what changed. Each of the others gets a warning.
	Refused bool
	value   func(s Subject) string
}

// Dimensions lists the respects in which subjects are checked.
func Dimensions() []Dimension {
	return []Dimension{
		{"model", true, func(s Subject) string { return s.Summary.Model }},
		{"trace", true, func(s Subject) string { return traceText(s.Run) }},
		{"meter", true, func(s Subject) string { return s.Summary.MeterKind }},
		{"boundary", true, func(s Subject) string { return boundary(s.Run) }},
		{"inventory", true, func(s Subject) string {
			if s.Summary.InventoryHash == "" {
				return ""
			}
			return fmt.Sprintf("%s %.12s, %s, %g", s.Summary.Inventory, s.Summary.InventoryHash, s.Summary.Choices, float64(s.Summary.LifetimeInferences))
		}},
		{"engine", false, func(s Subject) string { return s.Summary.Engine }},
		{"host", false, func(s Subject) string {
			return fmt.Sprintf("%s, %d cores, %s", s.Run.Host.CPU, s.Run.Host.Cores, s.Run.Host.Kernel)
		}},
		{"lengths", false, func(s Subject) string {
			return fmt.Sprintf("ignore-eos %t, max-tokens %d", s.Run.Config.IgnoreEOS, s.Run.Config.MaxTokens)
		}},
		{"api", false, func(s Subject) string { return s.Run.Config.API }},
		{"client", false, func(s Subject) string { return s.Summary.Cfu }},
		{"self-test", false, func(s Subject) string { return s.Summary.SelfTest }},
	}
}

// traceText is a run's trace for a reader: where it came from, and the beginning
// of its hash, which tells two draws apart.
func traceText(run runfolder.Run) string {
	t := run.Trace
	text := fmt.Sprintf("%d requests of %s", t.Requests, quoted(t.Source))
	if t.Selection != "" {
		text += ", selection " + t.Selection
	}
	return fmt.Sprintf("%s, seed %d, hash %.8s", text, run.Config.Seed, run.TraceHash)
}

// boundary is what was metered: scopes with how many domains each has.
func boundary(run runfolder.Run) string {
	count := map[meter.Scope]int{}
	var scopes []string
	for _, d := range runfolder.Summed(run.Domains) {
		if count[d.Scope]++; count[d.Scope] == 1 {
			scopes = append(scopes, string(d.Scope))
		}
	}
	slices.Sort(scopes)
	for i, s := range scopes {
		if n := count[meter.Scope(s)]; n > 1 {
			scopes[i] = fmt.Sprintf("%d %s", n, s)
		}
	}
	return strings.Join(scopes, " + ")
}

// cacheRefused and cacheWarned are differences of the cached share of prompt
// tokens, in shares, above which two cells did different work.
const (
	cacheRefused = 0.10
	cacheWarned  = 0.01
)

// RefusedError says in what the subjects differ beyond what was asked.
type RefusedError struct{ Differences []string }

// Error names the differences and the flag that allows them.
func (e RefusedError) Error() string {
	var names []string
	for _, d := range e.Differences {
		name, _, _ := strings.Cut(d, " ")
		names = append(names, name)
	}
	return fmt.Sprintf("not compared: they differ in %s; if that is the comparison you want, say --across %s",
		strings.Join(e.Differences, "; "), strings.Join(names, ","))
}

// Check returns the warnings of what the subjects differ in, and a RefusedError
// if a difference in a dimension not in across forbids the comparison.
func Check(base Subject, others []Subject, across []string) (warnings []string, err error) {
	if err := (Options{Across: across}).Check(); err != nil {
		return nil, err
	}
	var refused []string
	for _, d := range Dimensions() {
		if slices.Contains(across, d.Name) {
			continue
		}
		for _, o := range others {
			a, b := d.value(base), d.value(o)
			if a == b {
				continue
			}
			text := fmt.Sprintf("%s (%s against %s)", d.Name, quoted(a), quoted(b))
			if d.Refused {
				if !slices.Contains(refused, text) {
					refused = append(refused, text)
				}
				continue
			}
			warnings = append(warnings, fmt.Sprintf("%s and %s differ in %s", base.Name, o.Name, text))
		}
	}
	if len(refused) > 0 {
		return warnings, RefusedError{refused}
	}
	return warnings, nil
}

func dimensionNames() []string {
	var names []string
	for _, d := range Dimensions() {
		names = append(names, d.Name)
	}
	return append(names, "cache", "load")
}

func quoted(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
