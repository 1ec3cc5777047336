// Package nvml reads the energy counters of NVIDIA GPUs through the vendor's
// management library (github.com/NVIDIA/go-nvml).
//
// It is opinionated: one batched call reads a GPU's counter and gauges, the
// counter comes first and a gauge stands in only where there is no counter, a
// value that the driver refuses is a reading without a value, and a slice of a
// GPU (MIG) has no energy of its own. It never ends the process: a host without
// the library, with an old one or built without cgo gets a refusal that says
// what is missing (see dispatch.c).
package nvml

import (
	"time"

	"cfubench/meter"
)

// source is the name of this family of registers.
const source = "nvml"

// LibraryName is the file that the system's linker is asked for where the user
// names none.
const LibraryName = "libnvidia-ml.so.1"

// powerPeriod is the time between two reads of the power gauges: read more
// often than 50 ms apart some drivers answer 0 W or NOT_SUPPORTED
// (Zeus found both).
const powerPeriod = 100 * time.Millisecond

// Open opens every GPU that the NVIDIA management library lists, one source
// each, in the order of their PCI addresses. library is the file to load, "" for
// the system's. Everything that is not read comes back as a refusal with its
// reason.
//
// The library stays open until the last source is closed, which keeps the
// driver loaded and its counters running.
func Open(clock meter.Clock, library string) ([]meter.Source, []meter.Refusal) {
	return open(clock, library)
}
