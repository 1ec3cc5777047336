//go:build !linux

package loadgen

// readSchedstat has nothing to read outside Linux.
func readSchedstat(map[int]threadWait) bool { return false }
