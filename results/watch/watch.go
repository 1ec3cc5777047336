// Package watch meters a server in production, without any load of its own: it
// reads the meters and the server's own totals, says what a token and a request
// cost now, and keeps a run folder for each hour.
//
// Time counts only where both are known. A restart of the server and an outage of
// its metrics end a cell, and the next begins behind it; an interval that the meters
// do not show is in none of the live figures. The package knows no printing.
package watch

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"

	"cfubench/attribution/lca"
	"cfubench/internal/failure"
	"cfubench/internal/secret"
	"cfubench/loadgen/engine"
	"cfubench/meter"
	"cfubench/meter/host"
	"cfubench/meter/session"
	"cfubench/results/derivation"
	"cfubench/results/live"
	"cfubench/results/runfolder"
)

// Config says what is watched, and how.
type Config struct {
	runfolder.Config // of which Endpoint and the meters' part are used

	Out string // has a folder an hour, "2026-11-28T18" in UTC
	PID int    // the server's process, 0 to find it by the endpoint
	// Interval is the time between two scrapes of the server.
	Interval time.Duration
	// Keep is how long the folder of an hour stays, 0 for ever.
	Keep time.Duration
	// Grid is whose carbon is counted, nil for none.
	Grid *lca.CarbonGrid
	// Tenants are told apart where there is a log of requests, or spans, by Weights.
	Tenants Tenants
	// Listen is where live metrics are exposed, "" for nowhere.
	Listen string
	// Client and APIKey ask the server.
	Client *http.Client
	APIKey string
	// Getenv reads the environment: credentials of meters.
	Getenv func(string) string
	// Secrets are kept out of what is recorded.
	Secrets *secret.Redactor
	// Say gets a line at each event.
	Say func(string)
}

// In scrapes: how long an interval of the figures is, and how long the server may be
// silent before the time is not counted.
const (
	figureScrapes   = 10
	patienceScrapes = 10
)

// ending is how long what is derived at the end may take.
const ending = time.Second

// errOtherProcess says that a model of the server's processes has to be opened anew.
var errOtherProcess = errors.New("the server has another process")

// Watcher is a server that is watched.
type Watcher struct {
	Config
	started  time.Time
	clock    meter.Clock
	wall     func() time.Time // by which hours are named; another in tests
	live     *live.Watch
	progress engine.Progress

	identity engine.Identity
	profile  engine.Profile
	model    string
	engine   host.CurrentEngine

	meters  func(context.Context) (host.Set, error) // hostMeters; others in tests
	set     host.Set
	session *session.Session
	found   []meter.Calibration
	lag     time.Duration // from an event until every meter that is well has shown it
	hour    *hour
	ended   bool

	mu       sync.Mutex // guards what follows, between the meters and the loop
	domains  []runfolder.DomainInfo
	recent   recent
	parts    []*part // that readings go to; the last is under way unless it is ended
	figures  figures
	tenants  *tenantBook // nil where none are told apart
	silent   string      // why the server does not answer, "" while it does
	lastGood time.Duration
}

// New returns a watcher that has not begun.
func New(c Config) *Watcher {
	w := &Watcher{Config: c, started: time.Now(), wall: time.Now, live: live.NewWatch(c.Grid)}
	w.clock = meter.NewClock(w.started)
	w.meters, w.tenants = w.hostMeters, newTenantBook(c, w.live)
	w.progress.Patience = patienceScrapes * c.Interval
	return w
}

