package record

import (
	"fmt"
	"path/filepath"
	"time"

	"cfubench/meter"
	"cfubench/results/runfolder"
	"cfubench/results/segments"
)

// recover makes whole what a killed cfu left of the record's last part. Its
// window ends with the last moment at which every domain that counts had been
// read. A part that was killed before its window began is dropped.
func (r *recorder) recover() error {
	n := len(r.run.Cells) - 1
	if n < 0 || r.run.Cells[n].Complete || r.run.Cells[n].Interrupted != "" {
		return nil
	}
	r.cell, r.part = &r.run.Cells[n], &r.run.Record.Parts[n]
	dir := runfolder.CellDir(r.Out, r.cell.ID)
	domains, err := r.segmentDomains(dir)
	if err != nil {
		return err
	}
	var end time.Duration
	if len(domains) > 0 {
		if err := r.tables(domains); err != nil {
			return err
		}
		if end, err = segments.Covered(filepath.Join(dir, runfolder.ReadingsFile)); err != nil {
			return err
		}
	}
	if end <= r.cell.Window.Start {
		r.warn("%s was killed before anything was metered: it is left out", r.cell.ID)
		id := r.cell.ID
		r.run.Cells, r.run.Record.Parts = r.run.Cells[:n], r.run.Record.Parts[:n]
		if err := runfolder.RemoveAll(runfolder.CellDir(r.Out, id)); err != nil {
			return fmt.Errorf("clear cell folder: %w", err)
		}
		return r.save()
	}
	r.cell.Window.End = end
	r.cell.Complete, r.part.Cut = true, true
	r.cell.Reasons = append(r.cell.Reasons, runfolder.ReasonCut)
	r.warn("%s: cfu or the host was stopped; it was metered until %s, and how it ended is not known", r.cell.ID,
		time.Unix(0, r.cell.OriginUnix).Add(end).UTC().Format(time.RFC3339))
	return r.save()
}

// segmentDomains are the domains of the part whose cfu was killed, none where
// nothing had been written yet. Which GPUs the command used nobody has seen to the
// end: what counts is as it was when the meters were opened, or as --gpus names.
func (r *recorder) segmentDomains(dir string) ([]runfolder.DomainInfo, error) {
	written, err := segments.Domains(dir)
	if err != nil || len(written) == 0 {
		return nil, err
	}
	var domains []meter.Domain
	for _, d := range written {
		domains = append(domains, d.Domain)
	}
	return r.chosen(domains, nil)
}
