package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"cfubench/attribution"
	"cfubench/loadgen"
	"cfubench/results"
)

// deriveAll is the second half of a run, which can be run again without the
// engine: joules to requests, C_FU, summary and report, from the raw tables.
func deriveAll(env environment, out string, run results.Run, report bool) error {
	for _, c := range run.Cells {
		if err := deriveCell(results.CellDir(out, c.ID), c); err != nil {
			return fmt.Errorf("attribute cell %s: %w", c.ID, err)
		}
	}
	return nil
}

// deriveCell writes a cell's energy.arrow.
func deriveCell(dir string, c results.Cell) (err error) {
	records, meta, err := results.ReadRequests(filepath.Join(dir, "requests.arrow"))
	if err != nil {
		return err
	}
	readings, err := results.ReadReadings(filepath.Join(dir, "readings.arrow"))
	if err != nil {
		return err
	}
	conventions, err := attribution.Parse("token,phase,equal", attribution.Params{})
	if err != nil {
		return err
	}
	w, err := results.NewEnergyWriter(filepath.Join(dir, "energy.arrow"), meta)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	for i, d := range readings.Domains {
		curve, _ := attribution.NewCurve(d, readings.ByDomain[i])
		idle, _ := attribution.MeasureIdle(curve, c.IdleBefore, c.IdleAfter)
		for _, conv := range conventions {
			res, err := attribution.Attribute(conv, attributionRequests(records), curve, c.Window, idle)
			if err != nil {
				return err
			}
			if err := w.Write(res.Shares); err != nil {
				return err
			}
		}
	}
	return nil
}

func attributionRequests(records []loadgen.Record) []attribution.Request {
	out := make([]attribution.Request, len(records))
	for i, r := range records {
		out[i] = attribution.Request{
			ID: int64(r.Request), Sent: r.Sent, FirstToken: r.FirstToken, LastToken: r.LastToken, Done: r.Done,
			PromptTokens: r.PromptTokens, OutputTokens: r.OutputTokens, CachedTokens: r.CachedTokens,
			ServerPrefill: r.ServerPrefill, ServerDecode: r.ServerDecode, Failed: !r.OK(),
		}
	}
	return out
}