// Run watches until ctx ends, which is no error. It waits for a server that does
// not answer, and fails where one has no metrics that are known.
func (w *Watcher) Run(ctx context.Context) (err error) {
	if w.Listen != "" {
		server, e := live.Listen(w.Listen, w.live.Handler())
		if e != nil {
			return e
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		w.say("%s", server.Line())
		if warning := server.Warning(); warning != "" {
			w.say("warning: %s", warning)
		}
	}
	stop, err := w.receive(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if err := w.mend(); err != nil {
		return err
	}
	if err := w.prune(w.wall()); err != nil {
		return err
	}
	for {
		if err := w.await(ctx); err != nil || ctx.Err() != nil {
			return err
		}
		if err := w.meter(ctx); !errors.Is(err, errOtherProcess) {
			return err
		}
		w.say("the server has another process: the model of it begins anew")
	}
}

// meter watches with one opening of the meters.
func (w *Watcher) meter(ctx context.Context) (err error) {
	if err := w.open(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer func() { err = w.set.CloseAfter(err) }()
	w.session.Start(ctx, w.read)
	err = w.loop(ctx)
	if stopped := w.session.Stop(); err == nil {
		err = stopped
	}
	if e := w.end(); e != nil {
		return failure.Join(err, e)
	}
	return err
}

// loop scrapes the server until ctx ends.
func (w *Watcher) loop(ctx context.Context) error {
	tick := time.NewTicker(w.Interval)
	defer tick.Stop()
	for {
		s, _ := w.profile.Scrape(ctx, w.Client, w.Endpoint, w.APIKey, w.clock)
		if ctx.Err() != nil {
			return nil
		}
		if err := w.take(ctx, s); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-w.session.Failed():
			return fmt.Errorf("meters: %w", w.session.Err())
		case <-ctx.Done():
			return nil
		}
	}
}

// take takes a scrape: it is a row, makes the cell under way longer or ends it, and
// begins the next.
func (w *Watcher) take(ctx context.Context, s engine.Sample) error {
	w.live.Scraped(s)
	if err := w.row(s); err != nil {
		return err
	}
	if err := w.logged(); err != nil {
		return err
	}
	stretch, ok := w.progress.Add(s)
	switch now := s.At(); {
	case !ok:
		if w.silence(s) {
			w.cut(w.lastGood)
		}
	case stretch.Break == engine.Unbroken:
		w.answers(now)
		w.served(stretch)
		if p := w.under(); p != nil && p.hour.name != hourOf(w.wall()) {
			w.cut(now)
			if err := w.begin(s); err != nil {
				return err
			}
		}
	default:
		w.answers(now)
		if stretch.Break != engine.First {
			w.broken(stretch)
			if err := w.again(ctx); err != nil {
				return err
			}
		}
	}
	if ok && w.under() == nil && w.ready(s.At()) {
		if err := w.begin(s); err != nil {
			return err
		}
	}
	w.settle(s.At())
	return w.complete(w.whole(s.At()))
}

// broken ends the cell under way where a stretch that is not counted begins.
func (w *Watcher) broken(s engine.Stretch) {
	w.cut(s.From)
	w.live.Uncounted(string(s.Break), s.To-s.From)
	what := "the server has been restarted"
	if s.Break == engine.Outage {
		what = "the server answers again"
	}
	w.say("%s: %v are in no figure", what, (s.To - s.From).Round(time.Millisecond))
}

// again asks a server that has restarted who it is now.
func (w *Watcher) again(ctx context.Context) error {
	id, err := engine.Identify(ctx, w.Client, w.Endpoint, w.APIKey)
	if err != nil { // it went away again: the next scrape says so
		return nil
	}
	if slices.ContainsFunc(w.set.Sources, ofProcess) {
		return errOtherProcess
	}
	w.is(id)
	return w.choose(ctx)
}

// ofProcess reports whether a source models the processes of the server.
func ofProcess(s meter.Source) bool {
	return slices.ContainsFunc(s.Domains(), func(d meter.Domain) bool { return d.Scope == meter.ScopeProcess })
}

// silence takes a scrape that failed; it reports whether the server has been silent
// for longer than is counted. It says so once.
func (w *Watcher) silence(s engine.Sample) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.At()-w.lastGood <= w.progress.Patience {
		return false
	}
	first := w.silent == ""
	if w.silent = s.Err; first {
		w.say("the server does not answer at %s: %s; the time until it does is in no figure", w.Secrets.Text(w.Endpoint), s.Err)
	}
	return true
}

// answers notes a scrape that gave something.
func (w *Watcher) answers(at time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent, w.lastGood = "", at
}

// end completes what is under way. The meters have been read once more. What is
// derived of it has a moment: cfu attribute does it as well.
func (w *Watcher) end() error {
	w.cut(w.lastGood)
	w.ended = true
	if err := w.logged(); err != nil {
		return err
	}
	w.mu.Lock()
	w.divide(math.MaxInt64)
	parts := w.parts
	w.parts = nil
	w.mu.Unlock()
	hours := map[*hour]bool{w.hour: w.hour != nil}
	for _, p := range parts {
		hours[p.hour] = true
	}
	if err := w.complete(parts); err != nil {
		return err
	}
	closed := make(chan error, 1)
	go func() {
		var errs []error
		for h, there := range hours {
			if there {
				errs = append(errs, w.close(h))
			}
		}
		closed <- errors.Join(errs...)
	}()
	select {
	case err := <-closed:
		return err
	case <-time.After(ending):
		w.say("ended before everything was derived: cfu attribute does it for the last hour")
		return nil
	}
}

// kind is that of the energy of the domains that are summed.
func (w *Watcher) kind() string { return derivation.KindOf(w.domains) }

func (w *Watcher) say(format string, args ...any) {
	if w.Say != nil {
		w.Say(fmt.Sprintf(format, args...))
	}
}
