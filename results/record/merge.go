package record

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cfubench/internal/folder"
	"cfubench/meter"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
)

// node is one of the records that are merged: that of a node of one command.
type node struct {
	dir, name string
	path      string // of dir, through all links
	run       runfolder.Run
}

// IsRecord reports whether dir holds a record. What holds no run holds none.
func IsRecord(dir string) bool {
	run, err := runfolder.ReadRun(dir)
	return err == nil && run.Record != nil
}

// Merge joins the records of several nodes, in dirs, into the record folder out,
// which must not hold a run yet: the raw tables and run.json. Each part of each
// record stays a part, on a clock of its own, so that energy, device time and gaps
// are the sums over the nodes. A node is called as its folder is.
func Merge(out string, dirs []string) (runfolder.Run, error) {
	if _, err := runfolder.ReadRun(out); err == nil {
		return runfolder.Run{}, fmt.Errorf("%s already holds a run: give another --out", out)
	}
	nodes, err := openNodes(dirs)
	if err != nil {
		return runfolder.Run{}, err
	}
	run := joined(nodes)
	for _, n := range nodes {
		if err := n.copyTables(out); err != nil {
			return runfolder.Run{}, fmt.Errorf("merge %s: %w", n.dir, err)
		}
	}
	return run, runfolder.WriteRun(out, run)
}

// Sum makes record.json of the parts in out, whose energy.arrow are there.
func Sum(out string, run runfolder.Run) (Result, error) {
	result := Result{Run: run}
	for _, cell := range run.Cells {
		energy, err := derivation.ReadCellEnergy(out, cell.ID)
		if err != nil {
			return result, fmt.Errorf("record: %w", err)
		}
		result.Parts = append(result.Parts, energy)
	}
	var err error
	result.Record, err = derivation.WriteRecord(out, run)
	return result, err
}

