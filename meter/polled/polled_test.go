package polled

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"cfubench/meter"
)

// counter answers after latency with the number of the request as its energy;
// requests listed in failing have no answer.
type counter struct {
	latency time.Duration
	asked   int
	failing map[int]bool
}

func (c *counter) fetch(ctx context.Context, dst []meter.Reading) []meter.Reading {
	c.asked++
	n := c.asked
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(c.latency):
	}
	if c.failing[n] {
		return nil
	}
	return append(dst, meter.Reading{Energy: meter.Energy(n), HasEnergy: true, Status: meter.StatusOK})
}

func TestReadingsAreThoseOfTheRequests(t *testing.T) {
	for _, row := range []struct {
		name     string
		latency  time.Duration
		patience time.Duration
		failing  map[int]bool
		want     []meter.Reading // of the first 3.5 s
	}{
		{"one a period, bounded by its request", 100 * time.Millisecond, time.Minute, nil, []meter.Reading{
			at(0, 100, 1), at(1000, 1100, 2), at(2000, 2100, 3), at(3000, 3100, 4),
		}},
		{"a failed request is a missing sample", 100 * time.Millisecond, time.Minute, map[int]bool{2: true}, []meter.Reading{
			at(0, 100, 1), missing(1000, 1100), at(2000, 2100, 3), at(3000, 3100, 4),
		}},
		{"a slow register is asked again when it has answered", 1500 * time.Millisecond, time.Minute, nil, []meter.Reading{
			at(0, 1500, 1), at(1500, 3000, 2),
		}},
		{"an answer that does not come is given up", time.Hour, 2 * time.Second, nil, []meter.Reading{
			missing(0, 2000),
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &counter{latency: row.latency, failing: row.failing}
				released := 0
				s := New(context.Background(), meter.NewClock(time.Now()), []meter.Domain{{Name: "node"}}, time.Second, row.patience, c.fetch, func() error { released++; return nil })
				time.Sleep(3500 * time.Millisecond)
				got := s.Read(nil)
				if len(got) != len(row.want) {
					t.Fatalf("got %d readings %+v, want %d", len(got), got, len(row.want))
				}
				for i := range got {
					if got[i] != row.want[i] {
						t.Errorf("reading %d: got %+v, want %+v", i, got[i], row.want[i])
					}
				}
				if again := s.Read(nil); len(again) != 0 {
					t.Errorf("got %+v again", again)
				}
				if err := s.Close(); err != nil || released != 1 {
					t.Errorf("close: got %v and %d releases, want one", err, released)
				}
			})
		})
	}
}

func at(before, after int, energy meter.Energy) meter.Reading {
	return meter.Reading{Before: time.Duration(before) * time.Millisecond, After: time.Duration(after) * time.Millisecond, Energy: energy, HasEnergy: true, Status: meter.StatusOK}
}

func missing(before, after int) meter.Reading {
	return meter.Reading{Before: time.Duration(before) * time.Millisecond, After: time.Duration(after) * time.Millisecond, Status: meter.StatusTransient}
}

func TestUnreadReadingsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const period = time.Second
		c := &counter{}
		s := New(context.Background(), meter.NewClock(time.Now()), []meter.Domain{{Name: "node"}}, period, time.Minute, c.fetch, nil)
		defer s.Close()
		time.Sleep(3*most*time.Second - period/2)
		got := s.Read(nil)
		if len(got) != most || got[len(got)-1].Energy != meter.Energy(c.asked) {
			t.Errorf("got %d readings up to %v, want the last %d", len(got), got[len(got)-1].Energy, most)
		}
	})
}
