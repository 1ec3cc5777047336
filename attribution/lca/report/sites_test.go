package report

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"cfubench/attribution/lca"
	"cfubench/meter"
)

// Where hosts of a run stand at two places, each has its rows in both renderings
// of the report and in the data; a place that no figure covers has none.
func TestPlacesOfServing(t *testing.T) {
	inv, err := lca.Decode("two.json", []byte(`{"schema": 2, "name": "two", "hardware": ["server-ademe"], "electricity": "ecologits-pol", "facility": "ovh",
		"serving": {"sites": [{"name": "Paris", "hosts": ["b"], "electricity": "ecologits-fra", "facility": "ovh"}]}, "model": {"title": "none"},
		"lifetime_inferences": {"value": 1, "unit": "requests", "source": "unused", "year": 2026, "boundary": "none", "quality": "published"}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	u := lca.Usage{Cell: "b1", Requests: 10, Energy: 4000 * meter.Joule, EnergyKind: meter.KindCounter, Metered: lca.Host, BusyTime: time.Hour, Devices: 2, Counts: lca.Hosts,
		Hosts: []lca.HostUsage{{Host: "", Energy: 1000 * meter.Joule}, {Host: "b", Energy: 3000 * meter.Joule}}}
	a, err := lca.Assess(inv, u, lca.Options{})
	if err != nil {
		t.Fatal(err)
	}
	list := []lca.Assessment{a}
	var text, page, data bytes.Buffer
	if err := Text(&text, list, day); err != nil {
		t.Fatal(err)
	}
	if err := HTML(&page, list, day); err != nil {
		t.Fatal(err)
	}
	if err := printAll(NewData(&data), list); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Places of serving", "the inventory's own", "the client's", "; at Paris electricity of FRA", "each of 2 sites by its own grid and facility"} {
		if !strings.Contains(unwrapped(text.String()), want) {
			t.Errorf("the text does not say %q", want)
		}
	}
	if !strings.Contains(page.String(), "<h3>Places of serving</h3>") || !strings.Contains(page.String(), "<td>Paris</td>") {
		t.Error("the page has no places of serving")
	}
	var got struct {
		Sites []struct {
			Site      string
			Category  lca.Category
			Energy    float64 `json:"energy_j"`
			Operation float64
			Hardware  float64
		}
	}
	if err := json.Unmarshal(data.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	operation := 0.0
	for _, s := range got.Sites {
		if s.Category == lca.GWP {
			operation += s.Operation
		}
		if s.Site == "Paris" && s.Energy != 3000 {
			t.Errorf("Paris: %g J, want 3000", s.Energy)
		}
	}
	if o, _ := a.Outcome(lca.GWP, lca.Inference); len(got.Sites) != 2*len(a.Assessed()) || math.Abs(operation/o.Value-1) > 1e-12 {
		t.Errorf("%d rows of sites sum to %g kg CO2e, inference is %g", len(got.Sites), operation, o.Value)
	}
	one, err := lca.Assess(inv, lca.Usage{Cell: "b1", Requests: 10, Energy: 1, Metered: lca.Host, Hosts: []lca.HostUsage{{Energy: 1}}}, lca.Options{})
	if err != nil {
		t.Fatal(err)
	}
	text.Reset()
	if err := Text(&text, []lca.Assessment{one}, day); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.String(), "Places of serving") {
		t.Error("a cell at one place has a table of places")
	}
}

// printAll prints a list by p.
func printAll(p Printer, list []lca.Assessment) error {
	for i := range list {
		if err := p.Add(&list[i]); err != nil {
			return err
		}
	}
	return p.Close()
}
