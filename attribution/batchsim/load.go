package batchsim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Load is a named run.
type Load struct {
	Name   string
	Engine Engine
	Jobs   []Job
}

// chat draws prompts and answers as people ask: around 120 tokens in and 130
// out, with a long tail.
func chat(rng *rand.Rand) Job {
	draw := func(median, sigma float64, most int) int {
		return min(max(int(median*math.Exp(sigma*rng.NormFloat64())), 4), most)
	}
	return Job{Prompt: draw(120, 0.9, 2000), Output: draw(130, 0.7, 500)}
}

// mixed alternates long prompts with short answers and the reverse.
func mixed(i int) Job {
	return []Job{{Prompt: 1800, Output: 12}, {Prompt: 30, Output: 90}, {Prompt: 400, Output: 40}, {Prompt: 60, Output: 150}, {Prompt: 1200, Output: 8}}[i%5]
}

func jobsOf(n int, draw func(i int) Job) []Job {
	out := make([]Job, n)
	for i := range out {
		out[i] = draw(i)
	}
	return out
}

// arriving gives jobs their times: gaps of an exponential distribution.
func arriving(rng *rand.Rand, perSecond float64, jobs []Job) []Job {
	now := 0.0
	for i := range jobs {
		jobs[i].Arrive = time.Duration(now * 1e9)
		now += rng.ExpFloat64() / perSecond
	}
	return jobs
}

// Standard are loads that a benchmark sends: one at a time, a full batch of
// chat, long and short prompts together, a queue that nobody sees, arrivals at
// random, and eight requests at once and one after another.
func Standard() []Load {
	rng := rand.New(rand.NewPCG(11, 1))
	engine := func(concurrency, batch int) Engine {
		return Engine{Physics: Accelerator, Scheduler: Scheduler{Policy: Chunked, Batch: batch, Chunk: 2048}, Concurrency: concurrency}
	}
	eight := jobsOf(8, func(i int) Job { return Job{Prompt: 100 + 150*(i%4), Output: 20 + 25*(i%8)} })
	staggered := jobsOf(8, func(i int) Job {
		return Job{Arrive: time.Duration(i) * 150 * time.Millisecond, Prompt: 100 + 150*(i%4), Output: 20 + 25*(i%8)}
	})
	return []Load{
		{"one at a time", engine(1, 8), jobsOf(20, func(int) Job { return chat(rng) })},
		{"chat, 16 at once", engine(16, 16), jobsOf(200, func(int) Job { return chat(rng) })},
		{"long and short prompts, 4 at once", engine(4, 8), jobsOf(80, mixed)},
		{"12 at once on 4 slots", engine(12, 4), jobsOf(80, mixed)},
		{"at random, 4 a second", engine(0, 8), arriving(rng, 4, jobsOf(60, mixed))},
		{"8 at once", engine(8, 8), eight},
		{"8 staggered", engine(0, 8), staggered},
	}
}

// Drawn draws a load, an engine and its costs.
func Drawn(seed uint64) Load {
	rng := rand.New(rand.NewPCG(seed, 7))
	between := func(lo, hi float64) float64 { return lo + (hi-lo)*rng.Float64() }
	var p Physics
	ms := func(x float64) time.Duration { return time.Duration(x * float64(time.Millisecond)) }
	p.Step, p.Decode = ms(between(4, 20)), ms(between(0.05, 0.4))
	p.Prompt, p.Context = ms(between(0.02, 0.15)), ms(between(0.005, 0.04))
	p.StepJ = p.Step.Seconds() * between(150, 350)
	p.DecodeJ = p.Decode.Seconds() * between(250, 600)
	p.PromptJ = p.Prompt.Seconds() * between(400, 600)
	p.ContextJ = p.Context.Seconds() * between(200, 500)
	batch := 4 + rng.IntN(28)
	policy := []Policy{Chunked, FCFS, PrefillFirst}[rng.IntN(3)]
	l := Load{Engine: Engine{Physics: p, Scheduler: Scheduler{Policy: policy, Batch: batch, Chunk: []int{512, 1024, 2048, 8192}[rng.IntN(4)]}}}
	share := rng.Float64()
	n := 60 + rng.IntN(140)
	l.Jobs = jobsOf(n, func(i int) Job {
		if rng.Float64() < share {
			return chat(rng)
		}
		return mixed(rng.IntN(5))
	})
	if rng.Float64() < 0.6 {
		l.Engine.Concurrency = 1 + rng.IntN(2*batch)
		l.Name = fmt.Sprintf("drawn %d: %s, %d at once on %d slots", seed, policy, l.Engine.Concurrency, batch)
	} else {
		rate := between(0.5, 6)
		l.Jobs = arriving(rng, rate, l.Jobs)
		l.Name = fmt.Sprintf("drawn %d: %s, %.1f a second on %d slots", seed, policy, rate, batch)
	}
	return l
}

// String is the policy's name.
func (p Policy) String() string {
	return [...]string{"chunked", "first come, first served", "prefill first", "preempting"}[p]
}
