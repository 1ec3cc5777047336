package attribution_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cfubench/attribution"
	"cfubench/meter"
)

// req is a request at times in ms, without server times or counts.
func req(id int64, sent, first, done int) attribution.Request {
	at := func(t int) time.Duration {
		if t < 0 {
			return -1
		}
		return time.Duration(t) * ms
	}
	return attribution.Request{ID: id, Sent: at(sent), FirstToken: at(first), LastToken: at(done), Done: at(done),
		PromptTokens: 10, OutputTokens: 10, ServerPrefill: -1, ServerDecode: -1}
}

func prefilled(r attribution.Request, server int) attribution.Request {
	r.ServerPrefill = time.Duration(server) * ms
	return r
}

func TestOccupancy(t *testing.T) {
	for _, row := range []struct {
		name  string
		reqs  []attribution.Request
		limit int
		want  []attribution.Step // times in ms
	}{
		{
			"one request prefills from its sending to its first token",
			[]attribution.Request{req(0, 10, 30, 90)}, 0,
			[]attribution.Step{{At: 0}, {At: 10, Prefill: 1}, {At: 30, Decode: 1}, {At: 90}},
		},
		{
			"the server's prefill time tells the queue from the prefill",
			[]attribution.Request{req(0, 0, 20, 90), prefilled(req(1, 0, 60, 90), 15)}, 0,
			[]attribution.Step{{At: 0, Queued: 1, Prefill: 1}, {At: 20, Queued: 1, Decode: 1}, {At: 45, Prefill: 1, Decode: 1}, {At: 60, Decode: 2}, {At: 90}},
		},
		{
			"with one slot the second waits for the first to end",
			[]attribution.Request{req(0, 0, 20, 50), req(1, 10, 70, 90)}, 1,
			[]attribution.Step{{At: 0, Prefill: 1}, {At: 10, Queued: 1, Prefill: 1}, {At: 20, Queued: 1, Decode: 1}, {At: 50, Prefill: 1}, {At: 70, Decode: 1}, {At: 90}},
		},
		{
			"one without a first token prefills to its end, one unsent is nowhere, one unended stays",
			[]attribution.Request{req(0, 10, -1, 40), req(1, -1, -1, -1), req(2, 60, 70, -1)}, 0,
			[]attribution.Step{{At: 0}, {At: 10, Prefill: 1}, {At: 40}, {At: 60, Prefill: 1}, {At: 70, Decode: 1}, {At: 100}},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			tl := attribution.NewTimeline(attribution.ColumnsOf(row.reqs), meter.Window{End: 100 * ms}, attribution.Server{BatchLimit: row.limit})
			want := slices.Clone(row.want)
			for i := range want {
				want[i].At *= ms
			}
			if diff := cmp.Diff(want, tl.Occupancy()); diff != "" {
				t.Errorf("occupancy (-want +got):\n%s", diff)
			}
		})
	}
}

func TestQueueThatCannotBeToldFromPrefillIsFlagged(t *testing.T) {
	curve := steadyPower(100*meter.Watt, time.Second)
	for _, row := range []struct {
		name   string
		reqs   []attribution.Request
		limit  int
		totals []attribution.PhaseTotals
		want   []bool
	}{
		{"alone there is no queue", []attribution.Request{req(0, 10, 30, 90)}, 0, nil, []bool{false}},
		{"sent while another was in flight, it may have waited", []attribution.Request{req(0, 0, 20, 50), req(1, 10, 70, 90)}, 0, nil, []bool{false, true}},
		{"not if the server says how long it prefilled", []attribution.Request{req(0, 0, 20, 50), prefilled(req(1, 10, 70, 90), 20)}, 0, nil, []bool{false, false}},
		{"nor if the server's totals say that nobody waited", []attribution.Request{req(0, 0, 20, 50), req(1, 10, 70, 90)}, 0,
			[]attribution.PhaseTotals{{At: 0}, {At: 100 * ms, Queue: 100 * time.Microsecond, Prefill: 80 * ms}}, []bool{false, false}},
		{"but if they say that some did", []attribution.Request{req(0, 0, 20, 50), req(1, 10, 70, 90)}, 0,
			[]attribution.PhaseTotals{{At: 0}, {At: 100 * ms, Queue: 40 * ms, Prefill: 40 * ms}}, []bool{false, true}},
		{"and if they do not reach over the request", []attribution.Request{req(0, 0, 20, 50), req(1, 10, 70, 90)}, 0,
			[]attribution.PhaseTotals{{At: 0}, {At: 60 * ms, Prefill: 80 * ms}}, []bool{false, true}},
		{"nor if the number of slots is known", []attribution.Request{req(0, 0, 20, 50), req(1, 10, 70, 90)}, 2, nil, []bool{false, false}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, err := attribution.Attribute(attribution.Phase{Server: &attribution.Server{BatchLimit: row.limit, Totals: row.totals}}, row.reqs, curve, meter.Window{End: 100 * ms}, attribution.Idle{})
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range row.want {
				if got := slices.Contains(r.Shares[i].Flags, attribution.FlagQueueOrPrefill); got != want {
					t.Errorf("request %d: flags %v, want %s: %v", i, r.Shares[i].Flags, attribution.FlagQueueOrPrefill, want)
				}
			}
		})
	}
}

// steadyPower is the curve of a counter, published every millisecond, under
// constant power from zero to a little after length.
func steadyPower(p meter.Power, length time.Duration) *attribution.Curve {
	return varyingPower(length, func(time.Duration) meter.Power { return p })
}

// varyingPower is the same under a power that is constant over each millisecond.
func varyingPower(length time.Duration, power func(time.Duration) meter.Power) *attribution.Curve {
	d := meter.Domain{Name: "d", Kind: meter.KindCounter, UpdatePeriod: ms, Quantum: 1}
	b := attribution.NewBuilder(d)
	energy := 5 * meter.Joule
	for at := time.Duration(-5); at*ms <= length+5*ms; at++ {
		b.Add(meter.Reading{Before: at*ms - 1, After: at*ms + 1, Energy: energy, HasEnergy: true, Status: meter.StatusOK})
		energy += meter.EnergyOf(power(at*ms), ms)
	}
	c, _ := b.Curve()
	return c
}
