package derivation

import "testing"

func TestDrawsOfManyCells(t *testing.T) {
	own := NewAmortization("")
	asked := own
	asked.FewerDraws = false
	for _, tt := range []struct {
		does        string
		m           Amortization
		cells, want int
	}{
		{"a sweep has all", own, 200, 10000},
		{"a thousand cells share", own, 1000, 2000},
		{"no cell has too few", own, 100000, 1000},
		{"what was asked for is done", asked, 100000, 10000},
		{"a run without cells", own, 0, 10000},
	} {
		if got := tt.m.drawsOf(tt.cells); got != tt.want {
			t.Errorf("%s: %d draws of %d cells, want %d", tt.does, got, tt.cells, tt.want)
		}
	}
}
