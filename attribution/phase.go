package attribution

import (
	"cfubench/meter"
	"fmt"
	"math"
	"time"
)

// Phase divides the energy of every instant in proportion to the work that
// each request in flight is getting done: a request in prefill weighs its
// prompt tokens per second times the prefill weight, one in decode its output
// tokens per second, one that is queued nothing while any other works. The
// prefill weight, the energy of a prompt token in output tokens, is fitted
// from the run itself by least squares over equal intervals,
//
//	energy above idle = a · prompt tokens processed + b · output tokens made,
//
// with a, b ≥ 0, tokens being spread evenly over their phase; the weight is
// a/b. Who found a prompt in the cache pays for none of it, also where
// Columns.ShareCache was called: what was computed in an instant can only be
// charged to those who were there. Where the run cannot tell the two apart the request's presence is the
// weight, as in Residency but without the queue, and a note says so. A failed
// request weighs what was counted for it.
type Phase struct {
	// Server helps to place the queue, nil if nothing is known; see NewTimeline.
	Server *Server
	// PrefillWeight is used instead of a fit if it is not zero.
	PrefillWeight float64
	// Roles say which domains only prefill or only decode: there the work needs no
	// weight.
	Roles map[string]Role
}

// Name is "phase".
func (Phase) Name() string { return "phase" }

// Weigh fits the prefill weight and returns rates of work.
func (p Phase) Weigh(s Scene) (Weights, error) {
	t := s.Timeline(p.Server)
	w := Weights{Basis: ByInstant, Split: true, Timeline: t}
	weight := p.PrefillWeight
	role := p.Roles[s.Curve.domain.Name]
	if role != RoleBoth {
		weight = 1
		w.Notes = append(w.Notes, role.note())
	}
	if weight == 0 {
		fit, err := s.prefillWeight(t)
		if err != nil {
			return w, err
		}
		if !fit.ok {
			w.Notes = append(w.Notes, "prefill weight not fitted ("+fit.note+"): requests in prefill and in decode weigh the same")
			w.Of = func(int) (float64, float64) { return 1, 1 }
			return w, nil
		}
		weight = fit.weight
		w.Notes = append(w.Notes, "prefill weight "+fit.note)
	}
	w.Of = func(i int) (float64, float64) {
		prompt, output := t.workRates(i)
		return role.own(weight*prompt, output)
	}
	return w, nil
}

// workRates returns the prompt tokens per ns of request i's prefill and the
// output tokens per ns of its decode.
func (t *Timeline) workRates(i int) (prompt, output float64) {
	whole := meter.Window{Start: 0, End: max(t.Window.End, t.Done[i])}
	var s stages
	if !t.Columns.stages(i, whole, t.begin[i], &s) {
		return 0, 0
	}
	p, o := t.tokens(i)
	if length := s[phaseDecode] - s[phasePrefill]; length > 0 {
		prompt = p / float64(length)
	}
	if length := s[phaseDone] - s[phaseDecode]; length > 0 {
		output = o / float64(length)
	}
	return prompt, output
}

// phaseFit is a prefill weight, with how it came about, or why there is none.
type phaseFit struct {
	weight float64
	ok     bool
	note   string
}

// fitPhases takes the prefill weight from the costs of the engine's steps where
// the tokens' stamps show them, a decoded token having its part of the weights'
// reading; else from tokens that are spread evenly over their phases.
func fitPhases(s Scene, t *Timeline) (phaseFit, error) {
	w, err := s.work()
	if err == nil {
		err = w.remember(s.Requests)
	}
	if err != nil {
		return phaseFit{}, err
	}
	if costs, why := s.stepCosts(w, RoleBoth); why == "" {
		all := w.by(s.Window.End)
		from := w.by(s.Window.Start)
		for k := range terms {
			all[k] -= from[k]
		}
		prompt := costs.theta[termPrompt]
		all[termPrompt] = 0
		if output := costs.charge(all) / all[termDecode]; prompt > 0 && output > 0 && !math.IsInf(output, 0) {
			return phaseFit{prompt / output, true, fmt.Sprintf("%.4g output tokens a prompt token, from the steps (%v)", prompt/output, costs)}, nil
		}
	}
	return fitEvenly(t, s.Curve, s.Idle), nil
}

