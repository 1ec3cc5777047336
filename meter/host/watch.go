package host

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/meter"
	"cfubench/meter/agent"
	"cfubench/meter/nvml"
)

// Watch looks beside the meters at what explains their figures: the clocks,
// throttling and foreign processes of GPUs, here and at agents, and the
// connections to agents.
type Watch struct {
	gpus   *nvml.Observer
	agents []*agent.Source
	remote []*agent.Devices  // of each agent
	before []agent.Link      // at the start
	names  map[string]string // the first domain of each device
}

// vagueClock is the uncertainty of an agent's clock above which it is worth a
// word: 700 W over it are 0.7 J at each end of every window.
const vagueClock = time.Millisecond

// NewWatch returns the watch of a set's devices from now on. own tells the engine's
// processes on this host from foreign ones; nil for not known.
func NewWatch(s Set, own func(pid int) bool) *Watch {
	w := &Watch{gpus: nvml.NewObserver(s.Sources, own), names: map[string]string{}}
	for _, d := range meter.Domains(s.Sources) {
		w.names[d.Device] = cmp.Or(w.names[d.Device], d.Name)
	}
	for _, src := range s.Sources {
		if a, ok := meter.As[*agent.Source](src); ok {
			w.agents = append(w.agents, a)
			w.remote = append(w.remote, a.Devices())
			w.before = append(w.before, a.Link())
		}
	}
	return w
}

// outOfReach is the silence after which an agent, which sends something twice a
// second, is taken to be gone.
const outOfReach = 4 * time.Second

// NoEngine stands for the engine's process where there is none.
const NoEngine = -1

// Own tells the processes of the engine from others: those below process pid, or,
// if that is 0, below the one that listens at endpoint on this host. It is nil
// where neither is known, and says of everybody that he is foreign with NoEngine.
func Own(pid int, endpoint string) func(pid int) bool {
	if pid == NoEngine {
		return func(int) bool { return false }
	}
	if pid == 0 && endpoint != "" {
		pid, _ = Listener("/proc", endpoint) // 0 if there is none to be seen
	}
	if pid == 0 {
		return nil
	}
	return func(p int) bool { return descends("/proc", p, pid) }
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
func (w *Watch) Run(ctx context.Context) error {
	var group errgroup.Group
	group.Go(func() error { return w.gpus.Run(ctx) })
	for _, d := range w.remote {
		group.Go(func() error { return d.Run(ctx) })
	}
	return group.Wait()
}

// GPUs returns a summary of each GPU, those of this host first.
func (w *Watch) GPUs() []nvml.Summary {
	all := w.gpus.Summaries()
	for _, d := range w.remote {
		all = append(all, d.Summaries()...)
	}
	return all
}

// Foreign reports whether processes that are not the engine's computed on a GPU.
func (w *Watch) Foreign() bool {
	return slices.ContainsFunc(w.GPUs(), func(s nvml.Summary) bool { return len(s.ForeignProcesses) > 0 })
}

// DeviceState is what is doubtful of a device.
type DeviceState struct {
	Domain string // the first that is the device's
	Device string // as in its domains
	Doubts []string
}

// stateFor is how long State looks: once at every GPU.
const stateFor = 500 * time.Millisecond

// State looks once at the GPUs of the set: at what holds back their clocks, and
// who computes on them beside the processes that own tells.
func (s Set) State(ctx context.Context, own func(pid int) bool) ([]DeviceState, error) {
	w := NewWatch(s, own)
	if len(w.GPUs()) == 0 {
		return nil, nil
	}
	ctx, stop := context.WithTimeout(ctx, stateFor)
	defer stop()
	if err := w.Run(ctx); err != nil {
		return nil, err
	}
	return w.states(), nil
}

// states are the GPUs that there is a doubt about.
func (w *Watch) states() (states []DeviceState) {
	for _, g := range w.GPUs() {
		if doubts := g.Doubts(); len(doubts) > 0 {
			states = append(states, DeviceState{cmp.Or(w.names[g.Device], g.Device), g.Device, doubts})
		}
	}
	return states
}

// Together says each doubt once, with the devices that it is of in front: what
// holds for a node holds for its eight GPUs.
func Together(states []DeviceState) (lines []string) {
	of := map[string][]string{}
	var order []string
	for _, s := range states {
		for _, doubt := range s.Doubts {
			if of[doubt] == nil {
				order = append(order, doubt)
			}
			of[doubt] = append(of[doubt], s.Domain)
		}
	}
	for _, doubt := range order {
		lines = append(lines, strings.Join(of[doubt], ", ")+": "+doubt)
	}
	return lines
}

// Seen is what was seen of the devices, as run.json keeps it.
type Seen struct {
	GPUs   []nvml.Summary `json:"gpus,omitempty"`
	Agents []agent.Link   `json:"agents,omitempty"`
}

// JSON returns what was seen, nil if there was nothing to look at.
func (w *Watch) JSON() (json.RawMessage, error) {
	seen := Seen{GPUs: w.GPUs()}
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
	all = append(all, Together(w.states())...)
	for i, a := range w.agents {
		now := a.Link()
		all = append(all, linkWarnings(w.before[i], now)...)
		if err := w.remote[i].Err(); err != nil {
			all = append(all, fmt.Sprintf("agent %s: what its GPUs did beside drawing power was not seen: %v", now.Agent, err))
		}
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
	if now.Silent > outOfReach {
		warn("out of reach for the last %v: what it read then is missing", now.Silent.Round(100*time.Millisecond))
	}
	if now.Uncertainty > vagueClock {
		warn("its clock is known to ± %v: every energy is less sharp by that time's power at both ends", now.Uncertainty.Round(10*time.Microsecond))
	}
	return all
}
