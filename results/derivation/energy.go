// Package derivation makes the derived tables of a run from its raw ones: every
// cell's energy.arrow by conventions, and footprint.arrow by an inventory. The
// energy of a cell is computed here, once (CellEnergy), and read by all others.
//
// It is a later pass over the tables, which needs no engine and can be made
// again, elsewhere, with other choices; the same tables and choices give the
// same bytes. What is doubtful is a warning on the result. It knows nothing of
// command lines.
package derivation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// Attribution says how energy is divided among requests.
type Attribution struct {
	Conventions string // names with commas between, as attribution.Parse takes them
	Weights     string // of the token convention as they were asked for, for the table's metadata
	Params      attribution.Params
	Bare        Bare    // of the run
	Shared      *Shared // what is read of the cells is for later passes too, nil if not
	// Size is the model's where it was given; zero: as the server said.
	Size attribution.ModelSize
	// CacheShare says who pays for what a prompt cache held; see CacheOwner.
	CacheShare attribution.CacheShare
}

// Attributed is what attributing one cell gave, beside its table.
type Attributed struct {
	Cell string
	// Energy is the cell's one energy.
	Energy CellEnergy
	// Divisions holds every convention and domain, the refused ones too.
	Divisions []Division
	Spread    []attribution.DomainSpread
	Windows   []DomainWindow // one a domain
	// CrossChecks hold what covers other domains against their sum.
	CrossChecks []CrossCheck
	// Costs are what an engine step, a prompt token and an output token cost in
	// each summed domain, as far as the step convention could tell.
	Costs []*attribution.StepCosts
	// Roles are those of the domains whose devices only prefill or only decode.
	Roles []DomainRole
	// Rooflines hold the costs against the model's size, none where it is not known.
	Rooflines []attribution.Roofline
	// CacheShare is what sharing the cost of cached prompts came to, nil where
	// their owners pay for them.
	CacheShare *attribution.SharedCache
	// Warnings are doubts in one line each.
	Warnings []string
}

