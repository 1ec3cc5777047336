package attribution

import (
	"cfubench/meter"
	"math"
	"time"
)

// Terms of a step's energy, and of the work that goes with each.
const (
	termStep    = iota // reading the weights: a step
	termPrompt         // a prompt token computed
	termDecode         // a decoded token
	termContext        // a thousand tokens of context read by a decode
	terms
)

// work is what a run's requests had done, step by step, as far as the token
// stamps tell: by request, and over time.
type work struct {
	byRequest []requestWork
	weighed   *scaling // what byRequest's steps weigh, nil: all the same
	// cumulative is the work of all requests done by the window's start plus
	// k widths.
	cumulative [][terms]float64
	window     meter.Window
	width      time.Duration
	steps      int
	// period is the typical time between two tokens of a request.
	period time.Duration
	// unknown says why nothing is known, "" if it is.
	unknown string
	pilot   pilot
}

// requestWork is one request's: the steps that it took part in, each divided by
// the number of those that took part, while its prompt was computed and after,
// and its tokens.
type requestWork struct{ prefillSteps, decodeSteps, prompt, decoded float32 }

// finest and mostBins bound the resolution in time.
const (
	finest   = time.Millisecond
	mostBins = 1 << 19
)

func newWork(n int, w meter.Window) *work {
	width := max(finest, w.Length()/mostBins+1)
	return &work{byRequest: make([]requestWork, n), window: w, width: width, cumulative: make([][terms]float64, int(w.Length()/width)+2)}
}

// spread adds what was done evenly from start to end. Until sum is called the
// bins are not cumulative: entry k holds what was done before it and after k−1.
func (w *work) spread(start, end time.Duration, done [terms]float64) {
	from, to := max(start, w.window.Start), min(end, w.window.End)
	if to <= from {
		return
	}
	for at := from; at < to; {
		k := int((at - w.window.Start) / w.width)
		until := min(w.window.Start+time.Duration(k+1)*w.width, to)
		part := float64(until-at) / float64(end-start)
		for t := range terms {
			w.cumulative[k+1][t] += part * done[t]
		}
		at = until
	}
}

func (w *work) sum() {
	for k := 1; k < len(w.cumulative); k++ {
		for t := range terms {
			w.cumulative[k][t] += w.cumulative[k-1][t]
		}
	}
}

// by is the work of all requests done by at.
func (w *work) by(at time.Duration) [terms]float64 {
	x := float64(at-w.window.Start) / float64(w.width)
	k := min(max(int(x), 0), len(w.cumulative)-2)
	part := min(max(x-float64(k), 0), 1)
	var out [terms]float64
	for t := range terms {
		a, b := w.cumulative[k][t], w.cumulative[k+1][t]
		out[t] = a + part*(b-a)
	}
	return out
}

// of is the work of request i by term: what it pays for.
func (w *work) of(c *Columns, i int) [terms]float64 {
	r := w.byRequest[i]
	prompt, decoded := float64(r.prompt), float64(r.decoded)
	if prompt > 0 || decoded > 0 {
		prompt = c.paid(i, prompt)
	}
	return [terms]float64{
		float64(r.prefillSteps) + float64(r.decodeSteps), prompt, decoded,
		// A decode reads the prompt and what was decoded before it.
		decoded * (c.context(i) + decoded/2) / 1000,
	}
}

// workOf works through the stamps of the requests. What cannot be told is in
// unknown.
func workOf(c Columns, w meter.Window) (*work, error) {
	pilot, err := pilotOf(c)
	if err != nil {
		return nil, err
	}
	if pilot.unknown != "" {
		return &work{window: w, unknown: pilot.unknown}, nil
	}
	out := newWork(c.Len(), w)
	out.period, out.pilot = pilot.period, pilot
	s := newStepper(c, out, pilot)
	if err := s.run(math.MaxInt); err != nil {
		return nil, err
	}
	out.sum()
	return out, nil
}

// remember works the work over time out again, where it was let go.
func (w *work) remember(c Columns) error {
	if w.cumulative != nil || w.unknown != "" {
		return nil
	}
	again, err := workOf(c, w.window)
	if err == nil {
		w.cumulative = again.cumulative
	}
	return err
}

// pilot is what the first requests of a run show of its steps.
type pilot struct {
	cadence
	timing  timing  // of steps; see stepper.fit
	noise   float64 // ns that it leaves of a step
	unknown string
}

// pilotTokens is how many tokens are looked at, pilotRounds how many times at most.
const (
	pilotTokens = 20_000
	pilotRounds = 20
)

// pilotOf looks at the first requests twice: for the time between tokens, and
// for what prompts add to a step.
func pilotOf(c Columns) (pilot, error) {
	var gaps []gap
	var single, streamed, seen float64
	near := 0
	if c.Tokens == nil {
		return pilot{unknown: "the arrivals of tokens are not known"}, nil
	}
	err := c.Tokens(func(id int64, at []time.Duration, count []int32) bool {
		i := c.row(id, near)
		if near = i + 1; i < 0 || len(at) == 0 {
			return true
		}
		seen += float64(len(at))
		if _, output := c.tokens(i); len(at) == 1 {
			single += output
		} else {
			streamed += output
		}
		for k := 1; k < len(at); k++ {
			g := gap{at[k] - at[k-1], 1}
			if k < len(count) {
				g.tokens = float64(count[k])
			}
			gaps = append(gaps, g)
		}
		return len(gaps) < pilotTokens && seen < pilotTokens
	})
	if err != nil {
		return pilot{}, err
	}
	var p pilot
	switch {
	case seen == 0:
		p.unknown = "the arrivals of tokens are not known"
	case single > streamed && single > 2*seen:
		p.unknown = "answers came in one piece"
	}
	if p.unknown != "" {
		return p, nil
	}
	p.cadence = cadenceOf(gaps)
	return p, p.time(c)
}

// time finds out what steps take, by rounds: where prompts are placed says what
// a prompt token's time is, and that places them better. The rounds begin once
// with every prompt in the step that ends with its first token, as whole prompts
// are computed, and once with all of the time beyond short steps given to
// prompts, as chunks are; the end that leaves less is right.
func (p *pilot) time(c Columns) error {
	least := math.Inf(1)
	best, start := *p, *p
	for range 2 {
		trial := start
		var left float64
		for range pilotRounds {
			s := newStepper(c, nil, trial)
			if err := s.run(pilotTokens); err != nil {
				return err
			}
			if start.timing.prompt == 0 {
				start.timing, start.noise = s.longest()
			}
			before := trial.timing.prompt
			if trial.timing, trial.noise, left = s.fit(); math.Abs(trial.timing.prompt-before) <= 0.003*before {
				break
			}
		}
		if left < least {
			best, least = trial, left
		}
	}
	*p = best
	return nil
}
