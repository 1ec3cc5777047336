package mock

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// Argument is the command-line word that makes a binary serve as the mock.
const Argument = "certify-mock"

// Process serves on a free port of the loopback until ctx or stdin ends, so
// that it cannot outlive its parent, and writes its base URL as one line.
func Process(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	now, err := SystemClock()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen on the loopback: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// This goroutine ends with the process, at the latest.
	go func() {
		io.Copy(io.Discard, stdin)
		cancel()
	}()
	if _, err := fmt.Fprintf(stdout, "http://%s\n", l.Addr()); err != nil {
		return err
	}
	return New(Pace{}, now).Serve(ctx, l)
}

// clockTries is how often the two clocks are read beside each other.
const clockTries = 16

// SystemClock is CLOCK_MONOTONIC, which all processes of the host share, at
// the cost of Go's own clock.
func SystemClock() (func() time.Duration, error) {
	origin := time.Now()
	var offset time.Duration
	// A process that is waited for between the two clocks sets them apart, and the
	// first call of each is slow: of several the shortest tells.
	for shortest, try := time.Duration(math.MaxInt64), 0; try < clockTries; try++ {
		var t unix.Timespec
		before := time.Since(origin)
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
			return nil, fmt.Errorf("read the monotonic clock: %w", err)
		}
		if took := time.Since(origin) - before; took < shortest {
			shortest, offset = took, time.Duration(t.Nano())-before-took/2
		}
	}
	return func() time.Duration { return offset + time.Since(origin) }, nil
}
