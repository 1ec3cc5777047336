package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"cfubench/datasets"
	"cfubench/loadgen"
	"cfubench/loadgen/engine"
	"cfubench/meter"
	"cfubench/meter/host"
	"cfubench/results"
	"cfubench/results/live"
)

// sweep is one `cfu run`: a server per batch size, and on each the cells of
// that batch size, written to OUT as they complete.
type sweep struct {
	env    environment
	config runConfig
	status *status
	apiKey string
	origin time.Time
	clock  meter.Clock
	trace  datasets.Trace
	record results.Run
	done   map[string]bool // cells that an earlier run completed
	server target          // what is being measured now
	rates  tokenRates      // observed, for the live line and the certificate
	power  powerGauge
	live   *live.Live
	total  int                          // cells of the sweep
	spent  time.Duration                // on the cells measured so far
	ran    int                          // cells measured so far
	flying atomic.Pointer[loadgen.Live] // of the cell under way
	loaded time.Duration                // when the server had its last request
}

// target is the server under test as the cells see it.
type target struct {
	url      string
	http     *http.Client // for all but the requests themselves
	apiKey   string
	identity engine.Identity
	profile  engine.Profile
	meters   host.Set
	pid      int             // the engine's process, 0 if unknown
	exited   <-chan struct{} // nil for --endpoint
	exitErr  func() error
}

// newSweep checks OUT and prepares the record of the run.
func newSweep(env environment, c runConfig) (*sweep, error) {
	s := &sweep{env: env, config: c, status: newStatus(env.stderr), done: map[string]bool{}, live: live.New()}
	s.apiKey = env.getenv(c.apiKeyEnv)
	s.origin = time.Now()
	s.clock = meter.NewClock(s.origin)
	s.record = results.Run{
		Schema: 1, Cfu: version(), Started: s.origin.UTC().Format(time.RFC3339),
		Config: c.record(), ConfigHash: c.hash(), ScheduleHash: map[string]string{}, Host: hostInfo(),
	}
	old, err := results.ReadRun(c.out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if c.resume {
			s.status.say("nothing to resume in %s: starting there", c.out)
		}
	case err != nil:
		return nil, err
	case !c.resume:
		return nil, fmt.Errorf("%s already holds a run of %s: give another --out, or --resume to go on with it", c.out, old.Started)
	case old.ConfigHash != s.record.ConfigHash:
		return nil, fmt.Errorf("resume %s: it was made with other flags (%s): repeat the command that made it, or give another --out", c.out, differing(old.Config, s.record.Config))
	default:
		for _, cell := range old.Cells {
			if cell.Complete {
				s.done[cell.ID] = true
				s.record.Cells = append(s.record.Cells, cell)
			}
		}
		s.record.Started, s.record.Engine, s.record.Domains = old.Started, old.Engine, old.Domains
		s.record.LeftOut, s.record.ScheduleHash = old.LeftOut, old.ScheduleHash
		s.record.TraceHash, s.record.RateSearches = old.TraceHash, old.RateSearches
		s.record.BareIdle = old.BareIdle
		if s.record.ScheduleHash == nil {
			s.record.ScheduleHash = map[string]string{}
		}
	}
	if err := os.MkdirAll(filepath.Join(c.out, results.CellsDir), 0o755); err != nil {
		return nil, fmt.Errorf("create output folder: %w", err)
	}
	probe := filepath.Join(c.out, ".writable")
	err = os.WriteFile(probe, []byte("x"), 0o644) // a full disk takes a name, not a byte
	os.Remove(probe)
	if err != nil {
		return nil, fmt.Errorf("write to output folder: %w", err)
	}
	return s, nil
}

// run measures every cell that is not there yet.
func (s *sweep) run(ctx context.Context) error {
	for _, b := range s.config.batches {
		s.total += max(1, len(s.config.cells(b))) // a rate search has one cell
	}
	s.live.SetRun(s.total, s.origin)
	stop := func() error { return nil }
	if s.config.listen != "" {
		server, err := s.serveMetrics()
		if err != nil {
			return err
		}
		stop = server.stop
	}
	err := s.measureAll(ctx)
	return also(also(err, s.leave(err)), stop())
}