// Limits of a fit that can be believed.
const (
	// maxFitCorrelation is the cosine between prompt and output work beyond
	// which the run does not tell them apart.
	maxFitCorrelation = 0.98
)

// fitEvenly fits the weight to tokens that are spread evenly over their phases.
func fitEvenly(t *Timeline, c *Curve, idle Idle) phaseFit {
	fallback := func(format string, args ...any) phaseFit {
		return phaseFit{note: fmt.Sprintf(format, args...)}
	}
	bins := workBins(t, phaseInterval(c, t.Window))
	e, flag := c.cover(t.Window)
	if flag != "" {
		return fallback("%s", flag)
	}
	cursor := newCursor(c, e)
	floor := 0.0
	if idle.Known {
		floor = rate(idle.Loaded)
	}
	var n int
	var xx, xy, yy, xe, ye, ee float64
	previous := cursor.at(t.Window.Start).energy
	for k := range bins.prompt {
		from := t.Window.Start + time.Duration(k)*bins.width
		to := min(from+bins.width, t.Window.End)
		now := cursor.at(to).energy
		energy := now - previous - floor*float64(to-from)
		previous = now
		x, y := bins.prompt[k], bins.output[k]
		if x <= 0 && y <= 0 {
			continue
		}
		n++
		xx, xy, yy = xx+x*x, xy+x*y, yy+y*y
		xe, ye, ee = xe+x*energy, ye+y*energy, ee+energy*energy
	}
	switch {
	case n < minFitIntervals:
		return fallback("%d intervals with work are too few", n)
	case xx == 0 || yy == 0:
		return fallback("token counts are missing")
	case xy/math.Sqrt(xx*yy) > maxFitCorrelation:
		return fallback("prompt and output work always coincide")
	}
	det := xx*yy - xy*xy
	a, b := (xe*yy-ye*xy)/det, (ye*xx-xe*xy)/det
	if a <= 0 || b <= 0 {
		return fallback("least squares gives %.3g µJ a prompt token and %.3g µJ an output token", a, b)
	}
	r2 := 1 - (ee-a*xe-b*ye)/ee
	return phaseFit{weight: a / b, ok: true,
		note: fmt.Sprintf("%.4g output tokens a prompt token, fitted over %d intervals of %v (R² about zero %.3f)", a/b, n, bins.width, r2)}
}

// phaseInterval is long enough for the register and short enough to tell phases
// apart, and keeps the number of intervals in bounds.
func phaseInterval(c *Curve, w meter.Window) time.Duration {
	return max(2*c.domain.UpdatePeriod, 4*c.spacing(), w.Length()/20000, time.Millisecond)
}

// bins hold the tokens worked on in each interval.
type bins struct {
	width          time.Duration
	prompt, output []float64
}

// workBins spreads every request's tokens evenly over its phases. A phase adds
// its rate to a running slope where it begins and takes it away where it ends,
// so the cost does not depend on its length.
func workBins(t *Timeline, width time.Duration) bins {
	n := int((t.Window.Length() + width - 1) / width)
	b := bins{width: width, prompt: make([]float64, n), output: make([]float64, n)}
	slopes := [2][]float64{make([]float64, n+1), make([]float64, n+1)}
	out := [2][]float64{b.prompt, b.output}
	// step adds a rate from time at on: in at's own interval from at to its
	// end, and whole in the ones after.
	step := func(which int, at time.Duration, r float64) {
		k := min(int((at-t.Window.Start)/width), n-1)
		end := t.Window.Start + time.Duration(k+1)*width
		out[which][k] += r * float64(end-at)
		slopes[which][k+1] += r
	}
	for i := range t.Len() {
		var s stages
		if !t.stages(i, &s) {
			continue
		}
		prompt, output := t.workRates(i)
		step(0, s[phasePrefill], prompt)
		step(0, s[phaseDecode], -prompt)
		step(1, s[phaseDecode], output)
		step(1, s[phaseDone], -output)
	}
	for which, s := range slopes {
		slope := 0.0
		for k := range n {
			slope += s[k]
			out[which][k] += slope * float64(width)
			if out[which][k] < 1e-9 {
				out[which][k] = 0
			}
		}
	}
	return b
}
