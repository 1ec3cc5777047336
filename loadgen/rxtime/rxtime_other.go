//go:build !linux

package rxtime

import (
	"io"
	"net"
)

// stamps is what no other platform has.
type stamps struct{}

func newStamps(net.Conn) *stamps { return nil }

func (*stamps) read([]byte) (int, int64, error) { panic("rxtime: no stamps on this platform") }

func hold() io.Closer { return nothing }
