// Package devices watches accelerators beside their readings: clocks, throttling,
// temperature, limits, memory and the processes that compute on them, once a
// second. It explains figures and measures none.
package devices

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/meter"
)

const (
	statePeriod   = time.Second
	processPeriod = 10 * time.Second
	// stateStagger is the time between the looks at one GPU and the next: a look
	// is a dozen calls, which wait for one another in the driver.
	stateStagger = 20 * time.Millisecond
	// spacingsKept is enough for a median: more than a minute of samples.
	spacingsKept = 4096
)

// Observer watches the slow state of devices over a run: what explains an outlier
// afterwards. Summaries may be called while Run runs.
type Observer struct {
	devices []meter.Observable
	owns    func(pid int) bool
	role    func(pid int) string

	mu        sync.Mutex
	each      func(meter.DeviceState)
	summaries []Summary
	buffered  []buffer
	processes [][]meter.Process // by device, as last listed; nil before
}

// buffer is what the samples of one GPU have come to.
type buffer struct {
	last     meter.PowerSample
	spacings []time.Duration
	area     float64 // µW·ns, by the trapezoid rule
	over     time.Duration
}

// NewObserver returns the observer of those sources that can be looked at. owns
// tells the engine's processes from others; nil says that they are not known, and
// so does each summary.
func NewObserver(sources []meter.Source, owns func(pid int) bool) *Observer {
	o := &Observer{owns: owns, role: func(pid int) string { return Role("/proc", pid) }}
	for _, s := range sources {
		if d, ok := meter.As[meter.Observable](s); ok {
			o.devices = append(o.devices, d)
		}
	}
	o.summaries = make([]Summary, len(o.devices))
	o.buffered = make([]buffer, len(o.devices))
	o.processes = make([][]meter.Process, len(o.devices))
	return o
}

// Each has f called with every look that is made from now on, one call at a time.
func (o *Observer) Each(f func(meter.DeviceState)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.each = f
}

// Run looks once a second, and at the processes every ten, until ctx ends. Each
// GPU is looked at by itself, so that one whose driver does not return holds up
// neither the others nor, for longer than meter.Patience, the end. It returns
// nil.
func (o *Observer) Run(ctx context.Context) error {
	var looking errgroup.Group
	for i, d := range o.devices {
		looking.Go(func() error {
			o.watch(ctx, i, d)
			return nil
		})
	}
	<-ctx.Done()
	// Nothing fails: what a GPU does not tell is in its summary.
	meter.Within(meter.Patience, func() { _ = looking.Wait() })
	return nil
}

// watch looks at the i-th GPU until ctx ends.
func (o *Observer) watch(ctx context.Context, i int, d meter.Observable) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(i) * stateStagger):
	}
	tick := time.NewTicker(statePeriod)
	defer tick.Stop()
	var kept []meter.PowerSample
	for looks := 0; ctx.Err() == nil; looks++ {
		if looks%int(processPeriod/statePeriod) == 0 {
			listed, err := d.Processes()
			o.noteProcesses(i, listed, err)
		}
		state := d.State()
		samples, err := d.PowerSamples(kept[:0])
		kept = samples
		// The first look empties the buffer of what was before.
		if looks > 0 || err != nil {
			state.Buffered = o.noteSamples(i, samples, err)
		}
		o.note(i, state)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// note takes one look into the GPU's summary and hands it on.
func (o *Observer) note(i int, s meter.DeviceState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s.Processes = o.processes[i]
	for _, p := range s.Processes {
		if p.Role != "" {
			s.Role = p.Role
		}
	}
	o.summaries[i].add(s)
	if o.each != nil {
		o.each(s)
	}
}

func (o *Observer) noteProcesses(i int, listed []meter.Process, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	sum := &o.summaries[i]
	if err != nil {
		o.processes[i] = nil
		sum.unknown(err.Error())
		return
	}
	o.processes[i] = make([]meter.Process, 0, len(listed))
	sum.Listed, sum.EngineTold = true, o.owns != nil
	if o.owns == nil {
		sum.unknown("foreign processes: which are the engine's is not known")
	}
	for _, p := range listed {
		p = o.whose(p)
		o.processes[i] = append(o.processes[i], p)
		into := &sum.OtherProcesses
		switch {
		case p.Engine != nil && *p.Engine:
			into = &sum.EngineProcesses
		case p.Engine != nil:
			into = &sum.ForeignProcesses
		}
		if !slices.Contains(*into, p.PID) {
			*into = append(*into, p.PID)
		}
	}
}

// whose is p with what is known of it.
func (o *Observer) whose(p meter.Process) meter.Process {
	if o.owns == nil {
		return p
	}
	engine := o.owns(p.PID)
	if p.Engine = &engine; engine {
		p.Role = o.role(p.PID)
	}
	return p
}

// noteSamples takes what the driver has buffered since the last look and returns
// what it comes to, nil of fewer than two samples.
func (o *Observer) noteSamples(i int, samples []meter.PowerSample, err error) *meter.BufferedPower {
	o.mu.Lock()
	defer o.mu.Unlock()
	sum, b := &o.summaries[i], &o.buffered[i]
	if err != nil {
		sum.unknown(err.Error())
		return nil
	}
	var since meter.BufferedPower
	area := 0.0
	for _, s := range samples {
		if apart := s.Before - b.last.Before; sum.Samples > 0 && apart > 0 {
			if len(b.spacings) < spacingsKept {
				b.spacings = append(b.spacings, apart)
			}
			if since.Samples == 0 {
				since.From = b.last.At()
			}
			area += (float64(b.last.Power) + float64(s.Power)) / 2 * float64(apart)
			b.over += apart
			since.To = s.At()
			since.Samples++
			since.Stamps, since.Powers = append(since.Stamps, s.At()), append(since.Powers, s.Power)
		}
		b.last = s
		sum.Samples++
	}
	if since.Samples == 0 {
		return nil
	}
	b.area += area
	sum.SampleMean = meter.Power(b.area / float64(b.over))
	since.Energy = meter.Energy(area / float64(time.Second))
	return &since
}

// Summaries returns one summary a GPU.
func (o *Observer) Summaries() []Summary {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]Summary, len(o.summaries))
	for i, s := range o.summaries {
		out[i] = s.clone()
		if sorted := slices.Sorted(slices.Values(o.buffered[i].spacings)); len(sorted) > 0 {
			out[i].SampleSpacing = sorted[len(sorted)/2]
		}
	}
	return out
}
