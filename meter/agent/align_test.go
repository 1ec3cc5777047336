package agent

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever the network does and however the clocks drift within the bound, the
// true time of a reading lies in the bounds that it is given.
func TestAlignmentHoldsTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		offset := time.Duration(rapid.Int64Range(-int64(time.Hour), int64(time.Hour)).Draw(t, "offset"))
		drift := rapid.Float64Range(-1e-3, 1e-3).Draw(t, "drift")
		agent := func(client time.Duration) time.Duration {
			return client + offset + time.Duration(drift*float64(client))
		}
		way := rapid.Int64Range(0, int64(300*time.Millisecond))
		var a alignment
		now := time.Duration(0)
		for range rapid.IntRange(1, 40).Draw(t, "exchanges") {
			now += time.Duration(rapid.Int64Range(0, int64(5*time.Second)).Draw(t, "pause"))
			e := exchange{asked: now}
			e.received = agent(now + time.Duration(way.Draw(t, "there")))
			now += time.Duration(300 * time.Millisecond)
			e.sent = max(e.received, agent(now)-time.Duration(way.Draw(t, "thinking")))
			now += time.Duration(way.Draw(t, "back"))
			e.answered = now
			if a.add(e) {
				t.Fatalf("a clock that drifts by %g was taken for a stepped one", drift)
			}
		}
		at := time.Duration(rapid.Int64Range(0, int64(now+10*time.Second)).Draw(t, "at"))
		got, ok := a.bounds(agent(at))
		if !ok || at < got.lo || at > got.hi {
			t.Fatalf("time %v: got %v to %v (known %t)", at, got.lo, got.hi, ok)
		}
	})
}

func TestAlignmentEstimatesDrift(t *testing.T) {
	const drift = 2e-4
	var a alignment
	for now := time.Duration(0); now < time.Minute; now += 250 * time.Millisecond {
		agent := now + time.Duration(drift*float64(now))
		a.add(exchange{asked: now - 100*time.Microsecond, answered: now + 100*time.Microsecond, received: agent, sent: agent})
	}
	got, u, ok := a.drift()
	if !ok || got < drift-u || got > drift+u || u > 2e-5 {
		t.Errorf("got drift %g ± %g (known %t), want %g within ± 2e-5", got, u, ok, drift)
	}
}

func TestAlignmentForgetsAtAStep(t *testing.T) {
	var a alignment
	at := func(now, offset time.Duration) exchange {
		return exchange{asked: now, answered: now + time.Millisecond, received: now + offset, sent: now + offset + time.Millisecond}
	}
	for now := range 10 {
		if a.add(at(time.Duration(now)*time.Second, time.Hour)) {
			t.Fatal("a steady clock was taken for a stepped one")
		}
	}
	if !a.add(at(10*time.Second, time.Hour+time.Second)) {
		t.Fatal("a step of 1 s went unseen")
	}
	got, _ := a.offset(10 * time.Second)
	if want := time.Hour + time.Second; got.lo > want || got.hi < want || got.width() > 10*time.Millisecond {
		t.Errorf("offset after the step: got %v to %v, want %v", got.lo, got.hi, want)
	}
}

func TestAlignmentRemembersABoundedNumber(t *testing.T) {
	var a alignment
	for i := range 3 * keptExchanges {
		now := time.Duration(i) * exchangeEvery
		a.add(exchange{asked: now, answered: now + time.Millisecond, received: now, sent: now + time.Millisecond})
	}
	if n := len(a.exchanges); n > keptExchanges {
		t.Errorf("got %d exchanges, want at most %d", n, keptExchanges)
	}
}
