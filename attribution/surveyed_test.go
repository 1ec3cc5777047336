package attribution_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfubench/attribution"
	"cfubench/attribution/batchsim"
)

// What a divider lets go after a survey changes no share, neither of what was surveyed
// nor of what was not.
func TestSurveyedDividesAlike(t *testing.T) {
	s := serve(batchsim.Standard()[2], 1, 100*ms, 0)
	for _, test := range []struct {
		why    string
		before []attribution.Convention
	}{
		{"all conventions were surveyed", []attribution.Convention{attribution.Steps{}, attribution.Phase{}, attribution.Token{}}},
		{"the steps alone were", []attribution.Convention{attribution.Steps{}}},
		{"a convention that fits no costs was", []attribution.Convention{attribution.Equal{}}},
		{"the steps were, over another idle power", nil},
	} {
		d, err := attribution.NewDivider(attribution.ColumnsOf(s.reqs), s.trace.Window())
		if err != nil {
			t.Fatal(err)
		}
		divide := func(c attribution.Convention, idle attribution.Idle) []attribution.Share {
			a, err := d.Divide(c, s.curve, idle)
			if err != nil {
				t.Fatalf("%s: %v", test.why, err)
			}
			return a.Shares(nil, 0, a.Len()+2)
		}
		for _, c := range test.before {
			divide(c, attribution.Idle{Loaded: simIdle, Known: true})
		}
		if test.before == nil {
			divide(attribution.Steps{}, attribution.Idle{Loaded: 2 * simIdle, Known: true})
		}
		d.Surveyed()
		for _, c := range []attribution.Convention{attribution.Phase{}, attribution.Steps{}, attribution.Token{}} {
			got := divide(c, attribution.Idle{Loaded: simIdle, Known: true})
			if diff := cmp.Diff(s.attribute(t, c).Shares, got); diff != "" {
				t.Errorf("%s: shares by %s differ (-at once, +after a survey):\n%s", test.why, c.Name(), diff)
			}
		}
	}
}
