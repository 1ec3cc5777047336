package summary

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"slices"

	"cfubench/meter"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
)

// estimate is an energy with its bracket, in joules; unknown figures where the
// readings give none.
type estimate struct{ value, lo, hi Figure }

func estimateOf(e derivation.Estimate) estimate {
	if !e.Known {
		return estimate{Unknown(), Unknown(), Unknown()}
	}
	out := estimate{Figure(e.Energy.Joules()), Figure(e.Lo.Joules()), Unknown()}
	if e.Hi != meter.Unbounded {
		out.hi = Figure(e.Hi.Joules())
	}
	return out
}

// idleWatts is the sum of the summed domains' power while nothing is asked, with
// the server and without; unknown where one of them is.
type idleWatts struct{ loaded, bare Figure }

func idleOf(m *derivation.Meters) idleWatts {
	loaded, bare, hasLoaded, hasBare := m.IdlePower()
	out := idleWatts{Unknown(), Unknown()}
	if hasLoaded {
		out.loaded = Figure(loaded.Watts())
	}
	if hasBare {
		out.bare = Figure(bare.Watts())
	}
	return out
}

// shares is what energy.arrow says by one convention, summed over the domains.
type shares struct {
	convention         string
	energy             []float64 // J, in the order of the request table's rows; NaN where there is none
	prefill, decode    float64   // J, of all requests
	idlePart           float64   // J of the requests that idle power would have used
	idle, unattributed float64   // J, the rows beside the requests
	missing            int       // requests of the table without a row
}

// readShares reads energy.arrow of a cell, one element a convention in the
// order of the file, for the domains that are summed. A cell without the table
// has none.
func readShares(ctx context.Context, dir, cell string, t *requestTable) (all []*shares, whole derivation.CellEnergy, err error) {
	row := rowsByID(t.id)
	byName := map[string]*shares{}
	for e, err := range derivation.ScanEnergy(ctx, dir, cell, &whole) {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, derivation.CellEnergy{}, nil
		}
		if err != nil {
			return nil, whole, err
		}
		if !e.Summed {
			continue
		}
		s := byName[e.Convention]
		if s == nil {
			s = &shares{convention: e.Convention, energy: make([]float64, len(t.id))}
			for k := range s.energy {
				s.energy[k] = math.NaN()
			}
			byName[e.Convention] = s
			all = append(all, s)
		}
		s.add(e, row)
	}
	for _, s := range all {
		for _, e := range s.energy {
			if math.IsNaN(e) {
				s.missing++
			}
		}
	}
	return all, whole, nil
}

func (s *shares) add(e *runfolder.Energy, row func(int64) int) {
	energy := e.Energy.Joules()
	switch e.Request {
	case runfolder.IdleRow:
		s.idle += energy
	case runfolder.UnattributedRow:
		s.unattributed += energy
	default:
		k := row(e.Request)
		if k < 0 {
			return
		}
		if math.IsNaN(s.energy[k]) {
			s.energy[k] = 0
		}
		s.energy[k] += energy
		s.prefill += e.Prefill.Joules()
		s.decode += e.Decode.Joules()
		s.idlePart += e.Idle.Joules()
	}
}

// rowsByID returns the row of an id, −1 if there is none. Most runs number
// their requests from zero in order of completion, so a dense table serves.
func rowsByID(ids []int64) func(int64) int {
	if len(ids) == 0 {
		return func(int64) int { return -1 }
	}
	if top := slices.Max(ids); top < int64(64*len(ids)+1024) && slices.Min(ids) >= 0 {
		dense := make([]int32, top+1)
		for i := range dense {
			dense[i] = -1
		}
		for k, id := range ids {
			dense[id] = int32(k)
		}
		return func(id int64) int {
			if id < 0 || id >= int64(len(dense)) {
				return -1
			}
			return int(dense[id])
		}
	}
	sparse := make(map[int64]int, len(ids))
	for k, id := range ids {
		sparse[id] = k
	}
	return func(id int64) int {
		if k, ok := sparse[id]; ok {
			return k
		}
		return -1
	}
}
