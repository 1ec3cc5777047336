package main

import (
	"context"
	"errors"
	"fmt"

	"math/bits"
	"math/rand/v2"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/attribution"
	"cfubench/attribution/shapley"
	"cfubench/datasets"
	"cfubench/loadgen"
	"cfubench/loadgen/engine"
	"cfubench/meter"
	"cfubench/meter/cputime"
	"cfubench/results/derivation"
)

// Kinds of arrivals of a group.
const (
	arrivalsStatic    = "static"
	arrivalsStaggered = "staggered"
)

// Lengths of a group's requests, in words and tokens: half of the prompts and
// half of the answers are short.
var (
	shortPrompt, longPrompt = [2]int{8, 24}, [2]int{64, 144}
	shortOutput, longOutput = [2]int{4, 10}, [2]int{16, 48}
)

// calibrationWords are common words of one token each in most vocabularies.
const calibrationWords = "the river ran past a stone house and on to the sea while people of the town went out by boat each day with food for those who live far from land"

// planned is one request of a group before it is sent.
type planned struct {
	prompt string
	output int
	offset time.Duration
}

// planGroup draws a group: every mix of short and long turns up.
func planGroup(rng *rand.Rand, size int, arrivals string) []planned {
	within := func(r [2]int) int { return r[0] + rng.IntN(r[1]-r[0]+1) }
	words := strings.Fields(calibrationWords)
	group := make([]planned, size)
	for i := range group {
		prompt, output := shortPrompt, shortOutput
		if rng.IntN(2) == 1 {
			prompt = longPrompt
		}
		if rng.IntN(2) == 1 {
			output = longOutput
		}
		text := make([]string, within(prompt))
		for k := range text {
			text[k] = words[rng.IntN(len(words))]
		}
		group[i] = planned{prompt: strings.Join(text, " "), output: within(output)}
		if arrivals == arrivalsStaggered {
			group[i].offset = time.Duration(rng.Int64N(int64(size) * int64(staggerStep)))
		}
	}
	return group
}

// staggerStep is the mean time between the arrivals of a staggered group: less
// than a request takes, so that they overlap.
const staggerStep = 150 * time.Millisecond

// settle is how long the engine is left alone before its processor time is
// read: longer than a scheduler's tick and its own last bookkeeping.
const settle = 40 * time.Millisecond

// replayer replays subsets on one engine.
type replayer struct {
	client      *loadgen.Client
	source      *cputime.Source
	clock       meter.Clock
	conventions []attribution.Convention
}

// measure launches the engine and measures the groups of each kind; with an
// error it returns those that were measured before.
func (f *calibrateFlags) measure(ctx context.Context, env environment, kinds []string) (file *shapley.File, err error) {
	server, err := engine.Start(ctx, engine.Launch{Command: f.engineCmd, Batch: f.size, Ready: f.ready})
	if err != nil {
		return nil, err
	}
	defer func() {
		// The run may be ending because ctx is done; stopping must not be.
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		err = errors.Join(err, server.Stop(stopCtx))
	}()
	identity, err := engine.Identify(ctx, nil, server.URL(), "")
	if err != nil {
		return nil, err
	}
	profile := identity.Profile()
	if profile.NeedsSalt() {
		fmt.Fprintf(env.stderr, "cfu calibrate: %s may answer a repeated prompt from its prefix cache: start it with prefix caching off\n", identity.Kind)
	}
	client, err := loadgen.NewClient(loadgen.Options{BaseURL: server.URL(), Model: identity.Model, IgnoreEOS: true, ExtraBody: profile.ExtraBody()})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	clock := meter.NewClock(time.Now())
	source, err := cputime.Open(clock, cputime.Options{PID: server.PID(), Watts: 1}) // 1 W: its µJ are CPU µs
	if err != nil {
		return nil, err
	}
	defer source.Close()
	r := &replayer{client: client, source: source, clock: clock}
	r.conventions, err = attribution.Parse("equal,token,residency,phase", attribution.Params{PromptWeight: 1, OutputWeight: 1, Server: &attribution.Server{BatchLimit: f.size}})
	if err != nil {
		return nil, err
	}
	file = &shapley.File{Engine: identity.Kind, Version: identity.Version, Model: identity.Model, Batch: f.size, Seed: f.seed,
		Meter: "processor time of the engine's process tree (kind model where it is given in joules)"}
	rng := rand.New(rand.NewPCG(f.seed, 0x5ca1ab1e))
	if _, err := r.replay(ctx, planGroup(rng, f.size, arrivalsStatic), 1<<f.size-1); err != nil {
		return nil, fmt.Errorf("warm up: %w", err)
	}
	for n := range f.groups {
		for _, kind := range kinds {
			start := clock()
			group, err := f.measureGroup(ctx, r, rng, kind)
			if err != nil {
				return file, fmt.Errorf("group %d, %s: %w", n+1, kind, err)
			}
			file.Groups = append(file.Groups, group)
			fmt.Fprintf(env.stderr, "cfu calibrate: group %d of %d, %s: %d subsets in %.1f s\n", n+1, f.groups, kind, len(group.Worths), (clock() - start).Seconds())
		}
	}
	return file, nil
}

