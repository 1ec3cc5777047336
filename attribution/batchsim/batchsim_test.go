package batchsim_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"cfubench/attribution/batchsim"
	"cfubench/meter"
)

func run(e batchsim.Engine, jobs []batchsim.Job) *batchsim.Trace {
	return e.Run(rand.New(rand.NewPCG(1, 2)), time.Second, jobs)
}

// TestEveryPolicyDoesAllOfTheWork: whatever the schedule, every prompt token
// that is not cached is computed, every output token is made and stamped in
// order, no batch is over its limit, and the fair shares sum to the energy.
func TestEveryPolicyDoesAllOfTheWork(t *testing.T) {
	for seed := uint64(1); seed <= 30; seed++ {
		l := batchsim.Drawn(seed)
		l.Engine.Scheduler.Policy = batchsim.Policy(seed % 4)
		l.Engine.Scheduler.Cache = 4000
		l.Engine.Scheduler.Accepted = int(seed % 3)
		l.Engine.Delivery = batchsim.Delivery{Jitter: time.Duration(seed%5) * time.Millisecond, Burst: int(seed % 6)}
		l.Engine.Stalls = float64(seed%2) / 3
		for i := range l.Jobs {
			l.Jobs[i].Cached = l.Jobs[i].Prompt / int(1+seed%4) * int(seed%2)
		}
		trace := run(l.Engine, l.Jobs)
		prompt, output := make([]int, len(l.Jobs)), make([]int, len(l.Jobs))
		for _, s := range trace.Steps {
			if len(s.Parts) == 0 || len(s.Parts) > l.Engine.Scheduler.Batch || s.End <= s.Start {
				t.Fatalf("%s: a step from %v to %v of %d requests on %d slots", l.Name, s.Start, s.End, len(s.Parts), l.Engine.Scheduler.Batch)
			}
			for _, p := range s.Parts {
				prompt[p.Job] += p.Prompt
			}
		}
		for i, j := range l.Jobs {
			for k, n := range trace.Counts[i] {
				output[i] += int(n)
				if k > 0 && trace.Tokens[i][k] < trace.Tokens[i][k-1] || trace.Tokens[i][k] < trace.Sent[i] {
					t.Fatalf("%s: request %d has stamps out of order", l.Name, i)
				}
			}
			if want := j.Prompt - j.Cached; prompt[i] < want || prompt[i] > want && l.Engine.Scheduler.Policy != batchsim.Preempting {
				t.Fatalf("%s: %d prompt tokens of request %d were computed, want %d", l.Name, prompt[i], i, want)
			}
			if output[i] != j.Output {
				t.Fatalf("%s: request %d has %d tokens, want %d", l.Name, i, output[i], j.Output)
			}
		}
		sum := 0.0
		for _, v := range trace.StepShapley() {
			sum += v
		}
		if math.Abs(sum/trace.Joules()-1) > 1e-9 {
			t.Fatalf("%s: the fair shares sum to %g J, want %g", l.Name, sum, trace.Joules())
		}
		const idle = 100 * meter.Watt
		power := trace.Power(idle)
		want := trace.Joules() + idle.Watts()*power.End().Seconds()
		if got := power.Energy(power.End()) / 1e6; math.Abs(got/want-1) > 1e-6 {
			t.Fatalf("%s: the power sums to %g J, want %g", l.Name, got, want)
		}
	}
}

// TestGame: one request alone owes what it uses; two that are the same owe the
// same, and together what both use, which is less than each alone.
func TestGame(t *testing.T) {
	e := batchsim.Engine{Physics: batchsim.Accelerator, Scheduler: batchsim.Scheduler{Batch: 8, Chunk: 2048}}
	job := batchsim.Job{Prompt: 300, Output: 40}
	one, two := e.Game([]batchsim.Job{job}), e.Game([]batchsim.Job{job, job})
	alone, both := run(e, []batchsim.Job{job}).Joules(), run(e, []batchsim.Job{job, job}).Joules()
	if math.Abs(one[0]-alone) > 1e-9 {
		t.Errorf("one request: got %g J, want the %g it uses", one[0], alone)
	}
	if math.Abs(two[0]-two[1]) > 1e-9 || math.Abs(two[0]+two[1]-both) > 1e-9 || both >= 2*alone {
		t.Errorf("two requests: got %v J of %g, want halves of less than %g", two, both, 2*alone)
	}
}
