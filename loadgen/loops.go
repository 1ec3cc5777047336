package loadgen

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/datasets"
)

// closedLoop runs the workers until there is nothing left to start.
func (r *run) closedLoop(ctx, inFlight context.Context) {
	var group errgroup.Group
	for range r.load.Concurrency {
		group.Go(func() error {
			due := r.start
			for {
				if !r.pause(ctx, due) {
					return nil
				}
				s, ok := r.take(ctx)
				if !ok {
					return nil
				}
				// A worker without think time is due when it becomes free.
				due = r.converse(ctx, inFlight, s, due, nil) + r.load.Think
			}
		})
	}
	group.Wait()
}

// openLoop starts each conversation at its due time.
func (r *run) openLoop(ctx, inFlight context.Context) {
	var room chan struct{}
	if r.load.MaxInFlight > 0 {
		room = make(chan struct{}, r.load.MaxInFlight)
	}
	var group errgroup.Group
	for k := 0; r.more(ctx); k++ {
		offset, ok := r.load.Schedule.Due(k)
		if !ok {
			r.mu.Lock()
			r.exhausted = StoppedSchedule
			r.mu.Unlock()
			break
		}
		due := r.start + offset
		// Woken a little early, the request is built before it is due.
		if !r.pause(ctx, due-2*fineSleep) {
			break
		}
		s, ok := r.take(ctx)
		if !ok {
			break
		}
		group.Go(func() error {
			r.converse(ctx, inFlight, s, due, room)
			return nil
		})
	}
	group.Wait()
}

// pause waits for a point on the run's clock and reports whether the run still
// goes on then; a stop by duration does not wait for a point beyond it.
func (r *run) pause(ctx context.Context, until time.Duration) bool {
	if limit := r.load.Stop.MaxDuration; limit > 0 && until-r.start >= limit {
		if r.wait(ctx, r.start+limit) {
			r.end(StoppedMaxDuration)
		}
		return false
	}
	return r.wait(ctx, until)
}

// wait sleeps until a point on the run's clock, or until ctx ends: false.
func (r *run) wait(ctx context.Context, until time.Duration) bool {
	if wait := until - r.clock(); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		case <-r.load.Enough:
			r.end(StoppedEnough)
			return false
		}
	}
	if ctx.Err() != nil {
		r.end(StoppedInterrupt)
		return false
	}
	return true
}

// converse holds one conversation and returns when its last answer was done.
// A failed turn ends it, because its next turn has no answer to follow.
func (r *run) converse(ctx, inFlight context.Context, s taken, due time.Duration, room chan struct{}) time.Duration {
	var history []Message
	if system := r.reqs[s.turns[0]].System; system != "" {
		history = append(history, Message{Role: "system", Content: system})
	}
	done, order := due, s.order
	for i, at := range s.turns {
		if i > 0 {
			due = done + r.load.Think
			if !r.pause(ctx, due-2*fineSleep) {
				return done
			}
			var ok bool
			if order, ok = r.admit(ctx); !ok {
				return done
			}
		}
		f := r.depart(order, due, r.reqs[at])
		held := false
		if room != nil {
			select {
			case room <- struct{}{}:
			default:
				held = true
				// Admitted requests are never dropped: after an interrupt they
				// pass through and are recorded as interrupted.
				select {
				case room <- struct{}{}:
				case <-inFlight.Done():
					room = nil
				}
			}
		}
		record, answer := r.one(inFlight, r.reqs[at], f, history, len(s.turns) > i+1)
		if room != nil {
			<-room
		}
		record.Request, record.Order = s.base+at, order
		if i == 0 {
			record.PrefixOf, record.PrefixShare = int(s.prefix.Of), float64(s.prefix.Share)
		}
		if held {
			record.Flags = append(record.Flags, FlagHeld)
		}
		r.land(f)
		r.finish(record)
		done = record.Done
		if !record.OK() {
			return done
		}
		if len(s.turns) > i+1 {
			if r.load.History == HistoryTrace {
				answer = r.reqs[at].Completion
			}
			history = append(history,
				Message{Role: "user", Content: r.reqs[at].Prompt},
				Message{Role: "assistant", Content: answer})
		}
	}
	return done
}

// one makes one request.
func (r *run) one(ctx context.Context, request datasets.Request, f *flight, history []Message, wantAnswer bool) (Record, string) {
	call := Call{Request: request, API: request.Kind, Body: request.Body, MaxTokens: f.tokens, History: history, Events: f.saw}
	var answer string
	if wantAnswer && r.load.History == HistoryAnswers {
		call.Answer = &answer
	}
	r.load.Live.InFlight.Add(1)
	record := r.client.Do(ctx, call, f.due, r.clock)
	r.load.Live.InFlight.Add(-1)
	return record, answer
}
