package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"time"

	"cfubench/internal/admission"
	"cfubench/internal/outside"
	"cfubench/internal/secret"
	"cfubench/internal/si"
	"cfubench/meter"
	"cfubench/results/arrowfile"
	"cfubench/results/derivation"
	"cfubench/results/live"
	"cfubench/results/runfolder"
	"cfubench/results/tenants"
	"cfubench/results/tenants/otlp"
)

// Tenants says where a watcher learns whose the requests were.
type Tenants struct {
	Log string // a file with a line a request; "" for none
	// OTLP is the address at which OpenTelemetry spans are received, "" for none,
	// from those whom Gate lets in.
	OTLP  string
	Gate  admission.Gate
	Field string // in which a line or a span names the tenant
	Bound int    // names that are told; the rest are "other"
	// Delay is how long after an interval its requests may still be logged.
	Delay time.Duration
}

// Check refuses what does not go together, by weights as IN:OUT, and a field that has
// keys, as a runfolder.ConfigError.
func (t Tenants) Check(weights string) error {
	switch _, err := derivation.ParseTokenWeights(weights); {
	case err != nil:
		return runfolder.Refuse("--tenant-weights: token weights %w", err)
	case t.Field == "":
		return runfolder.Refuse("--tenant-field is empty: name the field that has the tenant")
	case secret.IsSecretName(t.Field):
		return runfolder.Refuse("--tenant-field %q has a secret for a value: name a field that says whose the request is", t.Field)
	case t.Bound < 1 || t.Bound > 10000:
		return runfolder.Refuse("--tenants %d: want 1 to 10000", t.Bound)
	case t.Delay < 0 || t.Delay > time.Hour:
		return runfolder.Refuse("--tenant-delay %v: want 0 to 1h", t.Delay)
	}
	return nil
}

// tenantBook divides the energy of intervals among tenants, a delay after them.
type tenantBook struct {
	Tenants
	tail    tenants.Tail
	spans   *otlp.Receiver // nil without an address
	traces  tenants.Traces
	names   tenants.Names
	divider derivation.TenantDivider
	from    time.Duration // begin of the first interval
	begun   bool
	waiting []derivation.Interval // for the delay
	strange bool                  // a line or span that is no request's was told of
	failed  string                // why the file cannot be read, as it was told
}

// A request is of now if its line comes at most oldest after its end, and at most
// ahead before it, by a clock that is.
const oldest, ahead = time.Hour, time.Minute

// newTenantBook is nil without a log and spans.
func newTenantBook(c Config, figures *live.Watch) *tenantBook {
	if c.Tenants.Log == "" && c.Tenants.OTLP == "" {
		return nil
	}
	b := &tenantBook{Tenants: c.Tenants, tail: tenants.Tail{Path: c.Tenants.Log}, names: tenants.Names{Bound: c.Tenants.Bound, Secrets: c.Secrets}}
	// The other half of the delay is the sender's.
	b.traces.Patience = c.Tenants.Delay / 2
	if c.Tenants.OTLP != "" {
		b.spans = &otlp.Receiver{Field: c.Tenants.Field, Check: func(r tenants.Record) error { return ofNow(r, time.Now()) }, Meter: figures.Received()}
	}
	b.divider.Weights, _ = derivation.ParseTokenWeights(c.Weights) // the flag's check has read it
	return b
}

// delay is how long a cell waits for its last requests.
func (b *tenantBook) delay() time.Duration {
	if b == nil {
		return 0
	}
	return b.Delay
}

// receive receives spans until stop, if an address was given for it.
func (w *Watcher) receive(ctx context.Context) (stop func() error, err error) {
	b := w.tenants
	if b == nil || b.spans == nil {
		return func() error { return nil }, nil
	}
	server, err := otlp.Listen(ctx, b.OTLP, b.Gate, b.spans)
	if err != nil {
		return nil, err
	}
	w.say("spans: %s, or over gRPC to %s", server.URL(), server.Addr())
	refuse := context.AfterFunc(ctx, b.spans.End) // what comes later stays with its sender
	return func() error { refuse(); return server.Stop() }, nil
}

// logged takes the requests that have been logged or received since the last look.
func (w *Watcher) logged() error {
	b := w.tenants
	if b == nil {
		return nil
	}
	if b.spans != nil {
		s := b.spans.Take()
		if s.Wrong != nil {
			w.strange("span", s.Wrong)
		}
		return w.requests(s)
	}
	return w.lines()
}

