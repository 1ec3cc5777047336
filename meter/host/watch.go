package host

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"cfubench/meter"
	"cfubench/meter/agent"
	"cfubench/meter/nvml"
)

// Watch looks beside the meters at what explains their figures: the clocks,
// throttling and foreign processes of GPUs, and the connections to agents.
type Watch struct {
	gpus   *nvml.Observer
	agents []*agent.Source
	before []agent.Link // at the start
}

// vagueClock is the uncertainty of an agent's clock above which it is worth a
// word: 700 W over it are 0.7 J at each end of every window.
const vagueClock = time.Millisecond

// NoEngine stands for the engine's process where there is none.
const NoEngine = -1

// NewWatch returns the watch of a set's devices from now on. pid is the
// engine's process, 0 if it is not known: then nobody can be called foreign;
// with NoEngine everybody is.
func NewWatch(s Set, pid int) *Watch {
	var own func(int) bool
	switch {
	case pid > 0:
		own = func(p int) bool { return descends("/proc", p, pid) }
	case pid == NoEngine:
		own = func(int) bool { return false }
	}
	w := &Watch{gpus: nvml.NewObserver(s.Sources, own)}
	for _, src := range s.Sources {
		if a, ok := meter.As[*agent.Source](src); ok {
			w.agents = append(w.agents, a)
			w.before = append(w.before, a.Link())
		}
	}
	return w
}

// descends reports whether p is root or below it. A process that /proc does not
// show is in another namespace and counts as below: of it nothing is known.
func descends(procfs string, p, root int) bool {
	if _, err := os.Stat(filepath.Join(procfs, strconv.Itoa(p))); err != nil {
		return true
	}
	for range 64 {
		if p == root {
			return true
		}
		if p = parentOf(procfs, p); p <= 1 {
			return false
		}
	}
	return false
}

// Run looks once a second until ctx ends. It returns nil.
func (w *Watch) Run(ctx context.Context) error { return w.gpus.Run(ctx) }

// Seen is what was seen of the devices, as run.json keeps it.
type Seen struct {
	GPUs   []nvml.Summary `json:"gpus,omitempty"`
	Agents []agent.Link   `json:"agents,omitempty"`
}

// JSON returns what was seen, nil if there was nothing to look at.
func (w *Watch) JSON() (json.RawMessage, error) {
	seen := Seen{GPUs: w.gpus.Summaries()}
	for _, a := range w.agents {
		seen.Agents = append(seen.Agents, a.Link())
	}
	if len(seen.GPUs) == 0 && len(seen.Agents) == 0 {
		return nil, nil
	}
	return json.Marshal(seen)
}

// Warnings says, in a line each, what was seen that makes figures doubtful.
func (w *Watch) Warnings() []string {
	var all []string
	for _, s := range w.gpus.Summaries() {
		all = append(all, s.Warnings()...)
	}
	for i, a := range w.agents {
		all = append(all, linkWarnings(w.before[i], a.Link())...)
	}
	return all
}

// linkWarnings is what happened to a connection between two looks at it.
func linkWarnings(before, now agent.Link) []string {
	var all []string
	warn := func(format string, args ...any) {
		all = append(all, "agent "+now.Agent+": "+fmt.Sprintf(format, args...))
	}
	if n := now.Restarts - before.Restarts; n > 0 {
		warn("was restarted %d times: what it did not read in between is a gap", n)
	}
	if n := now.Lost - before.Lost; n > 0 {
		warn("%d readings were lost: the connection was broken for longer than the agent remembers", n)
	}
	if n := now.ClockSteps - before.ClockSteps; n > 0 {
		warn("its clock and this host's contradicted themselves %d times: one of the hosts was suspended or its clock is wrong", n)
	}
	if now.Uncertainty > vagueClock {
		warn("its clock is known to ± %v: every energy is less sharp by that time's power at both ends", now.Uncertainty.Round(10*time.Microsecond))
	}
	return all
}
