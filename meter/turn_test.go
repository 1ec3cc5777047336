package meter_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cfubench/meter"
)

// scripted are GPUs whose n-th call (from 1) does what script says; script may be nil.
func scripted(clock meter.Clock, n int, script func(gpu, call int)) []meter.Source {
	sources := simulatedGPUs(clock, n)
	for i, s := range sources {
		calls := 0
		s.(*gpu).fault = func(*meter.Reading) {
			if calls++; script != nil {
				script(i, calls)
			}
		}
	}
	return sources
}

// together counts the rounds, among those of the first source from a time on, in
// which all n sources were read at one moment: in fake time, by one goroutine.
func together(got []meter.Reading, n int, from, until time.Duration) (together, rounds int) {
	at := map[time.Duration]int{}
	for _, r := range got {
		at[r.Before]++
	}
	for _, r := range of(got, 0) {
		if r.Before >= from && r.Before < until {
			if rounds++; at[r.Before] == n {
				together++
			}
		}
	}
	return together, rounds
}

func TestSamplerReadsQuickSourcesInTurn(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		does           string
		script         func(gpu, call int)
		from, until    time.Duration
		want, ofRounds int
	}{
		{"at first each has a goroutine of its own, and its own moment", nil, 0, 320 * ms, 0, 16},
		{"after sixteen quick calls they are read in turn", nil, 400 * ms, 2000 * ms, 80, 80},
		{"one slow call is not enough to leave", func(gpu, call int) {
			if gpu == 1 && call == 50 {
				time.Sleep(ms)
			}
		}, 1000 * ms, 2000 * ms, 50, 50},
		{"a source with slow calls leaves", func(gpu, call int) {
			if gpu == 1 && call >= 50 {
				time.Sleep(ms)
			}
		}, 1100 * ms, 2000 * ms, 0, 45},
		{"and comes back when it has been quick for a while", func(gpu, call int) {
			if gpu == 1 && call >= 50 && call < 52 {
				time.Sleep(ms)
			}
		}, 1900 * ms, 2900 * ms, 50, 50},
	} {
		t.Run(tt.does, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clock := meter.NewClock(time.Now())
				s := meter.NewSampler(clock, scripted(clock, 3, tt.script), 20*ms)
				got := sample(t, s, 2990*ms)
				if n, rounds := together(got, 3, tt.from, tt.until); n != tt.want || rounds != tt.ofRounds {
					t.Errorf("%d of %d rounds in turn, want %d of %d", n, rounds, tt.want, tt.ofRounds)
				}
				for i := range 3 {
					if n := len(of(got, i)); n != 151 {
						t.Errorf("gpu%d has %d readings, want 150 and one at the end", i, n)
					}
				}
			})
		})
	}
}

// A call that blocks in the turn holds up the others until the watchdog's next look,
// whichever they are and however many.
func TestSamplerHandsTheTurnOver(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		does    string
		blocks  []int // these GPUs, from the call-th on
		call    int
		release time.Duration // after which their calls return, 0 for never
		stuck   bool          // Run says which they are
	}{
		{"the first of the turn", []int{0}, 100, 0, true},
		{"the last of the turn", []int{3}, 100, 0, true},
		{"two, one after the other", []int{1, 2}, 100, 0, true},
		{"all of them", []int{0, 1, 2, 3}, 100, 0, true},
		{"one that comes back", []int{1}, 100, 500 * ms, false},
		{"one that is stuck for longer than the run lasts, and comes back while the others end", []int{1}, 100, 3500 * ms, false},
		{"at the last read", []int{2}, 250, 0, true},
	} {
		t.Run(tt.does, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clock := meter.NewClock(time.Now())
				release := make(chan struct{})
				once := sync.OnceFunc(func() { close(release) })
				defer once()
				sources := scripted(clock, 4, func(gpu, call int) {
					if slices.Contains(tt.blocks, gpu) && call == tt.call {
						<-release
					}
				})
				if tt.release > 0 {
					time.AfterFunc(time.Duration(tt.call-1)*20*ms+tt.release, once)
				}
				s := meter.NewSampler(clock, sources, 20*ms)
				ctx, cancel := context.WithTimeout(t.Context(), 4970*ms)
				defer cancel()
				var got []meter.Reading
				err := s.Run(ctx, func(batch []meter.Reading) error {
					got = append(got, batch...)
					return nil
				})
				blocked := (*meter.BlockedError)(nil)
				if errors.As(err, &blocked) != tt.stuck {
					t.Fatalf("run: %v, want an error of blocked calls: %v", err, tt.stuck)
				}
				for i := range 4 {
					name, mine := fmt.Sprintf("gpu%d", i), of(got, i)
					if slices.Contains(tt.blocks, i) {
						if tt.stuck && !strings.Contains(blocked.Error(), name) {
							t.Errorf("%v does not name %s", blocked, name)
						}
						if !tt.stuck && mine[len(mine)-1].Before < 4970*ms {
							t.Errorf("%s came back and was last read at %v, want one read after the end", name, mine[len(mine)-1].Before)
						}
						continue
					}
					var last time.Duration
					for _, r := range mine {
						if r.Before-last > 20*ms+time.Duration(len(tt.blocks))*meter.WatchPeriod {
							t.Errorf("%s was not read between %v and %v", name, last, r.Before)
						}
						last = r.Before
					}
					if last < 4970*ms || len(mine) < 250-6*len(tt.blocks) {
						t.Errorf("%s has %d readings, the last at %v: want it read to the end", name, len(mine), last)
					}
				}
				// What returns after the run reads its source no more, which may be closed.
				n, cost := len(got), s.Cost()
				once()
				synctest.Wait()
				for i, c := range s.Cost() {
					if c.Reads > cost[i].Reads+1 {
						t.Errorf("gpu%d was read %d times after Run had returned", i, c.Reads-cost[i].Reads-1)
					}
				}
				if len(got) != n {
					t.Errorf("%d readings reached the sink after Run had returned", len(got)-n)
				}
			})
		})
	}
}

// Sources whose calls block and return at random times, under the race detector: each
// domain's readings come in their order and every source is read after the end.
func TestSamplerHandsOverAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := meter.NewClock(time.Now())
		const n = 5
		sources := scripted(clock, n, func(gpu, call int) {
			if (call*7+gpu*3)%97 == 0 { // not at the same time
				time.Sleep(time.Duration(call*gpu%5) * 60 * time.Millisecond)
			}
		})
		s := meter.NewSampler(clock, sources, 20*time.Millisecond)
		got := sample(t, s, time.Minute)
		for i := range n {
			mine := of(got, i)
			for k := 1; k < len(mine); k++ {
				if mine[k].Before < mine[k-1].Before && mine[k].Status != meter.StatusStalled {
					t.Fatalf("gpu%d: the reading of %v comes after that of %v", i, mine[k].Before, mine[k-1].Before)
				}
			}
			if last := mine[len(mine)-1].Before; last < time.Minute {
				t.Errorf("gpu%d was last read at %v, want after the end", i, last)
			}
			if len(mine) < 2400 {
				t.Errorf("gpu%d has %d readings of 3000 polls", i, len(mine))
			}
		}
	})
}
