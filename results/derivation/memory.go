package derivation

import (
	"os"
	"runtime/debug"

	"cfubench/results/runfolder"
)

const (
	// largeReadings is the size in bytes of one cell's readings from which on their
	// curves are nearly all that a pass holds.
	largeReadings = 64 << 20
	// collectAt is the garbage in percent of what is held at which it is collected
	// then; Go's own figure is 100.
	collectAt = 5
)

// BoundMemory has a pass over the run in dir collect its garbage sooner, in all of the
// process, where a cell has large readings: what it holds of them are numbers without
// pointers, which cost the collector next to nothing to keep, while garbage as large as
// they are would double the memory. GOGC, where the user set it, stays.
func BoundMemory(dir string, run runfolder.Run) {
	if os.Getenv("GOGC") != "" {
		return
	}
	for _, cell := range run.Cells {
		if runfolder.ReadingsBytes(dir, cell.ID) >= largeReadings {
			debug.SetGCPercent(collectAt)
			return
		}
	}
}
