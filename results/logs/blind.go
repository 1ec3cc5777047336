package logs

import (
	"fmt"
	"strconv"

	"cfubench/meter"
)

// blind takes the rows of a log that does not say which GPU a row is of. With
// one GPU it need not. With several the rows of a tick stand close together in
// the GPUs' order, and only the user can say how many there are: an incomplete
// tick would otherwise shift one GPU's readings to another.
type blind struct {
	x      *powerTable
	early  []Sample // before it is known whether there are several
	tick   []Sample
	last   int64
	lost   int
	direct bool
}

// judgeAfter is how many rows are looked at before the first is handed on.
const judgeAfter = 64

func (b *blind) take(s Sample) error {
	if b.x.o.RowsPerTick > 1 {
		return b.ordered(s)
	}
	if b.direct {
		return b.single(s)
	}
	if b.early = append(b.early, s); len(b.early) < judgeAfter {
		return nil
	}
	return b.judge()
}

// judge decides whether the first rows are of one GPU.
func (b *blind) judge() error {
	b.direct = true
	var longest int64
	for i := 1; i < len(b.early); i++ {
		longest = max(longest, b.early[i].UnixNS-b.early[i-1].UnixNS)
	}
	// The longest may be a gap: a step is short against those that are common.
	short, usual := 0, 0
	for i := 1; i < len(b.early); i++ {
		switch step := b.early[i].UnixNS - b.early[i-1].UnixNS; {
		case step < 0: // rows out of their order, which is refused later
		case step*4 < b.usualStep(longest):
			short++
		default:
			usual++
		}
	}
	if steps := len(b.early) - 1; steps > 0 && short*5 >= steps {
		return &lineError{b.x.t.line, fmt.Errorf("the log has rows of several GPUs (about %d a tick) and no column that is known to say of which: name it with --column gpu=NAME; log with --query-gpu=timestamp,uuid,power.draw; "+
			"or, if the rows of a tick stand in the GPUs' order, give --gpus-per-tick N", (short+usual)/max(1, usual))}
	}
	for _, s := range b.early {
		if err := b.single(s); err != nil {
			return err
		}
	}
	b.early = nil
	return nil
}

// usualStep is the largest step of which there are several among the first
// rows, so that a single gap does not make all others look short.
func (b *blind) usualStep(longest int64) int64 {
	for limit := longest; limit > 0; limit /= 2 {
		n := 0
		for i := 1; i < len(b.early); i++ {
			if b.early[i].UnixNS-b.early[i-1].UnixNS > limit/2 {
				n++
			}
		}
		if n*8 >= len(b.early)-1 {
			return limit
		}
	}
	return longest
}

// one is the device of a log that has only one.
func (b *blind) one(index int) (int, error) {
	d := b.x.defaults
	d.ID, d.Unnamed = strconv.Itoa(index), true
	if d.Name = d.ID; d.Scope == meter.ScopeGPU {
		d.Name = "gpu" + d.ID
	}
	return b.x.p.device(d)
}

func (b *blind) single(s Sample) error {
	var err error
	if s.Device, err = b.one(0); err != nil {
		return err
	}
	return b.x.emit(s)
}

// ordered collects the rows of a tick and hands them on if it is complete.
func (b *blind) ordered(s Sample) error {
	n := b.x.o.RowsPerTick
	if len(b.tick) > 0 {
		first := b.tick[0].UnixNS
		within := s.UnixNS - b.last
		// A tick ends where the pause is longer than the tick so far was.
		if len(b.tick) >= n || within > 2*(b.last-first)/int64(max(1, len(b.tick)-1))+20e6 {
			if err := b.flush(); err != nil {
				return err
			}
		}
	}
	b.tick, b.last = append(b.tick, s), s.UnixNS
	return nil
}

func (b *blind) flush() error {
	defer func() { b.tick = b.tick[:0] }()
	if len(b.tick) != b.x.o.RowsPerTick {
		b.lost++
		return nil
	}
	for i, s := range b.tick {
		var err error
		if s.Device, err = b.one(i); err != nil {
			return err
		}
		if err := b.x.emit(s); err != nil {
			return err
		}
	}
	return nil
}

// close hands on what is left.
func (b *blind) close() error {
	if b.x.o.RowsPerTick > 1 {
		if err := b.flush(); err != nil {
			return err
		}
		if b.lost > 0 {
			b.x.p.warn("%d ticks had fewer rows than GPUs: which are missing cannot be told, and they were left out", b.lost)
		}
		return nil
	}
	if !b.direct && len(b.early) > 0 {
		return b.judge()
	}
	return nil
}
