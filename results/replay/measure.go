// Package replay measures what requests that share a server cost: it
// launches an engine, replays every subset of small groups of requests, and
// measures each subset in joules where the host has a counter, else in CPU time.
// What that says of each request's fair share is the business of
// attribution/shapley.
package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/attribution"
	"cfubench/attribution/shapley"
	"cfubench/datasets"
	"cfubench/loadgen"
	"cfubench/loadgen/engine"
	"cfubench/meter"
	"cfubench/results/derivation"
)

// Config says what is measured.
type Config struct {
	EngineCmd string // with {batch} and {port}
	Ready     time.Duration
	// Groups of each of the kinds of Arrivals, of Size requests; Orders are
	// sampled of groups too large for all subsets.
	Groups, Size, Orders int
	Arrivals             []string
	Seed                 uint64
	// SharedPrefix is how many words all prompts of a group begin with: what a
	// server's prefix cache has for those that come later.
	SharedPrefix int
	// Each subset is replayed Repeats times, and then, all subsets of the group once
	// more at a time, until the relative standard error of their costs is at most
	// StandardError (0: no bound), MostRepeats times at most.
	Repeats, MostRepeats int
	StandardError        float64
	// Meter, GPUs, Sysfs, NVMLLibrary and Getenv say which meters are read, as in a
	// run; Idle is the time that the engine is left alone between replays, for its
	// idle power, where joules are measured.
	Meter                    []string
	GPUs, Sysfs, NVMLLibrary string
	Getenv                   func(string) string
	Idle                     time.Duration
	// Say gets a line on what was done, nil for none.
	Say func(string)
}

func (c Config) say(format string, args ...any) {
	if c.Say != nil {
		c.Say(fmt.Sprintf(format, args...))
	}
}

// replayer replays subsets on one engine.
type replayer struct {
	// options are the client's. Where a replay must be kept from what others left in the
	// prefix cache, it has a client of its own, with its salt in saltField, if the server
	// has one; else client is that of all, nil before the first.
	options   loadgen.Options
	saltField string
	salted    bool
	client    *loadgen.Client
	sent      int // salted replays

	gauge       gauge
	clock       meter.Clock
	conventions []attribution.Convention

	// wholes are the replays of the whole groups, group by group, and costs what the
	// steps of single replays were found to cost: the other cells of a run.
	wholes [][]replayed
	costs  []*attribution.StepCosts
}

// Measure launches the engine and measures the groups of each kind; with an
// error it returns those that were measured before.
func (c Config) Measure(ctx context.Context) (file *shapley.File, err error) {
	server, err := engine.Start(ctx, engine.Launch{Command: c.EngineCmd, Batch: c.Size, Ready: c.Ready})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Stop(ctx)) }()
	identity, err := engine.Identify(ctx, nil, server.URL(), "")
	if err != nil {
		return nil, err
	}
	profile := identity.Profile()
	r := &replayer{
		options:   loadgen.Options{BaseURL: server.URL(), Model: identity.Model, IgnoreEOS: true, ExtraBody: profile.ExtraBody()},
		saltField: profile.SaltField, salted: profile.NeedsSalt(), clock: meter.NewClock(time.Now()),
	}
	defer r.close()
	r.conventions, err = attribution.Parse("equal,token,residency,phase", attribution.Params{PromptWeight: 1, OutputWeight: 1, Server: &attribution.Server{BatchLimit: c.Size}})
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(c.Seed, 0x5ca1ab1e))
	if _, err := r.send(ctx, c.planGroup(rng, ArrivalsStatic), 1<<c.Size-1); err != nil {
		return nil, fmt.Errorf("warm up: %w", err)
	}
	if r.gauge, err = c.open(ctx, r.clock, server.URL(), server.PID()); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.gauge.close()) }()
	file = &shapley.File{Engine: identity.Kind, Version: identity.Version, Model: identity.Model, Batch: c.Size, Seed: c.Seed, SharedPrefix: c.SharedPrefix}
	r.gauge.describe(file)
	c.say("measuring %s", file.Meter)
	for n := range c.Groups {
		for _, kind := range c.Arrivals {
			start := r.clock()
			r.wholes = append(r.wholes, nil)
			group, err := c.measureGroup(ctx, r, rng, kind, file.Unit)
			if err != nil {
				return file, errors.Join(fmt.Errorf("group %d, %s: %w", n+1, kind, err), r.divideBySteps(file.Groups, c.SharedPrefix))
			}
			file.Groups = append(file.Groups, group)
			c.say("group %d of %d, %s: %d subsets, %d replays each, in %.1f s", n+1, c.Groups, kind, len(group.Worths), len(group.Replays), (r.clock() - start).Seconds())
		}
	}
	return file, r.divideBySteps(file.Groups, c.SharedPrefix)
}

