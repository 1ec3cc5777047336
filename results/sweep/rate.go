package sweep

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/internal/failure"
	"cfubench/loadgen"
	"cfubench/results/runfolder"
)

// searchRate finds the highest Poisson rate that keeps --slo on this server,
// unless this run has or an earlier one, and measures its repeats there.
func (s *sweep) searchRate(ctx context.Context, l launch) error {
	if cells := s.foundCells(l); len(cells) > 0 {
		s.say("%s: %.4g requests/s, found before", l, cells[0].Rate)
		return s.runCells(ctx, cells)
	}
	slo := s.config.SLO
	began := s.clock()
	found, err := s.tryRates(ctx, l, slo)
	if errors.Is(err, loadgen.ErrNoTime) {
		s.pace.search.add(s.clock() - began)
		s.overBudget = true
		s.say("%s: rate search: ended by --budget before a rate kept the SLO", l)
		return nil
	}
	if err != nil {
		return err
	}
	s.pace.search.add(s.clock() - began)
	search := runfolder.RateSearch{Batch: l.batch, Label: l.configuration.Label, SLO: slo, FoundRate: found}
	if search.Rejected() {
		return s.reject(l, search)
	}
	s.warnSearch(l, found.Warnings)
	s.record.RateSearches = append(s.record.RateSearches, search)
	if err := s.save(); err != nil { // it took minutes: an interrupt must not lose it
		return err
	}
	cells := s.foundCells(l)
	s.log.Result(fmt.Sprintf("%s: at %g requests/s, %g %% of requests meet %s", l, cells[0].Rate, 100*s.config.SLOShare, slo))
	return s.runCells(ctx, cells)
}

// reject ends a search that found no rate: as a result where there are others to
// compare it with, which keeps its trials, and else as the failure of the run.
func (s *sweep) reject(l launch, search runfolder.RateSearch) error {
	last := len(search.Warnings) - 1 // says why
	s.warnSearch(l, search.Warnings[:last])
	err := fmt.Errorf("%s, %s: %s", l, search.SLO, search.Warnings[last])
	if !s.several() {
		return err
	}
	s.record.RateSearches = append(s.record.RateSearches, search)
	s.log.Result(s.config.Secrets.Text(err.Error()))
	s.leaveOut(l)
	return s.save()
}

// warnSearch passes a search's doubts on.
func (s *sweep) warnSearch(l launch, warnings []string) {
	for _, w := range warnings {
		s.warn("%s: rate search: %s", l, w)
	}
}

// tryRates is the search itself.
func (s *sweep) tryRates(ctx context.Context, l launch, slo loadgen.SLO) (loadgen.FoundRate, error) {
	client, err := loadgen.NewClient(s.clientOptions(openConnections))
	if err != nil {
		return loadgen.FoundRate{}, err
	}
	defer client.Close()
	tell := &searchLines{sweep: s, launch: l}
	options := loadgen.FindOptions{
		SLO: slo, Percentile: s.config.SLOShare, Start: s.config.FindRateFrom, Requests: s.config.FindRateRequests, Tell: tell.tell,
		Fits: func(d time.Duration) bool { return s.hasTime(d + s.ofFoundRate()) },
	}
	if options.Start == 0 {
		if options.Throughput, err = s.throughput(ctx, l, client); err != nil {
			return loadgen.FoundRate{}, unfit{fmt.Errorf("measure the throughput: %w", err)}
		}
	}
	ctx, stop := context.WithCancel(ctx)
	var beside errgroup.Group
	beside.Go(func() error {
		s.log.Follow(ctx, tell.line)
		return nil
	})
	found, err := loadgen.FindRate(ctx, options, func(ctx context.Context, rate float64, requests int, observe func(int, bool) bool) error {
		point := runfolder.AtRate(rate)
		if rate == 0 {
			point = runfolder.Load{Concurrency: 1}
		}
		load, err := s.searchLoad(l, point, loadgen.StopRules{MinRequests: requests, MaxRequests: requests})
		if err != nil {
			return err
		}
		if err := client.Warm(ctx, load.connections); err != nil {
			return fmt.Errorf("open connections: %w", err)
		}
		enough := make(chan struct{})
		over := false
		see := func(order int, met bool) {
			if !over && !observe(order, met) {
				over = true
				close(enough)
			}
		}
		load.Enough = enough
		load.Objective, load.Missed = slo, func(order int) { see(order, false) }
		_, err = loadgen.Run(ctx, client, load.Load, load.requests, s.clock, func(r loadgen.Record) {
			see(r.Order, slo.Met(r))
		})
		return err
	})
	stop()
	if err != nil {
		err = unfit{err}
	}
	return found, failure.Join(err, beside.Wait())
}

// searchLoad is a load of the search, which ends by its own rules.
func (s *sweep) searchLoad(l launch, load runfolder.Load, stop loadgen.StopRules) (cellLoad, error) {
	p := l.point()
	p.Load = load
	c, err := s.load(planned(p, 1))
	// The next trial must not find the backlog of the one before, but a request that is
	// never answered is none.
	c.Stop, c.GiveUp = stop, true
	return c, err
}

// What the throughput is measured with, before the search: enough requests in flight
// to fill a batch whose size is not known, for long enough to see a fast server, and
// no longer than a slow one needs to show where to begin.
const (
	saturating    = 32
	saturatedFor  = 5 * time.Second
	saturatedMost = time.Minute
)

