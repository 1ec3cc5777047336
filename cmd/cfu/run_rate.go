package main

import (
	"context"
	"fmt"
	"math"

	"cfubench/loadgen"
	"cfubench/results"
)

// trialRequests bounds one rate of the search: LoadGen's bound decides most
// rates much earlier.
const trialRequests = 5000

// searchRate finds the highest Poisson rate that keeps --slo on this server and
// measures a cell there.
func (s *sweep) searchRate(ctx context.Context, batch int) error {
	slo, err := loadgen.ParseSLO(s.config.slo)
	if err != nil {
		return err
	}
	client, err := loadgen.NewClient(s.clientOptions(openConnections))
	if err != nil {
		return err
	}
	defer client.Close()
	found, err := loadgen.FindRate(ctx, loadgen.FindOptions{SLO: slo}, func(ctx context.Context, rate float64, observe func(bool) bool) error {
		s.status.say("batch %d: trying %.4g requests/s", batch, rate)
		schedule, err := loadgen.ParseArrival("poisson", rate, s.config.seed, 1, nil)
		if err != nil {
			return err
		}
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		enough := false
		_, err = loadgen.Run(ctx, client, loadgen.Load{
			Schedule: schedule, MaxTokens: s.config.maxTokens, Drain: s.config.timeout,
			Stop: loadgen.StopRules{MinRequests: trialRequests, MaxRequests: trialRequests},
		}, s.trace.Requests, s.clock, func(r loadgen.Record) {
			if !enough && !observe(r.OK() && slo.Met(r)) {
				enough = true
				stop()
			}
		})
		if enough {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, w := range found.Warnings {
		s.warn("rate search: %s", w)
	}
	s.record.RateSearches = append(s.record.RateSearches, results.RateSearch{Batch: batch, SLO: slo.String(), FoundRate: found})
	if found.Rate == 0 {
		return fmt.Errorf("batch %d: no rate keeps %s: the lowest tried was %.4g requests/s", batch, slo, found.FailedAt)
	}
	rate := math.Round(found.Rate*1000) / 1000
	fmt.Fprintf(s.env.stdout, "batch %d: %.4g requests/s keep %s\n", batch, rate, slo)
	p := loadPoint{rate: rate}
	return s.runCell(ctx, plannedCell{fmt.Sprintf("b%d-%s-r1", batch, p.name()), batch, p, 1})
}
