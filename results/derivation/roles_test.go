package derivation_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
)

// writeRoles says, once a second, which roles the processes on a device have.
func writeRoles(t *testing.T, dir string, cell runfolder.Cell, domain runfolder.DomainInfo, roles ...string) {
	t.Helper()
	w, err := runfolder.DeviceStates().Create(filepath.Join(runfolder.CellDir(dir, cell.ID), runfolder.DevicesFile), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, role := range roles {
		if err := w.Write(runfolder.DeviceState{Key: cell.Key(), At: time.Duration(i) * time.Second, Domain: domain.Name, Device: domain.Device, Role: role}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestRolesOfDomains: the roles that the engine's processes say, or that are given,
// divide a device's energy by its own work, and the table says so.
func TestRolesOfDomains(t *testing.T) {
	dir, run := raw(t)
	cell, gpu := run.Cells[1], run.Domains[0]
	given := map[string]attribution.Role{gpu.Name: attribution.RolePrefill}
	for _, row := range []struct {
		what  string
		said  []string
		given map[string]attribution.Role
		role  attribution.Role
		line  string
		warns bool
	}{
		{"nobody says a role", []string{"", ""}, nil, attribution.RoleBoth, "", false},
		{"the processes are of a decode server", []string{"", "decode"}, nil, attribution.RoleDecode, "does decode alone (as the engine's processes on it say)", false},
		{"they are of both", []string{"prefill", "decode"}, nil, attribution.RoleBoth, "", true},
		{"what is given goes before what they say", []string{"decode"}, given, attribution.RolePrefill, "does prefill alone (as given)", false},
	} {
		writeRoles(t, dir, cell, gpu, row.said...)
		a := derivation.Attribution{Conventions: "step,phase,token", Params: attribution.Params{Roles: row.given}}
		e, err := a.Cell(t.Context(), dir, run, cell)
		if err != nil {
			t.Fatal(err)
		}
		lines := make([]string, len(e.Roles))
		for i, r := range e.Roles {
			lines[i] = r.String()
		}
		if said := strings.Join(lines, "; "); row.line == "" && said != "" || !strings.Contains(said, row.line) {
			t.Errorf("%s: got roles %q, want %q", row.what, said, row.line)
		}
		if warned := strings.Contains(strings.Join(e.Warnings, "; "), "prefill and decode ran on it"); warned != row.warns {
			t.Errorf("%s: got warnings %q, want one of both roles: %v", row.what, e.Warnings, row.warns)
		}
		shares, meta, err := runfolder.Energies().Read(runfolder.CellFile(dir, cell.ID, runfolder.EnergyFile))
		if err != nil {
			t.Fatal(err)
		}
		if meta["role."+gpu.Name] != string(row.role) {
			t.Errorf("%s: got the role %q in the metadata, want %q", row.what, meta["role."+gpu.Name], row.role)
		}
		for _, s := range shares {
			if s.Request < 0 || s.Domain != gpu.Name {
				continue
			}
			if row.role == attribution.RoleDecode && s.Convention != "phase" && s.Prefill > 0 || row.role == attribution.RolePrefill && s.Convention != "phase" && s.Decode > 1 {
				t.Fatalf("%s: request %d by %s has %v for prefill and %v for decode", row.what, s.Request, s.Convention, s.Prefill, s.Decode)
			}
		}
	}
	a := derivation.Attribution{Conventions: "step", Params: attribution.Params{Roles: map[string]attribution.Role{"gpu7": attribution.RoleDecode}}}
	if _, err := a.Run(t.Context(), dir, run); err == nil || !strings.Contains(err.Error(), "the run has no such domain: it has "+gpu.Name) {
		t.Errorf("got error %v, want one that names the run's domains", err)
	}
}
