package meter

import "fmt"

// queued is how many batches may wait for the sink: at one a source and
// quarter of a second, minutes of a host with eight GPUs.
const queued = 1024

// outlet carries the batches of all readers to the sink, so that a disk that
// stalls is no gap in the readings. Buffers go round: nothing is allocated once
// there are enough of them.
type outlet struct {
	queue, free chan []Reading
	ended       chan struct{} // closed when no more batches are taken
}

func newOutlet() *outlet {
	return &outlet{
		queue: make(chan []Reading, queued),
		free:  make(chan []Reading, queued),
		ended: make(chan struct{}),
	}
}

// put hands over a batch and returns an empty buffer to go on with. What a
// reader puts after the end, when its blocked call has returned at last, goes
// nowhere.
func (o *outlet) put(batch []Reading) []Reading {
	if len(batch) == 0 {
		return batch
	}
	if o.over() {
		return batch[:0]
	}
	select {
	case o.queue <- batch:
	case <-o.ended:
		return batch[:0]
	}
	select {
	case b := <-o.free:
		return b[:0]
	default:
		return make([]Reading, 0, cap(batch))
	}
}

// over reports whether no more batches are taken.
func (o *outlet) over() bool {
	select {
	case <-o.ended:
		return true
	default:
		return false
	}
}

// deliver calls sink with every batch until the outlet has ended and is empty,
// or until sink's first error.
func (o *outlet) deliver(sink func([]Reading) error) error {
	for {
		var batch []Reading
		select {
		case batch = <-o.queue:
		default:
			select {
			case batch = <-o.queue:
			case <-o.ended:
				if len(o.queue) == 0 {
					return nil
				}
				continue
			}
		}
		if err := sink(batch); err != nil {
			return fmt.Errorf("store readings: %w", err)
		}
		select {
		case o.free <- batch:
		default:
		}
	}
}
