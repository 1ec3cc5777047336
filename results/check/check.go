// Package check holds a run folder against itself: whether its tables are those
// that were written, whether they have the columns that they should, whether
// every joule is accounted for, and whether a figure is the same in all the
// places where it stands.
//
// It says what it finds and changes nothing.
package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"slices"

	"cfubench/attribution/lca"
	"cfubench/internal/ordered"
	"cfubench/meter"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
)

// Finding is something that is wrong: in which file of the folder, and what.
type Finding struct {
	File string `json:"file"`
	Text string `json:"text"`
}

func (f Finding) String() string { return f.File + ": " + f.Text }

// Result is what was looked at and found.
type Result struct {
	Cells  int `json:"cells"`
	Tables int `json:"tables"`
	// Notes are what could not be compared with anything, in one line each.
	Notes    []string  `json:"notes"`
	Findings []Finding `json:"findings"`
}

// checker is a check under way.
type checker struct {
	ctx context.Context
	dir string
	run runfolder.Run
	Result
}

// Folder checks the run folder dir. The error is of a folder that holds no run
// that can be read, or of an interrupt; all else is a finding.
func Folder(ctx context.Context, dir string) (Result, error) {
	run, err := runfolder.ReadRun(dir)
	if err != nil {
		return Result{}, err
	}
	return Run(ctx, dir, run)
}

// Run is Folder for who has read the run: cells are checked side by side.
func Run(ctx context.Context, dir string, run runfolder.Run) (Result, error) {
	c := &checker{ctx: ctx, dir: dir, run: run}
	c.keys()
	weight := func(i int) int64 { return runfolder.ReadingsBytes(dir, run.Cells[i].ID) }
	for one, err := range ordered.Results(ctx, len(run.Cells), weight, func(ctx context.Context, i int) (Result, error) {
		of := checker{ctx: ctx, dir: dir, run: run}
		if cell := run.Cells[i]; cell.Complete {
			of.Cells++
			of.cell(cell)
		} else {
			of.note("cell %s did not complete: its tables are not checked", cell.ID)
		}
		return of.Result, nil
	}) {
		if err != nil {
			return Result{}, fmt.Errorf("check %s: %w", dir, err)
		}
		c.add(one)
	}
	if run.BareIdle.Measured() {
		c.readings(filepath.Join(runfolder.BareDir, runfolder.ReadingsFile))
	}
	c.footprint()
	if len(c.Findings) == 0 { // else it repeats what was said already
		c.summary()
	}
	if ctx.Err() != nil {
		return Result{}, fmt.Errorf("check %s: %w", dir, context.Cause(ctx))
	}
	return c.Result, nil
}

// add adds what was found of another part of the folder.
func (r *Result) add(o Result) {
	r.Cells, r.Tables = r.Cells+o.Cells, r.Tables+o.Tables
	r.Notes, r.Findings = append(r.Notes, o.Notes...), append(r.Findings, o.Findings...)
}

func (c *checker) find(file, format string, args ...any) {
	c.Findings = append(c.Findings, Finding{file, fmt.Sprintf(format, args...)})
}

func (c *checker) note(format string, args ...any) {
	c.Notes = append(c.Notes, fmt.Sprintf(format, args...))
}

// cell checks the tables of a cell that is complete.
func (c *checker) cell(cell runfolder.Cell) {
	file := func(table string) string { return runfolder.CellFile("", cell.ID, table) }
	unknown := maps.Clone(cell.Tables)
	raw := func(table string) bool {
		digest, kept := cell.Tables[table]
		delete(unknown, table)
		return c.table(file(table), digest, kept)
	}
	if raw(runfolder.RequestsFile) {
		c.requests(file(runfolder.RequestsFile), cell)
	}
	if raw(runfolder.ReadingsFile) {
		c.readings(file(runfolder.ReadingsFile))
	}
	if raw(runfolder.EngineFile) {
		rows(c, file(runfolder.EngineFile), runfolder.EngineSamples(), nil)
	}
	if raw(runfolder.TenantsFile) {
		rows(c, file(runfolder.TenantsFile), runfolder.TenantRequests(), nil)
	}
	if raw(runfolder.DevicesFile) {
		rows(c, file(runfolder.DevicesFile), runfolder.DeviceStates(), nil)
	}
	if raw(runfolder.PowerFile) {
		rows(c, file(runfolder.PowerFile), runfolder.Powers(), nil)
	}
	for _, name := range slices.Sorted(maps.Keys(unknown)) {
		c.find(runfolder.RunFile, "keeps a digest of cell %s's %s, which is no table", cell.ID, name)
	}
	if cell.Tables == nil {
		c.note("%s keeps no digests of cell %s: a table could have been replaced", runfolder.RunFile, cell.ID)
	}
	if c.table(file(runfolder.EnergyFile), "", false) {
		c.energy(file(runfolder.EnergyFile), cell)
	} else {
		c.note("cell %s has no %s: cfu attribute makes it", cell.ID, runfolder.EnergyFile)
	}
}

// table checks that a table is whole and, where a digest was kept of it, the one
// that was written. It reports whether there is one to be read.
func (c *checker) table(file, digest string, needed bool) bool {
	r, err := runfolder.OpenTable(filepath.Join(c.dir, file))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if needed {
			c.find(file, "is missing")
		}
		return false
	case err != nil:
		c.find(file, "%v", err)
		return false
	}
	defer r.Close()
	c.Tables++
	switch {
	case !r.Complete:
		c.find(file, "is not complete, though its cell is")
	case !r.Verified && digest != "":
		c.find(file, "has lost its checksums")
	case !r.Verified:
		c.note("%s has no checksums: only its form is checked", file)
	case digest != "" && digest != r.Digest:
		c.find(file, "is another table than the run wrote: %.12s, %s has %.12s", r.Digest, runfolder.RunFile, digest)
	}
	return true
}

