package watch

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"cfubench/internal/secret"
	"cfubench/loadgen/mock"
	"cfubench/meter"
	"cfubench/meter/host"
	"cfubench/results/runfolder"
)

// What the plant's tokens cost, and what it draws without any.
const (
	basePower  = 90 * meter.Watt
	perPrompt  = 20 * meter.Millijoule
	perOutput  = 50 * meter.Millijoule
	plantStart = "2000-01-01T00" // the hour of synctest's clock
)

// plant is a server and the board that it computes on: each second it serves some
// tokens, and the board's register counts what they cost.
type plant struct {
	clock  meter.Clock
	server *mock.Server

	mu       sync.Mutex
	down     bool // no answer to anybody
	idle     bool
	spent    meter.Energy // on tokens
	output   []int        // tokens by second, whether or not somebody saw them
	moments  []time.Duration
	spentAt  []meter.Energy
	requests int
	log      func(prompt, output int) // of each request, nil for none
}

func newPlant() *plant {
	p := &plant{clock: meter.NewClock(time.Now())}
	p.server = mock.New(mock.Pace{}, func() time.Duration { return p.clock() })
	return p
}

// work serves until ctx ends.
func (p *plant) work(ctx context.Context) {
	time.Sleep(437 * time.Millisecond) // not at the moments of the scrapes
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		prompt, output := 40*(n*7919%23), 11*(n*104729%31)
		p.mu.Lock()
		if p.idle || p.down {
			prompt, output = 0, 0
		} else {
			p.requests++
			p.server.Served(1, prompt, output)
			if p.log != nil {
				p.log(prompt, output)
			}
		}
		p.spent += meter.Energy(prompt)*perPrompt + meter.Energy(output)*perOutput
		p.output, p.moments, p.spentAt = append(p.output, output), append(p.moments, p.clock()), append(p.spentAt, p.spent)
		p.mu.Unlock()
	}
}

// RoundTrip implements http.RoundTripper: the server without a network.
func (p *plant) RoundTrip(req *http.Request) (*http.Response, error) {
	p.mu.Lock()
	down := p.down
	p.mu.Unlock()
	if down {
		return nil, errors.New("connection refused")
	}
	w := httptest.NewRecorder()
	p.server.ServeHTTP(w, req)
	return w.Result(), nil
}

func (p *plant) set(change func(*plant)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

func (p *plant) Domains() []meter.Domain {
	return []meter.Domain{{Name: "board", Device: "board", Source: "simulated", Kind: meter.KindCounter, Scope: meter.ScopeNode, Quantum: 1, UpdatePeriod: 100 * time.Millisecond}}
}

func (p *plant) Read(dst []meter.Reading) []meter.Reading {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.clock()
	return append(dst, meter.Reading{Before: at, After: at + time.Microsecond, Energy: p.spent + meter.EnergyOf(basePower, at), HasEnergy: true, Status: meter.StatusOK})
}

func (p *plant) Close() error { return nil }

// truth is what was spent on tokens and base from one moment of the Unix time to
// another, both since the plant's start.
func (p *plant) truth(from, to time.Duration) meter.Energy {
	at := func(t time.Duration) meter.Energy {
		i, _ := slices.BinarySearch(p.moments, t)
		if i == 0 {
			return 0
		}
		return p.spentAt[i-1]
	}
	return meter.EnergyOf(basePower, to-from) + at(to) - at(from)
}

// watched is a watcher of a plant.
func watched(t *testing.T, p *plant, out string, change func(*Config)) (*Watcher, *[]string) {
	var said []string
	var mu sync.Mutex
	c := Config{Config: runfolder.Config{Endpoint: "http://plant:8000", Meter: []string{"auto"}, GPUs: "engine", Poll: time.Second},
		Out: out, Interval: time.Second, Client: &http.Client{Transport: p}, Secrets: secret.New(),
		Say: func(line string) { mu.Lock(); said = append(said, line); mu.Unlock() }}
	if change != nil {
		change(&c)
	}
	w := New(c)
	w.meters = func(context.Context) (host.Set, error) {
		return host.Set{Sources: []meter.Source{&onClock{p, w.clock}}}, nil
	}
	return w, &said
}

// onClock is the plant's board read by another clock.
type onClock struct {
	*plant
	own meter.Clock
}

func (o *onClock) Read(dst []meter.Reading) []meter.Reading {
	dst = o.plant.Read(dst)
	r := &dst[len(dst)-1]
	shift := o.own() - o.plant.clock()
	r.Before += shift
	r.After += shift
	return dst
}

// stay sleeps until a moment of the plant's clock.
func (p *plant) stay(until time.Duration) { time.Sleep(until - p.clock()) }
