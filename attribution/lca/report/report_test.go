package report

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"cfubench/attribution/lca"
	"cfubench/attribution/lca/report/browsertest"
	"cfubench/meter"
)

var day = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)

func published(t *testing.T, inventory, model string, o lca.Options) []lca.Assessment {
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
			list, err := lca.AssessPublished(t.Context(), inv, []lca.Model{m}, o)
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
	}
	t.Fatalf("no model %q", model)
	return nil
}

// The four phases, in the standard's order, in both renderings.
func TestFourPhases(t *testing.T) {
	list := published(t, "olmo2-7b", "OLMo 2 7B", lca.Options{Draws: 100})
	var text, page bytes.Buffer
	if err := Text(&text, list, day); err != nil {
		t.Fatal(err)
	}
	if err := HTML(&page, list, day); err != nil {
		t.Fatal(err)
	}
	for what, got := range map[string]string{"text": text.String(), "html": page.String()} {
		at := 0
		for _, phase := range []string{"1. Goal and scope", "2. Life cycle inventory", "3. Life cycle impact assessment", "4. Interpretation"} {
			next := strings.Index(got[at:], phase)
			if next < 0 {
				t.Fatalf("%s: no %q after the phases before it", what, phase)
			}
			at += next
		}
	}
}

// unwrapped is a text with what goes on in the next line in one.
func unwrapped(text string) string { return regexp.MustCompile(`\n +`).ReplaceAllString(text, " ") }

// Every figure of the inventory is in the report with its source and line, and
// every result with the lines behind it.
func TestEveryFigureIsTraceable(t *testing.T) {
	list := published(t, "olmo2-7b-us", "OLMo 2 7B", lca.Options{})
	var b bytes.Buffer
	if err := Text(&b, list, day); err != nil {
		t.Fatal(err)
	}
	text := unwrapped(b.String())
	for _, d := range list[0].Inventory.Figures() {
		line := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(d.Place().Field) + ` .*` + regexp.QuoteMeta(d.String()) + `.*` + regexp.QuoteMeta(d.Source))
		if !line.MatchString(text) {
			t.Errorf("the report has no line for %s = %s of %s", d.Place().Field, d, d.Source)
		}
	}
	for _, r := range list[0].Rows {
		if !strings.Contains(text, r.Category.Title()+", "+string(r.Stage)+": "+r.Source) {
			t.Errorf("%s %s: its sources are not in the report", r.Category, r.Stage)
		}
	}
}

// One file: nothing is fetched, and what users type cannot become markup.
func TestPageIsSelfContainedAndEscaped(t *testing.T) {
	list := published(t, "olmo2-7b", "OLMo 2 7B", lca.Options{})
	for i := range list {
		list[i].Usage.Cell = `<script>alert(1)</script>`
		list[i].Inventory.Title = `a <b>bold</b> title`
	}
	var b bytes.Buffer
	if err := HTML(&b, list, day); err != nil {
		t.Fatal(err)
	}
	for _, banned := range []string{"<script", "<b>bold", "<link", "src=", "url(", "@import"} {
		if strings.Contains(b.String(), banned) {
			t.Errorf("the page contains %q", banned)
		}
	}
}

// Reports and tables refuse to be empty.
func TestNothingAssessed(t *testing.T) {
	var b bytes.Buffer
	for what, err := range map[string]error{"text": Text(&b, nil, day), "html": HTML(&b, nil, day), "summary": NewSummary(&b).Close()} {
		if err == nil {
			t.Errorf("%s: no error for no assessments", what)
		}
	}
	if _, err := Describe(nil); err == nil {
		t.Error("disclosure: no error for no assessments")
	}
}

