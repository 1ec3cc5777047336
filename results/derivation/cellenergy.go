package derivation

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// CellEnergy is the one energy of a cell: what the domains that count used over
// its window. It is computed when energy.arrow is made, stands in that table's
// metadata, and is what every table, chart, comparison and footprint reads. The
// rows of every convention sum to it, domain by domain.
type CellEnergy struct {
	// Kind is "counter", "power", "model", or several joined by "+"; "" where
	// nothing was metered.
	Kind string `json:"kind"`
	// Energy with its bracket is the sum over the summed domains: HasEnergy is
	// false where one of them has none.
	HasEnergy bool         `json:"has_energy"`
	Energy    meter.Energy `json:"energy_uj"`
	Lo        meter.Energy `json:"lo_uj"`
	// Hi is null where nothing bounds it.
	Hi meter.Bound `json:"hi_uj"`
	// Uncertainty of the sum: what differs from window to window adds in
	// quadrature, gains and offsets as they are.
	Uncertainty attribution.Uncertainty `json:"uncertainty"`
	Domains     []DomainEnergy          `json:"domains"`
	// Costs are what an engine step, a prompt token and an output token cost in
	// each summed domain, as far as the step convention could tell.
	Costs []*attribution.StepCosts `json:"step_costs,omitempty"`
	// Rooflines hold the costs against the model's size, none where it is not known.
	Rooflines []attribution.Roofline `json:"rooflines,omitempty"`
	// CacheShare is what sharing the cost of cached prompts among their users came
	// to, nil where the request that computed a prompt pays for it alone.
	CacheShare *attribution.SharedCache `json:"cache_share,omitempty"`
}

// DomainEnergy is the energy of one domain over the cell's window.
type DomainEnergy struct {
	meter.Domain
	Summed bool `json:"summed"`
	// Why there is no energy, "" where there is.
	Missing string       `json:"missing,omitempty"`
	Energy  meter.Energy `json:"energy_uj"`
	Lo      meter.Energy `json:"lo_uj"`
	// Hi is null where nothing bounds it.
	Hi meter.Bound `json:"hi_uj"`
	// Uncertainty is what the bracket cannot hold as well.
	Uncertainty attribution.Uncertainty `json:"uncertainty"`
	// Method says how the window's ends were found, Reason why they are not
	// anchored in the idle time beside them.
	Method attribution.Method `json:"method"`
	Reason string             `json:"reason,omitempty"`
	// Counter is the register's own difference over the window.
	Counter meter.Energy `json:"counter_uj"`
	// Loaded and Bare are idle powers, with the server up and before there was
	// one.
	Loaded    meter.Power `json:"idle_uw"`
	HasLoaded bool        `json:"has_idle"`
	Bare      meter.Power `json:"bare_idle_uw"`
	HasBare   bool        `json:"has_bare_idle"`
}

// metaCell is the key of a cell's energy in the metadata of energy.arrow.
const metaCell = "cell_energy"

// domainEnergy is the energy of one domain over the window that its rows were
// made for, to which they sum.
func domainEnergy(d runfolder.DomainInfo, e attribution.Estimate, idle attribution.Idle, rows domainRows) DomainEnergy {
	out := DomainEnergy{
		Domain: d.Domain, Summed: d.Summed(), Missing: rows.missing,
		Loaded: idle.Loaded, HasLoaded: idle.Known, Bare: idle.Bare, HasBare: idle.HasBare,
	}
	if out.Missing != "" {
		return out
	}
	out.Energy, out.Lo, out.Hi = rows.energy, min(rows.energy, e.Lo), meter.Bound(max(rows.energy, e.Hi))
	out.Uncertainty, out.Method, out.Reason, out.Counter = e.Uncertainty, e.Method, e.Reason, e.Counter.Energy
	return out
}

// domainRows is what the rows of one domain sum to, the same by every
// convention that can divide it.
type domainRows struct {
	energy  meter.Energy
	missing string // why there is no energy, "" where there is
}

