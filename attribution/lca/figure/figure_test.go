package figure

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"cfubench/attribution/lca"
	"cfubench/internal/golden"
	"cfubench/meter"
)

func published(t *testing.T, inventory, model string) []lca.Assessment {
	t.Helper()
	inv, err := lca.Load(inventory, nil)
	if err != nil {
		t.Fatal(err)
	}
	models, err := lca.PublishedModels()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range models {
		if m.Title == model {
			list, err := lca.AssessPublished(t.Context(), inv, []lca.Model{m}, lca.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
	}
	t.Fatalf("no model %q", model)
	return nil
}

// The figure of the paper's case study, from the published kWh.
func TestLifeCycleGolden(t *testing.T) {
	var got bytes.Buffer
	if err := LifeCycle(&got, published(t, "olmo2-7b", "OLMo 2 7B"), lca.GWP); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/olmo2-7b.svg", got.Bytes())
}

// Axis ranges of the paper's Figure 2: aggregate cost within 10⁴ to 10⁷ kg at
// 10⁶ to 10¹² requests; 10⁻¹⁰ to 10⁻² kg per request. The drawing covers both
// break-even points with room on either side.
func TestSpanCoversThePapersAxes(t *testing.T) {
	list := published(t, "olmo2-7b", "OLMo 2 7B")
	worst, best := ends(list, lca.GWP)
	if worst.Run.Rate != "1" || best.Run.Rate != "inf" {
		t.Errorf("least and most efficient: got rates %s and %s, want 1 and inf", worst.Run.Rate, best.Run.Rate)
	}
	low, high := span(worst, best, lca.GWP)
	if low > 1e6*1.001 || high < 1e12*0.999 {
		t.Errorf("x from %g to %g, want at least 10⁶ to 10¹²", low, high)
	}
}

func TestFigureIsXML(t *testing.T) {
	list := published(t, "olmo2-7b", "OLMo 2 7B")
	list[0].Usage.Cell = `b8 <&"> c1`
	var got bytes.Buffer
	if err := LifeCycle(&got, list, lca.GWP); err != nil {
		t.Fatal(err)
	}
	for dec := xml.NewDecoder(&got); ; {
		_, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not XML: %v", err)
		}
	}
}

func TestModelledEnergyIsLabelled(t *testing.T) {
	list := published(t, "olmo2-7b", "OLMo 2 7B")
	for i := range list {
		list[i].Usage.EnergyKind = meter.KindModel
	}
	var got strings.Builder
	if err := LifeCycle(&got, list, lca.GWP); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(got.String(), "(model)</text>"); n < 5 {
		t.Errorf("%d legend entries say model, want every curve of modelled energy", n)
	}
}

func TestFigureRefusesWhatHasNoUpfrontCost(t *testing.T) {
	err := LifeCycle(io.Discard, published(t, "olmo2-7b", "Qwen 2.5 7B"), lca.GWP)
	if err == nil || !strings.Contains(err.Error(), "no upfront cost") {
		t.Errorf("got %v, want a refusal", err)
	}
	if err := LifeCycle(io.Discard, nil, lca.GWP); err == nil {
		t.Error("got nil for no assessments, want a refusal")
	}
}
