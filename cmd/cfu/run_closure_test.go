package main

import (
	"path/filepath"
	"strconv"
	"testing"

	"cfubench/attribution"
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// closed reads back a run and holds every cell's shares against its one energy
// and the raw readings: in each convention and domain they must sum, with idle
// and unattributed, to the domain's energy, to the microjoule, and that lies
// within an update at either end of what the register itself advanced by. run.json and
// summary.json must satisfy their schemas.
func closed(t *testing.T, out string) runfolder.Run {
	t.Helper()
	run, err := runfolder.ReadRun(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Cells) == 0 {
		t.Fatalf("%s: got no cell", out)
	}
	for _, c := range run.Cells {
		closedCell(t, out, c)
	}
	satisfiesSchemas(t, out)
	return run
}

func closedCell(t *testing.T, out string, c runfolder.Cell) {
	t.Helper()
	type key struct{ convention, domain string }
	shares, meta, err := runfolder.Energies().Read(filepath.Join(runfolder.CellDir(out, c.ID), runfolder.EnergyFile))
	if err != nil {
		t.Fatal(err)
	}
	sums, rows := map[key]meter.Energy{}, map[key]int{}
	conventions := map[string]bool{}
	for _, s := range shares {
		k := key{s.Convention, s.Domain}
		sums[k] += s.Energy
		rows[k]++
		conventions[s.Convention] = true
		if s.Lo > s.Energy || s.Energy > s.Hi {
			t.Errorf("%s %v request %d: energy %d µJ is outside its bracket [%d, %d]", c.ID, k, s.Request, s.Energy, s.Lo, s.Hi)
		}
	}
	readings, err := runfolder.ReadReadings(filepath.Join(runfolder.CellDir(out, c.ID), runfolder.ReadingsFile))
	if err != nil {
		t.Fatal(err)
	}
	if len(readings.Domains) == 0 || len(conventions) == 0 {
		t.Fatalf("%s: got %d domains and %d conventions, want some", c.ID, len(readings.Domains), len(conventions))
	}
	for i, d := range readings.Domains {
		curve, _ := attribution.NewCurve(d.Domain, readings.ByDomain[i])
		want := curve.Counter(c.Window).Energy
		if got := meta[runfolder.MetaCounter+d.Name]; got != strconv.FormatInt(int64(want), 10) {
			t.Errorf("%s: metadata of %s says %s µJ, want the counter's difference %d µJ", c.ID, d.Name, got, want)
		}
		energy := energyOf(t, meta, d.Name)
		if off, most := energy-want, 2*update(readings.ByDomain[i]); off > most || off < -most {
			t.Errorf("%s %s: energy %d µJ, and the counter's difference is %d µJ: want them within %d µJ, an update at either end", c.ID, d.Name, energy, want, most)
		}
		for conv := range conventions {
			k := key{conv, d.Name}
			if why := meta["refused."+conv+"."+d.Name]; why != "" && rows[k] == 0 {
				t.Logf("%s %v: %s", c.ID, k, why)
				continue
			}
			if rows[k] != c.Requests+2 {
				t.Errorf("%s %v: got %d rows, want %d requests, idle and unattributed", c.ID, k, rows[k], c.Requests)
			}
			if sums[k] != energy {
				t.Errorf("%s %v: shares sum to %d µJ, want the domain's energy %d µJ", c.ID, k, sums[k], energy)
			}
		}
	}
}

// energyOf is the one energy of a domain that energy.arrow names.
func energyOf(t *testing.T, meta map[string]string, domain string) meter.Energy {
	t.Helper()
	n, err := strconv.ParseInt(meta[runfolder.MetaEnergy+domain], 10, 64)
	if err != nil {
		t.Fatalf("energy of %s in the metadata: %v", domain, err)
	}
	return meter.Energy(n)
}

// update is the most that a register advanced by, or a power came to, from one
// reading to the next that showed another value.
func update(readings []meter.Reading) (most meter.Energy) {
	last := -1
	for i, r := range readings {
		switch {
		case last < 0:
		case r.HasEnergy && r.Energy > readings[last].Energy:
			most = max(most, r.Energy-readings[last].Energy)
		case r.HasPower:
			most = max(most, meter.EnergyOf(max(r.Power, readings[last].Power), r.After-readings[last].After))
		}
		if r.HasEnergy || r.HasPower {
			last = i
		}
	}
	return most
}

// rowsOf reads a cell's requests.
func rowsOf(t *testing.T, out, cell string) []loadgen.Record {
	t.Helper()
	rows, _, err := runfolder.Requests().Read(filepath.Join(runfolder.CellDir(out, cell), runfolder.RequestsFile))
	if err != nil {
		t.Fatal(err)
	}
	records := make([]loadgen.Record, len(rows))
	for i, r := range rows {
		records[i] = r.Record
	}
	return records
}
