package lca

import (
	"slices"

	"cfubench/meter"
)

// Boundary is the equipment that a figure covers. A spread of 164 to 877 kg of
// embodied carbon for the same accelerator is mostly a matter of boundary, so
// it is a typed field and not a remark.
type Boundary string

// Boundaries of equipment, each containing the one before it, and two for
// figures that cover none.
const (
	Device    Boundary = "device"    // the accelerator, or the processor, alone
	Baseboard Boundary = "baseboard" // accelerators with their board, switches and heatsinks
	Host      Boundary = "host"      // the whole server: CPUs, DRAM, disks, fans, power supplies
	Facility  Boundary = "facility"  // servers and what the building adds (cooling, distribution)
	Grid      Boundary = "grid"      // electricity generation, per kWh
	None      Boundary = "none"      // no equipment: counts and conventions
)

// Boundaries lists the boundaries of equipment from the smallest to the
// largest, then Grid and None.
func Boundaries() []Boundary { return []Boundary{Device, Baseboard, Host, Facility, Grid, None} }

// Valid reports whether b is one of Boundaries.
func (b Boundary) Valid() bool { return slices.Contains(Boundaries(), b) }

// isEquipment reports whether b covers machines.
func (b Boundary) isEquipment() bool { return b.Valid() && b != Grid && b != None }

// equipment is the machinery inside b: the building adds overhead to a host's
// energy but no further machine that computes.
func (b Boundary) equipment() Boundary {
	if b == Facility {
		return Host
	}
	return b
}

// BoundaryOf is the boundary of energy summed over registers of these scopes:
// the node's own meter is the host, a superchip module is a baseboard, and
// anything less, even a GPU together with a CPU package, is devices (fans,
// disks and power supply losses are outside).
func BoundaryOf(scopes ...meter.Scope) Boundary {
	covered := Device
	for _, s := range scopes {
		switch s {
		case meter.ScopeNode, meter.ScopePsys:
			return Host
		case meter.ScopeModule:
			covered = Baseboard
		}
	}
	return covered
}

// BoundaryMix is the permission to add figures of different boundaries, and
// why that is right for this inventory.
type BoundaryMix struct {
	Allow  bool   `json:"allow"`
	Reason string `json:"reason"`
}
