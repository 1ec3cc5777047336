package agent

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"cfubench/meter"
)

func drawReading(t *rapid.T, domains int) meter.Reading {
	r := meter.Reading{
		Domain: rapid.IntRange(0, domains-1).Draw(t, "domain"),
		Before: time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, "before")),
		Status: rapid.SampledFrom([]meter.Status{meter.StatusOK, meter.StatusGap, meter.StatusWrap, meter.StatusLost}).Draw(t, "status"),
	}
	r.After = r.Before + time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "length"))
	if r.HasEnergy = rapid.Bool().Draw(t, "has energy"); r.HasEnergy {
		r.Energy = meter.Energy(rapid.Int64().Draw(t, "energy"))
	}
	if r.HasPower = rapid.Bool().Draw(t, "has power"); r.HasPower {
		r.Power = meter.Power(rapid.Int64().Draw(t, "power"))
	}
	return r
}

func TestReadingsSurviveTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const domains = 3
		var want []numbered
		var wire bytes.Buffer
		e := newEncoder(&wire)
		for range rapid.IntRange(0, 4).Draw(t, "batches") {
			first := int64(len(want)) + 1
			var batch []meter.Reading
			for range rapid.IntRange(0, 5).Draw(t, "rows") {
				r := drawReading(t, domains)
				batch = append(batch, r)
				want = append(want, numbered{first + int64(len(batch)) - 1, r})
			}
			if err := e.encode(first, batch); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.close(); err != nil {
			t.Fatal(err)
		}
		var got []numbered
		err := decode(&wire, domains, func(batch []numbered) error {
			got = append(got, batch...)
			return nil
		})
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("at the end of the stream: got %v, want that the agent ended", err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(numbered{})); diff != "" {
			t.Fatalf("readings differ (-want +got):\n%s", diff)
		}
	})
}

// What another program sends must be an error or a reading that makes sense.
func FuzzDecode(f *testing.F) {
	var wire bytes.Buffer
	e := newEncoder(&wire)
	if err := e.encode(7, []meter.Reading{{Domain: 1, Before: 1, After: 2, Energy: 3, HasEnergy: true, Status: meter.StatusOK}}); err != nil {
		f.Fatal(err)
	}
	f.Add(wire.Bytes())
	f.Add(wire.Bytes()[:wire.Len()/2])
	f.Add([]byte("HTTP/1.1 200 OK"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		const domains = 2
		err := decode(bytes.NewReader(b), domains, func(batch []numbered) error {
			for _, n := range batch {
				if n.Domain < 0 || n.Domain >= domains || n.Before > n.After {
					t.Errorf("got reading %+v", n)
				}
			}
			return nil
		})
		if err == nil {
			t.Error("got no error: a stream never ends well")
		}
	})
}

func TestRingKeepsTheNewest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 8).Draw(t, "size")
		r := newRing(size)
		var put int64
		for range rapid.IntRange(0, 10).Draw(t, "batches") {
			var batch []meter.Reading
			for range rapid.IntRange(0, 5).Draw(t, "rows") {
				put++
				batch = append(batch, meter.Reading{Before: time.Duration(put)})
			}
			r.put(batch)
			after, limit := rapid.Int64Range(0, put+1).Draw(t, "after"), rapid.IntRange(1, 6).Draw(t, "limit")
			first, got := r.after(after, limit, nil)
			if after >= put {
				if first != 0 || got != nil {
					t.Fatalf("after %d of %d: got %d readings from %d, want none", after, put, len(got), first)
				}
				continue
			}
			want := max(after+1, put-int64(size)+1)
			if first != want || int64(len(got)) != min(put-want+1, int64(limit)) {
				t.Fatalf("after %d of %d kept %d: got %d readings from %d, want them from %d", after, put, size, len(got), first, want)
			}
			for i, reading := range got {
				if reading.Before != time.Duration(first+int64(i)) {
					t.Fatalf("reading %d is number %d", first+int64(i), reading.Before)
				}
			}
		}
	})
}
