package derivation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"

	"cfubench/attribution/lca"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// write writes footprint.arrow of the run folder, and hands each assessment on to
// each, if that is not nil, once its rows are in the table. After an error the folder
// keeps the table that it had.
func (s *Survey) write(ctx context.Context, each func(a *lca.Assessment) error) error {
	meta, err := s.meta()
	if err != nil {
		return err
	}
	labels := map[string]string{}
	for _, c := range s.run.Cells {
		labels[c.ID] = c.Label
	}
	w, err := runfolder.Footprints().Derive(filepath.Join(s.dir, runfolder.FootprintFile), meta)
	if err != nil {
		return err
	}
	for a, err := range s.Assessments(ctx) {
		if err == nil {
			err = writeRows(w, a.Rows, labels[a.Usage.Cell])
		}
		if err == nil && each != nil {
			err = each(&a)
		}
		if err != nil {
			return errors.Join(err, w.Abort())
		}
	}
	return w.Close()
}

// writeRows writes the rows of one cell.
func writeRows(w *runfolder.DerivedWriter[runfolder.Footprint], rows []lca.Row, label string) error {
	for _, r := range rows {
		row := runfolder.Footprint{
			Cell: r.Cell, Label: label, FunctionalUnit: r.FunctionalUnit, Category: string(r.Category), Unit: r.Unit,
			Stage: string(r.Stage), Kind: string(r.Kind), Value: r.Value, Lo: r.Lo, Hi: r.Hi, Boundary: r.Boundary, Source: r.Source,
		}
		if math.IsNaN(row.Value) || math.IsInf(row.Value, 0) {
			return fmt.Errorf("write table %s: %s %s of cell %q is not a number", runfolder.FootprintFile, r.Stage, r.Category, r.Cell)
		}
		if err := w.Write(&row); err != nil {
			return err
		}
	}
	return nil
}

// meta is the metadata of footprint.arrow: under what the cells are assessed.
func (s *Survey) meta() (map[string]string, error) {
	first, err := s.assessor.Preview(s.usages[0])
	if err != nil {
		return nil, err
	}
	notes, err := json.Marshal(s.Warnings)
	if err != nil {
		return nil, fmt.Errorf("write table %s: %w", runfolder.FootprintFile, err)
	}
	lifetime, of := first.Inventory.Lifetime()
	meta := map[string]string{
		"inventory":           first.Inventory.Name,
		"inventory_file":      first.Inventory.File,
		"inventory_sha256":    first.Inventory.Hash,
		"choices":             first.Options.Choices(),
		"lifetime_inferences": strconv.FormatFloat(lifetime, 'g', -1, 64),
		"lifetime_unit":       string(of),
		"lifetime_quality":    string(first.Inventory.LifetimeInferences.Quality),
		"gwp":                 string(first.Options.GWP),
		"water_variant":       string(first.Options.Water),
		"basis":               string(first.Options.Basis),
		"embodied_convention": string(first.Options.Embodied),
		"monte_carlo_draws":   strconv.Itoa(first.Options.Draws),
		runfolder.MetaNotes:   string(notes),
		"monte_carlo_seed":    strconv.FormatUint(first.Options.Seed, 10),
	}
	if !s.how.RequestsOnly {
		for _, u := range s.usages {
			meta[metaUsed+u.Cell] = strconv.FormatInt(int64(u.Energy), 10)
		}
	}
	return meta, nil
}

// metaUsed and a cell's name are the key in footprint.arrow of the energy that
// the cell's footprint was made from.
const metaUsed = "cell_energy_uj."

// FootprintEnergy is the energy of a cell that a footprint.arrow with this
// metadata was made from; false where it was not the cell's whole energy.
func FootprintEnergy(meta map[string]string, cell string) (meter.Energy, bool) {
	n, err := strconv.ParseInt(meta[metaUsed+cell], 10, 64)
	return meter.Energy(n), err == nil
}
