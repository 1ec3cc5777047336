package lca

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cfubench/meter"
)

// usages draws a plausible cell.
func usages() *rapid.Generator[Usage] {
	return rapid.Custom(func(t *rapid.T) Usage {
		requests := rapid.Int64Range(1, 1_000_000).Draw(t, "requests")
		energy := rapid.Int64Range(1, 1_000_000_000_000_000).Draw(t, "energy_uj")
		width := rapid.Int64Range(0, energy).Draw(t, "width_uj")
		return Usage{
			Cell: "cell", Requests: requests,
			OutputTokens:     rapid.Int64Range(0, 100_000_000).Draw(t, "output_tokens"),
			TotalTokens:      rapid.Int64Range(0, 100_000_000).Draw(t, "total_tokens"),
			Conversations:    rapid.Int64Range(0, requests).Draw(t, "conversations"),
			Batches:          rapid.Int64Range(0, requests).Draw(t, "batches"),
			SLORequests:      rapid.Int64Range(0, requests).Draw(t, "slo_requests"),
			Energy:           meter.Energy(energy),
			EnergyLo:         meter.Energy(energy - width),
			EnergyHi:         meter.Energy(energy + width),
			EnergyKind:       rapid.SampledFrom([]meter.Kind{meter.KindCounter, meter.KindPower, meter.KindModel}).Draw(t, "kind"),
			Metered:          rapid.SampledFrom([]Boundary{Device, Baseboard, Host, Facility}).Draw(t, "metered"),
			OverheadIncluded: rapid.Bool().Draw(t, "overhead_included"),
			BusyTime:         time.Duration(rapid.Int64Range(0, int64(1000*time.Hour)).Draw(t, "busy_ns")),
			Devices:          1,
		}
	})
}

// choices draws options that every preset inventory can satisfy.
func choices() *rapid.Generator[Options] {
	return rapid.Custom(func(t *rapid.T) Options {
		return Options{
			GWP:           rapid.SampledFrom([]GWPSet{AR5, AR6}).Draw(t, "gwp"),
			Water:         rapid.SampledFrom(WaterVariants()).Draw(t, "water"),
			Embodied:      rapid.SampledFrom([]Convention{Calendar, BusyHours}).Draw(t, "embodied"),
			Utilisation:   rapid.Float64Range(0.01, 1).Draw(t, "utilisation"),
			MixBoundaries: true,
			Draws:         rapid.SampledFrom([]int{0, MinDraws}).Draw(t, "draws"),
		}
	})
}

