package batchsim

import (
	"math/rand/v2"
	"time"

	"cfubench/attribution"
	"cfubench/attribution/shapley"
	"cfubench/attribution/simulated"
	"cfubench/meter"
)

// StepShapley returns the joules above idle that each job owes, by the exact
// Shapley value of every step as it was: the weights are read if anyone takes
// part, so they are shared equally, and all else is somebody's own.
func (t *Trace) StepShapley() []float64 {
	out := make([]float64, len(t.Jobs))
	for _, s := range t.Steps {
		for _, part := range s.Parts {
			out[part.Job] += s.Weights/float64(len(s.Parts)) + part.Own
		}
	}
	return out
}

// Device is what one of two devices did of the trace, where prefill and decode run
// apart: one computes the prompts, the other reads the weights for the decodes of a
// step and decodes.
func (t *Trace) Device(role attribution.Role) *Trace {
	out := *t
	out.Steps, out.joules = make([]Step, len(t.Steps)), 0
	for k, s := range t.Steps {
		own := Step{Start: s.Start, End: s.End}
		for _, part := range s.Parts {
			if (part.Prompt > 0) == (role == attribution.RolePrefill) {
				own.Parts = append(own.Parts, part)
				own.Joules += part.Own
			}
		}
		if role == attribution.RoleDecode && len(own.Parts) > 0 {
			own.Weights = s.Weights
			own.Joules += s.Weights
		}
		out.Steps[k] = own
		out.joules += own.Joules
	}
	return &out
}

// Game returns the exact Shapley values of the dynamic game: the worth of a
// subset is what the engine uses when only its jobs arrive, so that who makes
// others wait pays for that too. It serves 2^n subsets.
func (e *Engine) Game(jobs []Job) []float64 {
	worth := make([]float64, 1<<len(jobs))
	for s := 1; s < len(worth); s++ {
		var some []Job
		for i, j := range jobs {
			if s>>i&1 == 1 {
				some = append(some, j)
			}
		}
		worth[s] = e.Run(rand.New(rand.NewPCG(1, 1)), 0, some).joules
	}
	return shapley.Exact(worth)
}

// Joules is the energy above idle of all steps.
func (t *Trace) Joules() float64 { return t.joules }

// Requests returns what a client recorded.
func (t *Trace) Requests() []attribution.Request {
	out := make([]attribution.Request, len(t.Jobs))
	for i, j := range t.Jobs {
		at := t.Tokens[i]
		out[i] = attribution.Request{ID: int64(i), Sent: t.Sent[i], FirstToken: at[0], LastToken: at[len(at)-1], Done: at[len(at)-1],
			PromptTokens: j.Prompt, CachedTokens: j.Cached, OutputTokens: j.Output, ServerPrefill: -1, ServerDecode: -1,
			Tokens: at, TokenCounts: t.Counts[i]}
	}
	return out
}

// Window is from the first sending to the last stamp.
func (t *Trace) Window() meter.Window {
	w := meter.Window{Start: t.Sent[0]}
	for i := range t.Jobs {
		w.Start, w.End = min(w.Start, t.Sent[i]), max(w.End, t.done(i))
	}
	return w
}

// Power is the true power: the steps over idle, and idle before, between and
// for a second after.
func (t *Trace) Power(idle meter.Power) *simulated.Truth {
	out := &simulated.Truth{}
	now := time.Duration(0)
	for _, s := range t.Steps {
		if s.Start > now {
			out.Step(s.Start-now, idle)
		}
		out.Step(s.End-s.Start, idle+meter.Power(s.Joules*1e6/(s.End-s.Start).Seconds()))
		now = s.End
	}
	out.Step(max(t.Window().End-now, 0)+time.Second, idle)
	return out
}
