package attribution_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/attribution/batchsim"
	"cfubench/attribution/shapley"
	"cfubench/attribution/simulated"
	"cfubench/internal/texttable"
	"cfubench/meter"
)

const simIdle = 100 * meter.Watt

// steadyRegister is a counter that is published every period and polled so that no
// publication is missed.
func steadyRegister(period time.Duration) simulated.Sensor {
	return simulated.Sensor{Period: period, Jitter: period / 70, Poll: period / 5,
		Late: 300 * time.Microsecond, Call: 300 * time.Microsecond, Quantum: meter.Millijoule}
}

// served is one simulated run with what its sensor said.
type served struct {
	load  batchsim.Load
	trace *batchsim.Trace
	reqs  []attribution.Request
	fair  []float64
	curve *attribution.Curve
}

func serve(l batchsim.Load, seed uint64, period, jitter time.Duration) served {
	rng := rand.New(rand.NewPCG(seed, 3))
	l.Engine.Delivery.Jitter = jitter
	trace := l.Engine.Run(rng, 2*time.Second, l.Jobs)
	read := steadyRegister(period).Read(rng, trace.Power(simIdle), 700*meter.Watt, 0)
	curve, _ := attribution.NewCurve(read.Domain, read.Readings)
	return served{l, trace, trace.Requests(), trace.StepShapley(), curve}
}