// sumOf is the energy of a cell whose domains have these energies.
func sumOf(domains []runfolder.DomainInfo, energies []DomainEnergy) CellEnergy {
	out := CellEnergy{Kind: KindOf(domains), Domains: energies}
	sum, metered := Estimate{Known: true}, false
	for _, e := range energies {
		if e.Summed {
			sum = sum.plus(Estimate{Known: e.Missing == "", Energy: e.Energy, Lo: e.Lo, Hi: meter.Energy(e.Hi)})
			out.Uncertainty = out.Uncertainty.Plus(e.Uncertainty)
			metered = true
		}
	}
	if sum.Known && metered {
		out.HasEnergy, out.Energy, out.Lo, out.Hi = true, sum.Energy, sum.Lo, meter.Bound(sum.Hi)
	}
	return out
}

// describe puts the energy into the metadata of energy.arrow: whole, and by
// domain under keys that a reader without JSON can use.
func (e CellEnergy) describe(meta map[string]string) error {
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("describe the energy of a cell: %w", err)
	}
	meta[metaCell] = string(text)
	for _, d := range e.Domains {
		if d.Missing == "" {
			meta[runfolder.MetaEnergy+d.Name] = strconv.FormatInt(int64(d.Energy), 10)
		}
		if d.HasLoaded {
			meta["idle_uw."+d.Name] = strconv.FormatInt(int64(d.Loaded), 10)
		}
		if d.HasBare {
			meta["bare_idle_uw."+d.Name] = strconv.FormatInt(int64(d.Bare), 10)
		}
	}
	return nil
}

// SumOf is what stands in the place of a domain's name where n of them are summed.
func SumOf(n int) string { return fmt.Sprintf("sum of %d", n) }

// ReadCellEnergy reads the energy of a cell of the run folder dir from its
// energy.arrow. It wraps fs.ErrNotExist where there is no such table.
func ReadCellEnergy(dir, cell string) (CellEnergy, error) {
	path := runfolder.CellFile(dir, cell, runfolder.EnergyFile)
	meta, err := runfolder.Energies().Meta(path)
	if err != nil {
		return CellEnergy{}, err
	}
	e, err := cellEnergyOf(meta)
	if err != nil {
		return CellEnergy{}, fmt.Errorf("read table %s: %w", path, err)
	}
	return e, nil
}

// ScanEnergy yields the rows of a cell's energy.arrow in the run folder dir, as
// runfolder.Table's Scan does, after it has set whole to the cell's energy.
func ScanEnergy(ctx context.Context, dir, cell string, whole *CellEnergy) iter.Seq2[*runfolder.Energy, error] {
	return runfolder.Energies().ScanWith(ctx, runfolder.CellFile(dir, cell, runfolder.EnergyFile), func(meta map[string]string) (err error) {
		*whole, err = cellEnergyOf(meta)
		return err
	})
}

// cellEnergyOf is the energy in the metadata of energy.arrow.
func cellEnergyOf(meta map[string]string) (e CellEnergy, err error) {
	if err := json.Unmarshal([]byte(meta[metaCell]), &e); err != nil {
		return CellEnergy{}, fmt.Errorf("schema metadata %q: %w", metaCell, err)
	}
	return e, nil
}

// missing names the summed domains without energy and why they have none.
func (e CellEnergy) missing() (names []string) {
	for _, d := range e.Domains {
		if d.Summed && d.Missing != "" {
			names = append(names, fmt.Sprintf("%s (%s)", d.Name, d.Missing))
		}
	}
	return names
}

// summed are the domains that are summed.
func (e CellEnergy) summed() (domains []meter.Domain) {
	for _, d := range e.Domains {
		if d.Summed {
			domains = append(domains, d.Domain)
		}
	}
	return domains
}

// Estimate is the energy with its bracket.
func (e CellEnergy) Estimate() Estimate {
	return Estimate{Known: e.HasEnergy, Energy: e.Energy, Lo: e.Lo, Hi: meter.Energy(e.Hi)}
}
