package derivation

import (
	"context"
	"errors"
	"io/fs"
	"sync"

	"cfubench/attribution"
	"cfubench/internal/ordered"
	"cfubench/results/runfolder"
)

// Shared hands what the readings of cells show on from one pass of a command to the
// next, which then does not read them again: of a run's only cell, and of so many of
// its first cells that their readings take ordered.Budget together. Nil hands on
// nothing. It may be used side by side.
type Shared struct {
	only bool // the run has one cell

	mu    sync.Mutex
	room  int64 // bytes of readings.arrow that may still be kept
	cells map[string]*shown
}

// Share is for the passes over run, whose raw tables stay as they are meanwhile.
func Share(run runfolder.Run) *Shared {
	return &Shared{only: len(run.Cells) == 1, room: ordered.Budget, cells: map[string]*shown{}}
}

// of is what the readings of a cell of the run folder dir show.
func (s *Shared) of(ctx context.Context, dir string, cell runfolder.Cell) (*shown, error) {
	if s == nil {
		return readShown(ctx, dir, cell)
	}
	s.mu.Lock()
	had := s.cells[cell.ID]
	s.mu.Unlock()
	if had != nil {
		return had, nil
	}
	read, err := readShown(ctx, dir, cell)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room -= runfolder.ReadingsBytes(dir, cell.ID)
	if s.only || s.room >= 0 {
		s.cells[cell.ID] = read
	}
	return read, nil
}

// shown is what the readings of one cell show, whatever is asked of them: by domain a
// curve, what was dropped or contradicted on its way, and how well it was read. It is
// immutable once made.
type shown struct {
	domains  []runfolder.DomainInfo
	curves   []*attribution.Curve
	warnings [][]attribution.Warning
	looks    []look
}

// readShown reads the readings of a cell of the run folder dir. A cell without has no
// domains.
func readShown(ctx context.Context, dir string, cell runfolder.Cell) (*shown, error) {
	var s shown
	var builders []*attribution.Builder
	rows := runfolder.ScanReadings(ctx, runfolder.CellFile(dir, cell.ID, runfolder.ReadingsFile), func(domains []runfolder.DomainInfo, _ map[string]string) {
		s.domains = domains
		for _, d := range domains {
			builders = append(builders, attribution.NewBuilder(d.Domain))
			s.looks = append(s.looks, newLook(d, cell))
		}
	})
	for r, err := range rows {
		if errors.Is(err, fs.ErrNotExist) {
			return &s, nil
		}
		if err != nil {
			return nil, err
		}
		builders[r.Domain].Add(r)
		s.looks[r.Domain].add(r)
	}
	for i := range builders {
		curve, warnings := builders[i].Curve()
		builders[i] = nil
		s.curves, s.warnings = append(s.curves, curve), append(s.warnings, warnings)
	}
	return &s, nil
}
