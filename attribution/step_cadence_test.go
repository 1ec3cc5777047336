package attribution

import (
	"testing"
	"time"
)

func TestCadence(t *testing.T) {
	const ms = time.Millisecond
	of := func(tokens float64, took ...time.Duration) (list []gap) {
		for _, d := range took {
			list = append(list, gap{d, tokens})
		}
		return list
	}
	for _, tt := range []struct {
		does string
		gaps [][]gap
		want cadence
	}{
		{"no gap tells nothing", nil, cadence{ms, false}},
		{"a token a part: a step is the median", [][]gap{of(1, 20*ms, 20*ms, 21*ms, 60*ms)}, cadence{21 * ms, false}},
		{"several tokens in as long as one: a step each", [][]gap{of(1, 20*ms, 20*ms, 20*ms), of(3, 20*ms, 20*ms, 60*ms)}, cadence{20 * ms, false}},
		{"as much longer as they have tokens: a step a token", [][]gap{of(1, 20*ms, 20*ms, 20*ms), of(2, 40*ms), of(3, 60*ms, 58*ms, 90*ms)}, cadence{20 * ms, true}},
		{"no part of one token", [][]gap{of(2, 40*ms, 40*ms, 41*ms), of(3, 60*ms, 60*ms)}, cadence{20 * ms, true}},
		{"all parts have four", [][]gap{of(4, 80*ms, 80*ms, 81*ms)}, cadence{80 * ms, false}},
		{"the gaps within a burst are none", [][]gap{of(1, 80*ms, 0, 0, 0, 80*ms, 0, 0, 0)}, cadence{80 * ms, false}},
		{"a character that is split has a part without a token", [][]gap{of(1, 20*ms, 20*ms, 20*ms), of(0, 20*ms)}, cadence{20 * ms, false}},
	} {
		var gaps []gap
		for _, list := range tt.gaps {
			gaps = append(gaps, list...)
		}
		if got := cadenceOf(gaps); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.does, got, tt.want)
		}
	}
}
