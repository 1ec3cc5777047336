package runfolder

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"time"

	"cfubench/meter"
)

// readingRow is a row of readings.arrow: one read of one domain.
type readingRow struct {
	domain, device, kind, status string
	summed                       bool
	before, after                time.Duration
	energy, power                int64 // µJ and µW, noReading where there is none
}

// noReading marks a value that a reading does not have: no register holds it.
const noReading int64 = -1 << 63

func readings() Table[readingRow] {
	type R = readingRow
	none := noReading
	return Table[R]{name: "readings", columns: []column[R]{
		code("domain", func(r *R) *string { return &r.domain }),
		forOthers(text("device", false, func(r *R) *string { return &r.device })),
		forOthers(code("kind", func(r *R) *string { return &r.kind })),
		forOthers(boolean("summed", func(r *R) *bool { return &r.summed })),
		whole("before_ns", "ns", nil, func(r *R) *time.Duration { return &r.before }),
		whole("after_ns", "ns", nil, func(r *R) *time.Duration { return &r.after }),
		whole("energy_uj", "uJ", &none, func(r *R) *int64 { return &r.energy }),
		whole("power_uw", "uW", &none, func(r *R) *int64 { return &r.power }),
		code("status", func(r *R) *string { return &r.status }),
	}}
}

// ReadingsWriter writes readings.arrow.
type ReadingsWriter struct {
	*Writer[readingRow]
	domains []DomainInfo
}

// NewReadingsWriter starts readings.arrow at path. The domains, to which the
// readings' Domain is the index, go into the schema metadata beside the run
// constants meta.
func NewReadingsWriter(path string, domains []DomainInfo, meta map[string]string) (*ReadingsWriter, error) {
	all, err := withDomains(path, domains, meta)
	if err != nil {
		return nil, err
	}
	w, err := readings().Create(path, all)
	if err != nil {
		return nil, err
	}
	return &ReadingsWriter{w, cleanDomains(domains)}, nil
}

// withDomains are the constants of a table of readings.
func withDomains(path string, domains []DomainInfo, meta map[string]string) (map[string]string, error) {
	said, err := json.Marshal(cleanDomains(domains))
	if err != nil {
		return nil, fmt.Errorf("write the domains of %s: %w", path, err)
	}
	all := map[string]string{metaDomains: string(said)}
	maps.Copy(all, meta)
	return all, nil
}

