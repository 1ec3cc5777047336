// Package agenttest has what tests of agents need: a network that is bad on
// purpose, and certificates.
package agenttest

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy is a TCP relay that makes a network bad on purpose.
type Proxy struct {
	listener net.Listener
	target   string
	delay    time.Duration // added to every chunk, each way
	cut      float64       // probability that a chunk breaks the connection
	open     sync.Map      // of net.Conn

	mu   sync.Mutex
	rand *rand.Rand
	down bool // nothing passes, nothing is accepted
	cuts int
}

// NewProxy relays to target until the test ends. It adds delay to every chunk,
// each way, and breaks the connection at a chunk with probability cut.
func NewProxy(tb testing.TB, target string, delay time.Duration, cut float64) *Proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{listener: l, target: target, delay: delay, cut: cut, rand: rand.New(rand.NewPCG(1, 2))}
	go p.serve()
	tb.Cleanup(func() { l.Close(); p.breakAll() })
	return p
}

// Address is where the relay listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

func (p *Proxy) serve() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		if p.isDown() {
			in.Close()
			continue
		}
		out, err := net.Dial("tcp", p.target)
		if err != nil {
			in.Close()
			continue
		}
		p.open.Store(in, nil)
		p.open.Store(out, nil)
		go p.relay(in, out)
		go p.relay(out, in)
	}
}

// relay copies in order, each chunk late by the delay, until it is cut.
func (p *Proxy) relay(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	type late struct {
		due  time.Time
		data []byte
	}
	chunks := make(chan late, 1024)
	go func() {
		defer close(chunks)
		for {
			buf := make([]byte, 16<<10)
			n, err := from.Read(buf)
			if n > 0 {
				chunks <- late{time.Now().Add(p.delay), buf[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for c := range chunks {
		time.Sleep(time.Until(c.due))
		if p.cutsNow() {
			break
		}
		if _, err := to.Write(c.data); err != nil {
			break
		}
	}
	from.Close()
	to.Close()
	for range chunks { // let the reader go
	}
}

func (p *Proxy) cutsNow() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rand.Float64() < p.cut {
		p.cuts++
		return true
	}
	return false
}

func (p *Proxy) isDown() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.down
}

// SetCut changes the probability that a chunk breaks its connection.
func (p *Proxy) SetCut(cut float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
}

// Cuts is the number of connections broken at a chunk.
func (p *Proxy) Cuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// SetDown breaks all connections and lets none through until it is called
// with false.
func (p *Proxy) SetDown(down bool) {
	p.mu.Lock()
	p.down = down
	p.mu.Unlock()
	if down {
		p.breakAll()
	}
}

func (p *Proxy) breakAll() {
	p.open.Range(func(k, _ any) bool {
		k.(io.Closer).Close()
		p.open.Delete(k)
		return true
	})
}
