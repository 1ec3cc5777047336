//go:build unix && !linux

package engine

import (
	"errors"
	"syscall"
)

// ownGroup starts a process as the leader of a group. If cfu is killed, only
// the watchdog ends it here.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// bindThread binds nothing here.
func (l cpuList) bindThread() error {
	if l == nil {
		return nil
	}
	return errors.New("bind the engine to cores: only Linux can")
}
