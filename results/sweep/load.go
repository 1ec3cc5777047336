package sweep

import (
	"fmt"
	"time"

	"cfubench/datasets"
	"cfubench/loadgen"
)

// cellLoad is what one cell sends and when.
type cellLoad struct {
	loadgen.Load
	requests    []datasets.Request
	first, step int    // Record.Request k is number first + k·step of the whole trace
	connections int    // opened before the window
	atOnce      bool   // nothing paces the requests
	hash        string // of the whole schedule, the same for all shards
}

// load builds a cell's load. Rates and concurrencies are the whole run's; a
// shard takes its part of them.
func (s *sweep) load(c plannedCell) (cellLoad, error) {
	all := s.trace.Requests
	l := cellLoad{requests: all, step: 1, atOnce: c.RateInf, Load: loadgen.Load{
		Think: s.config.Think, MaxInFlight: s.config.MaxInFlight, MaxTokens: s.config.MaxTokens,
		History: loadgen.History(s.config.History), Live: new(loadgen.Live), Drain: s.config.Drain,
		Stop: loadgen.StopRules{MaxErrors: s.config.MaxErrors, MinDuration: s.config.MinDuration, MaxDuration: s.config.MaxDuration},
	}}
	if c.Concurrency > 0 {
		l.Concurrency = c.Concurrency
		l.hash = loadgen.ClosedLoopHash(l.Concurrency, s.config.Think, all)
		l.connections = l.Concurrency
	} else {
		var at []time.Duration
		if c.Trace {
			for _, r := range all {
				if r.At < 0 {
					return l, fmt.Errorf("--arrival %s: the trace %s has no times: use azure:, burstgpt: or mooncake:, or --rate", s.config.Arrival, s.config.Dataset)
				}
				at = append(at, r.At)
			}
		}
		var err error
		l.Schedule, err = loadgen.ParseArrival(s.config.Arrival, c.PerSecond(), s.config.Seed, s.config.Burstiness, at)
		if err != nil {
			return l, err
		}
		l.hash = loadgen.ScheduleHash(l.Schedule, len(all))
		l.connections = min(len(all), openConnections)
		if l.MaxInFlight > 0 {
			l.connections = min(l.connections, l.MaxInFlight)
		}
	}
	if n := s.config.ShardCount; n > 0 {
		var err error
		if l, err = l.shard(s.config.ShardIndex, n); err != nil {
			return l, err
		}
	}
	if s.prefixes == nil { // all cells send the same requests
		s.prefixes = loadgen.Prefixes(l.requests)
	}
	l.Prefixes = s.prefixes
	return l, nil
}

// streams is how many connections the load will have open at a time: what a
// schedule at a rate will need is not known, and taken to be what it opens first.
func (l cellLoad) streams() int {
	switch {
	case l.Concurrency > 0:
		return l.Concurrency
	case l.MaxInFlight > 0:
		return min(l.MaxInFlight, len(l.requests))
	case l.atOnce:
		return len(l.requests)
	}
	return l.connections
}

// openConnections is how many connections an open-loop cell opens before its
// window: more requests than that in flight at once will pay for a handshake,
// and are flagged as such.
const openConnections = 256

// shard takes every n-th request, starting with the i-th (from 1), at the
// times that the whole schedule gives them.
func (l cellLoad) shard(i, n int) (cellLoad, error) {
	l.first, l.step = i-1, n
	var mine []datasets.Request
	for k := l.first; k < len(l.requests); k += n {
		mine = append(mine, l.requests[k])
	}
	if len(mine) == 0 {
		return l, fmt.Errorf("--shard %d/%d: the trace has only %d requests", i, n, len(l.requests))
	}
	l.requests = mine
	if l.Schedule != nil {
		l.Schedule = every{l.Schedule, l.first, n}
	} else {
		if l.Concurrency%n != 0 {
			return l, fmt.Errorf("--shard %d/%d: --concurrency %d cannot be shared evenly by %d clients", i, n, l.Concurrency, n)
		}
		l.Concurrency /= n
		l.connections = l.Concurrency
	}
	return l, nil
}

// every is each step-th arrival of a schedule.
type every struct {
	loadgen.Schedule
	first, step int
}

func (e every) Due(n int) (time.Duration, bool) { return e.Schedule.Due(e.first + n*e.step) }
