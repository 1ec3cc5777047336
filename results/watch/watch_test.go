package watch

import (
	"context"
	"io/fs"
	"math"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"cfubench/attribution/lca"
	"cfubench/meter"
	"cfubench/meter/host"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
)

// TestHours watches a plant for some hours that pass in seconds: through a restart, an
// outage and an idle time. The hours hold what was served and used, and nothing of
// what nobody saw.
func TestHours(t *testing.T) {
	if testing.Short() {
		t.Skip("two hours of a plant take seconds, and far more under the race detector")
	}
	out := t.TempDir()
	var p *plant
	var said *[]string
	synctest.Test(t, func(t *testing.T) {
		p = newPlant()
		var w *Watcher
		grid, err := lca.ParseCarbonGrid("360")
		if err != nil {
			t.Fatal(err)
		}
		w, said = watched(t, p, out, func(c *Config) { c.Grid = &grid })
		ctx, stop := context.WithCancel(t.Context())
		go p.work(ctx)
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		p.stay(70*time.Minute + 300*time.Millisecond)
		p.server.Restart()
		p.stay(100*time.Minute + 300*time.Millisecond)
		p.set(func(p *plant) { p.down = true })
		p.stay(105*time.Minute + 20*time.Second)
		if line := w.Line(); !strings.Contains(line, "has not answered") {
			t.Errorf("the line says %q of an outage", line)
		}
		checkNoFigures(t, w)
		p.set(func(p *plant) { p.down = false })
		p.stay(110*time.Minute + 300*time.Millisecond)
		p.set(func(p *plant) { p.idle = true })
		p.stay(119*time.Minute + 300*time.Millisecond)
		checkIdleFigures(t, w)
		p.set(func(p *plant) { p.idle = false })
		p.stay(125*time.Minute + 300*time.Millisecond)
		checkFigures(t, w)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	checkSaid(t, *said)
	w := Watcher{Config: Config{Out: out}}
	names, err := w.hours()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"2000-01-01T00", "2000-01-01T01", "2000-01-01T02"}; !slices.Equal(names, want) {
		t.Fatalf("got the hours %v, want %v", names, want)
	}
	var end int64
	tokens, counted := 0, time.Duration(0)
	for _, name := range names {
		dir := filepath.Join(out, name)
		run, err := runfolder.ReadRun(dir)
		if err != nil {
			t.Fatal(err)
		}
		checkCells(t, dir, run, p)
		first := run.Cells[0]
		begins := first.OriginUnix + int64(first.Window.Start)
		if end != 0 && begins != end {
			t.Errorf("%s begins %v after the end of the hour before, want at it", name, time.Duration(begins-end))
		}
		last := run.Cells[len(run.Cells)-1]
		end = last.OriginUnix + int64(last.Window.End)
		for _, c := range run.Cells {
			counted += c.Window.Length()
			tokens += p.served(c)
		}
		served := readServed(t, dir)
		if served.OutputTokens == nil || served.EnergyJ == nil || served.PerRequest == nil || served.CarbonG == nil {
			t.Fatalf("%s: got %+v", name, served)
		}
		if got, want := *served.CarbonG, *served.EnergyJ/1e4; math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: got %v g CO2e, want %v by 360 g/kWh", name, got, want)
		}
		tokens -= int(*served.OutputTokens)
	}
	if tokens != 0 {
		t.Errorf("%d output tokens of the cells' windows are not counted", tokens)
	}
	// All but the first seconds, the restart's second and the outage.
	if want := 120*time.Minute - 40*time.Second; counted < want || counted > 120*time.Minute {
		t.Errorf("%v were counted, want a little less than 120 min", counted)
	}
	if size := sizeOf(t, filepath.Join(out, "2000-01-01T00")); size > 1<<20 {
		t.Errorf("an hour of one meter takes %d bytes, want 1 MiB at most", size)
	} else {
		t.Logf("an hour of one meter takes %d bytes", size)
	}
	checkSplit(t, filepath.Join(out, "2000-01-01T00"))
	checkAmortized(t, filepath.Join(out, "2000-01-01T00"))
}

