package live_test

import (
	"io"
	"math"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/live"
	"cfubench/results/runfolder"
	"cfubench/results/simulated"
	"cfubench/results/summary"
)

func scrape(t *testing.T, l *live.Live) string {
	t.Helper()
	w := httptest.NewRecorder()
	l.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func record(failure string) loadgen.Record {
	return loadgen.Record{
		Due: time.Second, Sent: time.Second + time.Millisecond, FirstToken: 2 * time.Second, LastToken: 3 * time.Second, Done: 3 * time.Second,
		PromptTokens: 100, OutputTokens: 11, CachedTokens: loadgen.Unknown, Err: failure,
	}
}

func TestScrapeShowsTheRun(t *testing.T) {
	l := live.New()
	l.SetRun(4, time.Unix(1700000000, 0))
	l.SetCell(2, "b8-c4-r1", "a-model", "vllm")
	l.SetInFlight(1)
	l.ObserveRequest(record(""))
	l.ObserveRequest(record("HTTP 500"))
	domains := runfolder.Describe([]meter.Domain{
		{Name: "gpu0", Kind: meter.KindCounter, Scope: meter.ScopeGPU},
		{Name: "package-0", Kind: meter.KindCounter, Scope: meter.ScopePackage, Range: 1000 * meter.Joule},
		{Name: "core", Kind: meter.KindCounter, Scope: meter.ScopeCore, Parent: "package-0"},
		{Name: "gpu0-power", Kind: meter.KindPower, Scope: meter.ScopeGPU},
	})
	domains[3].NotSummed = "gpu0 is its counter"
	at := func(d int, s float64, e meter.Energy) meter.Reading {
		t := time.Duration(s * float64(time.Second))
		return meter.Reading{Domain: d, Before: t, After: t, Energy: e * meter.Joule, HasEnergy: true, Status: meter.StatusOK}
	}
	wrapped := at(1, 2, 2)
	wrapped.Status = meter.StatusWrap
	gauge := meter.Reading{Domain: 3, Before: 2 * time.Second, After: 2 * time.Second, Power: 299 * meter.Watt, HasPower: true, Status: meter.StatusOK}
	l.ObserveReadings(domains, []meter.Reading{at(0, 0, 5), at(1, 0, 999), at(2, 0, 7), at(0, 2, 605), wrapped, at(2, 2, 9), gauge})
	text := scrape(t, l)
	for _, want := range []string{
		`cfu_run_info{cell="b8-c4-r1",engine="vllm",model="a-model"} 1`,
		`cfu_cells 4`, `cfu_cells_done 1`, `cfu_start_time_seconds 1.7e+09`,
		`cfu_requests_in_flight 1`,
		`cfu_requests_total{outcome="completed"} 1`, `cfu_requests_total{outcome="failed"} 1`,
		`cfu_prompt_tokens_total 200`, `cfu_output_tokens_total 22`, `cfu_cached_prompt_tokens_total 0`,
		`cfu_energy_joules_total{domain="gpu0",kind="counter",summed="true"} 600`,
		`cfu_energy_joules_total{domain="package-0",kind="counter",summed="true"} 3`,
		`cfu_energy_joules_total{domain="core",kind="counter",summed="false"} 2`,
		`cfu_power_watts{domain="gpu0",kind="counter",summed="true"} 300`,
		`cfu_power_watts{domain="package-0",kind="counter",summed="true"} 1.5`,
		`cfu_power_watts{domain="gpu0-power",kind="power",summed="false"} 299`,
		`cfu_time_to_first_token_seconds_count 1`, `cfu_request_duration_seconds_sum 1.999`, `cfu_send_lateness_seconds_count 2`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("scrape lacks %q", want)
		}
	}
	if t.Failed() {
		t.Logf("got:\n%s", text)
	}
	if watts, model, known := l.Watts(); watts != 301.5 || model || !known {
		t.Errorf("power = %v W, model %v, known %v; want the 301.5 W of the two summed counters", watts, model, known)
	}
}

