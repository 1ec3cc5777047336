package host

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/meter"
	"cfubench/meter/agent"
	"cfubench/meter/devices"
)

// Watch looks beside the meters at what explains their figures: the clocks,
// throttling and foreign processes of GPUs, here and at agents, and the
// connections to agents.
type Watch struct {
	gpus    *devices.Observer
	agents  []*agent.Source
	remote  []*agent.Devices // of each agent
	before  []agent.Link     // at the start
	domains []meter.Domain   // of the set
	warners []warner
	each    sync.Mutex // one look at a time goes to the sink
}

// warner is a source that has something to say of what it read.
type warner interface{ Warnings() []string }

// vagueClock is the uncertainty of an agent's clock above which it is worth a
// word: 700 W over it are 0.7 J at each end of every window.
const vagueClock = time.Millisecond

// NewWatch returns the watch of a set's devices from now on. own tells the engine's
// processes on this host from foreign ones; nil for not known.
func NewWatch(s Set, own func(pid int) bool) *Watch {
	w := &Watch{gpus: devices.NewObserver(s.Sources, own), domains: meter.Domains(s.Sources)}
	for _, src := range s.Sources {
		if a, ok := meter.As[*agent.Source](src); ok {
			w.agents = append(w.agents, a)
			w.remote = append(w.remote, a.Devices())
			w.before = append(w.before, a.Link())
		}
		if said, ok := meter.As[warner](src); ok {
			w.warners = append(w.warners, said)
		}
	}
	return w
}

// outOfReach is the silence after which an agent, which sends something twice a
// second, is taken to be gone.
const outOfReach = 4 * time.Second

// Each has sink called with every look at a device from now on, those of agents
// included, one call at a time: the rows of devices.arrow. It must not be called
// after Run.
func (w *Watch) Each(sink func(meter.DeviceState)) {
	one := func(address string) func(meter.DeviceState) {
		return func(s meter.DeviceState) {
			w.each.Lock()
			defer w.each.Unlock()
			s.Domain = w.name(s.Device, address)
			sink(s)
		}
	}
	w.gpus.Each(one(""))
	for i, d := range w.remote {
		d.Each(one(w.agents[i].Link().Agent))
	}
}

// name is the first domain of a device that is seen here or, with an address, by an
// agent; the device itself if it is in no domain.
func (w *Watch) name(device, address string) string {
	for _, d := range w.domains {
		_, at, remote := strings.Cut(d.Source, "@")
		if remote == (address != "") && at == address && meter.SameDevice(d.Device, device) {
			return d.Name
		}
	}
	return device
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

// GPUs returns a summary of each GPU, those of this host first. The samples of the
// newest look are with its looks (Each), not here.
func (w *Watch) GPUs() []devices.Summary {
	all := w.gpus.Summaries()
	for _, d := range w.remote {
		all = append(all, d.Summaries()...)
	}
	for i := range all {
		all[i] = all[i].WithoutSamples()
	}
	return all
}

// Foreign reports whether processes that are not the engine's computed on a GPU.
func (w *Watch) Foreign() bool {
	return slices.ContainsFunc(w.GPUs(), func(s devices.Summary) bool { return len(s.ForeignProcesses) > 0 })
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
			device, address := g.Device, ""
			for _, a := range w.agents {
				if own, ok := strings.CutSuffix(device, "@"+a.Link().Agent); ok {
					device, address = own, a.Link().Agent
				}
			}
			states = append(states, DeviceState{w.name(device, address), g.Device, doubts})
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
	GPUs   []devices.Summary `json:"gpus,omitempty"`
	Agents []agent.Link      `json:"agents,omitempty"`
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
			all = append(all, fmt.Sprintf("agent %s: GPU state (clocks, throttling) was not observed: %v", now.Agent, err))
		}
	}
	for _, s := range w.warners {
		all = append(all, s.Warnings()...)
	}
	return all
}

// Strays names the GPUs on which the engine computed although they are not among
// the summed domains, in a line each: what they used is in no figure.
func (w *Watch) Strays(summed []meter.Domain) (lines []string) {
	for _, g := range w.GPUs() {
		if len(g.EngineProcesses) == 0 || slices.ContainsFunc(summed, func(d meter.Domain) bool { return meter.SameDevice(d.Device, g.Device) }) {
			continue
		}
		if name := w.name(g.Device, ""); slices.ContainsFunc(w.domains, func(d meter.Domain) bool { return meter.SameDevice(d.Device, g.Device) }) {
			lines = append(lines, fmt.Sprintf("%s: the engine's processes %v computed on it, and it is not in the sum", name, g.EngineProcesses))
		}
	}
	return lines
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
		warn("clock offset jumped %d times: one of the hosts was suspended or its clock is wrong", n)
	}
	if now.Silent > outOfReach {
		warn("out of reach for the last %v: what it read then is missing", now.Silent.Round(100*time.Millisecond))
	}
	if now.Uncertainty > vagueClock {
		warn("its clock is known to ± %v: this adds ± that time × power to each end of a window's energy", now.Uncertainty.Round(10*time.Microsecond))
	}
	return all
}
