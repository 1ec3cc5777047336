package derivation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// DomainRole is the role of one domain of a disaggregated server.
type DomainRole struct {
	Domain string
	Role   attribution.Role
	Given  bool // by who asked for the attribution; else the engine's processes say so
}

// String is the role in one line.
func (r DomainRole) String() string {
	how := "as the engine's processes on it say"
	if r.Given {
		how = "as given"
	}
	return fmt.Sprintf("%s does %s alone (%s)", r.Domain, r.Role, how)
}

// rolesOf are the roles of a cell's domains: as they were given, else as
// devices.arrow has it of their devices. A device whose processes said both has
// none, and a warning.
func (o Attribution) rolesOf(ctx context.Context, dir string, cell runfolder.Cell, domains []runfolder.DomainInfo) (roles []DomainRole, warnings []string, err error) {
	type device struct{ domain, id string }
	said := map[device]map[attribution.Role]bool{}
	for s, err := range runfolder.DeviceStates().Scan(ctx, runfolder.CellFile(dir, cell.ID, runfolder.DevicesFile)) {
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		role, err := attribution.ParseRole(s.Role)
		if err != nil { // it says nothing that is known
			continue
		}
		key := device{s.Domain, s.Device}
		if said[key] == nil {
			said[key] = map[attribution.Role]bool{}
		}
		said[key][role] = true
	}
	// of reports whether a device is d's: two hosts may have GPUs at one address.
	of := func(key device, d runfolder.DomainInfo) bool {
		i := slices.IndexFunc(domains, func(e runfolder.DomainInfo) bool { return e.Name == key.domain })
		return (i < 0 || domains[i].Host == d.Host) && meter.SameDevice(d.Device, key.id)
	}
	for _, d := range domains {
		if role, ok := o.Params.Roles[d.Name]; ok {
			roles = append(roles, DomainRole{d.Name, role, true})
			continue
		}
		found := map[attribution.Role]bool{}
		for key, some := range said {
			if of(key, d) {
				maps.Copy(found, some)
			}
		}
		switch len(found) {
		case 0:
		case 1:
			for role := range found {
				roles = append(roles, DomainRole{d.Name, role, false})
			}
		default:
			warnings = append(warnings, d.Name+": prefill and decode ran on it: its energy is divided by both")
		}
	}
	return roles, warnings, nil
}

// checkRoles refuses roles that were given for domains that the run has not.
func (o Attribution) checkRoles(run runfolder.Run) error {
	var names []string
	for _, d := range run.Domains {
		names = append(names, d.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Params.Roles)) {
		if !slices.Contains(names, name) {
			return fmt.Errorf("the role of %s was given, and the run has no such domain: it has %s", name, strings.Join(names, ", "))
		}
	}
	return nil
}
