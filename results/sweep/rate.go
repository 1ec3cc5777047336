package sweep

import (
	"context"
	"fmt"
	"math"

	"cfubench/loadgen"
	"cfubench/results/runfolder"
)

// searchRate finds the highest Poisson rate that keeps --slo on this server,
// unless an earlier run has, and measures a cell there.
func (s *sweep) searchRate(ctx context.Context, l launch) error {
	c, ok := s.foundCell(l)
	if ok {
		s.say("%s: %.4g requests/s, found by an earlier run", l, c.Rate)
		return s.runCell(ctx, c)
	}
	slo := s.config.SLO
	found, err := s.tryRates(ctx, l, slo)
	if err != nil {
		return err
	}
	if found.Rate == 0 { // its last warning says why
		last := len(found.Warnings) - 1
		s.warnSearch(found.Warnings[:last])
		return fmt.Errorf("%s, %s: %s", l, slo, found.Warnings[last])
	}
	s.warnSearch(found.Warnings)
	s.record.RateSearches = append(s.record.RateSearches, runfolder.RateSearch{Batch: l.batch, Label: l.configuration.Label, SLO: slo, FoundRate: found})
	if err := s.save(); err != nil { // it took minutes: an interrupt must not lose it
		return err
	}
	c, _ = s.foundCell(l)
	s.log.Result(fmt.Sprintf("%s: at %g requests/s, %g %% of requests meet %s", l, c.Rate, 100*s.config.SLOShare, slo))
	return s.runCell(ctx, c)
}

// warnSearch passes a search's doubts on.
func (s *sweep) warnSearch(warnings []string) {
	for _, w := range warnings {
		s.warn("rate search: %s", w)
	}
}

// tryRates is the search itself.
func (s *sweep) tryRates(ctx context.Context, l launch, slo loadgen.SLO) (loadgen.FoundRate, error) {
	client, err := loadgen.NewClient(s.clientOptions(openConnections))
	if err != nil {
		return loadgen.FoundRate{}, err
	}
	defer client.Close()
	options := loadgen.FindOptions{SLO: slo, Percentile: s.config.SLOShare, Start: s.config.FindRateFrom, Requests: s.config.FindRateRequests}
	return loadgen.FindRate(ctx, options, func(ctx context.Context, rate float64, requests int, observe func(int, bool) bool) error {
		s.say("%s: trying %.4g requests/s", l, rate)
		p := l.point()
		p.Load = runfolder.AtRate(rate)
		load, err := s.load(planned(p, 1))
		if err != nil {
			return err
		}
		load.Drain = s.config.Timeout
		load.Stop = loadgen.StopRules{MinRequests: requests, MaxRequests: requests}
		if err := client.Warm(ctx, load.connections); err != nil {
			return fmt.Errorf("open connections: %w", err)
		}
		trial, stop := context.WithCancel(ctx)
		defer stop()
		enough := false
		_, err = loadgen.Run(trial, client, load.Load, load.requests, s.clock, func(r loadgen.Record) {
			if !enough && !observe(r.Order, slo.Met(r)) {
				enough = true
				stop()
			}
		})
		if enough && ctx.Err() == nil {
			return nil
		}
		return err
	})
}

// foundCell is the cell at the rate that the search found for a launch.
func (s *sweep) foundCell(l launch) (plannedCell, bool) {
	for _, f := range s.record.RateSearches {
		if f.Batch == l.batch && f.Label == l.configuration.Label {
			p := l.point()
			p.Load = runfolder.AtRate(math.Round(f.Rate*1000) / 1000)
			return planned(p, 1), true
		}
	}
	return plannedCell{}, false
}
