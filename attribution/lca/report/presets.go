package report

import (
	"fmt"
	"io"

	"cfubench/attribution/lca"
	"cfubench/internal/texttable"
)

// Presets prints the presets, a table for each kind.
func Presets(w io.Writer, presets []lca.PresetInfo) error {
	columns := []texttable.Column{{Name: "kind", Text: true}, {Name: "name", Text: true}, {Name: "figures"}, {Name: "title", Text: true, Wrap: true}}
	for first := true; len(presets) > 0; first = false {
		kind := presets[0].Kind
		var rows [][]string
		for ; len(presets) > 0 && presets[0].Kind == kind; presets = presets[1:] {
			p := presets[0]
			rows = append(rows, []string{p.Kind, p.Name, fmt.Sprint(p.Figures), p.Title})
		}
		if !first {
			fmt.Fprintln(w)
		}
		if err := texttable.Write(w, columns, rows); err != nil {
			return err
		}
	}
	return nil
}
