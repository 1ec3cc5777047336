package sweep

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"cfubench/internal/failure"
	"cfubench/internal/folder"
	"cfubench/loadgen/engine"
	"cfubench/meter"
	"cfubench/meter/host"
	"cfubench/results/runfolder"
)

// target is the server under test as the cells see it.
type target struct {
	point    runfolder.Point
	url      string
	http     *http.Client // for all but the requests themselves
	apiKey   string
	identity engine.Identity
	profile  engine.Profile
	meters   host.Set
	chosen   meter.Chosen    // the GPUs of the meters that are summed
	pid      int             // the engine's process, 0 if unknown
	exited   <-chan struct{} // nil for --endpoint
	exitErr  func() error
}

// serve starts or finds the server of a launch, measures its cells, and leaves no
// process behind.
func (s *sweep) serve(ctx context.Context, l launch) (err error) {
	t := target{point: l.point(), url: s.config.Endpoint, apiKey: s.config.APIKey}
	began := s.clock()
	if t.http, err = engine.NewClient(s.config.CAFile, s.config.Headers...); err != nil {
		return err
	}
	pid := 0
	if s.config.Endpoint == "" {
		s.say("engine for %s: starting", l)
		log, failed := openEngineLog(s.config.Out, l)
		if failed != nil {
			return failed
		}
		defer func() { err = failure.Join(err, log.Close()) }()
		server, failed := engine.Start(ctx, engine.Launch{
			Command: command(l.configuration), Batch: l.batch, CPUs: s.config.EngineCPUs, Ready: s.config.ReadyTimeout,
			Log: log, Secrets: s.config.Secrets,
		})
		if failed != nil {
			return unfit{failed}
		}
		defer func() { err = errors.Join(s.blame(ctx, err, server), server.Stop(ctx)) }()
		t.url, t.exited, t.exitErr, pid = server.URL(), server.Exited(), server.ExitError, server.PID()
	} else if err := s.awaitEndpoint(ctx, t); err != nil {
		return err
	}
	t.identity, err = engine.Identify(ctx, t.http, t.url, s.config.APIKey)
	if err != nil {
		return unfit{err}
	}
	if err := s.chooseModel(&t.identity); err != nil {
		return unfit{err}
	}
	t.profile = t.identity.Profile()
	info := runfolder.EngineInfo{
		Label: l.configuration.Label, Params: l.configuration.Params, Batch: l.batch, EffectiveBatch: t.identity.EffectiveBatch, Kind: t.identity.Kind, Version: t.identity.Version,
		Model: s.config.Secrets.Line(t.identity.Model, 0), Parameters: t.identity.Parameters, WeightBytes: t.identity.WeightBytes, Command: s.config.Secrets.Command(command(l.configuration)), Unknown: t.identity.Unknown,
	}
	s.keepEngine(info)
	s.say("%s", engineLine(info))
	if l.batch > 0 && info.EffectiveBatch > 0 && info.EffectiveBatch != l.batch {
		s.warn("engine for %s says its limit is %d", l, info.EffectiveBatch)
	}
	if s.trace.Requests == nil {
		if err := s.openTrace(ctx, &t); err != nil {
			return err
		}
		s.context = t.identity.ContextTokens
	} else if c := t.identity.ContextTokens; c > 0 && (s.context == 0 || c < s.context) {
		s.warn("engine for %s: its context of %d tokens is not that of the server the trace was chosen for: requests that do not fit will fail", l, c)
	}

	t.pid = pid
	if t.meters, err = s.openMeters(ctx, t.url, pid); err != nil {
		return err
	}
	defer func() { err = t.meters.CloseAfter(err) }()
	s.server = t
	if err := s.warmUp(ctx); err != nil {
		return unfit{fmt.Errorf("warm up: %w", err)}
	}
	if err := s.chooseGPUs(ctx); err != nil {
		return err
	}
	s.loaded = s.clock()
	s.pace.launch.add(s.loaded - began)
	if s.config.FindRate {
		return s.searchRate(ctx, l)
	}
	return s.runCells(ctx, l.cells)
}

