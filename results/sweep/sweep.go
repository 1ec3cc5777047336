// Package sweep makes runs: it launches or finds a server per batch size, puts
// every load of the configuration on it, meters it throughout, and writes the
// raw tables of each cell to a run folder, from which a run that was interrupted
// goes on. Several sweeps can share one run as its shards.
//
// What the raw tables come to is the business of package derivation.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cfubench/datasets"
	"cfubench/internal/failure"
	"cfubench/internal/hostinfo"
	"cfubench/internal/version"
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/live"
	"cfubench/results/runfolder"
)

// Log is where a sweep says what it does. Its methods may be called from several
// goroutines at once.
type Log interface {
	// Say takes a line about the run, Result one that the user asked for.
	Say(line string)
	Result(line string)
	// Follow shows what line returns, now and then, until ctx ends.
	Follow(ctx context.Context, line func() string)
}

// Quiet is a Log that says nothing.
type Quiet struct{}

// Say does nothing.
func (Quiet) Say(string) {}

// Result does nothing.
func (Quiet) Result(string) {}

// Follow returns at once.
func (Quiet) Follow(context.Context, func() string) {}

// sweep is one run: a server per batch size, and on each the cells of that batch
// size, written to the run folder as they complete.
type sweep struct {
	config Config
	log    Log
	origin time.Time
	clock  meter.Clock
	trace  datasets.Trace
	// prefixes are those of the requests of a cell, nil until they are looked for.
	prefixes []datasets.Prefix
	plan     []launch
	context  int             // tokens of the server that the trace was chosen for, 0 if unknown
	done     map[string]bool // cells that are complete
	// failedNow are the launches that failed in this run.
	failedNow map[runfolder.Point]bool
	server    target     // what is being measured now
	rates     tokenRates // observed, for the live line and the self-test
	live      *live.Live
	total     int // cells of the sweep
	pace      pace
	ends      time.Duration // when the run likely does, as it was judged when the cell under way began
	// overBudget says that a cell was left out since it would not end in time.
	overBudget bool
	flying     atomic.Pointer[loadgen.Live] // of the cell under way
	loaded     time.Duration                // when the server had its last request

	hidden int           // cells of the record without secrets
	saved  int           // cells of the record in run.json
	again  time.Duration // when the next cell may be saved

	mu     sync.Mutex // guards record.Warnings: doubts come from several goroutines
	record runfolder.Run
}

// Run measures what the configuration says, which Check has passed, and returns
// the run as it stands in run.json, also with an error: what was measured before
// it is there. An interrupted or failed run can be gone on with (Config.Resume).
func Run(ctx context.Context, c Config, log Log) (runfolder.Run, error) {
	s, err := newSweep(c, log)
	if err != nil {
		return runfolder.Run{}, err
	}
	err = s.run(ctx)
	return s.record, err
}

// newSweep checks the run folder and prepares the record of the run.
func newSweep(c Config, log Log) (*sweep, error) {
	s := &sweep{config: c, log: log, pace: newPace(), done: map[string]bool{}, failedNow: map[runfolder.Point]bool{}, live: live.New(), origin: time.Now()}
	s.clock = meter.NewClock(s.origin)
	s.record = runfolder.Run{
		Cfu: version.String(), Build: version.Read(), Started: s.origin.UTC().Format(time.RFC3339),
		Config: c.Recorded(), ScheduleHash: map[string]string{}, Host: hostinfo.Read(),
	}
	s.record.ConfigHash = s.record.Config.Hash()
	old, err := runfolder.ReadRun(c.Out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if c.Resume {
			s.say("nothing to resume in %s: starting there", c.Out)
		}
	case err != nil:
		return nil, err
	case !c.Resume:
		return nil, fmt.Errorf("%s already holds a run of %s: give another --out, or --resume to go on with it", c.Out, old.Started)
	case old.ConfigHash != s.record.ConfigHash:
		return nil, fmt.Errorf("resume %s: it was made with other flags (%s): repeat the command that made it, or give another --out", c.Out, differing(old.Config, s.record.Config))
	default:
		s.goOn(old)
	}
	if err := runfolder.MakeDir(filepath.Join(c.Out, runfolder.CellsDir)); err != nil {
		return nil, fmt.Errorf("create output folder: %w", err)
	}
	probe := filepath.Join(c.Out, ".writable")
	f, err := runfolder.Create(probe)
	if err == nil {
		_, err = f.WriteString("x") // a full disk takes a name, not a byte
		err = errors.Join(err, f.Close(), runfolder.Remove(probe))
	}
	if err != nil {
		return nil, fmt.Errorf("write to output folder: %w", err)
	}
	return s, nil
}

