package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/meter"
	"cfubench/meter/agent"
	"cfubench/meter/devices"
	"cfubench/meter/process"
)

// Engine is the process of the server under test, as far as it is known on this
// host. The zero value is one that is not known.
type Engine struct {
	PID     int // 0 if it is not known
	Command string
	procfs  process.FS
	group   process.Group // holds the engine and nothing else, if grouped
	grouped bool
	none    bool // there is no engine at all
}

// FindEngine returns the engine: process pid or, if that is 0, the one that
// listens at endpoint on this host. The error says why it is not known: it is
// another host's, another user's, or what listens only passes requests on
// (*ForwarderError).
func FindEngine(pid int, endpoint string) (Engine, error) {
	if pid == NoEngine {
		return Engine{none: true}, nil
	}
	if pid == 0 {
		if endpoint == "" {
			return Engine{}, fmt.Errorf("neither its process nor its address is given")
		}
		var err error
		if pid, err = Listener("/proc", endpoint); err != nil {
			return Engine{}, err
		}
	}
	fs := process.FS("/proc")
	e := Engine{PID: pid, Command: fs.Command(pid), procfs: fs}
	e.group, _, e.grouped = fs.OwnGroup("/sys/fs/cgroup", pid, os.Getpid())
	return e, nil
}

// String is the engine's process and command, as a line of the run says it.
func (e Engine) String() string {
	switch {
	case e.none:
		return "no engine"
	case e.PID == 0:
		return "an engine whose process is not known"
	}
	return fmt.Sprintf("process %d (%s)", e.PID, e.Command)
}

// Owns tells the engine's processes from others: those below its process, and
// those in the control group that is its own. It is nil where the engine is not
// known. A process that /proc does not show is in another namespace and counts as
// the engine's: of it nothing is known.
func (e Engine) Owns() func(pid int) bool {
	switch {
	case e.none:
		return func(int) bool { return false }
	case e.PID == 0:
		return nil
	}
	return func(p int) bool {
		if !e.procfs.Exists(p) || e.procfs.Descends(p, e.PID) {
			return true
		}
		if !e.grouped {
			return false
		}
		for _, member := range e.group.Members() {
			if member == p {
				return true
			}
		}
		return false
	}
}

// CurrentEngine is the engine while meters are on: it may become known after them,
// and be another process later. It may be asked from any goroutine. Before it is
// known every process counts as the engine's.
type CurrentEngine struct {
	owns atomic.Pointer[func(pid int) bool]
}

// Is says which engine it is from now on.
func (c *CurrentEngine) Is(e Engine) {
	owns := e.Owns()
	c.owns.Store(&owns)
}

// Owns tells the engine's processes from others: see Engine.Owns.
func (c *CurrentEngine) Owns(pid int) bool {
	owns := c.owns.Load()
	return owns == nil || *owns == nil || (*owns)(pid)
}

// NoEngine stands for the engine's process where there is none.
const NoEngine = -1

// Own is Engine.Owns of what FindEngine finds, nil where that is nothing.
func Own(pid int, endpoint string) func(pid int) bool {
	e, err := FindEngine(pid, endpoint)
	if err != nil {
		return nil
	}
	return e.Owns()
}

// ErrNothing says that a set has nothing to read.
var ErrNothing = errors.New("nothing can be metered on this host: cfu meters says what each meter needs")

// Looks tells whether the set says who computes on its devices. Where it does not,
// nobody need look for the engine, which takes tens of milliseconds of CPU time on a
// busy host.
func (s Set) Looks() bool {
	for _, src := range s.Sources {
		if _, ok := meter.As[meter.Observable](src); ok {
			return true
		}
		if _, ok := meter.As[*agent.Source](src); ok {
			return true
		}
	}
	return false
}

// Uses lists, once, the processes that compute on each GPU of the set, here and at
// agents: while the engine is under load, and outside of measured windows, since a
// driver may take milliseconds for it. A GPU that does not answer in time is not
// among them. owns is Engine.Owns.
func (s Set) Uses(ctx context.Context, owns func(pid int) bool) []meter.Use {
	var mu sync.Mutex
	var uses []meter.Use
	keep := func(u meter.Use) {
		mu.Lock()
		defer mu.Unlock()
		uses = append(uses, u)
	}
	var g errgroup.Group
	for _, src := range s.Sources {
		if d, ok := meter.As[meter.Observable](src); ok {
			device := deviceOf(src)
			g.Go(func() error {
				found := make(chan meter.Use, 1)
				if meter.Within(meter.Patience, func() { found <- devices.UseOf(device, d, owns) }) {
					keep(<-found)
				}
				return nil
			})
		}
		if a, ok := meter.As[*agent.Source](src); ok {
			g.Go(func() error {
				for _, sum := range listen(ctx, a) {
					u := sum.Use()
					u.Host = hostOf(src)
					keep(u)
				}
				return nil
			})
		}
	}
	_ = g.Wait() // nothing fails: what does not answer is not in uses
	return uses
}

// deviceOf is the device of a source's first accelerator domain.
func deviceOf(src meter.Source) string {
	if all := meter.Devices(src.Domains()); len(all) > 0 {
		return all[0].ID
	}
	return ""
}

func hostOf(src meter.Source) string {
	for _, d := range src.Domains() {
		return d.Host
	}
	return ""
}

// askEvery is how often it is looked whether an agent has told of its GPUs.
const askEvery = 20 * time.Millisecond

// listen asks an agent for one look at its GPUs.
func listen(ctx context.Context, a *agent.Source) []devices.Summary {
	ctx, stop := context.WithTimeout(ctx, meter.Patience)
	defer stop()
	seen := a.Devices()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = seen.Run(ctx) // it ends with ctx
	}()
	for {
		if all := seen.Summaries(); len(all) > 0 {
			stop()
			<-done
			return all
		}
		select {
		case <-done:
			return seen.Summaries()
		case <-ctx.Done():
			<-done
			return seen.Summaries()
		case <-time.After(askEvery):
		}
	}
}

// Choose says which GPUs of the set are summed, by the processes that compute on
// them now: ask it while the engine is under load.
func (s Set) Choose(ctx context.Context, c meter.Choice, engine Engine) (meter.Chosen, error) {
	return c.Of(meter.Domains(s.Sources), s.Uses(ctx, engine.Owns()))
}
