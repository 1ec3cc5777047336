package derivation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"cfubench/attribution/lca"
	"cfubench/results/runfolder"
)

// Files finds on disk what an inventory names: paths are relative to the
// inventory that names them.
type Files struct{}

var _ lca.Sources = Files{}

// Inventory reads an inventory file.
func (Files) Inventory(from, ref string) (string, []byte, error) {
	path := beside(from, ref)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(ref, "/.") {
		return "", nil, fmt.Errorf("inventory %q is neither a preset nor a file: see cfu amortize --list-presets", ref)
	}
	if err != nil {
		return "", nil, fmt.Errorf("read inventory: %w", err)
	}
	return path, data, nil
}

// Footprint reads the table of a run folder that has been amortized, and by which
// conventions it was.
func (Files) Footprint(from, ref string) ([]lca.Row, lca.Options, error) {
	path := filepath.Join(beside(from, ref), runfolder.FootprintFile)
	meta, err := runfolder.Footprints().Meta(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, lca.Options{}, fmt.Errorf("run %s has no %s: cfu amortize %s first", ref, runfolder.FootprintFile, ref)
	}
	if err != nil {
		return nil, lca.Options{}, err
	}
	under := lca.Options{
		GWP: lca.GWPSet(meta["gwp"]), Water: lca.WaterVariant(meta["water_variant"]),
		Basis: lca.Basis(meta["basis"]), Embodied: lca.Convention(meta["embodied_convention"]),
	}
	var rows []lca.Row
	for r, err := range runfolder.Footprints().Scan(context.Background(), path) {
		if err != nil {
			return nil, under, err
		}
		rows = append(rows, lca.Row{
			Cell: r.Cell, FunctionalUnit: r.FunctionalUnit, Category: lca.Category(r.Category), Unit: r.Unit,
			Stage: lca.Stage(r.Stage), Kind: lca.Stage(r.Kind), Value: r.Value, Lo: r.Lo, Hi: r.Hi, Boundary: r.Boundary, Source: r.Source,
		})
	}
	return rows, under, nil
}

// Record reads what metering one command found. Its path is that of the file, through
// all links.
func (Files) Record(from, ref string) (lca.Record, error) {
	path := filepath.Join(beside(from, ref), runfolder.RecordFile)
	data, err := runfolder.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return lca.Record{}, fmt.Errorf("record %s has no %s: make it with cfu record", ref, runfolder.RecordFile)
	}
	if err != nil {
		return lca.Record{}, fmt.Errorf("read record: %w", err)
	}
	var r lca.Record
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return lca.Record{}, fmt.Errorf("read record %s: %w", path, err)
	}
	if r.Source == "" {
		r.Source = path
	}
	if r.Path, err = filepath.EvalSymlinks(path); err == nil {
		r.Path, err = filepath.Abs(r.Path)
	}
	if err != nil {
		return lca.Record{}, fmt.Errorf("read record %s: %w", path, err)
	}
	return r, nil
}

// beside is ref as seen from the file that names it.
func beside(from, ref string) string {
	if filepath.IsAbs(ref) || from == "" || strings.HasPrefix(from, "preset:") {
		return ref
	}
	return filepath.Join(filepath.Dir(from), ref)
}
