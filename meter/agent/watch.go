package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/internal/outside"
	"cfubench/meter"
	"cfubench/meter/devices"
)

// watchEvery is how often a client is told what was seen of the GPUs.
const watchEvery = time.Second

// watchLimit bounds one line of it: a summary has about 500 bytes.
const watchLimit = 1 << 20

// watch observes the GPUs for one client, as long as it listens, and sends what
// it has seen since then, one line of JSON a second.
func (s *Server) watch(w http.ResponseWriter, r *http.Request) {
	observer := devices.NewObserver(s.sources, s.own())
	w.Header().Set("Content-Type", "application/x-ndjson")
	flush := http.NewResponseController(w)
	lines := json.NewEncoder(w)
	group, ctx := errgroup.WithContext(r.Context())
	group.Go(func() error { return observer.Run(ctx) })
	group.Go(func() error {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			if err := errors.Join(unread(flush), lines.Encode(observer.Summaries()), flush.Flush()); err != nil {
				return err // which ends the observer
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	_ = group.Wait() // the client has gone, or the agent ends
}

// Devices is what an agent sees of its GPUs from the call of Run on.
type Devices struct {
	source *Source

	mu      sync.Mutex
	earlier []devices.Summary // of connections that broke
	now     []devices.Summary
	failure error
	each    func(meter.DeviceState)
}

// Each has f called with every look of the agent's that comes from now on, one call
// at a time, with its time on the client's clock.
func (d *Devices) Each(f func(meter.DeviceState)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.each = f
}

// hand passes on the looks of seen that before did not have.
func (d *Devices) hand(before, seen []devices.Summary) {
	for _, s := range seen {
		if d.each == nil || s.Last == nil || slices.ContainsFunc(before, func(b devices.Summary) bool {
			return b.Device == s.Device && b.Last != nil && b.Last.At == s.Last.At
		}) {
			continue
		}
		look := *s.Last
		d.source.mu.Lock()
		look.At, _ = d.source.clocks.roughly(look.At)
		if b := look.Buffered; b != nil {
			here := *b // on the client's clock
			here.From, _ = d.source.clocks.roughly(b.From)
			here.To, _ = d.source.clocks.roughly(b.To)
			here.Stamps = slices.Clone(b.Stamps)
			for i := range here.Stamps {
				here.Stamps[i] += here.From - b.From
			}
			look.Buffered = &here
		}
		d.source.mu.Unlock()
		d.each(look)
	}
}

// Devices returns the agent's GPUs, to be watched.
func (s *Source) Devices() *Devices { return &Devices{source: s} }

// Run listens to the agent until ctx ends. A connection that breaks, or is silent,
// is made again; what nobody saw in between is in no summary. It returns nil.
func (d *Devices) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := d.listen(ctx)
		d.mu.Lock()
		d.earlier, d.now = merge(d.earlier, d.now), nil
		if ctx.Err() == nil {
			d.failure = err
		}
		d.mu.Unlock()
		timer := time.NewTimer(maxPause)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
	return nil
}

// listen reads one connection's lines.
func (d *Devices) listen(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dead := time.AfterFunc(patience, cancel)
	defer dead.Stop()
	resp, err := d.source.connection.get(ctx, pathWatch, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, watchLimit)
	for lines.Scan() {
		var seen []devices.Summary
		if err := json.Unmarshal(lines.Bytes(), &seen); err != nil {
			return fmt.Errorf("what it sees of its GPUs: %w", err)
		}
		seen = slices.DeleteFunc(seen, func(s devices.Summary) bool { return s.Looks == 0 }) // not yet
		for i := range seen {
			seen[i].Device = outside.Line(seen[i].Device, 0) + "@" + d.source.connection.base.Host
		}
		dead.Reset(silence)
		d.mu.Lock()
		d.hand(d.now, seen)
		d.now, d.failure = seen, nil
		d.mu.Unlock()
	}
	return lines.Err()
}

// Summaries returns one summary a GPU, with the agent's address in its name.
func (d *Devices) Summaries() []devices.Summary {
	d.mu.Lock()
	defer d.mu.Unlock()
	return merge(d.earlier, d.now)
}

// Err says why the GPUs are not seen, nil while they are.
func (d *Devices) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failure
}

// merge joins the summaries of each device.
func merge(earlier, later []devices.Summary) []devices.Summary {
	out := append([]devices.Summary(nil), earlier...)
next:
	for _, s := range later {
		for i := range out {
			if out[i].Device == s.Device {
				out[i] = out[i].Merge(s)
				continue next
			}
		}
		out = append(out, s)
	}
	return out
}
