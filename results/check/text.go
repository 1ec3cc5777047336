package check

import (
	"encoding/json"
	"fmt"
	"io"

	"cfubench/internal/prose"
)

// WriteText prints the findings on the folder dir, or that there are none.
func (r Result) WriteText(w io.Writer, dir string) error {
	return prose.Write(w, func(w io.Writer) error {
		for _, f := range r.Findings {
			fmt.Fprintln(w, f)
		}
		if len(r.Findings) == 0 {
			fmt.Fprintf(w, "%s: %d cells with %d tables are right\n", dir, r.Cells, r.Tables)
		}
		return nil
	})
}

// WriteJSON prints the result as an object.
func (r Result) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
