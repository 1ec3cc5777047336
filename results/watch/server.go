package watch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"cfubench/attribution"
	"cfubench/loadgen/engine"
	"cfubench/meter"
	"cfubench/meter/host"
	"cfubench/meter/session"
	"cfubench/results/runfolder"
)

// sayAgain is how often it is said that a server is still waited for.
const sayAgain = time.Minute

// await waits until the server answers, and asks who it is. It fails if the server
// has no metrics that are known.
func (w *Watcher) await(ctx context.Context) error {
	var said time.Time
	for ctx.Err() == nil {
		id, err := engine.Identify(ctx, w.Client, w.Endpoint, w.APIKey)
		if err == nil {
			_, err = id.Profile().Scrape(ctx, w.Client, w.Endpoint, w.APIKey, w.clock)
		}
		switch {
		case errors.Is(err, engine.ErrNoMetrics):
			return fmt.Errorf("watch %s: %w", w.Secrets.Text(w.Endpoint), err)
		case err == nil:
			w.is(id)
			return nil
		case ctx.Err() == nil && time.Since(said) >= sayAgain:
			w.say("waiting for the server: %v", err)
			said = time.Now()
		}
		if err := w.logged(); err != nil { // of a time without a server
			return err
		}
		select {
		case <-time.After(max(w.Interval, time.Second)):
		case <-ctx.Done():
		}
	}
	return nil
}

// is takes who the server is.
func (w *Watcher) is(id engine.Identity) {
	model := w.Secrets.Line(id.Model, 0)
	if w.Model != "" {
		model = w.Model
	}
	if id.Kind != w.identity.Kind || id.Version != w.identity.Version || model != w.model {
		w.say("server: %s %s, model %s", id.Kind, cmp.Or(id.Version, "unknown"), cmp.Or(model, "unknown"))
	}
	w.identity, w.model, w.profile = id, model, id.Profile()
}

// engineInfo is the server as run.json has it.
func (w *Watcher) engineInfo() runfolder.EngineInfo {
	return runfolder.EngineInfo{EffectiveBatch: w.identity.EffectiveBatch, Kind: w.identity.Kind, Version: w.identity.Version, Model: w.model, Unknown: w.identity.Unknown}
}

// open opens and calibrates the meters.
func (w *Watcher) open(ctx context.Context) error {
	set, err := w.meters(ctx)
	if err != nil {
		return err
	}
	calibrated, found, err := set.Calibrate(ctx, w.clock, set.CalibrationTime())
	if err != nil {
		return errors.Join(err, set.Close())
	}
	w.set, w.found = calibrated, found
	w.session = session.New(session.Options{Meters: w.set, Clock: w.clock, Poll: w.Poll, Own: w.engine.Owns, States: w.state})
	if len(w.session.Domains()) == 0 {
		return errors.Join(host.ErrNothing, w.set.Close())
	}
	if err := w.set.Expect(w.ExpectDevices); err != nil {
		return errors.Join(err, w.set.Close())
	}
	w.reset()
	if err := w.choose(ctx); err != nil {
		return errors.Join(err, w.set.Close())
	}
	for _, d := range w.domains {
		w.say("meter: %s", d)
	}
	return nil
}

// reset forgets what other meters have shown.
func (w *Watcher) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	slowest := w.Poll
	for _, d := range w.session.Domains() {
		slowest = max(slowest, d.UpdatePeriod)
	}
	w.lag = 3*slowest + w.Interval
	w.recent = newRecent(len(w.session.Domains()), 4*w.length()+2*w.lag)
	w.figures, w.ended = newFigures(), false
}

// hostMeters are those of this host and of agents.
func (w *Watcher) hostMeters(ctx context.Context) (host.Set, error) {
	return host.Open(ctx, host.Options{
		Specs: w.Meter, Sysfs: w.Sysfs, NVMLLibrary: w.NVMLLibrary, CPUWatts: w.CPUWatts, CPUIdleWatts: w.CPUIdleWatts,
		PID: w.PID, EndpointURL: w.Endpoint, Clock: w.clock, Getenv: w.Getenv,
	})
}

// length is the least length of an interval of the figures: long enough for the
// slowest meter.
func (w *Watcher) length() time.Duration { return max(figureScrapes*w.Interval, 2*w.lag) }

// choose settles which GPUs are summed, by the server's processes.
func (w *Watcher) choose(ctx context.Context) error {
	choice, err := meter.ParseChoice(w.GPUs)
	if err != nil {
		return err
	}
	server, err := host.FindEngine(w.PID, w.Endpoint)
	if err == nil {
		w.engine.Is(server)
	} else if forwarder := (*host.ForwarderError)(nil); errors.As(err, &forwarder) {
		w.say("warning: %v", err)
	}
	chosen, err := w.set.Choose(ctx, choice, server)
	if err != nil {
		return err
	}
	if chosen.Line != "" {
		w.say("%s", chosen.Line)
	}
	for _, warning := range chosen.Warnings {
		w.say("warning: %s", warning)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.domains = runfolder.Describe(w.session.Domains(), chosen.Excluded...)
	for _, warning := range runfolder.SetCalibrations(w.domains, w.found) {
		w.say("warning: %s", warning)
	}
	w.live.SetServer(w.identity, w.model, w.kind())
	w.live.Split(attribution.ServedCosts{}, false)
	return nil
}
