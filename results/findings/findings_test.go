package findings_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"cfubench/attribution/lca"
	"cfubench/meter"
	"cfubench/results/findings"
	"cfubench/results/runfolder"
)

// TestBeside: each open-loop cell stands before the published rows of its rate, in
// the order of the run.
func TestBeside(t *testing.T) {
	inv, err := lca.Load("olmo2-7b", nil)
	if err != nil {
		t.Fatal(err)
	}
	load := func(rate float64, inf bool, concurrency int) runfolder.Point {
		return runfolder.Point{Load: runfolder.Load{Rate: rate, RateInf: inf, Concurrency: concurrency}}
	}
	run := runfolder.Run{
		Engine: []runfolder.EngineInfo{{Model: "served"}},
		Cells:  []runfolder.Cell{{ID: "at8", Point: load(8, false, 0)}, {ID: "closed", Point: load(0, false, 4)}, {ID: "inf", Point: load(0, true, 0)}, {ID: "at3", Point: load(3, false, 0)}},
	}
	b := findings.NewBeside(run, "OLMo 2 7B", lca.Options{})
	for _, c := range run.Cells {
		u := lca.Usage{Cell: c.ID, Model: "served", Requests: 4, Energy: 480 * meter.Joule, EnergyKind: meter.KindModel, Metered: lca.Device, BusyTime: time.Minute, Devices: 1}
		a, err := lca.Assess(inv, u, lca.Options{MixBoundaries: true})
		if err != nil {
			t.Fatal(err)
		}
		b.Add(&a)
	}
	list, err := b.Findings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range list {
		got = append(got, f.Model+" @ "+f.Rate+": "+f.Source)
	}
	want := "served @ 8: measured (energy: model)\nOLMo 2 7B @ 8: published\nserved @ inf: measured (energy: model)\nOLMo 2 7B @ inf: published\nserved @ 3: measured (energy: model)"
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	if f := list[0]; f.Joules != 120 || f.KWh != 120*2400/3.6e6 || f.BreakEven != 0 {
		t.Errorf("got %+v, want 120 J a request and no break-even with another model's training", f)
	}
}

// TestBesideRefuses: what there is not to compare is an error that says so.
func TestBesideRefuses(t *testing.T) {
	closed := runfolder.Run{Cells: []runfolder.Cell{{ID: "closed", Point: runfolder.Point{Load: runfolder.Load{Concurrency: 4}}}}}
	if _, err := findings.NewBeside(closed, "OLMo 2 7B", lca.Options{}).Findings(t.Context()); err == nil || !strings.Contains(err.Error(), "no cell at a request rate") {
		t.Errorf("closed loop only: got %v, want a refusal", err)
	}
	var unpublished *lca.UnpublishedError
	if _, err := findings.NewBeside(closed, "GPT", lca.Options{}).Findings(t.Context()); !errors.As(err, &unpublished) || !strings.Contains(err.Error(), "OLMo 2 7B") {
		t.Errorf("a model that is not published: got %v, want the names of those that are", err)
	}
}
