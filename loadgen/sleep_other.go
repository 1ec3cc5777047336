//go:build !linux

package loadgen

import (
	"context"
	"time"
)

// fineSleep is nothing here: the runtime's timer is all there is.
const fineSleep = 0

// sleepUntil returns at due on the clock now, or when ctx ends.
func sleepUntil(ctx context.Context, due time.Duration, now func() time.Duration) error {
	if wait := due - now(); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return context.Cause(ctx)
}
