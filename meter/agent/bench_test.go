package agent

import (
	"bytes"
	"testing"
	"time"

	"cfubench/meter"
)

// What the client spends on a reading: 8 GPUs at 50 readings a second are 400.
func BenchmarkTake(b *testing.B) {
	s := &Source{domains: make([]meter.Domain, 1), index: []int{0}, newest: make([]meter.Reading, 1), lost: make([]bool, 1)}
	for i := range keptExchanges {
		now := time.Duration(i) * exchangeEvery
		s.clocks.add(exchange{asked: now, answered: now + 200*time.Microsecond, received: now + time.Hour, sent: now + time.Hour})
	}
	end := time.Hour + keptExchanges*exchangeEvery
	batch := make([]numbered, 1)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		batch[0] = numbered{int64(i + 1), meter.Reading{Before: end, After: end, Energy: 1, HasEnergy: true}}
		s.take(batch)
		s.pending = s.pending[:0]
	}
}

// What the agent and the wire spend on a batch of 20 readings: 8 GPUs, 50 ms.
func BenchmarkWire(b *testing.B) {
	readings := make([]meter.Reading, 20)
	for i := range readings {
		readings[i] = meter.Reading{Domain: i % 8, Before: time.Duration(i), After: time.Duration(i + 1), Energy: 1, HasEnergy: true, Status: meter.StatusOK}
	}
	var wire bytes.Buffer
	e := newEncoder(&wire)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i == 1 {
			wire.Reset() // the first batch came with the schema
		}
		if err := e.encode(int64(i), readings); err != nil {
			b.Fatal(err)
		}
		if i == 1 {
			b.ReportMetric(float64(wire.Len())/float64(len(readings)), "B/reading")
		}
		wire.Reset()
	}
}
