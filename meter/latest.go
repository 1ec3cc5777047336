package meter

import (
	"sync/atomic"
	"time"
)

// statuses lists the statuses by the number that stands for them in a slot.
func statuses() [10]Status {
	return [...]Status{"", StatusOK, StatusWrap, StatusReset, StatusGlitch, StatusStalled,
		StatusLost, StatusTransient, StatusGap, StatusClockStep}
}

// slot holds one domain's latest reading for readers that must not hold up
// the one writer: a sequence lock, odd while a write is under way.
type slot struct {
	sequence              atomic.Uint64
	before, after         atomic.Int64
	energy, power, packed atomic.Int64
}

const (
	slotEnergy = 1 << 8
	slotPower  = 1 << 9
)

func (s *slot) store(r Reading) {
	var packed int64
	for i, known := range statuses() {
		if r.Status == known {
			packed = int64(i)
		}
	}
	if r.HasEnergy {
		packed |= slotEnergy
	}
	if r.HasPower {
		packed |= slotPower
	}
	s.sequence.Add(1)
	s.before.Store(int64(r.Before))
	s.after.Store(int64(r.After))
	s.energy.Store(int64(r.Energy))
	s.power.Store(int64(r.Power))
	s.packed.Store(packed)
	s.sequence.Add(1)
}

func (s *slot) load(domain int) (Reading, bool) {
	for {
		sequence := s.sequence.Load()
		if sequence == 0 {
			return Reading{}, false
		}
		if sequence%2 == 1 {
			continue
		}
		packed := s.packed.Load()
		r := Reading{
			Domain: domain,
			Before: time.Duration(s.before.Load()), After: time.Duration(s.after.Load()),
			Energy: Energy(s.energy.Load()), Power: Power(s.power.Load()),
			HasEnergy: packed&slotEnergy != 0, HasPower: packed&slotPower != 0,
			Status: statuses()[packed&0xff],
		}
		if s.sequence.Load() == sequence {
			return r, true
		}
	}
}