func (s *sweep) measureAll(ctx context.Context) error {
	if s.config.clientCPUs != "" {
		if err := loadgen.PinCPUs(s.config.clientCPUs); err != nil {
			return err
		}
	}
	if !s.needsServerTokenizer() {
		if err := s.openTrace(ctx, nil); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(s.config.batches, func(b int) bool { return !s.allDone(b) }) {
		if err := s.bareIdle(ctx); err != nil {
			if ctx.Err() != nil {
				return interruptedError(s.config.out)
			}
			return err
		}
	}
	for _, batch := range s.config.batches {
		if s.allDone(batch) {
			s.status.say("batch %d: complete from an earlier run", batch)
			continue
		}
		if err := s.runBatch(ctx, batch); err != nil {
			if ctx.Err() != nil {
				return interruptedError(s.config.out)
			}
			return err
		}
	}
	if s.config.certify {
		if err := s.certify(ctx); err != nil {
			if ctx.Err() != nil {
				return interruptedError(s.config.out)
			}
			return err
		}
	}
	return nil
}

// allDone reports whether an earlier run completed every cell of batch.
func (s *sweep) allDone(batch int) bool {
	if s.config.findRate {
		c, ok := s.foundCell(batch)
		return ok && s.done[c.id]
	}
	for _, c := range s.config.cells(batch) {
		if !s.done[c.id] {
			return false
		}
	}
	return true
}

// runBatch launches or finds the server for one batch size, measures its
// cells, and leaves no process behind.
func (s *sweep) runBatch(ctx context.Context, batch int) (err error) {
	t := target{url: strings.TrimSuffix(strings.TrimSuffix(s.config.endpoint, "/"), "/v1"), apiKey: s.apiKey}
	if t.http, err = engine.NewClient(s.config.caFile); err != nil {
		return err
	}
	pid := 0
	if s.config.engineCmd != "" {
		s.status.say("engine for batch %d: starting", batch)
		server, err := engine.Start(ctx, engine.Launch{
			Command: s.config.engineCmd, Batch: batch, CPUs: s.config.engineCPUs, Ready: s.config.ready,
		})
		if err != nil {
			return err
		}
		defer func() {
			// The run may be ending because ctx is done; stopping must not be.
			stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
			defer cancel()
			err = errors.Join(err, server.Stop(stopCtx))
		}()
		t.url, t.exited, t.exitErr, pid = server.URL(), server.Exited(), server.ExitError, server.PID()
	} else if err := s.awaitEndpoint(ctx, t); err != nil {
		return err
	}
	t.identity, err = engine.Identify(ctx, t.http, t.url, s.apiKey)
	if err != nil {
		return err
	}
	if err := s.chooseModel(&t.identity); err != nil {
		return err
	}
	t.profile = t.identity.Profile()
	info := results.EngineInfo{
		Batch: batch, EffectiveBatch: t.identity.EffectiveBatch, Kind: t.identity.Kind, Version: t.identity.Version,
		Model: t.identity.Model, Command: engine.Redact(s.config.engineCmd), Unknown: t.identity.Unknown,
	}
	s.record.Engine = append(s.record.Engine, info)
	s.status.say("%s", engineLine(info))
	if batch > 0 && info.EffectiveBatch > 0 && info.EffectiveBatch != batch {
		s.warn("engine for batch %d says its limit is %d", batch, info.EffectiveBatch)
	}
	if s.trace.Requests == nil {
		if err := s.openTrace(ctx, &t); err != nil {
			return err
		}
	}

	t.pid = pid
	if t.meters, err = s.openMeters(ctx, t.url, pid); err != nil {
		return err
	}
	defer func() { err = closeMeters(t.meters, err) }()
	s.server = t
	if err := s.warmUp(ctx); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	s.loaded = s.clock()
	if s.config.findRate {
		return s.searchRate(ctx, batch)
	}
	for _, c := range s.config.cells(batch) {
		if s.done[c.id] {
			s.status.say("cell %s: complete from an earlier run", c.id)
			continue
		}
		if err := s.runCell(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// awaitEndpoint waits for a server that is said to run already: not for long.
func (s *sweep) awaitEndpoint(ctx context.Context, t target) error {
	limit := min(s.config.ready, 3*time.Second)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not ready within %v", limit))
	defer cancel()
	return engine.WaitReady(ctx, t.http, t.url, s.apiKey)
}

// chooseModel settles which model is asked for: the flag's, or the endpoint's
// only one.
func (s *sweep) chooseModel(id *engine.Identity) error {
	if s.config.model != "" {
		for _, m := range id.Models {
			if m == s.config.model {
				id.Model = m
				return nil
			}
		}
		if len(id.Models) > 0 {
			return fmt.Errorf("model %q: the endpoint does not serve it: it has %s", s.config.model, strings.Join(id.Models, ", "))
		}
		id.Model = s.config.model
		return nil
	}
	if len(id.Models) > 1 {
		return fmt.Errorf("the endpoint serves %d models: give --model with one of %s", len(id.Models), strings.Join(id.Models, ", "))
	}
	if id.Model == "" {
		return errors.New("the endpoint does not list its model: give --model NAME")
	}
	return nil
}

// needsServerTokenizer reports whether the trace can only be chosen once the
// server under test can count tokens.
func (s *sweep) needsServerTokenizer() bool {
	return s.config.tokenizer == "endpoint" && s.config.selection != datasets.First
}

// openTrace selects the requests; t is the server to count tokens with, if
// they must be counted by it.
func (s *sweep) openTrace(ctx context.Context, t *target) error {
	o := datasets.Options{
		Select: s.config.selection, NumRequests: s.config.numRequests, Seed: s.config.seed,
		MaxPromptTokens: s.config.maxPromptTokens, MaxOutputTokens: s.config.maxTokens, MultiTurn: s.config.multiTurn,
	}
	var err error
	o.Tokenizer, err = openTokenizer(s.config.tokenizer, t)
	if err != nil {
		return err
	}
	s.trace, err = datasets.Open(ctx, s.config.dataset, o)
	if err != nil {
		return err
	}
	for _, w := range s.trace.Warnings {
		s.warn("%s", w)
	}
	hash := s.trace.Hash()
	if s.record.TraceHash != "" && s.record.TraceHash != hash {
		return fmt.Errorf("resume %s: the trace has changed since: its hash is %.12s, was %.12s", s.config.out, hash, s.record.TraceHash)
	}
	s.record.TraceHash = hash
	s.record.Trace = results.TraceInfo{
		Source: s.trace.Source, Selection: s.trace.Selection, Tokenizer: s.trace.Tokenizer,
		Requests: len(s.trace.Requests), Dropped: s.trace.Dropped, Warnings: s.trace.Warnings,
	}
	return nil
}

// warn prints a doubt and keeps it in the record.
func (s *sweep) warn(format string, args ...any) {
	w := fmt.Sprintf(format, args...)
	s.record.Warnings = append(s.record.Warnings, w)
	s.status.say("warning: %s", w)
}

// save writes run.json.
func (s *sweep) save() error { return results.WriteRun(s.config.out, s.record) }

// version is the module's version as built.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, kv := range info.Settings {
		if kv.Key == "vcs.revision" && (v == "" || v == "(devel)") {
			v = "devel-" + kv.Value[:min(12, len(kv.Value))]
		}
	}
	return v
}

// differing names the keys on which two configurations differ.
func differing(a, b map[string]any) string {
	var keys []string
	for _, k := range slices.Sorted(maps.Keys(b)) {
		x, _ := json.Marshal(a[k])
		y, _ := json.Marshal(b[k])
		if string(x) != string(y) {
			keys = append(keys, "--"+strings.ReplaceAll(strings.TrimSuffix(k, "_ns"), "_", "-"))
		}
	}
	if len(keys) == 0 {
		return "of another cfu version"
	}
	return strings.Join(keys, ", ")
}
