package derivation

import "testing"

// What was counted otherwise than usual is one of the choices under which footprints are
// comparable.
func TestCounting(t *testing.T) {
	for _, test := range []struct {
		why  string
		how  Amortization
		want string
	}{
		{"as usual", Amortization{}, ""},
		{"wall time on four devices", Amortization{Devices: 4}, "devices=4"},
		{"what was attributed to requests alone, by a convention", Amortization{RequestsOnly: true, Convention: "token"}, "requests-only convention=token"},
	} {
		if got := test.how.counting(); got != test.want {
			t.Errorf("%s: got %q, want %q", test.why, got, test.want)
		}
	}
}
