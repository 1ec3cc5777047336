package attribution_test

import (
	"encoding/json"
	"testing"

	"cfubench/attribution"
	"cfubench/meter"
)

// A part that nothing bounds is null in JSON, and all come back as they were.
func TestUncertaintyInJSON(t *testing.T) {
	want := attribution.Uncertainty{Boundary: meter.Unbounded, Sampling: 1, Lag: 2, Gain: 3, Offset: meter.Unbounded}
	text, err := json.Marshal(&want)
	if err != nil || string(text) != `{"boundary_uj":null,"sampling_uj":1,"lag_uj":2,"gain_uj":3,"offset_uj":null}` {
		t.Errorf("got %s and %v, want null for what nothing bounds", text, err)
	}
	var got attribution.Uncertainty
	if err := json.Unmarshal(text, &got); err != nil || got != want {
		t.Errorf("got %+v and %v back, want %+v", got, err, want)
	}
}
