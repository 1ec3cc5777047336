package sweep

import (
	"context"
	"fmt"
	"math"
	"slices"

	"cfubench/loadgen"
)

// selfTest measures the client at the run's own load, after the engine has
// stopped, and keeps the result in the record.
func (s *sweep) selfTest(ctx context.Context) error {
	// Closed loop: as many streams as the widest cell kept open. Open loop: as
	// many as were open on average, by Little's law.
	streams := max(1, int(math.Ceil(s.rates.streams)))
	for _, c := range s.config.Concurrency {
		streams = max(streams, c)
	}
	o := loadgen.SelfTestOptions{Streams: streams, TokensPerSecond: s.rates.perStream(), Tokens: 32, Rounds: 2, ScheduleRequests: 50}
	if o.TokensPerSecond > 0 {
		// A slow engine's pace must not make the self-test slower than the run.
		o.Tokens = max(2, min(o.Tokens, int(o.TokensPerSecond)))
	}
	s.say("self-test of the client at %d streams of %.0f tokens/s", o.Streams, o.TokensPerSecond)
	c, err := loadgen.RunSelfTest(ctx, o)
	if err != nil {
		return fmt.Errorf("self-test of the client: %w", err)
	}
	for _, w := range slices.Concat(c.Reasons, c.Warnings) {
		s.warn("client self-test: %s", w)
	}
	s.record.SelfTest = &c
	return s.save()
}
