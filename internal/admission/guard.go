package admission

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// Strangers bounds the connections that have not shown yet that they may ask,
	// Clients those that have.
	Strangers, Clients = 32, 96
	// headerPatience and HeaderBytes bound a request's header.
	headerPatience = 10 * time.Second
	HeaderBytes    = 16 << 10
)

// guard bounds a server's connections, so that nobody who may not ask keeps out
// those who may. The oldest stranger makes room for the newest; a client makes
// room while it is idle.
type guard struct {
	mu    sync.Mutex
	order int64
	peers map[net.Conn]*peer
}

// peer is a connection.
type peer struct {
	order  int64 // by age
	client bool  // it has shown that it may ask
	idle   bool
}

func newGuard() *guard { return &guard{peers: map[net.Conn]*peer{}} }

// state follows the connections of an http.Server.
func (g *guard) state(c net.Conn, state http.ConnState) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch state {
	case http.StateNew:
		g.order++
		g.peers[c] = &peer{order: g.order}
		g.bound(false, Strangers)
	case http.StateActive, http.StateIdle:
		if p := g.peers[c]; p != nil {
			p.idle = state == http.StateIdle
		}
	case http.StateClosed, http.StateHijacked:
		delete(g.peers, c)
	}
}

// bound closes the oldest connection of a kind that has too many, if it may.
func (g *guard) bound(client bool, limit int) {
	n := 0
	var oldest net.Conn
	for c, p := range g.peers {
		if p.client != client {
			continue
		}
		n++
		if (!client || p.idle) && (oldest == nil || p.order < g.peers[oldest].order) {
			oldest = c
		}
	}
	if n > limit && oldest != nil {
		delete(g.peers, oldest)
		oldest.Close()
	}
}

type connKey struct{}

// context lets admit know whose request it has.
func (g *guard) context(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// admit notes that the connection may ask, and reports whether there is room for
// one more of those.
func (g *guard) admit(r *http.Request) bool {
	c, _ := r.Context().Value(connKey{}).(net.Conn)
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.peers[c]
	if p == nil || p.client {
		return true
	}
	n := 0
	for _, other := range g.peers {
		if other.client {
			n++
		}
	}
	if n >= Clients {
		g.bound(true, Clients-1)
		return false
	}
	p.client = true
	return true
}
