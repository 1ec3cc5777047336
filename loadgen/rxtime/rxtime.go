// Package rxtime tells when the kernel received the bytes that a TCP
// connection's reads return. A reader that waits for a processor gets them
// late; the kernel's stamp has no such wait in it.
package rxtime

import (
	"io"
	"net"
	"time"
)

// Conn is a TCP connection whose reads are stamped. Like any connection it has
// one reader at a time.
type Conn struct {
	net.Conn
	stamps *stamps // nil where the kernel does not stamp
	lag    time.Duration
}

// Wrap stamps the reads of c. Where the platform, the kernel or the kind of
// connection does not allow it, reads work as before and have no lag.
func Wrap(c net.Conn) *Conn { return &Conn{Conn: c, stamps: newStamps(c)} }

// Lag is how long the last bytes of the latest read had been in the kernel
// when it returned: now less the lag is when they arrived. It is 0 where that
// is not known. Segments that the kernel joins before they are read have the
// stamp of the last one.
func (c *Conn) Lag() time.Duration { return c.lag }

// Hold keeps the kernel stamping until it is closed. The kernel begins a moment
// after the first socket asks for stamps and ends with the last: connections
// that come and go one at a time would each have their first bytes unstamped.
// Where there are no stamps it does nothing.
func Hold() io.Closer { return hold() }

// nothing is held where there are no stamps.
var nothing = io.NopCloser(nil)

// longestLag is what a lag may be. The stamps are on the clock of the day, so a
// step of that clock between arrival and read would be taken for a lag.
const longestLag = 10 * time.Second

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	c.lag = 0
	if c.stamps == nil || len(p) == 0 {
		return c.Conn.Read(p)
	}
	n, at, err := c.stamps.read(p)
	if at > 0 {
		if lag := time.Duration(time.Now().UnixNano() - at); lag > 0 && lag < longestLag {
			c.lag = lag
		}
	}
	return n, err
}