// goOn continues an earlier run: its record is kept whole, but for the cells that
// did not complete, which are measured again.
func (s *sweep) goOn(old runfolder.Run) {
	old.Cells = slices.DeleteFunc(old.Cells, func(c runfolder.Cell) bool { return !c.Complete })
	for _, c := range old.Cells {
		s.done[c.ID] = true
	}
	if old.ScheduleHash == nil {
		old.ScheduleHash = map[string]string{}
	}
	s.record, s.saved = old, len(old.Cells)
}

// differing names the flags in which two configurations differ.
func differing(a, b runfolder.Config) string {
	if flags := a.Differing(b); len(flags) > 0 {
		return strings.Join(flags, ", ")
	}
	return "of another cfu version"
}

// run measures every cell that is not there yet.
func (s *sweep) run(ctx context.Context) error {
	s.plan = s.config.launches()
	for _, l := range s.plan {
		s.total += l.count()
	}
	s.live.SetRun(s.total, s.origin)
	for _, w := range s.config.unreplaced() {
		s.warn("%s", w)
	}
	s.schedules()
	stop := func() error { return nil }
	if s.config.Listen != "" {
		server, err := live.Listen(s.config.Listen, s.metrics())
		if err != nil {
			return err
		}
		s.say("%s", server.Line())
		if w := server.Warning(); w != "" {
			s.warn("%s", w)
		}
		stop = server.Stop
	}
	err := s.measureAll(ctx)
	if ctx.Err() == nil {
		err = failure.Join(err, s.notMeasured())
	}
	if s.saved < len(s.record.Cells) {
		err = failure.Join(err, s.save())
	}
	return failure.Join(failure.Join(err, s.leave(err)), stop())
}

func (s *sweep) measureAll(ctx context.Context) error {
	if s.config.ClientCPUs != "" {
		if err := loadgen.PinCPUs(s.config.ClientCPUs); err != nil {
			return err
		}
	}
	if !s.needsServerTokenizer() { // a trace that cannot be read is an error before an engine has loaded
		if _, err := s.selectTrace(ctx, nil); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(s.plan, func(l launch) bool { return !s.allDone(l) }) {
		if err := s.bareIdle(ctx); err != nil {
			if ctx.Err() != nil {
				return interruptedError(s.config.Out)
			}
			return err
		}
	}
	for _, l := range s.plan {
		if s.allDone(l) {
			s.say("%s: nothing is left to measure", l)
			continue
		}
		if s.failedNow[l.point()] { // and would again in each later round
			continue
		}
		if !s.fitsOne(l) {
			s.overBudget = true
			continue
		}
		err := s.serve(ctx, l)
		if ctx.Err() != nil && err != nil {
			return interruptedError(s.config.Out)
		}
		if err = s.settle(l, err); err != nil {
			return err
		}
	}
	if left := s.total - len(s.done); left > 0 && s.overBudget {
		s.warn("--budget %v: %d of %d cells are not measured; --resume measures them, within a budget of its own", s.config.Budget, left, s.total)
	}
	if s.config.Certify && len(s.record.Cells) > 0 {
		if err := s.selfTest(ctx); err != nil {
			if ctx.Err() != nil {
				return interruptedError(s.config.Out)
			}
			return err
		}
	}
	return nil
}

// allDone reports whether every cell of a launch is complete.
func (s *sweep) allDone(l launch) bool {
	if s.config.FindRate {
		f, ok := s.search(l)
		if !ok || f.Rejected() {
			return ok
		}
		l.cells = s.foundCells(l)
	}
	for _, c := range l.cells {
		if !s.done[c.id] {
			return false
		}
	}
	return true
}

// interruptedError is how a run ends that was told to.
func interruptedError(out string) error {
	return fmt.Errorf("interrupted: what was measured is in %s; the same command with --resume goes on", out)
}

// say prints a line about the run.
func (s *sweep) say(format string, args ...any) {
	s.log.Say(s.config.Secrets.Text(fmt.Sprintf(format, args...)))
}

// warn prints a doubt and keeps it in the record, once.
func (s *sweep) warn(format string, args ...any) {
	w := s.config.Secrets.Text(fmt.Sprintf(format, args...))
	s.mu.Lock()
	known := slices.Contains(s.record.Warnings, w)
	if !known {
		s.record.Warnings = append(s.record.Warnings, w)
	}
	s.mu.Unlock()
	if !known {
		s.say("warning: %s", w)
	}
}