// sizeOf is what the files of a folder hold.
func sizeOf(t *testing.T, dir string) (size int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// modelled is a plant that is metered by a model of its processes.
type modelled struct{ onClock }

func (m *modelled) Domains() []meter.Domain {
	d := m.plant.Domains()
	d[0].Name, d[0].Kind, d[0].Scope = "cpu-model", meter.KindModel, meter.ScopeProcess
	return d
}

// TestOtherProcess: a model of the server's processes is opened anew when the server
// has restarted, and what follows is counted again.
func TestOtherProcess(t *testing.T) {
	out := t.TempDir()
	opened := 0
	synctest.Test(t, func(t *testing.T) {
		p := newPlant()
		w, said := watched(t, p, out, nil)
		w.meters = func(context.Context) (host.Set, error) {
			opened++
			return host.Set{Sources: []meter.Source{&modelled{onClock{p, w.clock}}}}, nil
		}
		ctx, stop := context.WithCancel(t.Context())
		go p.work(ctx)
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		p.stay(3*time.Minute + 300*time.Millisecond)
		p.server.Restart()
		p.stay(8*time.Minute + 300*time.Millisecond)
		if line := w.Line(); !strings.Contains(line, "W (model), ") {
			t.Errorf("the line says %q, want figures of a model", line)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if all := strings.Join(*said, "\n"); !strings.Contains(all, "the server has another process") || !strings.Contains(all, "a model, not measured") {
			t.Errorf("said:\n%s", all)
		}
	})
	run, err := runfolder.ReadRun(filepath.Join(out, plantStart))
	if err != nil {
		t.Fatal(err)
	}
	if opened != 2 || len(run.Cells) != 2 || !run.Cells[0].Complete || !run.Cells[1].Complete {
		t.Errorf("the meters were opened %d times, got the cells %+v", opened, run.Cells)
	}
	served := readServed(t, filepath.Join(out, plantStart))
	if served.Kind != meter.KindModel || served.Seconds < 7*60 || served.EnergyJ == nil {
		t.Errorf("got %+v", served)
	}
}

// served is how many output tokens the plant made in a cell's window.
func (p *plant) served(c runfolder.Cell) (n int) {
	start := time.Unix(0, c.OriginUnix).Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
	for i, at := range p.moments {
		if at > start+c.Window.Start && at <= start+c.Window.End {
			n += p.output[i]
		}
	}
	return n
}

// checkCells holds every cell's energy against the truth.
func checkCells(t *testing.T, dir string, run runfolder.Run, p *plant) {
	t.Helper()
	for i, c := range run.Cells {
		e, err := derivation.ReadCellEnergy(dir, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Unix(0, c.OriginUnix).Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
		if truth := p.truth(start+c.Window.Start, start+c.Window.End); !e.HasEnergy || truth < e.Lo || truth > meter.Energy(e.Hi) {
			t.Errorf("%s %s: the true %v are outside [%v, %v]", dir, c.ID, truth, e.Lo, e.Hi)
		}
		if !c.Complete || run.Record.Parts[i].Of != runfolder.OfServer || run.Record.Parts[i].Cell != c.ID {
			t.Errorf("%s: got %+v of %+v", dir, c, run.Record.Parts[i])
		}
		if gap := run.Record.Parts[i].Gap; (i > 0) != (gap > 0) {
			t.Errorf("%s %s: got the gap %v", dir, c.ID, gap)
		}
	}
}

func readServed(t *testing.T, dir string) derivation.ServedHour {
	t.Helper()
	served, err := derivation.ReadServed(dir)
	if err != nil {
		t.Fatal(err)
	}
	return served
}

// checkSplit holds the costs of prefill and decode of a whole hour against the plant's.
func checkSplit(t *testing.T, dir string) {
	t.Helper()
	served, err := derivation.ReadServed(dir)
	if err != nil {
		t.Fatal(err)
	}
	if served.Split == nil {
		t.Fatalf("prefill and decode are not told apart: %s", served.NoSplit)
	}
	for _, f := range []struct {
		name       string
		got, truth float64
	}{
		{"a prompt token", served.Split.Prefill.Value, perPrompt.Joules()},
		{"an output token", served.Split.Decode.Value, perOutput.Joules()},
		{"the base", served.Split.Base.Value, basePower.Watts()},
	} {
		if math.Abs(f.got/f.truth-1) > 0.1 {
			t.Errorf("%s: got %v, want about %v", f.name, f.got, f.truth)
		}
	}
}

// checkAmortized holds that an hour has a footprint by what the server counted.
func checkAmortized(t *testing.T, dir string) {
	t.Helper()
	run, err := runfolder.ReadRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	assessments, err := derivation.NewAmortization("").Assess(t.Context(), dir, run)
	if err != nil {
		t.Fatal(err)
	}
	served, err := derivation.ReadServed(dir)
	if err != nil {
		t.Fatal(err)
	}
	u := assessments[0].Usage
	if u.Requests != int64(*served.Requests) || u.OutputTokens != int64(*served.OutputTokens) || u.TotalTokens != int64(*served.OutputTokens+*served.PromptTokens) {
		t.Errorf("got the usage %+v, want what was served: %+v", u, served)
	}
	if _, err := (derivation.Amortization{RequestsOnly: true}).Assess(t.Context(), dir, run); err == nil {
		t.Error("the energy of requests alone: got no error, though nobody knows it")
	}
}

// scraped are the live figures.
func scraped(t *testing.T, w *Watcher) map[string]*dto.MetricFamily {
	t.Helper()
	r := httptest.NewRecorder()
	w.live.Handler().ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// sumOf is the sum of a family's series, NaN where there are none.
func sumOf(families map[string]*dto.MetricFamily, name string) float64 {
	sum := math.NaN()
	for _, m := range families[name].GetMetric() {
		if math.IsNaN(sum) {
			sum = 0
		}
		sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return sum
}

// checkFigures holds the live figures against the plant.
func checkFigures(t *testing.T, w *Watcher) {
	t.Helper()
	f := scraped(t, w)
	joules, tokens := sumOf(f, "cfu_watch_energy_joules_total"), sumOf(f, "cfu_watch_output_tokens_total")
	if got := joules / tokens; got < 0.5 || got > 1.5 {
		t.Errorf("got %v J and %v tokens", joules, tokens)
	}
	if got := sumOf(f, "cfu_watch_cost_known"); got != 1 {
		t.Errorf("prefill and decode are not told apart: %s", w.Line())
	}
	if got := sumOf(f, "cfu_watch_server_restarts_total"); got != 1 {
		t.Errorf("got %v restarts, want one", got)
	}
	for reason, want := range map[string]float64{"outage": 320, "restart": 1, "meters": 0} {
		for _, m := range f["cfu_watch_uncounted_seconds_total"].GetMetric() {
			if m.GetLabel()[0].GetValue() == reason && math.Abs(m.GetCounter().GetValue()-want) > 12 {
				t.Errorf("got %v s uncounted for %s, want about %v", m.GetCounter().GetValue(), reason, want)
			}
		}
	}
	if got, want := sumOf(f, "cfu_watch_carbon_grams_total"), joules/1e4; math.Abs(got-want) > 1e-6*want {
		t.Errorf("got %v g CO2e, want %v", got, want)
	}
	if line := w.Line(); !strings.Contains(line, "J/output token") || !strings.Contains(line, " mJ, output token ") {
		t.Errorf("the line says %q", line)
	}
	if n := len(w.recent.byDomain[0]); n > 300 {
		t.Errorf("%d readings are held, want those of a minute or two", n)
	}
}

// checkNoFigures holds that nothing is told of the last minutes where the server was away
// all of them.
func checkNoFigures(t *testing.T, w *Watcher) {
	t.Helper()
	f := scraped(t, w)
	for _, name := range []string{"cfu_watch_mean_power_watts", "cfu_watch_joules_per_output_token", "cfu_watch_joules_per_request", "cfu_watch_idle_energy_ratio"} {
		if got := sumOf(f, name); !math.IsNaN(got) {
			t.Errorf("%s: got %v of the last minutes, in which the server did not answer", name, got)
		}
	}
	if got := sumOf(f, "cfu_watch_recent_seconds"); got != 0 {
		t.Errorf("got %v s counted in the last minutes, want none", got)
	}
}

// checkIdleFigures holds what is told of a server that has done nothing for minutes.
func checkIdleFigures(t *testing.T, w *Watcher) {
	t.Helper()
	f := scraped(t, w)
	if got := sumOf(f, "cfu_watch_idle_energy_ratio"); got < 0.999 {
		t.Errorf("got %v of the energy idle, want all", got)
	}
	if got := sumOf(f, "cfu_watch_joules_per_output_token"); !math.IsNaN(got) {
		t.Errorf("got %v J a token without any, want no figure", got)
	}
	if got := sumOf(f, "cfu_watch_mean_power_watts"); math.Abs(got-basePower.Watts()) > 1 {
		t.Errorf("got %v W, want the base", got)
	}
}

// checkSaid holds that every event has one line.
func checkSaid(t *testing.T, said []string) {
	t.Helper()
	all := strings.Join(said, "\n")
	for _, want := range []string{"server: vllm", "the server has been restarted: 1s are in no figure", "the server does not answer at http://plant:8000",
		"the server answers again: 5m", "2000-01-01T00: 3", "2000-01-01T01: ", "2000-01-01T02: "} {
		if strings.Count(all, want) != 1 {
			t.Errorf("%q is said %d times, want once, in:\n%s", want, strings.Count(all, want), all)
		}
	}
}
