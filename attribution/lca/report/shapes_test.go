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
