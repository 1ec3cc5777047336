package meter

import (
	"fmt"
	"strings"
	"time"
)

// BlockedError says which sources had calls under way that did not return when
// they were to end. Their goroutines end when the calls do.
type BlockedError struct{ Sources []string }

func (e *BlockedError) Error() string {
	return fmt.Sprintf("stop meters: %s did not respond; check the device and driver (dmesg)", strings.Join(e.Sources, ", "))
}

// Patience is how long one call to a source may take before it counts as
// blocked: a register answers within milliseconds, and what is asked over a
// network is asked beside the reads.
const Patience = 2 * time.Second

// Within runs f and reports whether it returned within d. If not, f goes on
// by itself: what it writes must belong to nobody else.
func Within(d time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
