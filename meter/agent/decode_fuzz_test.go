package agent

import (
	"bytes"
	"testing"
	"time"

	"cfubench/meter"
)

// FuzzDecode reads any bytes as a stream of readings: what comes through makes
// sense, and nothing that is claimed is allocated.
func FuzzDecode(f *testing.F) {
	var whole bytes.Buffer
	out := newEncoder(&whole)
	var readings []meter.Reading
	for i := range 5 {
		at := time.Duration(i) * time.Millisecond
		readings = append(readings, meter.Reading{Domain: i % 2, Before: at, After: at + 1, Energy: 5, HasEnergy: i != 3, Status: meter.StatusOK})
	}
	if err := out.encode(1, readings); err != nil {
		f.Fatal(err)
	}
	out.encode(6, readings)
	out.close()
	f.Add(whole.Bytes())
	f.Add(whole.Bytes()[:whole.Len()/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		err := decode(bytes.NewReader(b), 2, func(batch []numbered) error {
			for _, n := range batch {
				if n.Domain < 0 || n.Domain > 1 || n.Before > n.After {
					t.Fatalf("reading %+v came through", n)
				}
			}
			return nil
		})
		if err == nil {
			t.Fatal("a stream that ended is no error")
		}
	})
}
