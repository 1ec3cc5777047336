package engine

import (
	"math"
	"time"
)

// At is the moment of the scrape: the middle of its bracket.
func (s Sample) At() time.Duration { return s.Before + (s.After-s.Before)/2 }

// Counts are what a server's totals have advanced by. A count is NaN where the
// server has no such total.
type Counts struct {
	PromptTokens float64 // with those taken from the cache
	CachedTokens float64
	OutputTokens float64
	Requests     float64 // finished
	Steps        float64 // forward passes
}

// Plus adds counts. A total that was not there in one of them had not begun: the
// sum is NaN only where it is in neither.
func (c Counts) Plus(o Counts) Counts {
	plus := func(a, b float64) float64 {
		switch {
		case math.IsNaN(a):
			return b
		case math.IsNaN(b):
			return a
		}
		return a + b
	}
	others := o.fields()
	for i, n := range c.fields() {
		*n = plus(*n, *others[i])
	}
	return c
}

// fields are the counts in their order.
func (c *Counts) fields() [5]*float64 {
	return [5]*float64{&c.PromptTokens, &c.CachedTokens, &c.OutputTokens, &c.Requests, &c.Steps}
}

// NoCounts are those of a server of which nothing is known: the zero of Plus.
func NoCounts() Counts {
	n := math.NaN()
	return Counts{n, n, n, n, n}
}

// totals are the Sample's totals that Counts count, in the order of its fields.
func (s Sample) totals() [5]float64 {
	return [5]float64{s.PromptTokens, s.CachedTokens, s.OutputTokens, s.Finished, s.Steps}
}

// Break says why the time between two scrapes is not counted.
type Break string

// Breaks.
const (
	// Unbroken is a stretch whose counts are known.
	Unbroken Break = ""
	// First is the first scrape that gave anything: there is none before it.
	First Break = "first"
	// Restart is a total that fell or vanished: what was served since the scrape
	// before is not known.
	Restart Break = "restart"
	// Outage is a time without a scrape that was longer than the patience.
	Outage Break = "outage"
)

// Stretch is the time between two scrapes that gave something, one after the
// other.
type Stretch struct {
	From, To time.Duration
	Break    Break
	// Counts are known where there is no Break.
	Counts
	// Idle says that the server had nothing to do: no request at either end, and no
	// total that advanced. It is false where the server does not tell.
	Idle bool
}

// Progress follows a server's totals from scrape to scrape. A total that has not
// been there yet counts from zero: servers publish some with the first request.
type Progress struct {
	// Patience is how long the scrapes may give nothing and the totals still be
	// counted across it.
	Patience time.Duration

	last   Sample
	begun  bool
	totals [5]float64 // the last that were told, NaN before
}

// Add takes the next scrape. The stretch to it is ok unless the scrape failed;
// that of the First is empty.
func (p *Progress) Add(s Sample) (stretch Stretch, ok bool) {
	if s.Err != "" {
		return Stretch{}, false
	}
	now := s.totals()
	stretch = Stretch{From: p.last.At(), To: s.At()}
	switch {
	case !p.begun:
		stretch.From, stretch.Break = s.At(), First
		for i := range p.totals {
			p.totals[i] = math.NaN()
		}
	case fell(p.totals, now):
		stretch.Break = Restart
	case stretch.To-stretch.From > p.Patience:
		stretch.Break = Outage
	default:
		stretch.count(p.last.totals(), now)
		stretch.Idle = p.last.Running == 0 && s.Running == 0 && stretch.still()
	}
	for i, v := range now {
		if !math.IsNaN(v) {
			p.totals[i] = v
		} else if stretch.Break == Restart {
			p.totals[i] = math.NaN()
		}
	}
	p.last, p.begun = s, true
	return stretch, true
}

// fell reports whether a total is less than it was, or no longer there.
func fell(before, now [5]float64) bool {
	for i, v := range before {
		if !math.IsNaN(v) && !(now[i] >= v) {
			return true
		}
	}
	return false
}

// count sets the counts.
func (s *Stretch) count(before, now [5]float64) {
	for i, field := range s.fields() {
		from := before[i]
		if math.IsNaN(from) {
			from = 0
		}
		*field = now[i] - from // NaN where it is still not there
	}
}

// still reports whether no total advanced.
func (s *Stretch) still() bool {
	for _, n := range s.fields() {
		if *n > 0 {
			return false
		}
	}
	return true
}