func (s served) attribute(t interface{ Fatal(...any) }, c attribution.Convention) attribution.Result {
	r, err := attribution.Attribute(c, s.reqs, s.curve, s.trace.Window(), attribution.Idle{Loaded: simIdle, Known: true})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// distance is the normalised L1 of the shares above idle from fair ones.
func distance(r attribution.Result, fair []float64) float64 {
	shares := make([]float64, len(fair))
	sum, want := 0.0, 0.0
	for i := range shares {
		shares[i] = max((r.Shares[i].Energy - r.Shares[i].Idle).Joules(), 0)
		sum += shares[i]
		want += fair[i]
	}
	for i := range shares {
		shares[i] *= want / sum
	}
	return shapley.Distance(shares, fair)
}

// byHand are the conventions that need no Shapley model; token with one price
// for all tokens and with the run's own.
var byHand = []attribution.Convention{
	attribution.Steps{}, attribution.Phase{}, attribution.Token{}, attribution.Token{Prompt: 1, Output: 1}, attribution.Residency{}, attribution.Equal{},
}

// TestDistanceFromTheFairShares holds the conventions against the exact Shapley
// values of every step of simulated engines: seven usual loads and ten drawn
// ones (batches, costs, schedulers and arrivals drawn by seed). With -v it
// prints the table of docs/attribution.md.
func TestDistanceFromTheFairShares(t *testing.T) {
	loads := batchsim.Standard()
	for seed := uint64(1); seed <= 10; seed++ {
		loads = append(loads, batchsim.Drawn(seed))
	}
	var table strings.Builder
	columns := []texttable.Column{{Name: "counter", Key: true}, {Name: "jitter", Key: true}, {Name: "load", Text: true, Key: true}}
	for _, name := range []string{"requests", "step", "phase", "token", "token 1:1", "residency", "equal"} {
		columns = append(columns, texttable.Column{Name: name})
	}
	var rows [][]string
	for _, row := range []struct {
		period, jitter time.Duration
		mean, worst    float64 // that step may have
	}{{100 * ms, 0, 0.05, 0.10}, {20 * ms, 0, 0.05, 0.10}, {100 * ms, 4 * ms, 0.05, 0.08}, {20 * ms, 4 * ms, 0.05, 0.08}, {100 * ms, 10 * ms, 0.10, 0.20}} {
		sums := make([]float64, len(byHand))
		for _, l := range loads {
			s := serve(l, 1, row.period, row.jitter)
			cells := []string{row.period.String(), row.jitter.String(), l.Name, fmt.Sprint(len(l.Jobs))}
			for k, c := range byHand {
				d := distance(s.attribute(t, c), s.fair)
				sums[k] += d / float64(len(loads))
				cells = append(cells, fmt.Sprintf("%.3f", d))
				if k == 0 && d > row.worst {
					t.Errorf("%s, counter of %v, jitter %v: step is %.3f from the fair shares, want %.2f at most", l.Name, row.period, row.jitter, d, row.worst)
				}
			}
			rows = append(rows, cells)
		}
		mean := []string{row.period.String(), row.jitter.String(), "mean", ""}
		for k := range byHand {
			mean = append(mean, fmt.Sprintf("%.3f", sums[k]))
			if k > 0 && sums[k] <= sums[0] {
				t.Errorf("counter of %v, jitter %v: %s is %.3f from the fair shares on average, want no convention as near as step's %.3f", row.period, row.jitter, byHand[k].Name(), sums[k], sums[0])
			}
		}
		rows = append(rows, mean)
		if sums[0] > row.mean {
			t.Errorf("counter of %v, jitter %v: step is %.3f from the fair shares on average, want %.2f at most", row.period, row.jitter, sums[0], row.mean)
		}
	}
	texttable.Write(&table, columns, rows)
	t.Logf("\n%s", &table)
}

// TestStepCostsLieWithinTheirIntervals draws a hundred engines and runs: the
// true costs have to lie within the fitted 95 % intervals in 93 % of them.
func TestStepCostsLieWithinTheirIntervals(t *testing.T) {
	const runs = 100
	var within [3]int
	names := [3]string{"step", "prompt token", "decoded token"}
	for seed := uint64(1000); seed < 1000+runs; seed++ {
		l := batchsim.Drawn(seed)
		s := serve(l, seed, []time.Duration{20 * ms, 100 * ms}[seed%2], []time.Duration{0, 0, 4 * ms}[seed%3])
		costs := s.attribute(t, attribution.Steps{}).Costs
		if costs == nil {
			t.Fatalf("%s: got no costs", l.Name)
		}
		p := l.Engine.Physics
		want := [3]float64{p.StepJ, p.PromptJ, p.DecodeJ + costs.MeanContext*p.ContextJ}
		for k, got := range []attribution.Fitted{costs.Step, costs.Prompt, costs.Decode} {
			if got.Lo <= want[k] && want[k] <= got.Hi {
				within[k]++
			} else {
				t.Logf("%s: %s: got %.4g (%.4g to %.4g), want %.4g", l.Name, names[k], got.Value, got.Lo, got.Hi, want[k])
			}
		}
	}
	all := within[0] + within[1] + within[2]
	t.Logf("within the interval: %d, %d and %d of %d runs by cost (%v), %d of %d in all", within[0], within[1], within[2], runs, names, all, 3*runs)
	if float64(all) < 0.93*3*runs {
		t.Errorf("the true costs lie within the intervals in %d of %d cases, want 93 %%", all, 3*runs)
	}
}

// TestWhatClientsSee: engines and networks that hide steps, each with what that
// may cost. The truth is the Shapley values of the steps as they were.
func TestWhatClientsSee(t *testing.T) {
	loads := batchsim.Standard()
	chat, mixed, queue := loads[1], loads[2], loads[3]
	with := func(l batchsim.Load, name string, change func(*batchsim.Load)) batchsim.Load {
		l.Name += ", " + name
		l.Jobs = slices.Clone(l.Jobs)
		change(&l)
		return l
	}
	for _, row := range []struct {
		load batchsim.Load
		most float64
	}{
		{with(mixed, "chunks of 256", func(l *batchsim.Load) { l.Engine.Scheduler.Chunk = 256 }), 0.05},
		{with(queue, "prefill first", func(l *batchsim.Load) { l.Engine.Scheduler.Policy = batchsim.PrefillFirst }), 0.05},
		{with(queue, "whole prompts", func(l *batchsim.Load) { l.Engine.Scheduler.Policy = batchsim.FCFS }), 0.05},
		{with(chat, "up to 4 tokens a step", func(l *batchsim.Load) { l.Engine.Scheduler.Accepted = 4 }), 0.10},
		{with(chat, "tokens in bursts of 4", func(l *batchsim.Load) { l.Engine.Delivery.Burst = 4 }), 0.10},
		{with(mixed, "tokens in bursts of 4", func(l *batchsim.Load) { l.Engine.Delivery.Burst = 4 }), 0.10},
		{with(chat, "characters of several tokens in half of the answers", func(l *batchsim.Load) { l.Engine.Delivery.Held = []float64{0, 0.7} }), 0.05},
		{with(mixed, "characters of several tokens in half of the answers", func(l *batchsim.Load) { l.Engine.Delivery.Held = []float64{0, 0.7} }), 0.05},
		{with(chat, "characters of several tokens in all answers", func(l *batchsim.Load) { l.Engine.Delivery.Held = []float64{0.7} }), 0.05},
		{with(mixed, "characters of several tokens in all answers", func(l *batchsim.Load) { l.Engine.Delivery.Held = []float64{0.7} }), 0.15},
		{with(chat, "such characters, and up to 4 tokens a step", func(l *batchsim.Load) {
			l.Engine.Delivery.Held, l.Engine.Scheduler.Accepted = []float64{0, 0.3}, 4
		}), 0.10},
		{with(chat, "preempted for want of cache", func(l *batchsim.Load) {
			l.Engine.Scheduler.Policy, l.Engine.Scheduler.Cache = batchsim.Preempting, 3000
		}), 0.15},
		{with(mixed, "half of every prompt cached", func(l *batchsim.Load) {
			for i := range l.Jobs {
				l.Jobs[i].Cached = l.Jobs[i].Prompt / 2
			}
		}), 0.05},
		{with(chat, "steps half as long again, on and off", func(l *batchsim.Load) { l.Engine.Stalls = 0.5 }), 0.10},
		{with(mixed, "steps half as long again, on and off", func(l *batchsim.Load) { l.Engine.Stalls = 0.5 }), 0.10},
	} {
		s := serve(row.load, 1, 100*ms, 0)
		got := distance(s.attribute(t, attribution.Steps{}), s.fair)
		t.Logf("%s: step %.3f, phase %.3f, residency %.3f", row.load.Name, got, distance(s.attribute(t, attribution.Phase{}), s.fair), distance(s.attribute(t, attribution.Residency{}), s.fair))
		if got > row.most {
			t.Errorf("%s: step is %.3f from the fair shares, want %.2f at most", row.load.Name, got, row.most)
		}
	}
}

// TestDynamicGame holds step against the game in which a subset's worth is what
// the engine uses if only its requests arrive. What a request does to others'
// waiting is in that and in no convention of a single run, so the distance is
// that of the steps' own Shapley values from it, and little more.
func TestDynamicGame(t *testing.T) {
	for _, l := range batchsim.Standard() {
		if len(l.Jobs) > 8 {
			continue
		}
		l.Engine.Concurrency = 0 // those of a closed loop arrive at once
		s := serve(l, 1, 100*ms, 0)
		game := l.Engine.Game(l.Jobs)
		floor := shapley.Distance(s.fair, game)
		got := distance(s.attribute(t, attribution.Steps{}), game)
		t.Logf("%s: step %.3f from the game's values, the steps' own values %.3f", l.Name, got, floor)
		if got > floor+0.03 {
			t.Errorf("%s: step is %.3f from the game's values, want little more than the steps' own %.3f", l.Name, got, floor)
		}
	}
}

// TestStepAddsUp: what is charged by costs that are sums is the sum of what is
// charged by each. The totals by term are known to the simulator; its counter is
// published every two seconds, which is too rarely for the run's own costs.
func TestStepAddsUp(t *testing.T) {
	s := serve(batchsim.Standard()[2], 1, 2*time.Second, 0)
	given := func(step, prompt, decode float64) attribution.Result {
		one := func(v float64) attribution.Fitted { return attribution.Fitted{Value: v, Lo: v, Hi: v} }
		r := s.attribute(t, attribution.Steps{Prior: []*attribution.StepCosts{{Step: one(step), Prompt: one(prompt), Decode: one(decode)}}})
		if r.Costs == nil || r.Costs.Source != attribution.SourcePrior {
			t.Fatalf("got notes %q, want the costs that were given", r.Notes)
		}
		return r
	}
	var prompts, decodes float64
	for _, q := range s.reqs {
		prompts += float64(q.PromptTokens)
		decodes += float64(q.OutputTokens - 1)
	}
	const step, prompt, decode = 1.5, 0.03, 0.06
	whole, weights, first, rest := given(step, prompt, decode), given(step, 0, 0), given(0, prompt, 0), given(0, 0, decode)
	parts := [3]float64{step * float64(whole.Costs.Steps), prompt * prompts, decode * decodes}
	total := parts[0] + parts[1] + parts[2]
	for i := range s.reqs {
		var want float64
		for k, r := range []attribution.Result{weights, first, rest} {
			want += parts[k] / total * r.Shares[i].Energy.Joules()
		}
		if got := whole.Shares[i].Energy.Joules(); math.Abs(got-want) > 1e-3*want {
			t.Errorf("request %d: got %.4f J by the sum of costs, want the %.4f J of each alone", i, got, want)
		}
	}
}
