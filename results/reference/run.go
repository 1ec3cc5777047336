package reference

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cfubench/attribution"
	"cfubench/internal/secret"
	"cfubench/results/logs"
	"cfubench/results/runfolder"
)

// OfRun fits the reference over the steps of the run folder dir: the idle windows
// and the loads of its complete cells. spec is a domain that the run has recorded
// without summing it (a meter redfish:, ptd: or scrape: beside the others), or the
// file of a log that was written meanwhile. The first settle of each window, at
// most half of it, is left out.
func OfRun(dir, spec, covers string, clock logs.Clock, settle time.Duration) (runfolder.Reference, error) {
	run, err := runfolder.ReadRun(dir)
	if err != nil {
		return runfolder.Reference{}, err
	}
	at, err := time.Parse(time.RFC3339, run.Started)
	if err != nil {
		at = time.Now()
	}
	ref := started(secret.Own().Text(spec), covers, "the cells of run "+run.ConfigHash[:min(len(run.ConfigHash), 12)], at)
	ref.Host = ""
	var tracks []track
	for _, cell := range run.Cells {
		if !cell.Complete {
			continue
		}
		t, device, err := ofCell(dir, cell, spec, clock, settle)
		if err != nil {
			return ref, fmt.Errorf("cell %s: %w", cell.ID, err)
		}
		if len(tracks) > 0 && !slices.EqualFunc(t.domains, tracks[0].domains, func(a, b runfolder.DomainInfo) bool { return a.Name == b.Name }) {
			return ref, fmt.Errorf("cell %s sums other domains than cell %s: fit them apart", cell.ID, run.Cells[0].ID)
		}
		ref.Device = device
		tracks = append(tracks, t)
	}
	if len(tracks) == 0 {
		return ref, fmt.Errorf("run %s has no complete cell", dir)
	}
	return result(ref, tracks)
}

// ofCell is one cell's track and the reference's device.
func ofCell(dir string, cell runfolder.Cell, spec string, clock logs.Clock, settle time.Duration) (track, string, error) {
	read, err := runfolder.ReadReadings(runfolder.CellFile(dir, cell.ID, runfolder.ReadingsFile))
	if err != nil {
		return track{}, "", err
	}
	var t track
	if t.domains, err = summed(read.Domains); err != nil {
		return track{}, "", err
	}
	device := ""
	var aside []string
	for i, d := range read.Domains {
		switch {
		case d.Summed():
			curve, _ := attribution.NewCurve(d.Domain, read.ByDomain[i])
			t.curves = append(t.curves, curve)
		case d.Name == spec:
			t.reference, _ = attribution.NewCurve(d.Domain, read.ByDomain[i])
			device = d.Device
		default:
			aside = append(aside, d.Name)
		}
	}
	if t.reference == nil {
		path, _ := splitLog(spec)
		if err := CheckSpec(path); err != nil || live(spec) {
			return track{}, "", fmt.Errorf("reference %q: the run has not recorded it beside the sum, and it is no file of a log (recorded beside: %s)", spec, orNone(aside))
		}
		readings, d, err := readLog(spec, clock, cell.OriginUnix)
		if err != nil {
			return track{}, "", err
		}
		t.reference, _ = attribution.NewCurve(d, readings)
		device = d.Device
	}
	for _, p := range []phase{{cell.ID + " idle before", cell.IdleBefore}, {cell.ID + " load", cell.Window}, {cell.ID + " idle after", cell.IdleAfter}} {
		if p.over.Length() > 0 {
			p.over.Start += min(settle, p.over.Length()/2)
			t.windows = append(t.windows, p)
		}
	}
	return t, device, nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