// throughput is the rate at which the server completes requests when more wait than
// it can take, in requests/s: 0 where it answered none.
func (s *sweep) throughput(ctx context.Context, l launch, client *loadgen.Client) (float64, error) {
	n := max(saturating, 2*l.batch)
	s.say("%s: rate search: %d requests at a time show where to begin (%v to %v)", l, n, saturatedFor, saturatedMost)
	load, err := s.searchLoad(l, runfolder.Load{Concurrency: n}, loadgen.StopRules{MinRequests: 2 * n, MinDuration: saturatedFor, MaxDuration: saturatedMost})
	if err != nil {
		return 0, err
	}
	if err := client.Warm(ctx, load.connections); err != nil {
		return 0, fmt.Errorf("open connections: %w", err)
	}
	var done []time.Duration
	began := s.clock()
	last := began // request sent
	_, err = loadgen.Run(ctx, client, load.Load, load.requests, s.clock, func(r loadgen.Record) {
		if r.OK() {
			done = append(done, r.Done)
		}
		last = max(last, r.Sent)
	})
	if err != nil {
		return 0, err
	}
	return completed(done, began, last), nil
}

// completed is the rate of the answers that were complete while others still took
// their place, in requests/s; of all where none was.
func completed(done []time.Duration, began, last time.Duration) float64 {
	while := 0
	for _, at := range done {
		if at <= last {
			while++
		}
	}
	if while == 0 {
		if len(done) == 0 {
			return 0
		}
		while, last = len(done), slices.Max(done)
	}
	return float64(while) / (last - began).Seconds()
}

// searchLines say how far a search is: a line at each end of a trial, and one that
// is followed in between.
type searchLines struct {
	*sweep
	launch launch
	now    atomic.Pointer[loadgen.SearchProgress]
}

// tell takes the search's progress.
func (t *searchLines) tell(p loadgen.SearchProgress) {
	t.now.Store(&p)
	switch {
	case p.Trial.Rate == 0 && p.Trial.Verdict != "":
		t.say("%s: rate search: one request at a time: %d of %d met the SLO", t.launch, p.Trial.Met, p.Trial.Requests)
	case p.Trial.Rate == 0 && p.Trial.Requests == 0:
		t.say("%s: rate search: up to %d requests one at a time show whether the server keeps the SLO without a queue", t.launch, p.Most)
	case p.Trial.Rate == 0: // under way
	case p.Trial.Verdict != "":
		t.say("%s: rate search: %.4g requests/s: %s: %d of %d requests met the SLO", t.launch, p.Trial.Rate, p.Trial.Verdict, p.Trial.Met, p.Trial.Requests)
	case p.Trial.Requests == 0:
		least, most := p.Left()
		requests, takes := fmt.Sprint(p.Least), fmt.Sprint(least.Round(time.Second))
		if p.Most > p.Least {
			requests, takes = fmt.Sprintf("%d to %d", p.Least, p.Most), fmt.Sprintf("%s to %v", takes, most.Round(time.Second))
		}
		t.say("%s: rate search: trial %d: %.4g requests/s%s: %s requests pass it, %s; one that fails ends sooner",
			t.launch, p.Number, p.Trial.Rate, between(p.Passed, p.Failed), requests, takes)
	}
}

// between says what is known of the rate looked for.
func between(passed, failed float64) string {
	switch {
	case passed > 0 && failed > 0:
		return fmt.Sprintf(" (%.4g passed, %.4g did not)", passed, failed)
	case passed > 0:
		return fmt.Sprintf(" (%.4g passed)", passed)
	case failed > 0:
		return fmt.Sprintf(" (%.4g did not pass)", failed)
	}
	return ""
}

// line is the followed line of the trial under way.
func (t *searchLines) line() string {
	p := t.now.Load()
	if p == nil {
		return ""
	}
	if p.Trial.Rate == 0 {
		return fmt.Sprintf("%s: rate search: one request at a time: %d of at most %d, %d missed the SLO", t.launch, p.Trial.Requests, p.Most, p.Trial.Requests-p.Trial.Met)
	}
	_, most := p.Left()
	return fmt.Sprintf("%s: rate search: trial %d, %.4g requests/s: %d of at most %d requests, %d missed the SLO, at most %v left",
		t.launch, p.Number, p.Trial.Rate, p.Trial.Requests, p.Most, p.Trial.Requests-p.Trial.Met, most.Round(time.Second))
}

// search is what an earlier search of a launch's rate came to.
func (s *sweep) search(l launch) (runfolder.RateSearch, bool) {
	for _, f := range s.record.RateSearches {
		if f.Batch == l.batch && f.Label == l.configuration.Label {
			return f, true
		}
	}
	return runfolder.RateSearch{}, false
}

// foundCells are the launch's repeats at the rate that was found for its server; none
// where there is no such rate, or none yet.
func (s *sweep) foundCells(l launch) (cells []plannedCell) {
	f, ok := s.search(l)
	if !ok || f.Rejected() {
		return nil
	}
	p := l.point()
	p.Load = runfolder.AtRate(math.Round(f.Rate*1000) / 1000)
	if _, known := s.pace.least[p.Load]; !known {
		s.pace.least[p.Load] = s.config.least(p.Load, s.conversations(), nil)
	}
	for _, repeat := range l.repeats {
		cells = append(cells, planned(p, repeat))
	}
	return cells
}
