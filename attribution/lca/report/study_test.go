package report

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"cfubench/attribution/lca"
	"cfubench/meter"
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
		"intended application: not stated", "conformance: not stated", "choice of categories: not stated", "product system of OLMo 2 7B: [training] + [experimentation] + [making of", "critical review: there was none",
		"relative expressions", "Completeness check", "Consistency check", "water by onsite", "lifetime × 0.33",
		"over the draws the median is", "Parts of the uncertainty", "for 8 accelerators", "the facility's overhead is in it",
	} {
		if !strings.Contains(text(), want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	for i := range list {
		list[i].Inventory.Study = &lca.Study{Application: "choice of a batch size", ComparativePublic: true, CutOff: "1 % of carbon", Conformance: "ISO 14044:2006", Categories: "what the site reports", Review: []string{"A. Reviewer: conforms"}, Conclusions: []string{"serve in batches"}}
	}
	for _, want := range []string{"intended application: choice of a batch size", "critical review by a panel is required", "cut-off: 1 % of carbon", "conformance: ISO 14044:2006", "choice of categories: what the site reports", "A. Reviewer: conforms", "- serve in batches"} {
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

// A category of which a stage has a part alone is not complete, hardware of a stage says
// for how many devices its figures are, and what is not assessed is outside the boundary.
func TestReportTellsWhatIsPartial(t *testing.T) {
	text, err := os.ReadFile("../../../examples/inventory.json")
	if err != nil {
		t.Fatal(err)
	}
	inv, err := lca.Decode("inventory.json", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	var list []lca.Assessment
	for _, cell := range []string{"first", "middle", "last"} {
		u := lca.Usage{Cell: cell, Requests: 10, OutputTokens: 100, Energy: 5000 * meter.Joule, EnergyKind: meter.KindCounter, Metered: lca.Device, BusyTime: time.Minute, Devices: 1}
		a, err := lca.Assess(inv, u, lca.Options{})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, a)
	}
	v, err := compose(list, day)
	if err != nil {
		t.Fatal(err)
	}
	found := map[[2]string]string{}
	for _, l := range v.Completeness {
		found[[2]string{l.Category, l.Kind}] = l.Found
	}
	for _, test := range []struct{ category, kind, want string }{
		{"global warming (GWP100)", "inference", "complete as far as the inventory goes"},
		{"global warming (GWP100)", "training", "complete as far as the inventory goes"},
		{"water consumption", "training", "partial: no figure for fine-tuning: embodied hardware"},
		{"cost", "idle", "partial: no figure for idle: embodied hardware"},
		{"global warming (GWP100)", "experimentation", "absent: outside the boundary"},
	} {
		if got := found[[2]string{test.category, test.kind}]; got != test.want {
			t.Errorf("%s of %s: %q, want %q", test.kind, test.category, got, test.want)
		}
	}
	for _, i := range v.Scope {
		if want := "cradle to use: making of the hardware (by time share), training, inference, machines that wait; outside are experimentation, end of life, networks, user devices"; i.Name == "system boundary" && i.Text != want {
			t.Errorf("system boundary: %q, want %q", i.Text, want)
		}
	}
	for _, f := range v.Figures {
		if strings.HasPrefix(f.Place, "preset:parts/hardware.json") && !strings.HasPrefix(f.Note, "for ") {
			t.Errorf("%s of hardware does not say for how many devices it is: %q", f.Field, f.Note)
		}
	}
	of := map[string]bool{}
	for _, s := range v.Swings {
		of[s.Cell] = true
	}
	if !of["first"] || of["middle"] || !of["last"] {
		t.Errorf("the sensitivity is of %v, want of the first cell and the last", of)
	}
	if fields, unknown := aiActShape(&list[0]); fields["training_energy_mwh"] == nil || fields["development_energy_mwh"] != nil || unknown["development_energy_mwh"] == "" {
		t.Errorf("development of which nothing is known: %v, unknown because %q", fields["development_energy_mwh"], unknown["development_energy_mwh"])
	}
	busy, err := lca.Assess(inv, list[0].Usage, lca.Options{Embodied: lca.BusyHours, Utilisation: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	if gaps := busy.Partial(lca.GWP, lca.Idle); len(gaps) > 0 {
		t.Errorf("busy hours pay for idle hardware, and lack %v", gaps)
	}
	d, err := Describe(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, stage := range d.Models[0].Development {
		for _, f := range stage.Figures {
			if strings.HasPrefix(f.Field, "hardware.") && f.For == "" {
				t.Errorf("disclosure: %s of stage %s does not say for how many devices it is", f.Field, stage.Stage)
			}
		}
	}
}
