package attribution

import (
	"math"
	"testing"

	"cfubench/meter"
)

// Two idle powers that are known well count alike, and one that is not known counts
// little: a drift is the machine's, a bad window the meter's.
func TestMeanIdle(t *testing.T) {
	for _, row := range []struct {
		why                    string
		a, b, ua, ub, want, by float64 // watts
	}{
		{"both well known, with a drift of 10 %", 60, 66, 0.1, 0.1, 63, 0.01},
		{"both alike badly known", 60, 80, 9, 9, 70, 0.01},
		{"one well known and one not", 60, 76.2, 0.2, 15, 60.8, 0.3},
		{"nothing used", 0, 0, 0, 0, 0, 0},
		{"nothing used, as far as a bad window can tell", 0, 0, 1, 1, 0, 0},
	} {
		watts := func(w float64) meter.Power { return meter.Power(math.Round(w * 1e6)) }
		p, u := meanIdle(IdlePower{Power: watts(row.a), Uncertainty: watts(row.ua)}, IdlePower{Power: watts(row.b), Uncertainty: watts(row.ub)})
		if got := p.Watts(); math.Abs(got-row.want) > row.by {
			t.Errorf("%s: got %.2f W, want %.2f", row.why, got, row.want)
		}
		if most := max(row.ua, row.ub); u.Watts() > most {
			t.Errorf("%s: uncertain by %v, more than either (%g W)", row.why, u, most)
		}
	}
}