// runCells measures the cells that are not there yet and that end within the budget.
func (s *sweep) runCells(ctx context.Context, cells []plannedCell) error {
	for _, c := range cells {
		if s.done[c.id] {
			s.say("cell %s: complete from an earlier run", c.id)
			continue
		}
		if !s.fits(c, 0) {
			s.overBudget = true
			continue
		}
		if err := s.runCell(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// openEngineLog opens the file in the run folder that keeps what the engine of a
// launch prints, behind what earlier launches of it did.
func openEngineLog(out string, l launch) (*os.File, error) {
	dir, err := folder.Open(out)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	file, err := dir.OpenFile(l.logName(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("engine log: %w", err)
	}
	return file, nil
}

// logName is the name of that file.
func (l launch) logName() string {
	name := "engine"
	if l.configuration.Label != "" {
		name += "-" + l.configuration.Label
	}
	return name + "-b" + strconv.Itoa(l.batch) + ".log"
}

// awaitEndpoint waits for a server that is said to run already: not for long, but
// as long as an engine may take where it answers that it is not ready yet.
func (s *sweep) awaitEndpoint(ctx context.Context, t target) error {
	within := func(limit time.Duration) error {
		ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not ready within %v", limit))
		defer cancel()
		return s.awaitModel(ctx, t)
	}
	err := within(min(s.config.ReadyTimeout, 3*time.Second))
	if err != nil && ctx.Err() == nil && engine.NotReady(err) {
		s.say("the endpoint is not ready yet: waiting up to %v", s.config.ReadyTimeout)
		err = within(s.config.ReadyTimeout)
	}
	return err
}

// awaitModel waits until the server is ready and, where no model is named, lists
// one.
func (s *sweep) awaitModel(ctx context.Context, t target) error {
	if err := engine.WaitReady(ctx, t.http, t.url, s.config.APIKey); err != nil || s.config.Model != "" {
		return err
	}
	return engine.WaitModel(ctx, t.http, t.url, s.config.APIKey)
}

// chooseModel settles which model is asked for: the flag's, or the endpoint's
// only one.
func (s *sweep) chooseModel(id *engine.Identity) error {
	if s.config.Model != "" {
		for _, m := range id.Models {
			if m == s.config.Model {
				id.Model = m
				return nil
			}
		}
		if len(id.Models) > 0 { // a gateway's list need not have all that it takes
			s.warn("model %q is not among those that the endpoint lists, and asked for all the same: it lists %s", s.config.Model, few(id.Models))
		}
		id.Model = s.config.Model
		return nil
	}
	if len(id.Models) > 1 {
		return fmt.Errorf("the endpoint serves %d models: give --model with one of %s", len(id.Models), few(id.Models))
	}
	if id.Model == "" {
		return fmt.Errorf("the endpoint does not list its model (%s): give --model NAME", id.NoModel)
	}
	return nil
}

// fewNames is how many names a message lists.
const fewNames = 20

// few lists names, the first of many.
func few(names []string) string {
	if more := len(names) - fewNames; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:fewNames], ", "), more)
	}
	return strings.Join(names, ", ")
}

// keepEngine records the server of a batch size. A run that goes on has one of
// the earlier launch: the same is not a second, and another is worth a word.
func (s *sweep) keepEngine(info runfolder.EngineInfo) {
	if old := s.record.EngineOf(runfolder.Point{Batch: info.Batch, Label: info.Label}); old != nil {
		if reflect.DeepEqual(*old, info) {
			return
		}
		s.warn("%s: the server is not as it was when this run began: %s, before %s", runfolder.ServerName(info.Label, info.Batch), engineLine(info), engineLine(*old))
	}
	s.record.Engine = append(s.record.Engine, info)
}

// engineLine says what the server under test is, and what it did not tell.
func engineLine(e runfolder.EngineInfo) string {
	line := strings.TrimSpace("engine: "+e.Kind+" "+e.Version) + ", model " + e.Model
	if e.EffectiveBatch > 0 {
		line += fmt.Sprintf(", decodes %d requests together", e.EffectiveBatch)
	}
	if len(e.Unknown) > 0 {
		line += "; unknown: " + strings.Join(e.Unknown, ", ")
	}
	return line
}
