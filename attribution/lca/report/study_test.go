package report

import (
	"bytes"
	"strings"
	"testing"

	"cfubench/attribution/lca"
)

// What only the author knows is in the report as the study says it, and said to
// be unstated where it does not.
func TestStudyIsInTheReport(t *testing.T) {
	list := published(t, "olmo2-7b", "OLMo 2 7B", lca.Options{Draws: 100})
	text := func() string {
		var b bytes.Buffer
		if err := Text(&b, list, day); err != nil {
			t.Fatal(err)
		}
		return unwrapped(b.String())
	}
	for _, want := range []string{
		"intended application: not stated", "product system of OLMo 2 7B: [training] + [experimentation] + [making of", "critical review: there was none",
		"relative expressions", "Completeness check", "Consistency check", "water by onsite", "lifetime × 0.33",
		"over the draws the median is", "Parts of the uncertainty", "for 8 accelerators", "the facility's overhead is in it",
	} {
		if !strings.Contains(text(), want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	for i := range list {
		list[i].Inventory.Study = &lca.Study{Application: "choice of a batch size", ComparativePublic: true, CutOff: "1 % of carbon", Review: []string{"A. Reviewer: conforms"}, Conclusions: []string{"serve in batches"}}
	}
	for _, want := range []string{"intended application: choice of a batch size", "critical review by a panel is required", "cut-off: 1 % of carbon", "A. Reviewer: conforms", "- serve in batches"} {
		if !strings.Contains(text(), want) {
			t.Errorf("the report does not say %q of the study", want)
		}
	}
}

// A report on models that are not the inventory's is about them.
func TestReportNamesItsModels(t *testing.T) {
	for _, test := range []struct {
		models []string
		want   string
	}{
		{[]string{"Llama 3.1 8B"}, "Life cycle assessment: Llama 3.1 8B with the factors of inventory olmo2-7b\n"},
		{[]string{"Llama 3.1 8B", "OLMo 2 7B"}, "Life cycle assessment: Llama 3.1 8B, OLMo 2 7B with the factors of inventory olmo2-7b\n"},
		{[]string{"OLMo 2 7B"}, "Life cycle assessment: OLMo 2 7B (Morrison et al. 2025)\n"},
	} {
		var list []lca.Assessment
		for _, m := range test.models {
			list = append(list, published(t, "olmo2-7b", m, lca.Options{})...)
		}
		for _, render := range []func() (string, error){
			func() (string, error) { var b bytes.Buffer; err := Text(&b, list, day); return b.String(), err },
			func() (string, error) { var b bytes.Buffer; return test.want, HTML(&b, list, day) },
		} {
			if text, err := render(); err != nil || !strings.HasPrefix(text, test.want) {
				t.Errorf("%v: %v, begins %.90q, want %q", test.models, err, text, test.want)
			}
		}
	}
}
