// Package record meters a command, a process or a host from start to end, for
// hours or for weeks: what training, an evaluation or the making of data used.
//
// It leaves a run folder without requests: run.json, the tables of one cell a
// part, and record.json, which a stage of an inventory names. The command is not
// disturbed: it has cfu's input and output, gets cfu's signals, and outlives a
// cfu that is killed. Raw readings are rolled up when they are an hour old.
package record

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"cfubench/attribution/lca"
	"cfubench/internal/failure"
	"cfubench/internal/hostinfo"
	"cfubench/internal/secret"
	"cfubench/internal/version"
	"cfubench/meter"
	"cfubench/meter/host"
	"cfubench/meter/session"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
	"cfubench/results/segments"
)

// Config says what is metered, and how.
type Config struct {
	runfolder.Config // of which the meters' part is used

	Out    string
	Append bool // goes on with the record in Out
	// One of Command, PID and Until is what is metered: a command, a process that
	// is there, this host until a time. With PID, Until is the latest end.
	Command []string
	PID     int
	Until   Until
	// Label and Stage are kept in the record.
	Label, Stage string
	// Getenv reads the environment: credentials of meters.
	Getenv func(string) string
	// Secrets are kept out of what is recorded of the command and the meters; nil
	// stands for those of the process.
	Secrets *secret.Redactor
	// Say gets a line at each phase.
	Say func(string)
}

// Result is a record that was made.
type Result struct {
	Run    runfolder.Run
	Record lca.Record
	// Parts is the energy of each part, in the order of the run's cells.
	Parts []derivation.CellEnergy
	// Exit is the command's exit code, 0 without a command.
	Exit int
	// Interrupted says that a signal ended what has no command that it could end.
	Interrupted bool
}

// recorder makes one part of a record.
type recorder struct {
	Config
	started time.Time
	clock   meter.Clock
	run     runfolder.Run
	part    *runfolder.RecordedPart // the last of run's
	cell    *runfolder.Cell         // the last of run's
	target  int                     // the process, 0 for the host
	command *command
	process running
	engine  host.CurrentEngine
	cut     context.CancelCauseFunc // of the window
	forced  atomic.Bool             // by a signal
	passed  atomic.Bool             // an interrupt or a termination was passed to the command
}

// errNothing ends a record before anything was measured.
var errNothing = errors.New("interrupted before anything was metered")

// Run makes a record, or goes on with one. The result holds also with an error
// what was measured; signals go to the command, and end what has none.
func Run(ctx context.Context, c Config) (Result, error) {
	r := &recorder{Config: c, started: time.Now()}
	r.clock = meter.NewClock(r.started)
	secret.Own().AddArgs(c.Command)
	if err := r.open(); err != nil {
		return Result{}, err
	}
	// An interrupt is the command's: the meters end when it has ended.
	caught, stop := signals()
	defer stop()
	ctx = context.WithoutCancel(ctx)
	window, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	r.cut = cut
	result, err := r.measure(window, caught)
	result.Run = r.run
	if err != nil {
		return result, err
	}
	return r.derive(ctx, result)
}

// Finish completes a record that was cut short, without going on with it.
func Finish(ctx context.Context, c Config) (Result, error) {
	r := &recorder{Config: c, started: time.Now()}
	if err := r.goOn(); err != nil {
		return Result{}, err
	}
	return r.derive(ctx, Result{})
}

// open prepares the folder.
func (r *recorder) open() error {
	old, err := runfolder.ReadRun(r.Out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		config := r.Config.Config
		config.Meter = r.masked(r.Meter)
		r.run = runfolder.Run{
			Cfu: version.String(), Build: version.Read(), Started: r.started.UTC().Format(time.RFC3339), Config: config, ScheduleHash: map[string]string{},
			Host: hostinfo.Read(), Record: &runfolder.Recorded{Label: r.Label, Stage: r.Stage},
		}
		r.run.ConfigHash = r.run.Config.Hash()
		return runfolder.MakeDir(filepath.Join(r.Out, runfolder.CellsDir))
	case err != nil:
		return err
	case !r.Append:
		return fmt.Errorf("%s already holds a run of %s: give another --out, or --append to go on with a record", r.Out, old.Started)
	}
	return r.goOn()
}

