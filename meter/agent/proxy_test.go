package agent

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// proxy is a TCP relay that makes a network bad on purpose.
type proxy struct {
	listener net.Listener
	target   string
	delay    time.Duration // added to every chunk, each way
	cut      float64       // probability that a chunk breaks the connection
	open     sync.Map      // of net.Conn

	mu    sync.Mutex
	rand  *rand.Rand
	down  bool // nothing passes, nothing is accepted
	chunk int
	cuts  int
}

func newProxy(t *testing.T, target string, delay time.Duration, cut float64) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target, delay: delay, cut: cut, rand: rand.New(rand.NewPCG(1, 2))}
	go p.serve()
	t.Cleanup(func() { l.Close(); p.breakAll() })
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) serve() {
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
func (p *proxy) relay(from, to net.Conn) {
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

func (p *proxy) cutsNow() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chunk++
	if p.rand.Float64() < p.cut {
		p.cuts++
		return true
	}
	return false
}

func (p *proxy) isDown() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.down
}

// setDown breaks all connections and lets none through until it is called
// with false.
func (p *proxy) setDown(down bool) {
	p.mu.Lock()
	p.down = down
	p.mu.Unlock()
	if down {
		p.breakAll()
	}
}

func (p *proxy) breakAll() {
	p.open.Range(func(k, _ any) bool {
		k.(io.Closer).Close()
		p.open.Delete(k)
		return true
	})
}
