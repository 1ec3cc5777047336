package main

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
	hash        string // of the whole schedule, the same for all shards
}

// load builds a cell's load. Rates and concurrencies are the whole run's; a
// shard takes its part of them.
func (s *sweep) load(c plannedCell) (cellLoad, error) {
	all := s.trace.Requests
	l := cellLoad{requests: all, step: 1, Load: loadgen.Load{
		Think: s.config.think, MaxInFlight: s.config.maxInFlight, MaxTokens: s.config.maxTokens,
		History: loadgen.History(s.config.history), Live: new(loadgen.Live), Drain: s.config.drain,
		Stop: loadgen.StopRules{MaxErrors: s.config.maxErrors, MinDuration: s.config.minDuration, MaxDuration: s.config.maxDuration},
	}}
	if c.load.concurrency > 0 {
		l.Concurrency = c.load.concurrency
		l.hash = loadgen.ClosedLoopHash(l.Concurrency, s.config.think, all)
		l.connections = l.Concurrency
	} else {
		var at []time.Duration
		if c.load.trace {
			for _, r := range all {
				if r.At < 0 {
					return l, fmt.Errorf("--arrival %s: the trace %s has no times: use azure:, burstgpt: or mooncake:, or --rate", s.config.arrival, s.config.dataset)
				}
				at = append(at, r.At)
			}
		}
		var err error
		l.Schedule, err = loadgen.ParseArrival(s.config.arrival, c.load.rate, s.config.seed, s.config.burstiness, at)
		if err != nil {
			return l, err
		}
		l.hash = loadgen.ScheduleHash(l.Schedule, len(all))
		l.connections = min(len(all), openConnections)
		if l.MaxInFlight > 0 {
			l.connections = min(l.connections, l.MaxInFlight)
		}
	}
	if n := s.config.shardCount; n > 0 {
		return l.shard(s.config.shardIndex, n)
	}
	return l, nil
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
