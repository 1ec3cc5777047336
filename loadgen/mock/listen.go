package mock

import (
	"net"
	"sync/atomic"
	"time"

	"cfubench/loadgen/rxtime"
)

// stampedListener stamps the reads of its connections, so that a request's
// arrival does not hold the time until the server's threads run.
type stampedListener struct {
	net.Listener
	now func() time.Duration
}

func (l stampedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &stampedConn{Conn: rxtime.Wrap(c), now: l.now}, nil
}

type stampedConn struct {
	*rxtime.Conn
	now  func() time.Duration
	read atomic.Int64
}

// Read stamps reads of more than one byte: net/http's server watches for a
// hang-up with reads of one.
func (c *stampedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && len(p) > 1 {
		c.read.Store(int64(c.now() - c.Lag()))
	}
	return n, err
}
