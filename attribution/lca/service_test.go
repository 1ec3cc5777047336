package lca

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// retrieval is the service of six_stages.py: what a request asks of another
// server, per request.
func retrieval() string {
	h100 := "[" + machine(1, "baseboard", "", 164, 0.0051, 1828, 4) + "," + machine(8, "host", "baseboard", 5700, 0.37, 70000, 4) + "]"
	return stage("retrieval", "service", member("hardware", h100), member("energy", figure(0.02, "Wh", "device")), member("device_time", figure(1e-5, "h", "device")),
		member("electricity", grid(0.38355, 3.1321, 9.855e-8, 9.6884)), member("facility", site(1.2, 0.3, 1.6)), member("price", priced(0.08)))
}

// withService is six_stages.py's inventory with a service.
func withService(service string) string {
	return strings.Replace(sixStages(), `"lifetime_inferences"`, member("stages", "["+service+"]")+`, "lifetime_inferences"`, 1)
}

// A service is paid by every request, however many the model serves in its life,
// and stands on the side of the requests where they overtake the making.
func TestServiceIsPerRequest(t *testing.T) {
	assessed := func(text string, lifetime float64) Assessment {
		a, err := Assess(inventoryOf(t, text), served(), Options{LifetimeInferences: lifetime})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	without, with, longer := assessed(sixStages(), 0), assessed(withService(retrieval()), 0), assessed(withService(retrieval()), 1e15)
	for _, c := range with.Assessed() {
		service, ok := with.Outcome(c, Service)
		later, _ := longer.Outcome(c, Service)
		if !ok || service.Value <= 0 || later.Value != service.Value {
			t.Errorf("%s: the service costs %g, and %g if the model serves longer", c, service.Value, later.Value)
		}
		a, b := without.Balance(c), with.Balance(c)
		if perRequest := service.Value / 1000; math.Abs((b.Marginal()-a.Marginal())/perRequest-1) > 1e-9 || b.Upfront() != a.Upfront() {
			t.Errorf("%s: a request costs %g more with a service of %g, what was upfront went from %g to %g", c, b.Marginal()-a.Marginal(), perRequest, a.Upfront(), b.Upfront())
		}
	}
	all := func(a Assessment) BreakEven {
		for _, b := range a.BreakEven {
			if b.Category == GWP && b.RequestTerms == "inference and its hardware" {
				return b
			}
		}
		t.Fatal("no break-even with hardware")
		return BreakEven{}
	}
	if a, b := all(without), all(with); !(b.Requests < a.Requests) || b.Upfront != a.Upfront {
		t.Errorf("break-even with a service at %g requests, without at %g", b.Requests, a.Requests)
	}
	if got, want := slices.Index(Stages(), Service), 3; got != want {
		t.Errorf("the service is stage %d, want %d", got, want)
	}
}

// An amortized run as a service, by how many of its units a request takes: the
// total per unit times the count.
func TestServiceOfAnotherAssessment(t *testing.T) {
	service := stage("drafts", "service", `"assessment": {"inventory": "olmo2-7b", "rate": "inf", "functional_unit": "request", "count": `+figure(3, "requests", "none")+`}`)
	a, err := Assess(inventoryOf(t, withService(service)), served(), Options{Categories: []Category{GWP}})
	if err != nil {
		t.Fatal(err)
	}
	olmo, err := Load("olmo2-7b", nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := Assess(olmo, olmo.Model.Usage(olmo.Model.Runs[slices.IndexFunc(olmo.Model.Runs, func(r PublishedRun) bool { return r.Rate == "inf" })]), Options{Categories: []Category{GWP}, MixBoundaries: true})
	if err != nil {
		t.Fatal(err)
	}
	per, _ := other.Outcome(GWP, Total)
	want := 3 * per.Value / float64(other.Usage.Requests)
	if got, ok := a.Outcome(GWP, Service); !ok || math.Abs(got.Value/1000/want-1) > 1e-9 {
		t.Errorf("a request costs %g kg CO2e at the other server, want 3 of its requests, %g", got.Value/1000, want)
	}
}

// A making that is taken over leaves the services behind, and an inventory of
// services alone has no making.
func TestServiceIsNoMaking(t *testing.T) {
	inv := inventoryOf(t, withService(retrieval()))
	taken, err := making(Process{Name: "base", Kind: Training}, inv)
	if err != nil {
		t.Fatal(err)
	}
	if len(taken) != 6 {
		t.Errorf("took over %d stages, want the six of the making", len(taken))
	}
	inv.Upfront = inv.Upfront[6:]
	if _, err := making(Process{Name: "base", Kind: Training}, inv); err == nil {
		t.Error("a service was taken over as a making")
	}
}

// Where services are wrong, the line says what to do.
func TestBadServices(t *testing.T) {
	for _, test := range []struct{ what, text, want string }{
		{"a record as a service", withService(stage("x", "service", `"record": "REC"`)), `stages[0].kind: a service is what one request asks of another server: give its figures per request, or an assessment with a functional unit and a count`},
		{"a making as a service", withService(stage("x", "service", `"assessment": {"inventory": "olmo2-7b", "making": true}`)), `stages[0].kind: a service is what one request asks`},
		{"a service in a model's making", strings.Replace(sixStages(), `"kind": "training"`, `"kind": "service"`, 1), `model.stages[0].kind: a service is asked by requests and is no part of a model's making: put it into the inventory's own stages`},
	} {
		if _, err := Decode("mine.json", []byte(test.text), nil); err == nil || !strings.HasPrefix(err.Error(), "mine.json:") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", test.what, err, test.want)
		}
	}
}