func TestNamesFollowPrometheus(t *testing.T) {
	l := live.New()
	l.ObserveReadings(runfolder.Describe([]meter.Domain{{Name: "d"}, {Name: "g", Kind: meter.KindPower}}), []meter.Reading{{HasEnergy: true}, {HasEnergy: true, Energy: 1}, {Domain: 1, HasPower: true}})
	problems, err := promlint.New(strings.NewReader(scrape(t, l))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// one is a domain that is summed.
func one(name string, kind meter.Kind) runfolder.DomainInfo {
	return runfolder.DomainInfo{Domain: meter.Domain{Name: name, Kind: kind}}
}

// TestPowerIsKnownWhenEveryPartIs: half of a sum is no power, and a model in it
// makes it a model.
func TestPowerIsKnownWhenEveryPartIs(t *testing.T) {
	l := live.New()
	domains := []runfolder.DomainInfo{one("gpu0", meter.KindPower), one("process", meter.KindModel)}
	power := meter.Reading{Power: 300 * meter.Watt, HasPower: true, Status: meter.StatusOK}
	model := func(s time.Duration, e meter.Energy) meter.Reading {
		return meter.Reading{Domain: 1, Before: s * time.Second, After: s * time.Second, Energy: e * meter.Joule, HasEnergy: true, Status: meter.StatusOK}
	}
	if _, _, known := l.Watts(); known {
		t.Error("power is known before any reading")
	}
	l.ObserveReadings(domains, []meter.Reading{power, model(0, 0)})
	if watts, _, known := l.Watts(); known {
		t.Errorf("power = %v W though the model has shown none", watts)
	}
	l.ObserveReadings(domains, []meter.Reading{model(2, 20)})
	if watts, isModel, known := l.Watts(); watts != 310 || !isModel || !known {
		t.Errorf("power = %v W, model %v, known %v; want 310 W, a model", watts, isModel, known)
	}
}

// TestTheNextCellsMetersAreOthers: what the last cell's meters showed is not
// this one's power.
func TestTheNextCellsMetersAreOthers(t *testing.T) {
	l := live.New()
	l.ObserveReadings([]runfolder.DomainInfo{one("gpu0", meter.KindPower)}, []meter.Reading{{Power: 300 * meter.Watt, HasPower: true}})
	l.SetCell(2, "b8-c4-r2", "a-model", "vllm")
	if watts, _, known := l.Watts(); known {
		t.Errorf("power = %v W before the new cell's meters were read", watts)
	}
}

// TestResetAddsNothing: what a register lost when it was reset is unknown.
func TestResetAddsNothing(t *testing.T) {
	l := live.New()
	l.ObserveReadings([]runfolder.DomainInfo{one("gpu0", meter.KindCounter)}, []meter.Reading{
		{Energy: 100 * meter.Joule, HasEnergy: true, Status: meter.StatusOK}, {Energy: 1 * meter.Joule, HasEnergy: true, Status: meter.StatusReset}, {Energy: 4 * meter.Joule, HasEnergy: true, Status: meter.StatusOK},
	})
	if want := `cfu_energy_joules_total{domain="gpu0",kind="counter",summed="true"} 3`; !strings.Contains(scrape(t, l), want+"\n") {
		t.Errorf("scrape lacks %q, the 3 J after the reset", want)
	}
}

func TestManyAtOnce(t *testing.T) {
	l := live.New()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				l.SetInFlight(0)
				l.ObserveRequest(record(""))
				l.ObserveReadings([]runfolder.DomainInfo{one("d", meter.KindPower)}, []meter.Reading{{HasPower: true, Power: meter.Watt}})
				l.Watts()
			}
		})
	}
	wg.Wait()
	text := scrape(t, l)
	for _, want := range []string{`cfu_requests_total{outcome="completed"} 800`, `cfu_requests_in_flight 0`} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("scrape lacks %q", want)
		}
	}
}

// TestWattsAreTheTables: under a constant load the status line, whoever adds up
// the scraped domains that are summed, and the table say the same power.
func TestWattsAreTheTables(t *testing.T) {
	for name, parts := range map[string][]simulated.Part{"a processor's registers": simulated.RAPL(), "two superchips": simulated.Superchips()} {
		dir := t.TempDir()
		spec := simulated.Spec{
			Seed: 1, Model: "m", Batches: []int{2}, Concurrencies: []int{2}, Requests: 20, Parts: parts,
			Server: simulated.DefaultServer(), Conventions: "equal",
		}
		spec.Server.First, spec.Server.Further = 0, 0 // it draws what it draws idle
		run, err := spec.Write(dir)
		if err != nil {
			t.Fatal(err)
		}
		s, err := summary.Summarize(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		l := live.New()
		var domains []runfolder.DomainInfo
		path := runfolder.CellFile(dir, run.Cells[0].ID, runfolder.ReadingsFile)
		for r, err := range runfolder.ScanReadings(t.Context(), path, func(d []runfolder.DomainInfo, _ map[string]string) { domains = d }) {
			if err != nil {
				t.Fatal(err)
			}
			l.ObserveReadings(domains, []meter.Reading{r})
		}
		watts, _, known := l.Watts()
		table := float64(s.Cells[0].Whole.Energy.MeanWatts)
		// The table's energy is what the registers advanced by between two reads, one
		// about the window's start and one about its end.
		late := 2 * simulated.Poll.Seconds() / run.Cells[0].Window.Length().Seconds()
		if !known || math.Abs(watts/table-1) > late || math.Abs(watts/spec.Server.Idle.Watts()-1) > 1e-4 {
			t.Errorf("%s: the status line says %v W (known: %v), the table %v W", name, watts, known, table)
		}
		scraped := 0.0
		for _, m := range regexp.MustCompile(`cfu_power_watts\{.*summed="true"\} (\S+)`).FindAllStringSubmatch(scrape(t, l), -1) {
			w, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			scraped += w
		}
		if math.Abs(scraped-watts) > 1e-9*watts {
			t.Errorf("%s: the scraped power is %v W, the status line's %v W", name, scraped, watts)
		}
	}
}
