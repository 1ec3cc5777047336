package attribution

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// kept is a series of values.
func kept(values []int64) (s series[int64]) {
	for _, v := range values {
		s.add(v)
	}
	return s
}

// size is what a series holds, in bytes.
func (s *series[T]) size() int {
	n := 32*len(s.blocks) + 8*cap(s.rest)
	for _, c := range s.chunks {
		n += cap(c)
	}
	return n
}

// Whatever numbers go into a series come out of it, in any order of asking.
func TestASeriesReturnsWhatWentIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Some stretches rise evenly, as times do; some hold any numbers at all.
		var values []int64
		for range rapid.IntRange(0, 6).Draw(t, "stretches") {
			n := rapid.IntRange(1, 2*blockLen).Draw(t, "length")
			from, step := rapid.Int64().Draw(t, "from"), rapid.Int64Range(-1e10, 1e10).Draw(t, "step")
			unit := rapid.SampledFrom([]int64{1, 15, 1000, 1 << 40}).Draw(t, "unit")
			noise := rapid.SampledFrom([]int64{1, 1 << 10, 1 << 40, math.MaxInt64}).Draw(t, "noise")
			rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
			for i := range n {
				values = append(values, from+unit*(int64(i)*step+rng.Int64N(noise)))
			}
			if rapid.Bool().Draw(t, "extreme") {
				values = append(values, math.MinInt64, math.MaxInt64, 0)
			}
		}
		s := kept(values)
		if s.len() != len(values) {
			t.Fatalf("got %d values, want %d", s.len(), len(values))
		}
		for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(len(values)) {
			if got := s.at(i); got != values[i] {
				t.Fatalf("value %d: got %d, want %d", i, got, values[i])
			}
		}
		if len(values) > 0 && s.last() != values[len(values)-1] {
			t.Fatalf("last: got %d, want %d", s.last(), values[len(values)-1])
		}
	})
}

// What a register that is read 50 times a second shows takes a third of its numbers.
func TestASeriesIsSmall(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var at series[time.Duration]
	var energy series[int64]
	const n = 100_000
	total := int64(1e15)
	for i := range n {
		at.add(time.Duration(i)*20*time.Millisecond + time.Duration(rng.ExpFloat64()*float64(100*time.Microsecond)))
		total += 1000 * int64(300e3*0.02*(1+0.2*rng.NormFloat64())) // µJ, of a register of millijoules
		energy.add(total)
	}
	for _, row := range []struct {
		what  string
		bytes int
		most  float64
	}{{"times", at.size(), 3}, {"energies", energy.size(), 2.5}} {
		if each := float64(row.bytes) / n; each > row.most {
			t.Errorf("%s take %.2f bytes each, want at most %g", row.what, each, row.most)
		}
	}
}