// goOn takes up the record in Out: what a killed cfu left is made whole.
func (r *recorder) goOn() error {
	var err error
	if r.run, err = runfolder.ReadRun(r.Out); err != nil {
		return err
	}
	if r.run.Record == nil {
		return fmt.Errorf("%s holds a run and no record: it cannot be gone on with by cfu record", r.Out)
	}
	if r.run.Record.Merged() {
		return fmt.Errorf("%s is merged of several records: go on with that of a node, and merge them again", r.Out)
	}
	if err := r.recover(); err != nil {
		return err
	}
	if r.Label != "" {
		r.run.Record.Label = r.Label
	}
	if r.Stage != "" {
		r.run.Record.Stage = r.Stage
	}
	return nil
}

// measure starts what is metered, meters it, and completes the part's tables.
func (r *recorder) measure(ctx context.Context, caught <-chan os.Signal) (result Result, err error) {
	if err := r.begin(); err != nil {
		return result, err
	}
	if r.command != nil {
		defer func() { // again where it was reaped, which does nothing
			r.command.gate.Close()
		}()
	}
	set, err := r.openMeters(ctx, caught)
	if err != nil {
		return result, errors.Join(err, r.giveUp())
	}
	defer func() { err = set.CloseAfter(err) }()
	if err := r.Until.check(time.Now()); err != nil {
		return result, err
	}
	dir := runfolder.CellDir(r.Out, r.cell.ID)
	if err := runfolder.MakeDir(dir); err != nil {
		return result, errors.Join(err, r.giveUp())
	}
	meta := r.meta()
	looks := segments.NewLooks(dir, r.cell.Key(), meta)
	metered := session.New(session.Options{
		Meters: set, Clock: r.clock, Poll: pollOf(r.Poll, set.Sources), Own: r.engine.Owns, States: looks.Write,
	})
	kept := segments.New(dir, runfolder.Describe(metered.Domains()), meta)
	metered.Start(ctx, kept.Write)
	watched := make(chan struct{})
	go func() { // meters that fail do not end the command, and are said
		defer close(watched)
		r.forward(ctx, caught, metered.Failed(), func() { r.say("warning: the meters failed: %v", metered.Err()) })
	}()
	err = r.phases(ctx, metered)
	if r.command != nil {
		if e := r.end(&result); err == nil {
			err = e
		}
	}
	if e := metered.Stop(); err == nil {
		err = e
	}
	r.cut(nil)
	<-watched
	result.Interrupted = r.forced.Load() && r.command == nil
	for _, e := range []error{kept.Close(), looks.Close()} {
		if err == nil {
			err = e
		}
	}
	return result, failure.Join(err, r.complete(ctx, metered, set, err))
}

// begin starts the command up to its gate, or finds the process.
func (r *recorder) begin() error {
	id := runfolder.RecordCell
	if n := len(r.run.Record.Parts); n > 0 {
		id += "-" + strconv.Itoa(n+1)
	}
	part := runfolder.RecordedPart{Cell: id, Of: "host", Started: r.started.UTC().Format(time.RFC3339), BootID: bootID()}
	var err error
	switch {
	case len(r.Command) > 0:
		if r.command, err = hold(r.Command); err != nil {
			return err
		}
		part.Of, part.Command, r.target = "command", r.masked(r.Command), r.command.pid()
	case r.PID > 0:
		if r.process, err = find(r.PID); err != nil {
			return err
		}
		part.Of, r.target = "process", r.PID
	}
	part.PID = r.target
	if n := len(r.run.Cells); n > 0 {
		last := r.run.Cells[n-1]
		part.Gap = time.Duration(r.started.UnixNano() - last.OriginUnix - int64(max(last.Window.End, last.IdleAfter.End)))
	}
	r.run.Record.Parts = append(r.run.Record.Parts, part)
	r.run.Cells = append(r.run.Cells, runfolder.Cell{ID: id, Repeat: 1, OriginUnix: r.started.UnixNano()})
	r.part, r.cell = &r.run.Record.Parts[len(r.run.Record.Parts)-1], &r.run.Cells[len(r.run.Cells)-1]
	if r.target > 0 {
		if e, err := host.FindEngine(r.target, ""); err == nil {
			r.engine.Is(e)
		}
	}
	return nil
}

