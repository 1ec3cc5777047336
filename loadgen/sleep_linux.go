package loadgen

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// fineSleep is the last stretch before a due time, slept in the kernel: the Go
// runtime's timers go through epoll and come up to a millisecond late.
const fineSleep = 2 * time.Millisecond

// sleepUntil returns at due on the clock now, or when ctx ends.
func sleepUntil(ctx context.Context, due time.Duration, now func() time.Duration) error {
	wait := due - now()
	if wait <= 0 {
		return context.Cause(ctx)
	}
	if wait -= fineSleep; wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	// The kernel may round a sleep up by the thread's timer slack, 50 µs unless
	// it is set.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	for {
		wait := due - now()
		if wait <= 0 {
			return context.Cause(ctx)
		}
		t := unix.NsecToTimespec(int64(wait))
		unix.Nanosleep(&t, nil) // a signal ends it early: the loop goes on
	}
}
