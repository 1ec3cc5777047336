package record

import (
	"context"
	"errors"
	"io/fs"

	"cfubench/results/runfolder"
)

// copyTables writes the raw tables of the node's cells into out, with the names that
// its domains have there. The requests are none, as in every record.
func (n node) copyTables(out string) error {
	for _, c := range n.run.Cells {
		cell := n.cell(c)
		if err := runfolder.MakeDir(runfolder.CellDir(out, cell.ID)); err != nil {
			return err
		}
		r := recorder{run: n.run, cell: &cell}
		meta := r.meta()
		requests, err := runfolder.Requests().Create(runfolder.CellFile(out, cell.ID, runfolder.RequestsFile), meta)
		if err != nil {
			return err
		}
		if err := requests.Close(); err != nil {
			return err
		}
		from := func(table string) string { return runfolder.CellFile(n.dir, c.ID, table) }
		to := func(table string) string { return runfolder.CellFile(out, cell.ID, table) }
		if err := n.copyReadings(to(runfolder.ReadingsFile), from(runfolder.ReadingsFile), meta); err != nil {
			return err
		}
		err = copyRows(runfolder.Powers(), to(runfolder.PowerFile), from(runfolder.PowerFile), meta, func(p *runfolder.PowerSecond) {
			p.Domain += "@" + n.name
		})
		if err != nil {
			return err
		}
		err = copyRows(runfolder.DeviceStates(), to(runfolder.DevicesFile), from(runfolder.DevicesFile), meta, func(s *runfolder.DeviceState) {
			s.Key, s.Domain = cell.Key(), s.Domain+"@"+n.name
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// copyReadings copies a table of readings under the names that its domains have in
// what is merged.
func (n node) copyReadings(to, from string, meta map[string]string) error {
	var domains []runfolder.DomainInfo
	var w *runfolder.ReadingsDeriver
	begin := func() (err error) {
		if w == nil {
			w, err = runfolder.DeriveReadings(to, n.domains(domains), meta)
		}
		return err
	}
	for r, err := range runfolder.ScanReadings(context.Background(), from, func(found []runfolder.DomainInfo, _ map[string]string) { domains = found }) {
		if err == nil {
			err = begin()
		}
		if err == nil {
			err = w.Write(r)
		}
		if err != nil {
			if w != nil {
				err = errors.Join(err, w.Abort())
			}
			return err
		}
	}
	if err := begin(); err != nil { // a table without rows
		return err
	}
	return w.Close()
}

// copyRows copies a table that need not be there, each row after change.
func copyRows[R any](table runfolder.Table[R], to, from string, meta map[string]string, change func(*R)) error {
	if _, err := runfolder.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	w, err := table.Derive(to, meta)
	if err != nil {
		return err
	}
	for row, err := range table.Scan(context.Background(), from) {
		if err == nil {
			change(row)
			err = w.Write(row)
		}
		if err != nil {
			return errors.Join(err, w.Abort())
		}
	}
	return w.Close()
}
