package meter

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// watchPeriod is how often the watchdog looks at the calls under way: for so long
	// a call that blocks may hold up the sources that wait behind it. Each look wakes a
	// goroutine: a look at every poll would cost what reading in turn saves.
	watchPeriod = 100 * time.Millisecond
	// blockedAfter is how long a call may take before its domains are reported
	// stalled.
	blockedAfter = time.Second
)

// Sampler reads several sources side by side, each at its own rate, and judges every
// reading. A source whose call takes long or does not return holds up no other. Its
// methods may be called from several goroutines; Run only once.
type Sampler struct {
	clock   Clock
	domains []Domain
	workers []*worker
	latest  []slot
	clocks  func() clocks
	steps   atomic.Int64 // clock steps seen so far
}

// paced is a source that reads its registers at a rate of its own and hands the
// readings over when it is asked: a remote one.
type paced interface {
	// Period is the time between two readings of the named domain.
	Period(domain string) time.Duration
}

// NewSampler returns a sampler of sources, read every poll; poll 0 chooses each
// source's period from the update periods of its domains (PollPeriod). Domain
// names that occur twice get their source's name in front.
func NewSampler(clock Clock, sources []Source, poll time.Duration) *Sampler {
	s := &Sampler{clock: clock, clocks: readClocks, domains: Domains(sources)}
	first := 0
	for i, src := range sources {
		w := &worker{
			sampler: s, source: src, first: first,
			auto: poll <= 0, base: poll, phase: time.Duration(i) * stagger,
			cost: newCost(),
		}
		own := slices.Clone(src.Domains())
		if w.auto {
			w.base = PollPeriod(own)
		}
		w.cost.poll = w.base
		w.paces = make([]time.Duration, len(own))
		if p, ok := As[paced](src); ok {
			for i, d := range own {
				w.paces[i] = p.Period(d.Name)
			}
		}
		w.states = make([]State, len(own))
		w.held = make([]Reading, len(own))
		w.raw = make([]Reading, 0, len(own))
		for i, d := range own {
			w.judges = append(w.judges, NewClassifier(d, max(w.base, w.paces[i])))
			w.coarse = w.coarse || d.Coarse
		}
		first += len(own)
		s.workers = append(s.workers, w)
	}
	s.latest = make([]slot, len(s.domains))
	return s
}

// Domains lists the domains of several sources as a sampler of them does: in
// their order, each with a name of its own. A repeated name gets its source in
// front, then a number, and the parents that the same source names follow. Their
// texts are fit to print.
func Domains(sources []Source) []Domain {
	var all []Domain
	taken := map[string]bool{}
	for _, src := range sources {
		renamed := map[string]string{}
		own := slices.Clone(src.Domains())
		for i := range own {
			own[i] = own[i].printable()
		}
		for i, d := range own {
			name := d.Name
			if taken[name] {
				name = d.Source + "-" + d.Name
			}
			for n := 2; taken[name]; n++ {
				name = d.Source + "-" + d.Name + "-" + strconv.Itoa(n)
			}
			taken[name] = true
			renamed[d.Name] = name
			own[i].Name = name
		}
		for i, d := range own {
			if name, ok := renamed[d.Parent]; ok {
				own[i].Parent = name
			}
		}
		all = append(all, own...)
	}
	return all
}

// Domains lists all domains; Reading.Domain is an index into it.
func (s *Sampler) Domains() []Domain { return append([]Domain(nil), s.domains...) }

// Latest returns the last reading of a domain, false before the first. It
// takes no lock.
func (s *Sampler) Latest(domain int) (Reading, bool) {
	if domain < 0 || domain >= len(s.latest) {
		return Reading{}, false
	}
	return s.latest[domain].load(domain)
}

// Cost reports, per source, what sampling has cost so far.
func (s *Sampler) Cost() []SourceCost {
	costs := make([]SourceCost, len(s.workers))
	for i, w := range s.workers {
		costs[i] = w.cost.report()
		costs[i].Source = strconv.Itoa(i)
		for j := range w.states {
			costs[i].Domains = append(costs[i].Domains, w.first+j)
			costs[i].Source = s.domains[w.first].Source
		}
	}
	return costs
}

// Run reads all sources until ctx ends, then each once more, and passes every
// reading to sink, one call at a time; a domain's readings come in their order.
// The slice belongs to the sampler again when sink returns. A slow sink holds up
// no read until some thousand batches wait for it. Run returns nil at the end of
// ctx, sink's error if it has one, and a *BlockedError if calls under way did not
// return within two seconds.
func (s *Sampler) Run(ctx context.Context, sink func([]Reading) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := newOutlet()
	start := s.clock()

	readers := s.startReaders(ctx, start, out)
	done := make(chan struct{})
	go func() {
		defer close(done)
		readers.running.Wait()
	}()
	writer := new(errgroup.Group)
	writer.Go(func() error {
		err := out.deliver(sink)
		if err != nil {
			cancel()
		}
		return err
	})
	s.watch(ctx, readers, done)
	close(out.ended)
	return errors.Join(writer.Wait(), s.blocked())
}

// watch looks for calls that do not return and for steps of the clocks, until all
// readers have ended, or ctx and Patience after it.
func (s *Sampler) watch(ctx context.Context, readers *readers, done <-chan struct{}) {
	// A ticker, which starts with the polls: one waking of the processor serves both.
	tick := time.NewTicker(watchPeriod)
	defer tick.Stop()
	ending := ctx.Done()
	var grace <-chan time.Time
	last, compared := s.clocks(), s.clock()
	for {
		select {
		case <-ending:
			ending, grace = nil, time.After(Patience)
		case <-grace:
			return
		case <-done:
			return
		case <-tick.C:
		}
		now := s.clock()
		readers.watch(ctx, now)
		for _, w := range s.workers {
			w.watch(now, readers.out)
		}
		if now-compared < clockPeriod {
			continue
		}
		seen := s.clocks()
		if stepped(last, seen) {
			s.steps.Add(1)
		}
		last, compared = seen, now
	}
}

// blocked lists the sources with a call still under way.
func (s *Sampler) blocked() error {
	var stuck []string
	for _, w := range s.workers {
		if w.running.Load() {
			stuck = append(stuck, s.domains[w.first].Source+" ("+s.domains[w.first].Name+")")
		}
	}
	if stuck == nil {
		return nil
	}
	return &BlockedError{Sources: stuck}
}