// Write appends readings, whose slice is the caller's again when it returns. A
// value that a reading does not have is null.
func (w *ReadingsWriter) Write(batch []meter.Reading) error {
	rows := make([]readingRow, 0, len(batch))
	for _, r := range batch {
		row, err := rowOf(r, w.domains)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return w.Writer.Write(rows...)
}

// rowOf is the row of a reading of one of the domains.
func rowOf(r meter.Reading, domains []DomainInfo) (readingRow, error) {
	if r.Domain < 0 || r.Domain >= len(domains) {
		return readingRow{}, fmt.Errorf("write table %s: a reading is of domain %d of %d", ReadingsFile, r.Domain, len(domains))
	}
	d := &domains[r.Domain]
	row := readingRow{
		domain: d.Name, device: d.Device, kind: string(d.Kind), summed: d.Summed(), status: string(r.Status),
		before: r.Before, after: r.After, energy: noReading, power: noReading,
	}
	if r.HasEnergy {
		row.energy = int64(r.Energy)
	}
	if r.HasPower {
		row.power = int64(r.Power)
	}
	return row, nil
}

// ReadingsDeriver writes a readings.arrow that is made of others.
type ReadingsDeriver struct {
	*DerivedWriter[readingRow]
	domains []DomainInfo
}

// DeriveReadings starts a readings.arrow at path of readings that stand in other
// tables: see NewReadingsWriter.
func DeriveReadings(path string, domains []DomainInfo, meta map[string]string) (*ReadingsDeriver, error) {
	all, err := withDomains(path, domains, meta)
	if err != nil {
		return nil, err
	}
	w, err := readings().Derive(path, all)
	if err != nil {
		return nil, err
	}
	return &ReadingsDeriver{w, domains}, nil
}

// Write appends a reading.
func (w *ReadingsDeriver) Write(r meter.Reading) error {
	row, err := rowOf(r, w.domains)
	if err != nil {
		return err
	}
	return w.DerivedWriter.Write(&row)
}

// Readings is the content of readings.arrow.
type Readings struct {
	Meta     map[string]string
	Domains  []DomainInfo
	ByDomain [][]meter.Reading // in the order of Domains
}

// ScanReadings yields the readings at path as they are read; their Domain is the
// index in domains, which opened receives before the first of them. The end of ctx
// ends it, with its cause as an error.
func ScanReadings(ctx context.Context, path string, opened func(domains []DomainInfo, meta map[string]string)) iter.Seq2[meter.Reading, error] {
	return func(yield func(meter.Reading, error) bool) {
		index, names, last := map[string]int{}, []string(nil), 0
		begin := func(meta map[string]string) error {
			var domains []DomainInfo
			if err := json.Unmarshal([]byte(meta[metaDomains]), &domains); err != nil {
				return fmt.Errorf("schema metadata %q: %w", metaDomains, err)
			}
			domains = cleanDomains(domains)
			for i, d := range domains {
				index[d.Name] = i
				names = append(names, d.Name)
			}
			if len(index) < len(names) {
				names = nil // one name twice tells nothing by its place
			}
			opened(domains, meta)
			return nil
		}
		for row, err := range readings().ScanWith(ctx, path, begin) {
			if err != nil {
				yield(meter.Reading{}, err)
				return
			}
			// Whoever reads meters goes round them.
			if last++; last >= len(names) {
				last = 0
			}
			d, ok := last, last < len(names) && names[last] == row.domain
			if !ok {
				d, ok = index[row.domain]
				last = d
			}
			if !ok {
				yield(meter.Reading{}, fmt.Errorf("read table %s: domain %q is not among those of the schema metadata", path, row.domain))
				return
			}
			r := meter.Reading{Domain: d, Before: row.before, After: row.after, Status: knownStatus(row.status)}
			if r.HasEnergy = row.energy != noReading; r.HasEnergy {
				r.Energy = meter.Energy(row.energy)
			}
			if r.Energy < 0 {
				yield(meter.Reading{}, fmt.Errorf("read table %s: domain %s has the energy %v at %v: no counter stands below 0", path, row.domain, r.Energy, r.Before))
				return
			}
			if r.HasPower = row.power != noReading; r.HasPower {
				r.Power = meter.Power(row.power)
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// ReadReadings reads the whole of readings.arrow.
func ReadReadings(path string) (Readings, error) {
	var out Readings
	opened := func(domains []DomainInfo, meta map[string]string) {
		out = Readings{Meta: meta, Domains: domains, ByDomain: make([][]meter.Reading, len(domains))}
	}
	for r, err := range ScanReadings(context.Background(), path, opened) {
		if err != nil {
			return Readings{}, err
		}
		out.ByDomain[r.Domain] = append(out.ByDomain[r.Domain], r)
	}
	return out, nil
}

// knownStatus returns a constant for a known status, so that a million readings
// do not keep a million strings.
func knownStatus(s string) meter.Status {
	for _, known := range []meter.Status{meter.StatusOK, meter.StatusWrap, meter.StatusReset, meter.StatusGlitch,
		meter.StatusStalled, meter.StatusLost, meter.StatusTransient, meter.StatusGap, meter.StatusClockStep} {
		if s == string(known) {
			return known
		}
	}
	return meter.Status(s)
}

// ReadingsBytes is the size of a cell's readings.arrow in the run folder dir, in
// bytes: what a pass holds of the cell grows with it. 0 where there is none.
func ReadingsBytes(dir, cell string) int64 {
	at, err := Stat(CellFile(dir, cell, ReadingsFile))
	if err != nil {
		return 0 // whoever reads it says so
	}
	return at.Size()
}