// openNodes reads the records, and refuses what cannot be summed.
func openNodes(dirs []string) ([]node, error) {
	var nodes []node
	for _, dir := range dirs {
		n, err := openNode(dir)
		if err != nil {
			return nil, err
		}
		for _, o := range nodes {
			if n.path == o.path {
				return nil, fmt.Errorf("merge %s: it is given twice, also as %s: its energy would be counted twice: keep one", dir, o.dir)
			}
			if twice := n.twice(o); twice != "" {
				return nil, fmt.Errorf("merge %s: %s: its energy would be counted twice: keep one of them", dir, twice)
			}
			if a, b := n.run.Record.Stage, o.run.Record.Stage; a != "" && b != "" && a != b {
				return nil, fmt.Errorf("merge %s: it is of kind %s and %s of kind %s: they are not of one stage; name each in a stage of its own", dir, a, o.dir, b)
			}
		}
		name := n.name
		for i := 2; slices.ContainsFunc(nodes, func(o node) bool { return o.name == n.name }); i++ {
			n.name = fmt.Sprintf("%s-%d", name, i)
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// openNode reads the record of one node, which must be whole.
func openNode(dir string) (n node, err error) {
	n.dir = dir
	if n.run, err = runfolder.ReadRun(dir); err != nil {
		return n, err
	}
	switch r := n.run.Record; {
	case r == nil:
		return n, fmt.Errorf("merge %s: it holds a run and no record: records are merged with records alone", dir)
	case r.Serves():
		return n, fmt.Errorf("merge %s: it is of a server in production, whose hours stand by themselves: give records of cfu record", dir)
	case len(r.Parts) != len(n.run.Cells):
		return n, fmt.Errorf("merge %s: its %s has %d parts and %d cells: it was changed since it was written", dir, runfolder.RunFile, len(r.Parts), len(n.run.Cells))
	case r.Merged():
		return n, fmt.Errorf("merge %s: it is merged of several records already: give the records that it was merged of", dir)
	}
	if _, err := runfolder.Stat(filepath.Join(dir, runfolder.RecordFile)); errors.Is(err, fs.ErrNotExist) {
		return n, fmt.Errorf("merge %s: it has no %s: cfu record --out %[1]s --append completes a record that was cut short", dir, runfolder.RecordFile)
	} else if err != nil {
		return n, fmt.Errorf("merge %s: %w", dir, err)
	}
	if n.path, err = filepath.EvalSymlinks(dir); err == nil {
		n.path, err = filepath.Abs(n.path)
	}
	if err != nil {
		return n, fmt.Errorf("merge %s: %w", dir, err)
	}
	n.name = filepath.Base(n.path)
	for _, c := range n.run.Cells {
		if err := folder.CheckName(n.cellID(c.ID)); err != nil {
			return n, fmt.Errorf("merge %s: the node is called as its folder is: %w: rename the folder", dir, err)
		}
	}
	return n, nil
}

// cellID is the name of one of the node's cells in what is merged.
func (n node) cellID(cell string) string { return n.name + "-" + cell }

// host is the node's name of a host: its own has none.
func (n node) host(name string) string { return cmp.Or(name, n.name) }

// domain is one of the node's domains in what is merged, named as those of agents are.
func (n node) domain(d runfolder.DomainInfo) runfolder.DomainInfo {
	d.Host = n.host(d.Host)
	d.Name += "@" + n.name
	if d.Parent != "" {
		d.Parent += "@" + n.name
	}
	return d
}

func (n node) domains(list []runfolder.DomainInfo) []runfolder.DomainInfo {
	list = slices.Clone(list)
	for i, d := range list {
		list[i] = n.domain(d)
	}
	return list
}

// twice says what of the node was metered by the other one's record, too, at the same
// time, "" if nothing was that is known.
func (n node) twice(o node) string {
	for i, a := range n.run.Cells {
		for k, b := range o.run.Cells {
			x, y := n.run.Record.Parts[i], o.run.Record.Parts[k]
			oneHost := x.BootID != "" && x.BootID == y.BootID
			if oneHost && a.OriginUnix == b.OriginUnix {
				return "it is a copy of " + o.dir
			}
			aStart, aEnd := wall(a)
			bStart, bEnd := wall(b)
			if !aStart.Before(bEnd) || !bStart.Before(aEnd) {
				continue
			}
			for _, d := range runfolder.Summed(n.run.Domains) {
				for _, e := range runfolder.Summed(o.run.Domains) {
					if !oneHost || d.Host != "" || e.Host != "" {
						d.Host, e.Host = n.host(d.Host), o.host(e.Host)
					}
					if oneRegister(d.Domain, e.Domain) {
						return fmt.Sprintf("%s (%s) was metered by %s at the same time", d.Name, d.Device, o.dir)
					}
				}
			}
		}
	}
	return ""
}

// oneRegister reports whether two domains are read from one register, or of one
// board. A model of processes counts each process by itself.
func oneRegister(a, b meter.Domain) bool {
	if a.Scope == meter.ScopeProcess || b.Scope == meter.ScopeProcess {
		return false
	}
	boards := len(meter.Devices([]meter.Domain{a, b}))
	return boards == 1 && len(meter.Devices([]meter.Domain{a})) == 1 && len(meter.Devices([]meter.Domain{b})) == 1 ||
		boards == 0 && a.Host == b.Host && a.Device == b.Device && a.Device != ""
}

// wall is the cell's window on the wall clock.
func wall(c runfolder.Cell) (start, end time.Time) {
	origin := time.Unix(0, c.OriginUnix)
	return origin.Add(c.Window.Start), origin.Add(c.Window.End)
}

// joined is run.json of the nodes together: that of the first one with the domains
// and parts of all.
func joined(nodes []node) runfolder.Run {
	run := nodes[0].run
	run.Domains, run.LeftOut, run.Cells, run.Warnings = nil, nil, nil, nil
	all := &runfolder.Recorded{}
	run.Record = all
	var labels []string
	for _, n := range nodes {
		r := n.run.Record
		if r.Label != "" && !slices.Contains(labels, r.Label) {
			labels = append(labels, r.Label)
		}
		all.Stage = cmp.Or(all.Stage, r.Stage)
		run.Started = min(run.Started, n.run.Started)
		run.Domains = append(run.Domains, n.domains(n.run.Domains)...)
		for i, p := range r.Parts {
			host := n.run.Host
			p.Node, p.Host, p.Cell = n.name, &host, n.cellID(p.Cell)
			all.Parts = append(all.Parts, p)
			run.Cells = append(run.Cells, n.cell(n.run.Cells[i]))
		}
		for _, l := range n.run.LeftOut {
			l.Source += "@" + n.name
			run.LeftOut = append(run.LeftOut, l)
		}
		for _, w := range n.run.Warnings {
			run.Warnings = append(run.Warnings, n.name+": "+w)
		}
	}
	all.Label = strings.Join(labels, ", ")
	return run
}

// cell is one of the node's cells in what is merged: its tables are written anew.
func (n node) cell(c runfolder.Cell) runfolder.Cell {
	c.ID, c.Tables = n.cellID(c.ID), nil
	return c
}
