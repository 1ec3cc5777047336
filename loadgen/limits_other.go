//go:build !linux

package loadgen

// CheckLimits knows only Linux's limits and finds nothing elsewhere.
func CheckLimits(int) []string { return nil }
