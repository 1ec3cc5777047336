package simulated

import "os"

// InMemory runs a package's tests with their run folders in memory, where there is
// a place for that: they are made of thousands of files, and every one is synced.
func InMemory(tests func() int) int {
	dir, err := os.MkdirTemp("/dev/shm", "cfu-")
	if err != nil {
		return tests()
	}
	defer os.RemoveAll(dir)
	os.Setenv("TMPDIR", dir)
	return tests()
}