// measureGroup replays every needed subset of a new group, in random order so
// that a drift of the machine does not fall on some subsets only.
func (f *calibrateFlags) measureGroup(ctx context.Context, r *replayer, rng *rand.Rand, arrivals string) (shapley.Group, error) {
	plan := planGroup(rng, f.size, arrivals)
	group := shapley.Group{Arrivals: arrivals, Shares: make(map[string][]float64)}
	subsets := shapley.AllSubsets
	if f.size > shapley.MaxExact {
		group.Orders = shapley.Orders(f.size, f.orders, rng)
		subsets = func(int) []uint64 { return shapley.Subsets(group.Orders) }
	}
	index := make(map[uint64]int)
	var todo []uint64
	for _, s := range subsets(f.size) {
		index[s] = len(group.Worths)
		group.Worths = append(group.Worths, shapley.Worth{Subset: s})
		for range f.repeats {
			todo = append(todo, s)
		}
	}
	rng.Shuffle(len(todo), func(i, j int) { todo[i], todo[j] = todo[j], todo[i] })
	for _, s := range todo {
		run, err := r.replay(ctx, plan, s)
		if err != nil {
			return group, err
		}
		w := &group.Worths[index[s]]
		w.CPUSeconds = append(w.CPUSeconds, run.cpu)
		if bits.OnesCount64(s) == f.size {
			if err := r.keepWhole(&group, run, f.repeats); err != nil {
				return group, err
			}
		}
	}
	return group, nil
}

// keepWhole takes a replay of the whole group for what an ordinary run would
// see of it, and divides its processor time by each convention.
func (r *replayer) keepWhole(group *shapley.Group, run replayed, repeats int) error {
	members := make([]shapley.Member, len(run.records))
	for i, rec := range run.records {
		members[i] = shapley.Member{PromptTokens: rec.PromptTokens, OutputTokens: rec.OutputTokens,
			Sent: rec.Sent - run.start, FirstToken: rec.FirstToken - run.start, Done: rec.Done - run.start,
			Prefill: rec.ServerPrefill, Decode: rec.ServerDecode}
	}
	group.Replays = append(group.Replays, members)
	curve, _ := attribution.NewCurve(r.source.Domains()[0], run.readings)
	reqs := make([]attribution.Request, len(run.records))
	for i, rec := range run.records {
		reqs[i] = derivation.AttributionRequest(rec)
	}
	for _, c := range r.conventions {
		result, err := attribution.Attribute(c, reqs, curve, meter.Window{Start: run.start, End: run.end}, attribution.Idle{})
		if err != nil {
			return err
		}
		if result.Refused != "" {
			return fmt.Errorf("convention %s: %s", c.Name(), result.Refused)
		}
		total := 0.0
		for _, s := range result.Shares[:len(reqs)] {
			total += s.Energy.Joules()
		}
		if group.Shares[c.Name()] == nil {
			group.Shares[c.Name()] = make([]float64, len(reqs))
		}
		for i, s := range result.Shares[:len(reqs)] {
			group.Shares[c.Name()][i] += s.Energy.Joules() / total / float64(repeats)
		}
	}
	return nil
}

// replayed is one replay of a subset.
type replayed struct {
	cpu        float64 // seconds
	start, end time.Duration
	records    []loadgen.Record // of the subset's requests, in the group's order
	readings   []meter.Reading
}

// replay sends the requests of a subset at their offsets, and returns what the
// engine's processor time was from before the first to after the last.
func (r *replayer) replay(ctx context.Context, plan []planned, subset uint64) (replayed, error) {
	var out replayed
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var group, sampler errgroup.Group
	time.Sleep(settle)
	out.readings = r.source.Read(out.readings)
	first := out.readings[0]
	out.start = r.clock()
	done := make(chan struct{})
	sampler.Go(func() error {
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return nil
			case <-ticker.C:
				out.readings = r.source.Read(out.readings)
			}
		}
	})
	records := make([]loadgen.Record, len(plan))
	for i, p := range plan {
		if subset>>i&1 == 0 {
			continue
		}
		group.Go(func() error {
			call := loadgen.Call{Request: datasets.Request{Index: i, Conversation: fmt.Sprint(i), Prompt: p.prompt, At: -1}, MaxTokens: p.output}
			records[i] = r.client.Do(ctx, call, out.start+p.offset, r.clock)
			if !records[i].OK() {
				stop()
				return fmt.Errorf("request %d: %s", i, records[i].Err)
			}
			return nil
		})
	}
	err := group.Wait()
	out.end = r.clock()
	time.Sleep(settle)
	close(done)
	err = errors.Join(err, sampler.Wait())
	if err != nil {
		return out, err
	}
	out.readings = r.source.Read(out.readings)
	last := out.readings[len(out.readings)-1]
	if !first.HasEnergy || !last.HasEnergy {
		return out, errors.New("the engine's processor time could not be read: it may have ended")
	}
	out.cpu = (last.Energy - first.Energy).Joules()
	for i := range plan {
		if subset>>i&1 == 1 {
			out.records = append(out.records, records[i])
		}
	}
	return out, nil
}