// rows reads a whole table, which verifies its checksums and its columns.
func rows[R any](c *checker, file string, table runfolder.Table[R], do func(*R)) bool {
	for r, err := range table.Scan(c.ctx, filepath.Join(c.dir, file)) {
		if err != nil {
			c.find(file, "%v", err)
			return false
		}
		if do != nil {
			do(r)
		}
	}
	return true
}

// requests holds the rows against the counts of run.json.
func (c *checker) requests(file string, cell runfolder.Cell) {
	n, failed := 0, 0
	seen := map[int]bool{}
	twice := -1
	whole := rows(c, file, runfolder.Requests(), func(r *runfolder.Request) {
		n++
		if !r.OK() {
			failed++
		}
		if seen[r.Record.Request] {
			twice = r.Record.Request
		}
		seen[r.Record.Request] = true
	})
	switch {
	case !whole:
	case twice >= 0:
		c.find(file, "request %d is there twice", twice)
	case n != cell.Requests || failed != cell.Errors:
		c.find(file, "has %d requests, %d of them failed; %s says %d and %d", n, failed, runfolder.RunFile, cell.Requests, cell.Errors)
	}
}

// readings reads the readings, whose domains stand in the table itself.
func (c *checker) readings(file string) {
	for _, err := range runfolder.ScanReadings(c.ctx, filepath.Join(c.dir, file), func([]runfolder.DomainInfo, map[string]string) {}) {
		if err != nil {
			c.find(file, "%v", err)
			return
		}
	}
}

// part is a domain as one convention divides it.
type part struct{ convention, domain string }

// energy checks the conservation of energy: the rows of each convention and domain
// sum to the domain's energy, and the domains that count to the cell's.
func (c *checker) energy(file string, cell runfolder.Cell) {
	sums, summed := map[part]meter.Energy{}, map[string]bool{}
	outside := 0 // of their brackets
	if !rows(c, file, runfolder.Energies(), func(e *runfolder.Energy) {
		sums[part{e.Convention, e.Domain}] += e.Energy
		summed[e.Domain] = e.Summed
		if e.Energy < e.Lo || e.Hi != meter.Unbounded && e.Energy > e.Hi {
			outside++
		}
	}) {
		return
	}
	if outside > 0 {
		c.find(file, "%d rows lie outside their own brackets", outside)
	}
	whole, err := derivation.ReadCellEnergy(c.dir, cell.ID)
	if err != nil {
		c.find(file, "%v", err)
		return
	}
	domains := map[string]derivation.DomainEnergy{}
	var total meter.Energy
	for _, d := range whole.Domains {
		domains[d.Name] = d
		if d.Summed && d.Missing == "" {
			total += d.Energy
		}
	}
	if whole.HasEnergy && total != whole.Energy {
		c.find(file, "the domains that count have %v J, the cell %v J", total.Joules(), whole.Energy.Joules())
	}
	if whole.HasEnergy && (whole.Energy < whole.Lo || whole.Energy > meter.Energy(whole.Hi)) { // Unbounded is the largest of all
		c.find(file, "the cell's energy of %v J lies outside its bracket", whole.Energy.Joules())
	}
	for _, p := range slices.SortedFunc(maps.Keys(sums), func(a, b part) int {
		return cmp.Or(cmp.Compare(a.convention, b.convention), cmp.Compare(a.domain, b.domain))
	}) {
		d, known := domains[p.domain]
		switch {
		case !known:
			c.find(file, "domain %s is not among those of the cell", p.domain)
		case d.Missing == "" && sums[p] != d.Energy:
			c.find(file, "by %s the rows of %s sum to %v J, the domain has %v J", p.convention, p.domain, sums[p].Joules(), d.Energy.Joules())
		case summed[p.domain] != d.Summed:
			c.find(file, "rows and cell do not agree on whether %s counts", p.domain)
		}
	}
}

// stageSum is what the stages of a figure of the footprint come to.
type stageSum struct{ parts, total, size float64 }

// footprint checks that the stages of every figure sum to its total, and that it
// was made from the energy that the cells have now.
func (c *checker) footprint() {
	file := runfolder.FootprintFile
	if !c.table(file, "", false) {
		return
	}
	sums := map[string]*stageSum{}
	if !rows(c, file, runfolder.Footprints(), func(f *runfolder.Footprint) {
		k := fmt.Sprintf("%s of cell %q %s", f.Category, f.Cell, f.FunctionalUnit)
		if sums[k] == nil {
			sums[k] = &stageSum{total: math.NaN()}
		}
		if f.Stage == string(lca.Total) {
			sums[k].total = f.Value
			return
		}
		sums[k].parts += f.Value
		sums[k].size += math.Abs(f.Value)
	}) {
		return
	}
	for _, k := range slices.Sorted(maps.Keys(sums)) {
		s := sums[k]
		if math.IsNaN(s.total) {
			continue // stages alone
		}
		if math.Abs(s.parts-s.total) > 1e-9*math.Max(s.size, math.Abs(s.total)) {
			c.find(file, "the stages of %s sum to %g, its total is %g", k, s.parts, s.total)
		}
	}
	meta, err := runfolder.Footprints().Meta(filepath.Join(c.dir, file))
	if err != nil {
		c.find(file, "%v", err)
		return
	}
	for _, cell := range c.run.Cells {
		used, kept := derivation.FootprintEnergy(meta, cell.ID)
		now, err := derivation.ReadCellEnergy(c.dir, cell.ID)
		if kept && err == nil && used != now.Energy {
			c.find(file, "was made from %v J of cell %s, which has %v J: cfu amortize makes it again", used.Joules(), cell.ID, now.Energy.Joules())
		}
	}
}