// open returns the gauge: joules where the host has a counter, else CPU time.
func (c Config) open(ctx context.Context, clock meter.Clock, url string, pid int) (gauge, error) {
	j, why, err := openJoules(ctx, c, clock, url, pid)
	switch {
	case err != nil:
		return nil, err
	case j != nil:
		return j, nil
	}
	c.say("the costs are CPU time: %s", why)
	p, err := openCPUTime(clock, pid)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// measureGroup replays every needed subset of a new group, in random order so
// that a drift of the machine does not fall on some subsets only.
func (c Config) measureGroup(ctx context.Context, r *replayer, rng *rand.Rand, arrivals, unit string) (shapley.Group, error) {
	plan := c.planGroup(rng, arrivals)
	group := shapley.Group{Arrivals: arrivals, Shares: make(map[string][]float64)}
	subsets := shapley.AllSubsets
	if c.Size > shapley.MaxExact {
		group.Orders = shapley.Orders(c.Size, c.Orders, rng)
		subsets = func(int) []uint64 { return shapley.Subsets(group.Orders) }
	}
	index := make(map[uint64]int)
	var all []uint64
	for _, s := range subsets(c.Size) {
		index[s] = len(group.Worths)
		group.Worths = append(group.Worths, shapley.Worth{Subset: s})
		all = append(all, s)
	}
	var first []uint64
	for range c.Repeats {
		first = append(first, all...)
	}
	for todo := first; ; todo = all {
		rng.Shuffle(len(todo), func(i, j int) { todo[i], todo[j] = todo[j], todo[i] })
		for _, s := range todo {
			run, err := r.replay(ctx, plan, s)
			if err != nil {
				return group, err
			}
			w := &group.Worths[index[s]]
			if unit == shapley.UnitJoules {
				w.Joules = append(w.Joules, run.spent.worth)
			} else {
				w.CPUSeconds = append(w.CPUSeconds, run.spent.worth)
			}
			if err := r.learn(run); err != nil {
				return group, err
			}
			if bits.OnesCount64(s) == c.Size {
				if err := r.keepWhole(&group, run); err != nil {
					return group, err
				}
			}
		}
		enough, noise := c.enough(group)
		if !enough {
			continue
		}
		if c.StandardError > 0 && noise > c.StandardError {
			c.say("warning: after %d replays each the standard error of a subset's cost is %.1f %%, and %.1f %% was asked for: a quieter machine or more --max-repeats", len(group.Replays), 100*noise, 100*c.StandardError)
		}
		for _, shares := range group.Shares { // of sums over the replays
			for i := range shares {
				shares[i] /= float64(len(group.Replays))
			}
		}
		return group, nil
	}
}

// enough reports whether a group was replayed often enough, and the standard
// error of its subsets' costs.
func (c Config) enough(group shapley.Group) (bool, float64) {
	noise := shapley.Noise([]shapley.Group{group})
	return c.StandardError <= 0 || noise <= c.StandardError || len(group.Replays) >= c.MostRepeats, noise
}

// keepWhole takes a replay of the whole group for what an ordinary run would
// see of it, divides its cost by each convention but step, and adds the shares to the
// group's.
func (r *replayer) keepWhole(group *shapley.Group, run replayed) error {
	members := make([]shapley.Member, len(run.records))
	for i, rec := range run.records {
		members[i] = shapley.Member{PromptTokens: rec.PromptTokens, CachedTokens: max(0, rec.CachedTokens), OutputTokens: rec.OutputTokens,
			Sent: rec.Sent - run.window.Start, FirstToken: rec.FirstToken - run.window.Start, Done: rec.Done - run.window.Start,
			Prefill: rec.ServerPrefill, Decode: rec.ServerDecode}
	}
	group.Replays = append(group.Replays, members)
	r.wholes[len(r.wholes)-1] = append(r.wholes[len(r.wholes)-1], run)
	for _, c := range r.conventions {
		if err := divide(group.Shares, c, attribution.CacheOwner, run); err != nil {
			return err
		}
	}
	return nil
}

// replayed is one replay of a subset.
type replayed struct {
	window  meter.Window
	records []loadgen.Record // of the subset's requests, in the group's order
	// requests are the same as attribution sees them.
	requests []attribution.Request
	// shared are the tokens of each prompt that all prompts of the group begin with.
	shared []float64
	spent  spent
}

// busy is how long a request was in flight.
func (r replayed) busy() time.Duration {
	var sum, until time.Duration
	for _, rec := range slices.SortedFunc(slices.Values(r.records), func(a, b loadgen.Record) int { return cmp.Compare(a.Sent, b.Sent) }) {
		sum += max(0, rec.Done-max(rec.Sent, until))
		until = max(until, rec.Done)
	}
	return sum
}

// replay sends the requests of a subset at their offsets and measures what they
// cost.
func (r *replayer) replay(ctx context.Context, plan []planned, subset uint64) (replayed, error) {
	if err := r.gauge.begin(ctx); err != nil {
		return replayed{}, err
	}
	out, err := r.send(ctx, plan, subset)
	spent, unmeasured := r.gauge.end(ctx, out.window, out.busy())
	if err != nil {
		return out, err
	}
	if unmeasured != nil {
		return out, fmt.Errorf("measure subset %b: %w", subset, unmeasured)
	}
	out.spent = spent
	return out, nil
}

// clientOf is the client of the next replay. Requests of a replay may find each other's
// prompts in the server's prefix cache, as those of a run do; what it finds of
// other replays would make a subset's cost depend on their order.
func (r *replayer) clientOf() (client *loadgen.Client, err error) {
	if r.salted {
		r.sent++
		return loadgen.NewClient(r.options.Salted(r.saltField, fmt.Sprintf("replay-%d-%d", r.sent, r.clock())))
	}
	if r.client == nil {
		r.client, err = loadgen.NewClient(r.options)
	}
	return r.client, err
}

// close ends the connections of the client of all replays.
func (r *replayer) close() {
	if r.client != nil {
		r.client.Close()
	}
}

// send sends the requests of a subset at their offsets, from now on.
func (r *replayer) send(ctx context.Context, plan []planned, subset uint64) (replayed, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	client, err := r.clientOf()
	if err != nil {
		return replayed{}, err
	}
	if r.salted {
		defer client.Close()
	}
	var out replayed
	var group errgroup.Group
	out.window.Start = r.clock()
	records := make([]loadgen.Record, len(plan))
	for i, p := range plan {
		if subset>>i&1 == 0 {
			continue
		}
		group.Go(func() error {
			call := loadgen.Call{Request: datasets.Request{Index: i, Conversation: fmt.Sprint(i), Prompt: p.prompt, At: -1}, MaxTokens: p.output}
			records[i] = client.Do(ctx, call, out.window.Start+p.offset, r.clock)
			if !records[i].OK() {
				stop()
				return fmt.Errorf("request %d: %s", i, records[i].Err)
			}
			return nil
		})
	}
	err = group.Wait()
	out.window.End = r.clock()
	if err != nil {
		return out, err
	}
	for i := range plan {
		if subset>>i&1 == 1 {
			out.records = append(out.records, records[i])
			out.requests = append(out.requests, derivation.AttributionRequest(records[i]))
			out.shared = append(out.shared, plan[i].shared*float64(records[i].PromptTokens))
		}
	}
	return out, nil
}
