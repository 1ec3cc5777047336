package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"cfubench/internal/si"
	"cfubench/meter"
	"cfubench/results/arrowfile"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
	"cfubench/results/tenants"
)

// Tenants says where a watcher learns whose the requests were.
type Tenants struct {
	Log   string // a file with a line a request; "" for none
	Field string // in which a line names the tenant
	Bound int    // names that are told; the rest are "other"
	// Delay is how long after an interval its requests may still be logged.
	Delay time.Duration
}

// tenantBook divides the energy of intervals among tenants, a delay after them.
type tenantBook struct {
	Tenants
	tail    tenants.Tail
	names   tenants.Names
	divider derivation.TenantDivider
	from    time.Duration // begin of the first interval
	begun   bool
	waiting []derivation.Interval // for the delay
	strange bool                  // a line that is no request's was told of
	failed  string                // why the file cannot be read, as it was told
}

// A request is of now if its line comes at most oldest after its end, and at most
// ahead before it, by a clock that is.
const oldest, ahead = time.Hour, time.Minute

// newTenantBook is nil without a log.
func newTenantBook(c Config) *tenantBook {
	if c.Tenants.Log == "" {
		return nil
	}
	b := &tenantBook{Tenants: c.Tenants, tail: tenants.Tail{Path: c.Tenants.Log}, names: tenants.Names{Bound: c.Tenants.Bound, Secrets: c.Secrets}}
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

// logged takes the requests that have been logged since the last look.
func (w *Watcher) logged() error {
	b := w.tenants
	if b == nil {
		return nil
	}
	now, at := time.Now(), w.clock()
	var failed error
	long, err := b.tail.Lines(func(line []byte) {
		records, err := tenants.Parse(line, b.Field)
		if err != nil && !errors.Is(err, tenants.ErrNoRequest) {
			w.strange(err)
		}
		for _, r := range records {
			if age := now.Sub(r.End); age > oldest || age < -ahead {
				w.strange(fmt.Errorf("its request ended at %s, and it is %s", r.End.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339)))
				continue
			}
			row := runfolder.TenantRequest{
				Tenant: b.names.Of(r.Tenant), Start: at + r.Start.Sub(now), End: at + r.End.Sub(now), PromptTokens: r.PromptTokens, OutputTokens: r.OutputTokens,
			}
			if err := w.request(row); err != nil && failed == nil {
				failed = err
			}
		}
	})
	if long > 0 {
		w.strange(fmt.Errorf("%d lines are too long", long))
	}
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != b.failed {
		w.say("warning: %s: no request is anybody's until it can be read", text)
	}
	b.failed = text
	return failed
}

// strange tells once of a line that is no request's.
func (w *Watcher) strange(err error) {
	if !w.tenants.strange {
		w.tenants.strange = true
		w.say("warning: a line of %s is left out, and further ones like it without a word: %v", w.tenants.Log, err)
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
