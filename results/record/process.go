package record

import (
	"context"
	"fmt"
	"time"

	"cfubench/internal/process"
)

// lookEvery is how often it is looked whether a process is still there.
const lookEvery = 100 * time.Millisecond

// running is a process that was there before.
type running struct {
	pid     int
	started uint64
}

// find looks for a process.
func find(pid int) (running, error) {
	s, err := process.ReadStat(process.ProcFS, pid)
	if err != nil || s.Ended() {
		return running{}, fmt.Errorf("--pid %d: there is no such process", pid)
	}
	return running{pid, s.Started}, nil
}

// await waits for the process's end, or ctx's.
func (r running) await(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if s, err := process.ReadStat(process.ProcFS, r.pid); err != nil || s.Started != r.started || s.Ended() {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
