//go:build race

package loadgen

// raceDetector limits a process to 8,128 goroutines.
const raceDetector = true
