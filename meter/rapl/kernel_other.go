//go:build !linux

package rapl

import "errors"

// kernel has no perf_event here.
type kernel struct{}

func (kernel) open(uint32, uint64, int, int) (int, error) { return 0, errors.ErrUnsupported }
func (kernel) read(int, []byte) (int, error)              { return 0, errors.ErrUnsupported }
func (kernel) close(int) error                            { return errors.ErrUnsupported }