// presets loads every inventory preset once, by name.
func presets(t *testing.T) map[string]Inventory {
	t.Helper()
	list := map[string]Inventory{}
	for _, name := range inventoryNames() {
		inv, err := Load(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		list[name] = inv
	}
	return list
}

func assess(t *rapid.T, inv Inventory, u Usage, o Options) Assessment {
	a, err := Assess(inv, u, o)
	if err != nil {
		t.Fatalf("assess: %v", err)
	}
	return a
}

// Invariant 7 of the contracts, first part: in every table the stages sum to
// the total, to the last bit.
func TestStagesSumToTotal(t *testing.T) {
	inventories := presets(t)
	rapid.Check(t, func(t *rapid.T) {
		a := assess(t, inventories[rapid.SampledFrom(inventoryNames()).Draw(t, "inventory")], usages().Draw(t, "usage"), choices().Draw(t, "options"))
		sum, totals := 0.0, 0
		for _, r := range a.Rows {
			if r.Stage != Total {
				sum += r.Value
				continue
			}
			if totals++; r.Value != sum {
				t.Errorf("%s per %s: total %v, stages sum to %v", r.Category, r.FunctionalUnit, r.Value, sum)
			}
			sum = 0
		}
		if want := len(a.Assessed()); totals < want {
			t.Errorf("%d totals, want at least one in each of %d categories", totals, want)
		}
	})
}

// Second part: C_FU falls monotonically to the marginal cost as lifetime
// inferences grow.
func TestMonotoneInLifetimeInferences(t *testing.T) {
	inventories := presets(t)
	rapid.Check(t, func(t *rapid.T) {
		inv := inventories[rapid.SampledFrom(inventoryNames()).Draw(t, "inventory")]
		u, o := usages().Draw(t, "usage"), choices().Draw(t, "options")
		o.Draws = 0
		few := rapid.Float64Range(1, 1e12).Draw(t, "few")
		more := few * rapid.Float64Range(1.01, 1e6).Draw(t, "factor")
		o.LifetimeInferences = few
		a := assess(t, inv, u, o)
		o.LifetimeInferences = more
		b := assess(t, inv, u, o)
		o.LifetimeInferences = 1e300
		limit := assess(t, inv, u, o)
		for _, c := range a.Assessed() {
			few, _ := a.Outcome(c, Total)
			more, _ := b.Outcome(c, Total)
			last, _ := limit.Outcome(c, Total)
			marginal := a.Balance(c).Marginal() * float64(u.Requests)
			if more.Value > few.Value {
				t.Errorf("%s: %g at more lifetime inferences, %g at fewer", c, more.Value, few.Value)
			}
			if a.Balance(c).Upfront() > 0 && !(more.Value < few.Value) && few.Value > marginal*(1+1e-12) {
				t.Errorf("%s: %g did not fall", c, few.Value)
			}
			// What is left of the upfront cost at 1e300, where nothing else is.
			rest := a.Balance(c).Upfront() * float64(u.Requests) / 1e300
			if more.Value < marginal*(1-1e-9) || math.Abs(last.Value-marginal) > 1e-9*marginal+2*rest {
				t.Errorf("%s: falls to %g through %g, want the marginal cost %g", c, last.Value, more.Value, marginal)
			}
		}
	})
}

// Third part: at the break-even number of requests the two costs meet.
func TestBreakEvenIsWhereCostsMeet(t *testing.T) {
	inventories := presets(t)
	rapid.Check(t, func(t *rapid.T) {
		u := usages().Draw(t, "usage")
		a := assess(t, inventories[rapid.SampledFrom(inventoryNames()).Draw(t, "inventory")], u, Options{MixBoundaries: true})
		for _, b := range a.BreakEven {
			if math.IsInf(b.Requests, 0) {
				if b.PerRequest.Value != 0 {
					t.Errorf("%s: never, though a request costs %v", b.UpfrontTerms, b.PerRequest)
				}
				continue
			}
			if got := b.Requests * b.PerRequest.Value; math.Abs(got-b.Upfront.Value) > 1e-9*b.Upfront.Value {
				t.Errorf("%s in %s: %g requests cost %g, upfront is %g", b.UpfrontTerms, b.Category, b.Requests, got, b.Upfront.Value)
			}
		}
		for _, c := range a.Assessed() {
			balance := a.Balance(c)
			n := balance.BreakEven()
			if n == 0 || math.IsInf(n, 0) {
				continue
			}
			if got, want := balance.PerRequest(n), 2*balance.Marginal(); math.Abs(got-want) > 1e-9*want {
				t.Errorf("%s: at break-even a request costs %g, want twice the marginal cost, %g", c, got, want)
			}
			if got, want := balance.Aggregate(n)/n, balance.PerRequest(n); math.Abs(got-want) > 1e-9*want {
				t.Errorf("%s: aggregate over requests is %g, amortized cost %g", c, got, want)
			}
		}
	})
}

// Scaling laws: the same work done k times costs k times as much in all and
// the same per unit; k times the energy, the same work, k times the operation;
// k times the device time, k times the embodied share; k devices behind the
// same figures, a k-th of it.
func TestScalingLaws(t *testing.T) {
	inventories := presets(t)
	near := func(t *rapid.T, what string, got, want float64) {
		if math.Abs(got-want) > 1e-9*math.Abs(want) {
			t.Errorf("%s: got %g, want %g", what, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		inv := inventories[rapid.SampledFrom(inventoryNames()).Draw(t, "inventory")]
		k := rapid.Int64Range(2, 9).Draw(t, "k")
		u, o := usages().Draw(t, "usage"), choices().Draw(t, "options")
		o.Draws, u.EnergyLo, u.EnergyHi = 0, 0, 0
		base := assess(t, inv, u, o)

		again := u
		again.Requests, again.Energy, again.BusyTime = k*u.Requests, meter.Energy(k)*u.Energy, time.Duration(k)*u.BusyTime
		again.OutputTokens, again.TotalTokens = k*u.OutputTokens, k*u.TotalTokens
		again.Conversations, again.Batches, again.SLORequests = k*u.Conversations, k*u.Batches, k*u.SLORequests
		repeated := assess(t, inv, again, o)
		for i, r := range base.Rows {
			near(t, "k runs: "+string(r.Category)+" "+string(r.Stage)+" per "+r.FunctionalUnit, repeated.Rows[i].Value, r.Value)
		}

		hungry, slow := u, u
		hungry.Energy *= meter.Energy(k)
		slow.BusyTime *= time.Duration(k)
		hungrier, slower := assess(t, inv, hungry, o), assess(t, inv, slow, o)
		for _, r := range base.Outcomes {
			h, _ := hungrier.Outcome(r.Category, r.Stage)
			s, _ := slower.Outcome(r.Category, r.Stage)
			switch r.Stage {
			case Inference:
				near(t, "k times the energy", h.Value, float64(k)*r.Value)
				near(t, "k times the time: operation", s.Value, r.Value)
			case Embodied:
				near(t, "k times the energy: embodied", h.Value, r.Value)
				near(t, "k times the time", s.Value, float64(k)*r.Value)
			case Training, Experimentation:
				near(t, "k times the energy: upfront", h.Value, r.Value)
				near(t, "k times the time: upfront", s.Value, r.Value)
			}
		}

		wide := inv
		wide.Hardware = nil
		for _, h := range inv.Hardware {
			h.Devices *= int(k)
			wide.Hardware = append(wide.Hardware, h)
		}
		wider := assess(t, wide, u, o)
		for _, c := range base.Assessed() {
			if e, ok := base.Outcome(c, Embodied); ok {
				w, _ := wider.Outcome(c, Embodied)
				near(t, "k devices", w.Value, e.Value/float64(k))
			}
		}
	})
}

// The conventions of embodied shares differ by 1/utilisation and in nothing
// else.
func TestConventionsDifferByUtilisation(t *testing.T) {
	inventories := presets(t)
	rapid.Check(t, func(t *rapid.T) {
		inv, u := inventories[rapid.SampledFrom(inventoryNames()).Draw(t, "inventory")], usages().Draw(t, "usage")
		share := rapid.Float64Range(0.01, 1).Draw(t, "utilisation")
		calendar := assess(t, inv, u, Options{MixBoundaries: true})
		busy := assess(t, inv, u, Options{MixBoundaries: true, Embodied: BusyHours, Utilisation: share})
		for _, c := range calendar.Assessed() {
			x, y := calendar.Balance(c), busy.Balance(c)
			if math.Abs(y.Hardware*share-x.Hardware) > 1e-9*x.Hardware || math.Abs(y.UpfrontHardware*share-x.UpfrontHardware) > 1e-9*x.UpfrontHardware {
				t.Errorf("%s: busy %g and %g, calendar %g and %g, utilisation %g", c, y.Hardware, y.UpfrontHardware, x.Hardware, x.UpfrontHardware, share)
			}
			if x.Operation != y.Operation || x.Training != y.Training {
				t.Errorf("%s: the convention changed more than the hardware's share", c)
			}
		}
	})
}

// Units round trip: a value written in any unit of its dimension is the same
// amount, and back.
func TestUnitRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := dimensionOf(rapid.SampledFrom(dimensionNames()).Draw(t, "dimension"))
		var units []string
		for unit := range d.units {
			units = append(units, unit)
		}
		// Sorted, so that a failing seed fails again.
		slices.Sort(units)
		a, b := rapid.SampledFrom(units).Draw(t, "a"), rapid.SampledFrom(units).Draw(t, "b")
		v := rapid.Float64Range(1e-6, 1e6).Draw(t, "value")
		canonical, ok := d.convert(v, a)
		if !ok {
			t.Fatalf("%s refuses its own unit %s", d.name, a)
		}
		inB := canonical / d.units[b]
		back, _ := d.convert(inB, b)
		if got := back / d.units[a]; math.Abs(got-v) > 1e-12*v {
			t.Errorf("%g %s is %g %s, which is %g %s", v, a, inB, b, got, a)
		}
	})
	for _, name := range dimensionNames() {
		d := dimensionOf(name)
		if d.units[d.canonical] != 1 {
			t.Errorf("%s: its canonical unit %q has factor %g, want 1", name, d.canonical, d.units[d.canonical])
		}
	}
}

// Anchors of the factors: amounts that everybody can check.
func TestUnitAnchors(t *testing.T) {
	tests := []struct {
		dimension, unit string
		value, want     float64
	}{
		{"energy", "MJ", 3.6, 1},
		{"energy", "J", 3.6e6, 1},
		{"carbon", "t CO2e", 52, 52000},
		{"carbon intensity", "lb CO2e/MWh", 770.884, 0.34967},
		{"water", "gal", 0.000085, 0.00032176},
		{"primary energy", "kWh", 1, 3.6},
		{"time", "year", 4, 35040},
		{"price", "cent/kWh", 6.6, 0.066},
		{"ratio", "%", 50, 0.5},
		{"count", "billion requests", 20.9, 2.09e10},
	}
	for _, test := range tests {
		got, ok := dimensionOf(test.dimension).convert(test.value, test.unit)
		if !ok || math.Abs(got/test.want-1) > 1e-5 {
			t.Errorf("%g %s: got %g, want %g", test.value, test.unit, got, test.want)
		}
	}
}
