package engine

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

const (
	stopPoll = 10 * time.Millisecond
	// killLimit bounds the wait after SIGKILL: only a process that the kernel
	// cannot interrupt is still there.
	killLimit = 10 * time.Second
)

// Stop ends the server: SIGTERM to every process of its group, and to
// descendants that left the group; SIGKILL to what is left after the grace, or
// at once when ctx ends. It returns when none is left, and fails only if some
// cannot be ended. Stopping a server twice, or one that has ended by itself,
// does no harm.
func (s *Server) Stop(ctx context.Context) error {
	s.stop.Do(func() { s.stopErr = s.end(ctx) })
	return s.stopErr
}

func (s *Server) end(ctx context.Context) error {
	left, err := s.endFamily(ctx)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("stop engine: processes %v are still there after SIGKILL", left)
	}
	err = errors.Join(err, s.watchdog.dismiss())
	// Whatever still holds the pipe is no kin of the server that /proc could
	// show: do not wait for it.
	s.output.SetReadDeadline(time.Now().Add(time.Second))
	if len(left) == 0 {
		s.tasks.Wait()
	}
	return errors.Join(err, s.output.Close())
}

// endFamily signals until no process is left; it returns those that are.
func (s *Server) endFamily(ctx context.Context) ([]int, error) {
	family := newFamily(s.pid)
	signal := syscall.SIGTERM
	grace, kill := time.After(s.grace), ctx.Done()
	var limit <-chan time.Time
	for {
		alive, err := family.alive()
		if err != nil {
			// Without /proc there is still the group.
			return nil, errors.Join(fmt.Errorf("stop engine: %w", err), syscall.Kill(-s.pid, syscall.SIGKILL))
		}
		if len(alive) == 0 {
			return nil, nil
		}
		if signal != 0 {
			// The group in one call, which no fork escapes; then who left it.
			syscall.Kill(-s.pid, signal)
			for _, p := range alive {
				if p.group != s.pid {
					syscall.Kill(p.pid, signal)
				}
			}
			if signal == syscall.SIGTERM {
				signal = 0 // once: a second SIGTERM makes some servers drop their shutdown
			}
		}
		select {
		case <-time.After(stopPoll):
		case <-grace:
			signal, grace, kill, limit = syscall.SIGKILL, nil, nil, time.After(killLimit)
		case <-kill:
			signal, grace, kill, limit = syscall.SIGKILL, nil, nil, time.After(killLimit)
		case <-limit:
			pids := make([]int, len(alive))
			for i, p := range alive {
				pids[i] = p.pid
			}
			return pids, nil
		}
	}
}
