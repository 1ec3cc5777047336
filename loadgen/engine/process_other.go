//go:build unix && !linux

package engine

import (
	"errors"
)

// bindThread binds nothing here.
func (l cpuList) bindThread() error {
	if l == nil {
		return nil
	}
	return errors.New("bind the engine to cores: only Linux can")
}
