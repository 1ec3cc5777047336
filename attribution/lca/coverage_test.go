package lca

import (
	"strings"
	"testing"
)

// A run on other hardware than the inventory's is warned of, by whole words of
// the products' names and for each of them.
func TestOtherHardwareIsDoubted(t *testing.T) {
	for _, test := range []struct {
		what, inventory, beside, metered string
		doubted                          bool
	}{
		{"the card of the inventory", "h200-boavizta", "", "NVIDIA H200", false},
		{"another card", "h200-boavizta", "", "NVIDIA A100-SXM4-80GB", true},
		{"a superchip whose name holds the card's", "h200-boavizta", "", "NVIDIA GH200 480GB", true},
		{"another card beside the inventory's", "h200-boavizta", "", "NVIDIA H200, NVIDIA L4", true},
		{"the card of a machine beside", "h200-boavizta", "l4-boavizta", "NVIDIA H200, NVIDIA L4", false},
		{"neither's card", "h200-boavizta", "l4-boavizta", "NVIDIA H200, NVIDIA A100-SXM4-80GB", true},
		{"a processor of the server's kind", "server-ademe", "", "CPU Intel(R) Xeon(R) Platinum 8480+", false},
		{"a run that does not tell", "h200-boavizta", "", "", false},
	} {
		t.Run(test.what, func(t *testing.T) {
			serving := ""
			if test.beside != "" {
				serving = `"serving": {"machines": [{"name": "decoder", "per_device": 1, "hardware": ["` + test.beside + `"]}]}, `
			}
			inv := inventoryOf(t, `{"schema": 2, "name": "test", "hardware": ["`+test.inventory+`"], `+serving+`"electricity": "us-egrid2023", "facility": "google", "model": {"title": "none"},
				"lifetime_inferences": {"value": 1, "unit": "requests", "source": "test", "year": 2026, "boundary": "none", "quality": "published"}}`)
			u := served()
			u.Hardware = test.metered
			a, err := Assess(inv, u, Options{MixBoundaries: true})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(strings.Join(a.Warnings, "\n"), "the run was metered on"); got != test.doubted {
				t.Errorf("warned: %v, want %v: %q", got, test.doubted, a.Warnings)
			}
		})
	}
}
