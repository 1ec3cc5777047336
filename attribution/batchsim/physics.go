// Package batchsim simulates an engine with continuous batching whose every
// step takes a stated time and a stated energy, so that what each request
// costs, by its Shapley value, is known exactly. It is a simulation and nothing
// in it is a measurement; tests compare attribution with it.
package batchsim

import "time"

// Physics states what a step costs: a constant for reading the weights, once
// however many take part, and a term for each sequence in decode, each prompt
// token and each thousand tokens of context that a decoding sequence reads.
type Physics struct {
	// Step, Decode, Prompt and Context are times.
	Step, Decode, Prompt, Context time.Duration
	// StepJ, DecodeJ, PromptJ and ContextJ are joules above idle.
	StepJ, DecodeJ, PromptJ, ContextJ float64
}

// Accelerator is a GPU of the H100's size with a model of about 7 billion
// parameters: made up, but of the right order (300 W in decode).
var Accelerator = Physics{
	Step: 5 * time.Millisecond, Decode: 100 * time.Microsecond, Prompt: 50 * time.Microsecond, Context: 20 * time.Microsecond,
	StepJ: 1.5, DecodeJ: 0.06, PromptJ: 0.0275, ContextJ: 0.01,
}

// Policy is how a scheduler fills a step.
type Policy int

const (
	// Chunked computes up to Chunk prompt tokens a step beside all decodes.
	Chunked Policy = iota
	// FCFS computes whole prompts beside all decodes.
	FCFS
	// PrefillFirst computes waiting prompts, whole and up to Chunk tokens
	// unless one alone is longer, in steps of their own: decodes stand still.
	PrefillFirst
	// Preempting is Chunked with room for Cache tokens: when they run out, the
	// request that was admitted last is thrown out and computed again later.
	Preempting
)

// Scheduler fills steps.
type Scheduler struct {
	Policy Policy
	Batch  int // requests at once
	Chunk  int // prompt tokens a step
	Cache  int // tokens of context that Preempting has room for
	// Accepted is how many tokens a decode makes at most in one step, drawn
	// evenly; 0 and 1 are one. More is speculative decoding: its cost is by the
	// step, not by the token.
	Accepted int
}

// Job is one request as it is asked for.
type Job struct {
	Arrive time.Duration
	// Cached of the Prompt tokens need not be computed.
	Prompt, Cached, Output int
}

// Part is a request's part in a step.
type Part struct {
	Job            int
	Prompt, Decode int     // tokens computed
	Own            float64 // J beside the weights
}

// Step is one step of the engine.
type Step struct {
	Start, End time.Duration
	Joules     float64 // above idle
	Weights    float64 // of them for reading the weights
	Parts      []Part
}

// cost returns a part's own time and energy; context is what a decode reads.
func (p Physics) cost(prompt, decode, context int) (time.Duration, float64) {
	took, joules := time.Duration(prompt)*p.Prompt, float64(prompt)*p.PromptJ
	if decode > 0 {
		k := float64(context) / 1000
		took += p.Decode + time.Duration(k*float64(p.Context))
		joules += p.DecodeJ + k*p.ContextJ
	}
	return took, joules
}
