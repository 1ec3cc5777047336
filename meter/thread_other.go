//go:build !linux

package meter

import "time"

// threadCPU is not known here.
func threadCPU() time.Duration { return 0 }

// readClocks has no boot clock here, so a suspended host is not noticed.
func readClocks() clocks {
	now := time.Duration(time.Now().UnixNano())
	return clocks{wall: now, mono: now, boot: now}
}
