package meter

import (
	"net"
	"net/netip"
	"os"
)

// IsLocal reports whether host names this machine: its name, a loopback name or
// an address of one of its interfaces.
func IsLocal(host string) bool {
	if name, err := os.Hostname(); host == "localhost" || err == nil && host == name {
		return true
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	if addr.IsLoopback() || addr.IsUnspecified() {
		return true
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range own {
		if n, ok := a.(*net.IPNet); ok {
			if x, ok := netip.AddrFromSlice(n.IP); ok && x.Unmap() == addr.Unmap() {
				return true
			}
		}
	}
	return false
}
