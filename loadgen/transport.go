package loadgen

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"cfubench/internal/origin"
	"cfubench/loadgen/endpoint"
	"cfubench/loadgen/rxtime"
)

// newTransport is the one HTTP/1.1 transport of a client, by the rules of
// endpoint.Transport: no cap on connections (a cap would queue requests inside
// the client and the queue would show as the server's latency), and idle
// connections kept for as long as the server keeps them.
func newTransport(o Options, now func() time.Duration, headStart *headStart) (*http.Transport, error) {
	dialer := &net.Dialer{Timeout: origin.DialTimeout, KeepAlive: 30 * time.Second}
	t, err := endpoint.Transport(o.CAFile, func(ctx context.Context, network, address string) (net.Conn, error) {
		inner, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &conn{Conn: rxtime.Wrap(inner), now: now, headStart: headStart}, nil
	})
	if err != nil {
		return nil, err
	}
	t.MaxIdleConnsPerHost = o.Connections
	if o.Connections <= 0 {
		t.MaxIdleConnsPerHost = 512
	}
	return t, nil
}

// conn stamps its traffic. HTTP/1.1 has one request at a time on it, so the
// last write before an answer is the request's, and the last read is the
// arrival of whatever the body just returned: where the kernel says when it
// received it, the client's own wait for a processor is not in the stamp.
type conn struct {
	*rxtime.Conn
	now         func() time.Duration
	headStart   *headStart
	wrote, read atomic.Int64
	// lag is the longest that bytes lay in the kernel before they were read.
	lag atomic.Int64
	// due is the time before which the request may not be written, woken when
	// it was to wake up for that; 0 once that has been seen to.
	due, woken atomic.Int64
	// users counts the requests that have had the connection: once a body has
	// been read to its end, the next request may already be writing.
	users atomic.Int64
}

// Write stamps before the system call: after it the thread may have been
// preempted by the server that it has woken.
func (c *conn) Write(p []byte) (int, error) {
	if due := time.Duration(c.due.Swap(0)); due > 0 {
		c.headStart.took(c.now() - time.Duration(c.woken.Load()))
		for c.now() < due { // for longestHeadStart at most
		}
	}
	c.wrote.Store(int64(c.now()))
	return c.Conn.Write(p)
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		// Never before what it answers or what came before it, whatever the
		// clock of the kernel's stamps does.
		c.read.Store(max(int64(c.now()-c.Lag()), c.read.Load(), c.wrote.Load()))
		c.lag.Store(max(int64(c.Lag()), c.lag.Load()))
	}
	return n, err
}

// stampedConn finds the stamped connection below TLS, nil if there is none.
func stampedConn(c net.Conn) *conn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	stamped, _ := c.(*conn)
	return stamped
}

// What is read of a finished body to save its connection, and for how long a
// server may keep the last chunk back.
const (
	drainLimit = 64 << 10
	drainTime  = 100 * time.Millisecond
)

// drain reads what is left of a body and closes it: net/http gives up a
// connection whose last chunk has not been read. After drainTime cancel, which
// is to end the request, is called.
func drain(body io.ReadCloser, cancel func()) {
	timer := time.AfterFunc(drainTime, cancel)
	io.Copy(io.Discard, io.LimitReader(body, drainLimit))
	timer.Stop()
	body.Close()
}
