package derivation

import (
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

// writeFootprint writes footprint.arrow of the run folder.
func (m Amortization) writeFootprint(dir string, run runfolder.Run, assessments []lca.Assessment) error {
	first := assessments[0]
	lifetime, of := first.Inventory.Lifetime()
	labels := map[string]string{}
	for _, c := range run.Cells {
		labels[c.ID] = c.Label
	}
	notes, err := json.Marshal(lca.Warnings(assessments))
	if err != nil {
		return fmt.Errorf("write table %s: %w", runfolder.FootprintFile, err)
	}
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
	if !m.RequestsOnly {
		for _, a := range assessments {
			meta[metaUsed+a.Usage.Cell] = strconv.FormatInt(int64(a.Usage.Energy), 10)
		}
	}
	w, err := runfolder.Footprints().Derive(filepath.Join(dir, runfolder.FootprintFile), meta)
	if err != nil {
		return err
	}
	for _, a := range assessments {
		for _, r := range a.Rows {
			row := runfolder.Footprint{
				Cell: r.Cell, Label: labels[r.Cell], FunctionalUnit: r.FunctionalUnit, Category: string(r.Category), Unit: r.Unit,
				Stage: string(r.Stage), Kind: string(r.Kind), Value: r.Value, Lo: r.Lo, Hi: r.Hi, Boundary: r.Boundary, Source: r.Source,
			}
			if math.IsNaN(row.Value) || math.IsInf(row.Value, 0) {
				return errors.Join(fmt.Errorf("write table %s: %s %s of cell %q is not a number", runfolder.FootprintFile, r.Stage, r.Category, r.Cell), w.Abort())
			}
			if err := w.Write(&row); err != nil {
				return errors.Join(err, w.Abort())
			}
		}
	}
	return w.Close()
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