// Run attributes every cell of the run folder dir. Cells whose own steps are too
// few to tell what they cost are divided once more, with the costs of the others.
func (o Attribution) Run(ctx context.Context, dir string, run runfolder.Run) ([]Attributed, error) {
	if err := o.checkRoles(run); err != nil {
		return nil, err
	}
	out := make([]Attributed, len(run.Cells))
	var costs []*attribution.StepCosts
	var again []int
	for i, cell := range run.Cells {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("interrupted before cell %s: %w", cell.ID, err)
		}
		var err error
		if out[i], err = o.Cell(ctx, dir, run, cell); err != nil {
			return nil, err
		}
		own := false
		for _, c := range out[i].Costs {
			if c.Source == attribution.SourceFit && c.Doubt == "" {
				costs, own = append(costs, c), true
			}
		}
		if !own && out[i].Energy.HasEnergy {
			again = append(again, i)
		}
	}
	if len(costs) == 0 {
		return out, nil
	}
	o.Params.StepCells = costs
	for _, i := range again {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("interrupted before cell %s: %w", run.Cells[i].ID, err)
		}
		var err error
		if out[i], err = o.Cell(ctx, dir, run, run.Cells[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Cell reads the raw tables of one cell of the run folder dir and writes its
// energy.arrow, domain by domain and in batches of rows. The end of ctx ends it with
// its cause, and leaves the table as it was.
func (o Attribution) Cell(ctx context.Context, dir string, run runfolder.Run, cell runfolder.Cell) (Attributed, error) {
	out := Attributed{Cell: cell.ID}
	reqs, constants, err := ReadColumns(ctx, runfolder.CellFile(dir, cell.ID, runfolder.RequestsFile))
	if errors.Is(err, fs.ErrNotExist) {
		out.Warnings = append(out.Warnings, "no requests were recorded: no energy table")
		return out, nil
	}
	if err != nil {
		return out, err
	}
	meters, err := o.Shared.Meters(ctx, dir, cell, o.Bare, tokenTime(reqs))
	if err != nil {
		return out, err
	}
	if cell.Window.Length() <= 0 {
		out.Warnings = append(out.Warnings, "the cell has no window: no energy table")
		return out, nil
	}
	out.Warnings = append(out.Warnings, meters.Warnings...)
	meta := maps.Clone(constants)
	if meta == nil {
		meta = make(map[string]string)
	}
	if err := out.shareCache(ctx, o.CacheShare, meta, runfolder.CellFile(dir, cell.ID, runfolder.RequestsFile), &reqs); err != nil {
		return out, err
	}
	divider, err := attribution.NewDivider(reqs, cell.Window)
	if err != nil {
		return out, err
	}
	o.Params.Server, err = serverOf(ctx, dir, run, cell)
	if err != nil {
		// The server's metrics only help to place the queue.
		out.Warnings = append(out.Warnings, fmt.Sprintf("the server's own metrics are not used: %v", err))
	}
	roles, doubts, err := o.rolesOf(ctx, dir, cell, meters.Domains)
	if err != nil {
		return out, err
	}
	out.Roles, out.Warnings = roles, append(out.Warnings, doubts...)
	o.Params.Roles = make(map[string]attribution.Role)
	for _, r := range roles {
		o.Params.Roles[r.Domain] = r.Role
		meta["role."+r.Domain] = string(r.Role)
	}
	conventions, err := attribution.Parse(o.Conventions, o.Params)
	if err != nil {
		return out, err
	}
	out.checkModel(o.Params.ShapleyModel, run, cell, meters.Domains)
	meta[runfolder.MetaWindowStart] = strconv.FormatInt(int64(cell.Window.Start), 10)
	meta[runfolder.MetaWindowEnd] = strconv.FormatInt(int64(cell.Window.End), 10)
	meta["token_weights"] = o.Weights
	for i, d := range meters.Domains {
		estimate, idle := meters.Estimates[i], meters.Idle[i]
		describeDomain(meta, estimate)
		used := estimate.Interval()
		out.Windows = append(out.Windows, DomainWindow{d.Name, used, idle.Figures(used.Energy, cell.Window), meters.NotBare})
	}
	out.CrossChecks = crossChecks(meters.Domains, out.Windows)
	for _, c := range out.CrossChecks {
		if doubt := c.Doubt(); doubt != "" {
			out.Warnings = append(out.Warnings, doubt)
		}
	}
	if err := out.survey(ctx, meta, divider, meters, conventions, o.Conventions != attribution.Defaults); err != nil {
		return out, fmt.Errorf("cell %s: %w", cell.ID, err)
	}
	divider.Surveyed()
	size := o.sizeOf(run, cell)
	for _, costs := range out.Costs {
		if r, ok := costs.Roofline(size); ok {
			out.Rooflines = append(out.Rooflines, r)
		}
	}
	out.Energy.Costs, out.Energy.Rooflines, out.Energy.CacheShare = out.Costs, out.Rooflines, out.CacheShare
	if err := out.Energy.describe(meta); err != nil {
		return out, err
	}
	return out, write(ctx, dir, cell, meta, divider, meters, conventions)
}

// survey divides every domain by every convention and keeps what they come to:
// the cell's energy first of all. Its notes go into the metadata, which precede
// the rows in the table, so the rows are made a second time: that is cheap
// beside holding or writing them. The refusal of the first convention is a warning, and
// of the others where they were named.
func (e *Attributed) survey(ctx context.Context, meta map[string]string, divider *attribution.Divider, meters *Meters, conventions []attribution.Convention, named bool) error {
	var energies []DomainEnergy
	for i, d := range meters.Domains {
		curve, idle := meters.Curves[i], meters.Idle[i]
		spreader := attribution.NewSpreader(d.Name)
		rows := domainRows{missing: "no convention was asked for"}
		for k, c := range conventions {
			a, err := divider.Divide(c, curve, idle)
			if err == nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				return err
			}
			switch {
			case a.HasEnergy(): // whether or not the convention can divide it
				rows = domainRows{energy: a.Counter.Energy}
			case k == 0:
				rows.missing = a.Refused
			}
			describeAllocation(meta, a)
			spreader.Add(a)
			e.add(a, d.Summed(), named || k == 0)
			if a.Costs != nil && d.Summed() {
				e.Costs = append(e.Costs, a.Costs.Kept()) // the allocation's are its own until the next
			}
		}
		energies = append(energies, domainEnergy(d, meters.Estimates[i], idle, rows))
		if s := spreader.Domain(); len(s.Conventions) > 1 && (s.Pairs > 0 || s.Max > 0) { // there are requests
			e.Spread = append(e.Spread, s)
		}
	}
	e.Energy = sumOf(meters.Domains, energies)
	return nil
}

// rowsAtOnce is how many rows are made before they are handed to the writer.
const rowsAtOnce = 4096

// write divides once more and writes the rows.
func write(ctx context.Context, dir string, cell runfolder.Cell, meta map[string]string, divider *attribution.Divider, meters *Meters, conventions []attribution.Convention) error {
	w, err := runfolder.Energies().Derive(runfolder.CellFile(dir, cell.ID, runfolder.EnergyFile), meta)
	if err != nil {
		return err
	}
	row := runfolder.Energy{Key: cell.Key()}
	var shares []attribution.Share
	for i, d := range meters.Domains {
		for _, c := range conventions {
			a, err := divider.Divide(c, meters.Curves[i], meters.Idle[i])
			if err != nil {
				return errors.Join(err, w.Abort())
			}
			for from := 0; from < a.Len()+2; from += rowsAtOnce {
				if ctx.Err() != nil {
					return errors.Join(context.Cause(ctx), w.Abort())
				}
				shares = a.Shares(shares[:0], from, from+rowsAtOnce)
				for _, s := range shares {
					row.Request, row.Convention, row.Domain, row.Summed = s.Request, s.Convention, s.Domain, d.Summed()
					row.Energy, row.Lo, row.Hi = s.Energy, s.Lo, s.Hi
					row.Prefill, row.Decode, row.Idle, row.Fit = s.Prefill, s.Decode, s.Idle, s.Fit
					row.Method, row.Flags = string(s.Method), s.Flags
					if err := w.Write(&row); err != nil {
						return errors.Join(err, w.Abort())
					}
				}
			}
		}
	}
	return w.Close()
}

// Division sums up how one convention divides one domain's energy.
type Division struct {
	Domain, Convention           string
	Method                       meter.Kind
	Refused                      string // why the convention gave nothing, "" if it did
	Requests, Idle, Unattributed meter.Energy
	Counter                      meter.Energy
	Median                       meter.Energy // over the requests that succeeded
}

// add takes an allocation's totals and, of a domain that counts, its warnings; its
// refusal is one of them if it is told.
func (e *Attributed) add(a *attribution.Allocation, summed, told bool) {
	d := Division{Domain: a.Domain.Name, Convention: a.Convention, Method: a.Domain.Kind, Refused: a.Refused, Counter: a.Counter.Energy}
	for _, w := range a.Warnings {
		if line := w.String(); summed && !slices.Contains(e.Warnings, line) {
			e.Warnings = append(e.Warnings, line)
		}
	}
	if a.Refused != "" {
		if told {
			e.Warnings = append(e.Warnings, fmt.Sprintf("%s: convention %s refused: %s", d.Domain, d.Convention, a.Refused))
		}
		e.Divisions = append(e.Divisions, d)
		return
	}
	each := make([]meter.Energy, 0, a.Len())
	for i := range a.Len() {
		used := a.Request(i).Energy
		d.Requests += used
		if !slices.Contains(a.Flags(i), attribution.FlagFailed) {
			each = append(each, used)
		}
	}
	if len(each) > 0 {
		slices.Sort(each)
		d.Median = each[len(each)/2]
	}
	d.Idle, d.Unattributed = a.IdleRow().Energy, a.UnattributedRow().Energy
	e.Divisions = append(e.Divisions, d)
}

// checkModel warns if the Shapley model is of another engine or model than
// the cell's, or knows nothing of the accelerators that were metered.
func (e *Attributed) checkModel(c *attribution.ShapleyModel, run runfolder.Run, cell runfolder.Cell, domains []runfolder.DomainInfo) {
	if c == nil {
		return
	}
	var metered []meter.Domain
	for _, d := range runfolder.Summed(domains) {
		metered = append(metered, d.Domain)
	}
	if n := len(meter.Devices(metered)); n > 0 && c.OfCPUTime() {
		e.Warnings = append(e.Warnings, fmt.Sprintf("the Shapley model was measured in CPU time, which says nothing of the %d accelerators metered here: measure it in joules with 'cfu shapley --meter auto' on this host", n))
	}
	if engine := run.EngineOf(cell.Point); engine != nil && (engine.Kind != c.Engine || engine.Model != c.Model) {
		e.Warnings = append(e.Warnings, fmt.Sprintf("the Shapley model was measured on %s (%s), the cell on %s (%s): its shapley shares are a guess",
			c.Model, c.Engine, engine.Model, engine.Kind))
	}
}

// sizeOf is the size of the cell's model: as it was given, else as its server said.
func (o Attribution) sizeOf(run runfolder.Run, cell runfolder.Cell) attribution.ModelSize {
	if engine := run.EngineOf(cell.Point); engine != nil && !o.Size.Known() {
		return attribution.ModelSize{Parameters: float64(engine.Parameters), WeightBytes: float64(engine.WeightBytes)}
	}
	return o.Size
}

// tokenTime is the median time per output token, 0 where no request tells one: the
// period of the engine's steps. Counts over times of requests whose tokens were
// not seen to arrive are none: a sensor's beat against the steps hangs on their
// exact length.
func tokenTime(c attribution.Columns) time.Duration {
	if !sawTokens(c.Tokens) {
		return 0
	}
	var times []time.Duration
	for i := range c.Len() {
		if c.Output != nil && c.Output[i] > 1 && c.First[i] >= 0 && c.Done[i] > c.First[i] {
			times = append(times, (c.Done[i]-c.First[i])/time.Duration(c.Output[i]-1))
		}
	}
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// sawTokens reports whether any request's tokens were seen to arrive.
func sawTokens(tokens attribution.TokenStream) bool {
	found := false
	if tokens != nil {
		// A table that cannot be read has none; who attributes it says so.
		_ = tokens(func(_ int64, at []time.Duration, _ []int32) bool {
			found = len(at) > 1
			return !found
		})
	}
	return found
}

// serverOf is what the run knows of the cell's server: its batch limit, as it
// said itself or as it was told, and the totals of its own metrics.
func serverOf(ctx context.Context, dir string, run runfolder.Run, cell runfolder.Cell) (*attribution.Server, error) {
	server := &attribution.Server{BatchLimit: cell.Batch}
	if e := run.EngineOf(cell.Point); e != nil && e.EffectiveBatch > 0 {
		server.BatchLimit = e.EffectiveBatch
	}
	for s, err := range runfolder.EngineSamples().Scan(ctx, runfolder.CellFile(dir, cell.ID, runfolder.EngineFile)) {
		if errors.Is(err, fs.ErrNotExist) {
			return server, nil
		}
		if err != nil {
			return server, err
		}
		if s.QueueTime == s.QueueTime && s.PrefillTime == s.PrefillTime { // neither is NaN
			server.Totals = append(server.Totals, attribution.PhaseTotals{At: s.At, Queue: seconds(s.QueueTime), Prefill: seconds(s.PrefillTime)})
		}
	}
	return server, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
