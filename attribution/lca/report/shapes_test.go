package report

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"cfubench/attribution/lca"
)

// Every form is filled from the same assessment, says its edition, and lists
// what it asks for and nobody knows.
func TestShapes(t *testing.T) {
	list := published(t, "olmo2-7b", "OLMo 2 7B", lca.Options{})
	want := map[string]map[string]float64{
		"sci":             {"SCI_kgco2e_per_R": 2.49e-6 + 0.135e-6, "RS": 1},
		"sci-ai":          {"consumer_kgco2e_per_request": 2.625e-6, "provider_kgco2e": 123.4e3, "provider_kgco2e_per_training_token": 123.4e3 / 4e12},
		"eu-ai-act":       {"training_energy_mwh": 157, "development_energy_mwh": 196, "training_tokens": 4e12, "training_hardware_days": 215000.0 / 24, "inference_energy_wh_per_request": 7.5e-3},
		"model-card":      {"emissions": 52e6},
		"ai-energy-score": {"gpu_wh_per_1000_queries": 7.5},
		"ghg-product":     {"kgco2e_per_request": 14.96e-6, "scope2_kgco2e_per_request": 2.49e-6},
		"iso-14067":       {"cfp_kgco2e_per_request": 14.96e-6},
		"l1801":           {},
	}
	for _, s := range Shapes() {
		var b bytes.Buffer
		if err := WriteShape(&b, s.Name, list); err != nil {
			t.Fatal(err)
		}
		var got struct {
			Edition string
			Cells   []struct {
				Fields  map[string]any
				Unknown map[string]string
			}
		}
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got.Edition == "" || len(got.Cells) != 3 {
			t.Errorf("%s: edition %q, %d cells", s.Name, got.Edition, len(got.Cells))
		}
		for field, value := range want[s.Name] {
			if v, _ := got.Cells[0].Fields[field].(float64); math.Abs(v/value-1) > 0.005 {
				t.Errorf("%s: %s is %v, want %g", s.Name, field, got.Cells[0].Fields[field], value)
			}
		}
		if s.Name == "sci-ai" && !strings.Contains(got.Cells[0].Unknown["provider_kgco2e_per_flop"], "training_compute") {
			t.Errorf("sci-ai: the operations of training are not said to be unknown: %v", got.Cells[0].Unknown)
		}
		if s.Name != "sci" && len(got.Cells[0].Unknown) == 0 {
			t.Errorf("%s: nothing is said to be unknown", s.Name)
		}
	}
	if err := WriteShape(&bytes.Buffer{}, "poster", list); err == nil || !strings.Contains(err.Error(), "use one of sci, sci-ai") {
		t.Errorf("an unknown form: %v", err)
	}
}

// The values that ISO 14067 wants apart are unknown and not zero; stages sum to
// the footprint; what the study's author says is in the form as it was said.
func TestISO14067(t *testing.T) {
	list := published(t, "olmo2-7b", "OLMo 2 7B", lca.Options{Draws: 100})
	list[0].Inventory.Study = &lca.Study{Application: "choice of a batch size"}
	fields, unknown := iso14067Shape(&list[0])
	sum := 0.0
	for _, v := range fields["kgco2e_per_request_by_stage"].(map[string]float64) {
		sum += v
	}
	total := fields["cfp_kgco2e_per_request"].(float64)
	if math.Abs(sum/total-1) > 1e-12 {
		t.Errorf("the stages sum to %g, the footprint is %g", sum, total)
	}
	if between := fields["interval_95_kgco2e_per_request"].([]number); !(float64(between[0]) < total && total < float64(between[1])) {
		t.Errorf("the footprint %g is not within its interval %v", total, between)
	}
	for _, field := range []string{"fossil_kgco2e", "biogenic_emissions_kgco2e", "direct_land_use_change_kgco2e", "aircraft_transportation_kgco2e", "audience"} {
		if _, given := fields[field]; given || unknown[field] == "" {
			t.Errorf("%s: given %v, unknown because %q; want it unknown with a reason", field, given, unknown[field])
		}
	}
	if got := fields["intended_application"]; got != "choice of a batch size" {
		t.Errorf("intended application: got %v", got)
	}
	if left := strings.Join(fields["stages_left_out"].([]string), ", "); !strings.Contains(left, "end_of_life (outside the boundary)") {
		t.Errorf("left out: %s", left)
	}
}

// A form of a category that was not chosen has its value, and no interval that nobody drew.
func TestFormOfAnotherCategory(t *testing.T) {
	all := published(t, "olmo2-7b", "OLMo 2 7B", lca.Options{Draws: 100})
	list := published(t, "olmo2-7b", "OLMo 2 7B", lca.Options{Draws: 100, Categories: []lca.Category{lca.Energy}})
	want, _ := iso14067Shape(&all[0])
	got, unknown := iso14067Shape(&list[0])
	for _, field := range []string{"cfp_kgco2e_per_request", "system_boundary"} {
		if got[field] != want[field] {
			t.Errorf("%s: %v, with all categories %v", field, got[field], want[field])
		}
	}
	for _, field := range []string{"interval_95_kgco2e_per_request", "sensitivity_kgco2e_per_request_by_choice"} {
		if v, given := got[field]; given || unknown[field] == "" {
			t.Errorf("%s: %v, unknown because %q; want it unknown with a reason", field, v, unknown[field])
		}
	}
	var b bytes.Buffer
	if err := WriteShape(&b, "iso-14067", list); err != nil {
		t.Fatal(err)
	}
	for _, w := range all[0].Warnings {
		if text, _ := json.Marshal(w); strings.HasPrefix(w, "gwp:") && !strings.Contains(b.String(), string(text)) {
			t.Errorf("the form does not warn: %s", w)
		}
	}
}

// The stages sum to the total in every category that is assessed; what is not there
// has a reason, and money is no category.
func TestL1801(t *testing.T) {
	list := published(t, "olmo2-7b", "OLMo 2 7B", lca.Options{})
	fields, unknown := l1801Shape(&list[0])
	totals := fields["total_per_request"].(map[string]float64)
	if len(totals) < 2 || len(totals) != len(fields["units"].(map[string]string)) {
		t.Fatalf("totals %v, units %v: want those of each category", totals, fields["units"])
	}
	sums := map[string]float64{}
	for _, kinds := range fields["life_cycle_stages_per_request"].(map[string]map[string]map[string]float64) {
		for _, values := range kinds {
			for c, v := range values {
				sums[c] += v
			}
		}
	}
	for c, total := range totals {
		if math.Abs(sums[c]/total-1) > 1e-12 {
			t.Errorf("%s: the stages sum to %g, the total is %g", c, sums[c], total)
		}
	}
	if _, money := totals["cost"]; money || unknown["end_of_life_treatment: end_of_life: gwp"] == "" || unknown["second_order_effects"] == "" {
		t.Errorf("totals %v, unknown %v: want no money, and reasons for the end of life and effects of second order", totals, unknown)
	}
	placed := 0
	for _, s := range l1801Stages {
		placed += len(s.kinds)
	}
	if placed != len(lca.Stages()) {
		t.Errorf("%d kinds have a place, want all %d", placed, len(lca.Stages()))
	}
}