// giveUp ends a command that was never let go.
func (r *recorder) giveUp() error {
	if r.command == nil {
		return nil
	}
	_, err := r.command.reap()
	return err
}

// idleAfterSignal is the most idle time that is metered after a command to which
// cfu has passed a signal.
const idleAfterSignal = time.Second

// complete makes the part's tables and run.json, also after a failure: what was
// read until then is there.
func (r *recorder) complete(ctx context.Context, metered *session.Session, set host.Set, failed error) error {
	devices, foreign, warnings, err := metered.Seen()
	for _, w := range warnings {
		r.warn("%s: %s", r.cell.ID, w)
	}
	r.cell.Devices = devices
	if foreign {
		r.cell.Reasons = append(r.cell.Reasons, runfolder.ReasonForeign)
	}
	domains, e := r.chosen(metered.Domains(), devices)
	err = failure.Join(err, e)
	r.keepCosts(metered)
	err = failure.Join(err, r.tables(domains))
	if failed == nil && err == nil {
		r.cell.Complete = true
	} else {
		r.cell.Interrupted = failure.Join(failed, err).Error()
	}
	return failure.Join(err, r.save())
}

// tables makes the cell's tables of what was written while it ran. Requests are
// none: the table says so.
func (r *recorder) tables(domains []runfolder.DomainInfo) error {
	dir, meta := runfolder.CellDir(r.Out, r.cell.ID), r.meta()
	if err := segments.Finish(dir, domains, meta); err != nil {
		return err
	}
	requests, err := runfolder.Requests().Create(filepath.Join(dir, runfolder.RequestsFile), meta)
	if err != nil {
		return err
	}
	return requests.Close()
}

// meta are the constants of the cell's tables.
func (r *recorder) meta() map[string]string {
	return map[string]string{"cell": r.cell.ID, "config_hash": r.run.ConfigHash, "origin_unix_ns": strconv.FormatInt(r.cell.OriginUnix, 10)}
}

// derive makes energy.arrow of every part and record.json of their sum.
func (r *recorder) derive(ctx context.Context, result Result) (Result, error) {
	result.Run = r.run
	attributed, err := derivation.Attribution{Conventions: "equal"}.Run(ctx, r.Out, r.run)
	if err != nil {
		return result, err
	}
	for _, a := range attributed {
		for _, w := range a.Warnings {
			r.warn("%s: %s", a.Cell, w)
		}
		result.Parts = append(result.Parts, a.Energy)
	}
	result.Run = r.run
	if err := r.save(); err != nil {
		return result, err
	}
	result.Record, err = derivation.WriteRecord(r.Out, r.run)
	return result, err
}

func (r *recorder) save() error { return runfolder.WriteRun(r.Out, r.run) }

// warn keeps a doubt, once.
func (r *recorder) warn(format string, args ...any) {
	w := fmt.Sprintf(format, args...)
	for _, old := range r.run.Warnings {
		if old == w {
			return
		}
	}
	r.run.Warnings = append(r.run.Warnings, w)
}

func (r *recorder) say(format string, args ...any) {
	if r.Say != nil {
		r.Say(fmt.Sprintf(format, args...))
	}
}

// bootID tells one start of the host from the next, "" where it is not told.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