// An inventory without training is reported without a figure or break-even, and
// the scope says what is outside.
func TestReportWithoutTraining(t *testing.T) {
	inv, err := lca.Load("cpu-server", nil)
	if err != nil {
		t.Fatal(err)
	}
	u := lca.Usage{Cell: "b1-c1-r1", Requests: 10, OutputTokens: 100, Energy: 50 * meter.Joule, EnergyKind: meter.KindModel, Metered: lca.Device, BusyTime: time.Minute, Devices: 1}
	a, err := lca.Assess(inv, u, lca.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := HTML(&b, []lca.Assessment{a}, day); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if !strings.Contains(page, "inference; outside are training, experimentation, end of life, networks, user devices") {
		t.Error("the scope does not say that training is outside")
	}
	if strings.Contains(page, "<h3>Break-even</h3>") || strings.Contains(page, "Cost per request") {
		t.Error("a break-even or figure without an upfront cost")
	}
	if !strings.Contains(page, "b1-c1-r1 (energy: model)") {
		t.Error("modelled energy does not say so")
	}
}

// The disclosure block is JSON with what the paper asks for, unknowns named.
func TestDisclosure(t *testing.T) {
	d, err := Describe(published(t, "olmo2-7b", "OLMo 2 7B", lca.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Disclosure(&b, d); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"models", "serving", "system_design", "conventions", "total_inferences", "place", "embodied_hardware"} {
		if _, ok := got[key]; !ok {
			t.Errorf("no %q", key)
		}
	}
	if !strings.Contains(d.Unknown["total_inferences"], "assumed, not counted") {
		t.Errorf("the assumed number of inferences is not marked: %q", d.Unknown)
	}
	if n := len(d.Models); n != 1 {
		t.Fatalf("got %d models, want one", n)
	}
	for _, stage := range d.Models[0].Development {
		if len(stage.Figures) != 8 {
			t.Errorf("%s: got %d figures, want energy, carbon, water and device time, and two each of its grid and its facility", stage.Stage, len(stage.Figures))
		}
	}
	if h := d.Hardware[0]; h.Devices != 8 || len(h.Figures) != 3 {
		t.Errorf("hardware is for %d devices with %d figures, want 8 and carbon, water, lifespan", h.Devices, len(h.Figures))
	}
}

// With two models every cell stands under its own, beside its own development.
func TestDisclosureKeepsModelsApart(t *testing.T) {
	list := append(published(t, "olmo2-7b", "Llama 3.1 8B", lca.Options{}), published(t, "olmo2-7b", "OLMo 2 7B", lca.Options{})...)
	d, err := Describe(list)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		model  string
		stages int
	}{{"Llama 3.1 8B", 1}, {"OLMo 2 7B", 2}} {
		if m := d.Models[i]; m.Model != want.model || len(m.Development) != want.stages || len(m.Cells) != 3 {
			t.Errorf("model %d: %s with %d stages and %d cells, want %s with %d and 3", i, m.Model, len(m.Development), len(m.Cells), want.model, want.stages)
		}
	}
}

// The page fits a phone and a desk, light and dark, and paper, in a real browser: wide
// tables scroll inside their own box, no label is cut off, nothing is fetched.
func TestPageInABrowser(t *testing.T) {
	var page bytes.Buffer
	if err := HTML(&page, published(t, "olmo2-7b", "OLMo 2 7B", lca.Options{Draws: 100}), day); err != nil {
		t.Fatal(err)
	}
	for _, view := range []browsertest.View{{Width: 360}, {Width: 1280}, {Width: 1280, Dark: true}, {Width: browsertest.Paper, Print: true}} {
		t.Run(view.String(), func(t *testing.T) {
			s := browsertest.Look(t, page.Bytes(), view)
			for _, p := range s.Problems() {
				t.Error(p)
			}
			if want := strings.Count(page.String(), "<svg"); s.Charts != want || len(s.Headings) != 4 {
				t.Errorf("the browser shows %d drawings and headings %q, want %d and the four phases", s.Charts, s.Headings, want)
			}
		})
	}
}

// Figures of a category have one unit and prefix in all stages, intervals and cells, so
// that the larger one is the longer number.
func TestSummaryHasOneUnitPerCategory(t *testing.T) {
	list := published(t, "olmo2-7b", "OLMo 2 7B", lca.Options{Draws: 100})
	units := regexp.MustCompile(`[\d,.]+ ([a-zA-Zµ]+)`)
	seen := map[string]string{}
	var text bytes.Buffer
	if err := printAll(NewSummary(&text), list); err != nil {
		t.Fatal(err)
	}
	table, _, _ := strings.Cut(text.String(), "\nrequests at which")
	for _, category := range []string{"electricity", "global warming (GWP100)", "water consumption"} {
		rows := 0
		for line := range strings.Lines(table) {
			_, figures, ok := strings.Cut(line, "  "+category+" ")
			if !ok {
				continue
			}
			rows++
			for _, m := range units.FindAllStringSubmatch(figures, -1) {
				if unit, ok := seen[category]; ok && unit != m[1] {
					t.Errorf("%s is in %s and in %s:\n%s", category, unit, m[1], line)
				}
				seen[category] = m[1]
			}
		}
		if rows < 2 {
			t.Errorf("%s has %d rows, want those of several cells:\n%s", category, rows, table)
		}
	}
}
