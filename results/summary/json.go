package summary

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"cfubench/internal/ordered"
)

// writeJSON writes the summary as indented JSON, cell by cell and point by point: of
// thousands the text is many times as large as what is held.
func (s Summary) writeJSON(w io.Writer) error {
	frame := s
	if len(s.Cells) > 0 {
		frame.Cells = nil
	}
	if len(s.Points) > 0 {
		frame.Points = nil
	}
	rest, err := json.MarshalIndent(frame, "", "  ")
	if err != nil {
		return err
	}
	if rest, err = fill(w, rest, "cells", s.Cells); err != nil {
		return err
	}
	if rest, err = fill(w, rest, "points", s.Points); err != nil {
		return err
	}
	_, err = w.Write(append(rest, '\n'))
	return err
}

// fill writes text up to the top-level key, whose value is null, and the list in the
// place of null. It returns what follows. An empty list stays as it is.
func fill[E any](w io.Writer, text []byte, key string, list []E) (rest []byte, err error) {
	if len(list) == 0 {
		return text, nil
	}
	before, rest, ok := bytes.Cut(text, []byte("\n  \""+key+"\": null"))
	if !ok {
		return nil, fmt.Errorf("no key %q", key)
	}
	if _, err := fmt.Fprintf(w, "%s\n  %q: [", before, key); err != nil {
		return nil, err
	}
	comma := ""
	for one, err := range ordered.Results(context.Background(), len(list), nil, func(_ context.Context, i int) ([]byte, error) {
		return json.MarshalIndent(&list[i], "    ", "  ")
	}) {
		if err != nil {
			return nil, err
		}
		if _, err := fmt.Fprintf(w, "%s\n    %s", comma, one); err != nil {
			return nil, err
		}
		comma = ","
	}
	_, err = io.WriteString(w, "\n  ]")
	return rest, err
}
