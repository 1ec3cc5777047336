package agent

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
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

// A stream may end anywhere: what was complete counts, and the end is an error.
func TestStreamThatIsCutOff(t *testing.T) {
	var wire bytes.Buffer
	e := newEncoder(&wire)
	for n := range int64(3) {
		if err := e.encode(n+1, []meter.Reading{{Domain: 1, Before: 1, After: 2, Energy: meter.Energy(n), HasEnergy: true, Status: meter.StatusOK}}); err != nil {
			t.Fatal(err)
		}
	}
	most := int64(0)
	for length := range wire.Len() {
		last := int64(0)
		err := decode(bytes.NewReader(wire.Bytes()[:length]), 2, func(batch []numbered) error {
			for _, n := range batch {
				if n.sequence != last+1 || n.Energy != meter.Energy(last) {
					t.Errorf("cut at %d: got %+v after number %d", length, n, last)
				}
				last = n.sequence
			}
			return nil
		})
		if err == nil {
			t.Errorf("cut at %d: got no error", length)
		}
		if last < most {
			t.Errorf("cut at %d: got %d readings, with less of the stream %d", length, last, most)
		}
		most = max(most, last)
	}
	if most < 2 {
		t.Errorf("got at most %d readings, want all that were complete", most)
	}
}

func TestStreamsOfOthers(t *testing.T) {
	domain := func(n int) []byte {
		var wire bytes.Buffer
		if err := newEncoder(&wire).encode(1, []meter.Reading{{Domain: n}}); err != nil {
			t.Fatal(err)
		}
		return wire.Bytes()
	}
	other := arrow.NewSchema([]arrow.Field{{Name: "energy", Type: arrow.PrimitiveTypes.Int64}}, nil)
	var foreign bytes.Buffer
	if err := ipc.NewWriter(&foreign, ipc.WithSchema(other)).Close(); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, want string
		wire       []byte
	}{
		{"nothing", "read stream", nil},
		{"text", "read stream", []byte("<html>404</html>")},
		{"another table", "use the same cfu", foreign.Bytes()},
		{"a domain that there is not", "makes no sense", domain(2)},
	} {
		err := decode(bytes.NewReader(row.wire), 2, func([]numbered) error { return nil })
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want an error with %q", row.name, err, row.want)
		}
	}
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