// lines takes those that have come to the log.
func (w *Watcher) lines() error {
	b := w.tenants
	now := time.Now()
	var all tenants.Spans
	long, err := b.tail.Lines(func(line []byte) {
		s, err := tenants.Parse(line, b.Field)
		if err != nil && !errors.Is(err, tenants.ErrNoRequest) {
			w.strange("line of "+b.Log, err)
		}
		for _, r := range s.Requests {
			if err := ofNow(r, now); err != nil {
				w.strange("line of "+b.Log, err)
				continue
			}
			all.Requests = append(all.Requests, r)
		}
		all.Callers = append(all.Callers, s.Callers...)
	})
	if long > 0 {
		w.strange("line of "+b.Log, fmt.Errorf("%d lines are too long", long))
	}
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != b.failed {
		w.say("warning: %s: no request is anybody's until it can be read", text)
	}
	b.failed = text
	return w.requests(all)
}

// ofNow refuses a request that is not of now.
func ofNow(r tenants.Record, now time.Time) error {
	if age := now.Sub(r.End); age > oldest || age < -ahead {
		return fmt.Errorf("its request ended at %s, and it is %s", r.End.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

// requests takes what lines or spans tell, and those before whose tenants are settled
// by now.
func (w *Watcher) requests(s tenants.Spans) error {
	b := w.tenants
	now, at := time.Now(), w.clock()
	until := at
	if w.ended {
		until = math.MaxInt64
	}
	settled, repeated := b.traces.Add(s, until)
	if b.spans != nil {
		b.spans.Meter.Spans(otlp.Repeated, repeated)
	}
	var errs []error
	for _, r := range settled {
		errs = append(errs, w.request(runfolder.TenantRequest{
			Tenant: b.names.Of(r.Tenant), Start: at + r.Start.Sub(now), End: at + r.End.Sub(now), PromptTokens: r.PromptTokens, OutputTokens: r.OutputTokens,
		}))
	}
	return errors.Join(errs...)
}

// strange tells once of a line or a span that is no request's.
func (w *Watcher) strange(what string, err error) {
	if !w.tenants.strange {
		w.tenants.strange = true
		w.say("warning: a %s is left out, and further ones like it without a word: %s", what, w.Secrets.Text(outside.Line(err.Error(), 0)))
	}
}

// request takes a finished request: it is a row of the cells that it lies in.
func (w *Watcher) request(r runfolder.TenantRequest) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if b := w.tenants; b.begun {
		b.divider.Add(r, b.from)
	}
	for _, p := range w.parts {
		if r.End <= p.start || p.ended && r.Start >= p.end {
			continue
		}
		row := r
		row.Key, row.Start, row.End = p.key, r.Start-p.origin, r.End-p.origin
		if err := p.tenants.Write(row); err != nil {
			return err
		}
	}
	return nil
}

// counted takes an interval whose energy is known.
func (b *tenantBook) counted(i derivation.Interval) {
	if b == nil {
		return
	}
	if !b.begun {
		b.begun, b.from = true, i.Start
	}
	b.waiting = append(b.waiting, i)
}

// divide divides the intervals that end a delay or more before now. What waits is
// told beside it.
func (w *Watcher) divide(now time.Duration) {
	b := w.tenants
	if b == nil {
		return
	}
	n := 0
	for n < len(b.waiting) && b.waiting[n].End+b.Delay <= now {
		w.live.Tenants(b.divider.Divide(b.waiting[n]))
		n++
	}
	b.waiting = append([]derivation.Interval(nil), b.waiting[n:]...)
	var left meter.Energy
	for _, i := range b.waiting {
		left += i.Energy.Energy
	}
	w.live.Undivided(left)
}

// recoverTenants makes whole the table of requests that a killed cfu left.
func (h *hour) recoverTenants(cell string) error {
	path := runfolder.CellFile(h.dir, cell, runfolder.TenantsFile)
	_, err := runfolder.RecoverTable(path)
	switch {
	case err == nil || errors.Is(err, fs.ErrNotExist):
		return nil
	case !errors.Is(err, arrowfile.ErrEmpty):
		return err
	}
	table, err := runfolder.TenantRequests().Create(filepath.Clean(path), h.meta(cell))
	if err != nil {
		return err
	}
	return table.Close()
}

// tenantsLine says how many share an hour and who has most of it.
func tenantsLine(shares []derivation.TenantShare) string {
	first, named := -1, 0
	for i, s := range shares {
		switch s.Tenant {
		case tenants.Idle, tenants.Unattributed, tenants.None:
			continue
		}
		if named++; first < 0 || s.Energy > shares[first].Energy {
			first = i
		}
	}
	if first < 0 {
		return ""
	}
	return fmt.Sprintf("%d tenants, most of it %s's: %s", named, shares[first].Tenant, si.Format(shares[first].EnergyJ, "J"))
}
