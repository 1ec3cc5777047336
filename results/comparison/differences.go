package comparison

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"cfubench/internal/prose"
	"cfubench/results/runfolder"
)

// Difference is a setting in which subjects differ, with its values in the words
// of a reader.
type Difference struct {
	Setting string
	Values  []Value
}

// Value is a setting's value and the subjects that have it.
type Value struct {
	Text string // "" where it is not set
	Of   []string
}

// Differences lists in what the subjects differ: flags, engines, host, trace, what
// was metered, the inventory. What all have alike is left out.
func Differences(subjects []Subject) (list []Difference) {
	add := func(setting string, value func(Subject) string) {
		d := Difference{Setting: setting}
		for _, s := range subjects {
			text := value(s)
			i := slices.IndexFunc(d.Values, func(v Value) bool { return v.Text == text })
			if i < 0 {
				i = len(d.Values)
				d.Values = append(d.Values, Value{Text: text})
			}
			d.Values[i].Of = append(d.Values[i].Of, s.Name)
		}
		if len(d.Values) > 1 {
			list = append(list, d)
		}
	}
	flags := make([]map[string]string, len(subjects))
	var names []string
	for i, s := range subjects {
		flags[i] = map[string]string{}
		for _, f := range s.Run.Config.Flags() {
			flags[i][f.Name] = f.Text
			if !slices.Contains(names, f.Name) {
				names = append(names, f.Name)
			}
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if name == "--configurations" {
			continue // their engines say it
		}
		i := -1 // of the subject that is asked: they are asked in order
		add(name, func(Subject) string { i++; return flags[i][name] })
	}
	add("configurations", func(s Subject) string { return strings.Join(configurations(s.Run.Config), "; ") })
	for _, d := range Dimensions() {
		switch d.Name {
		case "lengths", "api": // flags
		default:
			add(d.Name, d.value)
		}
	}
	return list
}

// configurations are a run's named ways of serving.
func configurations(c runfolder.Config) (list []string) {
	for _, one := range c.Configurations {
		list = append(list, one.Label+": "+one.EngineCmd)
	}
	return list
}

// WriteDifferences prints differences, a line a value.
func WriteDifferences(w io.Writer, list []Difference) error {
	var b strings.Builder
	if len(list) > 0 {
		b.WriteString("the runs differ in\n")
	}
	for _, d := range list {
		fmt.Fprintf(&b, "  %s\n", d.Setting)
		for _, v := range d.Values {
			fmt.Fprintf(&b, "    %s: %s\n", strings.Join(v.Of, ", "), quoted(v.Text))
		}
	}
	return prose.Print(w, b.String())
}
