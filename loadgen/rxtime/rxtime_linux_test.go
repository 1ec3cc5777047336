package rxtime

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// pair is two ends of a connection over the loopback, the first one stamped.
func pair(t testing.TB) (*Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	far, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := Wrap(near)
	t.Cleanup(func() { c.Close(); far.Close() })
	// The kernel turns its stamping on a moment after the first socket asked.
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, err := far.Write([]byte("?")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if c.Lag() > 0 {
			return c, far
		}
		if time.Now().After(deadline) {
			t.Fatalf("no read in 10 s had a lag (stamped: %v)", c.stamps != nil)
		}
		time.Sleep(time.Millisecond)
	}
}

// What lay unread for a while arrived that long ago.
func TestLagIsTheTimeInTheKernel(t *testing.T) {
	c, far := pair(t)
	before := time.Now()
	if _, err := far.Write([]byte("token")); err != nil {
		t.Fatal(err)
	}
	written := time.Now()
	const nap = 50 * time.Millisecond
	time.Sleep(nap)
	p := make([]byte, 16)
	n, err := c.Read(p)
	after := time.Now()
	if err != nil || string(p[:n]) != "token" {
		t.Fatalf("read: got %q, %v", p[:n], err)
	}
	// On the loopback the bytes arrive within the write.
	if lag := c.Lag(); lag < nap || lag > after.Sub(before) {
		t.Errorf("lag: got %v, want %v to %v", lag, after.Sub(written), after.Sub(before))
	}
}

// A read in parts gives each part its stamp, and a waiting read gets the bytes
// as they come.
func TestReadsAsAConnectionDoes(t *testing.T) {
	c, far := pair(t)
	far.Write([]byte("abcdef"))
	p := make([]byte, 4)
	for _, want := range []string{"abcd", "ef"} {
		n, err := c.Read(p)
		if err != nil || string(p[:n]) != want || c.Lag() <= 0 {
			t.Errorf("got %q, %v, lag %v: want %q and a lag", p[:n], err, c.Lag(), want)
		}
	}
	if n, err := c.Read(nil); n != 0 || err != nil {
		t.Errorf("empty read: got %d, %v, want 0 and no error", n, err)
	}
	go func() {
		time.Sleep(10 * time.Millisecond)
		far.Write([]byte("later"))
	}()
	if n, err := c.Read(make([]byte, 9)); n != 5 || err != nil {
		t.Errorf("waiting read: got %d, %v, want 5", n, err)
	}
	c.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
	if _, err := c.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: got %v, want os.ErrDeadlineExceeded", err)
	}
	c.SetReadDeadline(time.Time{})
	far.Close()
	if n, err := c.Read(p); n != 0 || err != io.EOF {
		t.Errorf("at the end: got %d, %v, want EOF", n, err)
	}
	c.Close()
	if _, err := c.Read(p); !errors.Is(err, net.ErrClosed) {
		t.Errorf("when closed: got %v, want net.ErrClosed", err)
	}
}

func TestResetIsToldAsSuch(t *testing.T) {
	c, far := pair(t)
	far.(*net.TCPConn).SetLinger(0)
	far.Close()
	_, err := c.Read(make([]byte, 1))
	var op *net.OpError
	if !errors.Is(err, syscall.ECONNRESET) || !errors.As(err, &op) {
		t.Errorf("got %v, want a net.OpError with ECONNRESET", err)
	}
}

// What is no TCP connection is read as it is.
func TestOtherConnectionsHaveNoLag(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	c := Wrap(a)
	go b.Write([]byte("x"))
	n, err := c.Read(make([]byte, 1))
	if n != 1 || err != nil || c.stamps != nil || c.Lag() != 0 {
		t.Errorf("got %d, %v, stamped %v, lag %v: want 1 byte and no stamps", n, err, c.stamps != nil, c.Lag())
	}
}

func TestReadAllocatesNothing(t *testing.T) {
	c, far := pair(t)
	p := make([]byte, 64)
	line := bytes.Repeat([]byte("x"), 64)
	if got := testing.AllocsPerRun(200, func() {
		far.Write(line)
		c.Read(p)
	}); got != 0 {
		t.Errorf("got %v allocations a read, want 0", got)
	}
}

// BenchmarkRead is a write and a read of one event, plain and stamped.
func BenchmarkRead(b *testing.B) {
	for name, reader := range map[string]func(*Conn) net.Conn{
		"plain":   func(c *Conn) net.Conn { return c.Conn },
		"stamped": func(c *Conn) net.Conn { return c },
	} {
		b.Run(name, func(b *testing.B) {
			c, far := pair(b)
			near := reader(c)
			p, event := make([]byte, 4096), make([]byte, 250)
			for b.Loop() {
				far.Write(event)
				near.Read(p)
			}
		})
	}
}
