package sweep

import (
	"fmt"
	"slices"
	"time"

	"cfubench/datasets"
	"cfubench/loadgen"
	"cfubench/results/runfolder"
)

// tally is a mean of durations.
type tally struct {
	n   int
	sum time.Duration
}

func (t *tally) add(d time.Duration) { t.n++; t.sum += d }

// mean is 0 where nothing was added.
func (t tally) mean() time.Duration {
	if t.n == 0 {
		return 0
	}
	return t.sum / time.Duration(t.n)
}

// pace is how long the parts of a run have taken, from which those to come are judged.
type pace struct {
	// launch is from a server's start to its first cell without the search of a rate,
	// which search has.
	launch, search tally
	// cells is what cells took beyond their idle windows and schedules, and loads the
	// same by load.
	cells tally
	loads map[runfolder.Load]tally
	// least is the time of a cell's idle windows and schedule by load.
	least map[runfolder.Load]time.Duration
}

func newPace() pace {
	return pace{loads: map[runfolder.Load]tally{}, least: map[runfolder.Load]time.Duration{}}
}

// took notes how long a cell has taken.
func (p *pace) took(c plannedCell, d time.Duration) {
	beyond := max(0, d-p.least[c.Load])
	p.cells.add(beyond)
	t := p.loads[c.Load]
	t.add(beyond)
	p.loads[c.Load] = t
}

// expected is how long a cell will likely take: its idle windows and schedule, and what
// cells of its load, or else all, took beyond theirs.
func (p *pace) expected(load runfolder.Load) time.Duration {
	beyond := p.loads[load]
	if beyond.n == 0 {
		beyond = p.cells
	}
	return p.least[load] + beyond.mean()
}

// schedules fills in the least time of every load, anew where the trace is known by now.
func (s *sweep) schedules() {
	for _, load := range s.config.loads() {
		s.pace.least[load] = s.config.least(load, s.conversations(), s.arrivals())
	}
}

// least is the time that the idle windows of a cell and its schedule take, of so many
// conversations whose own times are at.
func (c Config) least(load runfolder.Load, conversations int, at []time.Duration) time.Duration {
	window := time.Duration(0)
	if load.Concurrency == 0 && conversations > 0 {
		if schedule, err := loadgen.ParseArrival(c.Arrival, load.PerSecond(), c.Seed, c.Burstiness, at); err == nil {
			window, _ = schedule.Due(conversations - 1)
		}
	}
	window = max(window, c.MinDuration)
	if c.MaxDuration > 0 {
		window = min(window, c.MaxDuration)
	}
	return 2*c.Idle + window
}

// conversations are how many a cell begins: where the trace is not known yet, as many
// as requests are asked for, and none where those may be turns of fewer.
func (s *sweep) conversations() int {
	switch {
	case s.trace.Requests != nil:
		return len(s.trace.Requests) - countTurns(s.trace.Requests)
	case s.config.MultiTurn:
		return 0
	}
	return s.config.NumRequests
}

// countTurns counts the requests that follow an answer.
func countTurns(requests []datasets.Request) (n int) {
	for _, r := range requests {
		if r.Turn > 0 {
			n++
		}
	}
	return n
}

// arrivals are the trace's own times, where requests are sent at them.
func (s *sweep) arrivals() (at []time.Duration) {
	if s.config.traceTimes() {
		for _, r := range s.trace.Requests {
			at = append(at, max(0, r.At))
		}
	}
	return at
}

// hasTime reports whether the budget has so much time left. Without one there always is.
func (s *sweep) hasTime(d time.Duration) bool {
	return s.config.Budget == 0 || s.clock()+d <= s.config.Budget
}

// fits reports whether a cell would likely end within the budget if it began after a
// while.
func (s *sweep) fits(c plannedCell, after time.Duration) bool {
	return s.hasTime(after + s.pace.expected(c.Load))
}

// ofFoundRate is how long a cell will likely take whose rate, and so its schedule, is not
// found yet.
func (s *sweep) ofFoundRate() time.Duration { return 2*s.config.Idle + s.pace.cells.mean() }

// fitsOne reports whether one of the cells of a launch would, with the launch before it.
func (s *sweep) fitsOne(l launch) bool {
	if s.config.FindRate {
		if _, ok := s.search(l); !ok {
			return s.hasTime(s.pace.launch.mean() + s.pace.search.mean() + s.ofFoundRate())
		}
		l.cells = s.foundCells(l)
	}
	return slices.ContainsFunc(l.cells, func(c plannedCell) bool { return !s.done[c.id] && s.fits(c, s.pace.launch.mean()) })
}

// remaining estimates the time to the sweep's end by what it has taken so far.
func (s *sweep) remaining() (left time.Duration) {
	for _, l := range s.plan {
		if s.failedNow[l.point()] || s.allDone(l) {
			continue
		}
		if l.point() != s.server.point {
			left += s.pace.launch.mean()
		}
		cells := l.cells
		if s.config.FindRate {
			if _, ok := s.search(l); !ok {
				left += s.pace.search.mean() + time.Duration(l.count())*s.ofFoundRate()
				continue
			}
			cells = s.foundCells(l)
		}
		for _, c := range cells {
			if !s.done[c.id] {
				left += s.pace.expected(c.Load)
			}
		}
	}
	return left
}

// withinBudget says how many of the cells would end within the budget if a server
// started and answered in no time, "" where that is all or there is no budget.
func withinBudget(budget time.Duration, cells []time.Duration) string {
	if budget == 0 {
		return ""
	}
	n, took := 0, time.Duration(0)
	for _, c := range cells {
		if took+c <= budget {
			took += c
			n++
		}
	}
	if n == len(cells) {
		return ""
	}
	return fmt.Sprintf("--budget %v: idle windows and schedules alone leave room for %d of %d cells", budget, n, len(cells))
}
