package attribution

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestRoundingSumsToTheTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shares := rapid.SliceOfN(rapid.OneOf(rapid.Just(0.0), rapid.Just(1.5), rapid.Float64Range(0, 3), rapid.Float64Range(0, 1e12)), 1, 40).Draw(t, "shares")
		exact := 0.0
		positive := 0
		for _, x := range shares {
			exact += x
			if x > 0 {
				positive++
			}
		}
		total := int64(math.Round(exact))
		r := newRounding(len(shares), func(i int) float64 { return shares[i] }, total)
		var sum int64
		for i, x := range shares {
			q := r.of(i, x)
			sum += q
			if math.Abs(float64(q)-x) > 1+exact*1e-12 {
				t.Fatalf("share %g became %d quanta, want at most one away", x, q)
			}
		}
		if positive > 0 && sum != total {
			t.Fatalf("quanta sum to %d, want %d", sum, total)
		}
	})
}

func TestRoundingServesTheLargestFractionsFirst(t *testing.T) {
	for _, row := range []struct {
		name   string
		shares []float64
		total  int64
		want   []int64
	}{
		{"whole shares stay", []float64{1, 2, 3}, 6, []int64{1, 2, 3}},
		{"the largest fraction gets the quantum left", []float64{1.2, 2.7, 3.1}, 7, []int64{1, 3, 3}},
		{"ties go to the lower index", []float64{0.5, 0.5, 0.5, 0.5}, 2, []int64{1, 1, 0, 0}},
		{"nobody who has no share gets any", []float64{0, 0.5, 0, 0.5}, 1, []int64{0, 1, 0, 0}},
		{"more is left than shares: all get more", []float64{0.5, 0.5}, 5, []int64{3, 2}},
		{"less than the whole parts: all get less", []float64{2, 2}, 3, []int64{2, 1}},
		{"nobody to give to", []float64{0, 0}, 0, []int64{0, 0}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRounding(len(row.shares), func(i int) float64 { return row.shares[i] }, row.total)
			for i, x := range row.shares {
				if got := r.of(i, x); got != row.want[i] {
					t.Errorf("share %d of %v: got %d, want %d", i, row.shares, got, row.want[i])
				}
			}
		})
	}
}
