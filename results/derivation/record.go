package derivation

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"cfubench/attribution/lca"
	"cfubench/internal/atomicfile"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// WriteRecord sums the parts of a record, whose energy.arrow are there, writes
// record.json, which a stage of an inventory names, and returns it. A part without
// energy is an error: its energy is not zero.
func WriteRecord(dir string, run runfolder.Run) (lca.Record, error) {
	r, err := sumRecord(dir, run)
	if err != nil {
		return r, err
	}
	return r, atomicfile.WriteJSON(filepath.Join(dir, runfolder.RecordFile), r)
}

func sumRecord(dir string, run runfolder.Run) (lca.Record, error) {
	out := lca.Record{Source: "cfu record"}
	if run.Record == nil || len(run.Cells) == 0 {
		return out, fmt.Errorf("%s: nothing was recorded", dir)
	}
	out.Unmetered = unmetered(run.Record.Parts)
	if run.Record.Label != "" {
		out.Source += ": " + run.Record.Label
	}
	var cells []CellEnergy
	for i, cell := range run.Cells {
		energy, err := ReadCellEnergy(dir, cell.ID)
		if err != nil {
			return out, fmt.Errorf("record: %w", err)
		}
		if gone := energy.missing(); !energy.HasEnergy {
			return out, fmt.Errorf("record: part %s has no energy %v", cell.ID, gone)
		}
		var u lca.Usage
		u.Energy = energy.Energy
		Amortization{}.hardware(&u, run, energy, energy.byDomain())
		out.Parts = append(out.Parts, partOf(run, i))
		year := time.Unix(0, cell.OriginUnix).UTC().Year()
		if i == 0 {
			out.Year, out.Metered, out.Kind, out.Counts = year, u.Metered, energy.kind(), u.Counts
			out.Source += ", " + time.Unix(0, cell.OriginUnix).UTC().Format(time.DateOnly)
		}
		if u.Metered != out.Metered {
			return out, fmt.Errorf("record: part %s covers the %s and those before it the %s: one figure cannot be made of them", cell.ID, u.Metered, out.Metered)
		}
		if u.Counts != out.Counts {
			return out, fmt.Errorf("record: part %s counts %s and those before it %s: one device time cannot be made of them", cell.ID, u.Counts, out.Counts)
		}
		out.Year = min(out.Year, year)
		if energy.kind() == meter.KindModel {
			out.Kind = meter.KindModel
		}
		cells = append(cells, energy)
		out.ProcessorEnergy += u.ProcessorEnergy
		out.DeviceTime += cell.Window.Length() * time.Duration(u.Devices)
		for _, name := range products(hostOf(run, i), energy) {
			if !slices.Contains(out.Products, name) {
				out.Products = append(out.Products, name)
			}
		}
	}
	sum := Together(cells)
	out.Energy = sum.Energy
	if sum.Hi != meter.Unbounded {
		out.EnergyLo, out.EnergyHi = sum.Lo, sum.Hi
	}
	return out, nil
}

// unmetered is what lies between the parts of a record, and after those that were
// stopped.
func unmetered(parts []runfolder.RecordedPart) (u lca.Unmetered) {
	for _, p := range parts {
		if p.Gap > 0 {
			u.Gap, u.Gaps = u.Gap+p.Gap, u.Gaps+1
		}
		if p.Cut {
			u.Cut++
		}
	}
	return u
}

// products are the names of the devices whose time counts: the accelerators, or
// the processor of the one host.
func products(host runfolder.Host, energy CellEnergy) (names []string) {
	devices := meter.Devices(energy.summed())
	for _, d := range devices {
		if d.Product != "" {
			names = append(names, d.Product)
		}
	}
	if len(devices) == 0 && host.CPU != "" {
		names = append(names, host.CPU)
	}
	return names
}

// partOf tells a part of a record from every other.
func partOf(run runfolder.Run, part int) string {
	begin := time.Unix(0, run.Cells[part].OriginUnix).UTC().Format(time.RFC3339Nano)
	if parts := run.Record.Parts; part < len(parts) && parts[part].BootID != "" {
		return begin + " " + parts[part].BootID
	}
	return begin
}

// hostOf is the machine of a part.
func hostOf(run runfolder.Run, part int) runfolder.Host {
	if parts := run.Record.Parts; part < len(parts) && parts[part].Host != nil {
		return *parts[part].Host
	}
	return run.Host
}
