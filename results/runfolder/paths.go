package runfolder

import (
	"path/filepath"
	"strings"
)

// The names of the files of a run folder and of a cell's folder in it.
const (
	RunFile       = "run.json"
	CellsDir      = "cells"
	BareDir       = "bare-idle" // what was metered before the first server
	RequestsFile  = "requests.arrow"
	ReadingsFile  = "readings.arrow"
	EnergyFile    = "energy.arrow"
	EngineFile    = "engine.arrow"
	DevicesFile   = "devices.arrow"
	FootprintFile = "footprint.arrow"
	SummaryFile   = "summary.json"
	ReportFile    = "report.html"
	RecordFile    = "record.json" // what metering one command leaves for an inventory
)

// Holds reports whether path is a file of the run folder dir that a command reads or
// makes: one that nothing else may be written to.
func Holds(dir, path string) bool {
	inside, err := filepath.Rel(dir, path)
	if err != nil {
		return false
	}
	switch first, _, below := strings.Cut(filepath.ToSlash(inside), "/"); first {
	case CellsDir, BareDir:
		return below
	case RunFile, FootprintFile, SummaryFile, ReportFile, RecordFile:
		return !below
	}
	return false
}

// CellDir is the folder of a cell's tables in the run folder dir.
func CellDir(dir, cell string) string { return filepath.Join(dir, CellsDir, cell) }

// CellFile is the path of a table of a cell in the run folder dir.
func CellFile(dir, cell, file string) string { return filepath.Join(CellDir(dir, cell), file) }
