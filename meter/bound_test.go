package meter_test

import (
	"encoding/json"
	"testing"

	"cfubench/meter"
)

// What nothing bounds is null in JSON and comes back as it was; earlier versions
// wrote the number.
func TestBoundInJSON(t *testing.T) {
	type row struct {
		Hi meter.Bound `json:"hi_uj"`
	}
	for _, tt := range []struct {
		text string
		want meter.Energy
		back string
	}{
		{`{"hi_uj":null}`, meter.Unbounded, `{"hi_uj":null}`},
		{`{"hi_uj":9223372036854775807}`, meter.Unbounded, `{"hi_uj":null}`},
		{`{"hi_uj":42}`, 42, `{"hi_uj":42}`},
	} {
		var got row
		if err := json.Unmarshal([]byte(tt.text), &got); err != nil || meter.Energy(got.Hi) != tt.want {
			t.Errorf("%s: got %d and %v, want %d", tt.text, got.Hi, err, tt.want)
		}
		if back, err := json.Marshal(got); err != nil || string(back) != tt.back {
			t.Errorf("%s: written as %s (%v), want %s", tt.text, back, err, tt.back)
		}
	}
	if err := json.Unmarshal([]byte(`{"hi_uj":"much"}`), new(row)); err == nil {
		t.Error("a word was read as a bound")
	}
}
