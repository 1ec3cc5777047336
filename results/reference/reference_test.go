package reference

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/attribution/lca"
	"cfubench/internal/secret"
	"cfubench/meter"
	"cfubench/results/derivation"
	"cfubench/results/logs"
	"cfubench/results/runfolder"
	"cfubench/results/simulated"
)

// gauge is a curve of a power read every 100 ms.
func gauge(t *testing.T, name string, over time.Duration, power func(time.Duration) float64) *attribution.Curve {
	t.Helper()
	var readings []meter.Reading
	for at := time.Duration(0); at <= over; at += 100 * time.Millisecond {
		readings = append(readings, meter.Reading{Before: at, After: at, Power: meter.Power(power(at) * 1e6), HasPower: true, Status: meter.StatusOK})
	}
	c, _ := attribution.NewCurve(meter.Domain{Name: name, Kind: meter.KindPower}, readings)
	return c
}

// A server with two cards that rise together and a processor beside them: the
// host factor is of the cards, the slope of all.
func TestResultOfAServer(t *testing.T) {
	const each = 4 * time.Second
	step := func(low, high float64) func(time.Duration) float64 {
		return func(at time.Duration) float64 {
			if (at/each)%2 == 1 {
				return high
			}
			return low
		}
	}
	card, cpu := step(50, 300), step(80, 82)
	wall := func(at time.Duration) float64 { return 60 + 1.1*(2*card(at)+cpu(at)) }
	tr := track{reference: gauge(t, "wall", 5*each, wall)}
	for _, d := range []struct {
		name  string
		scope meter.Scope
		power func(time.Duration) float64
	}{{"gpu0", meter.ScopeGPU, card}, {"gpu1", meter.ScopeGPU, card}, {"package-0", meter.ScopePackage, cpu}} {
		tr.domains = append(tr.domains, runfolder.DomainInfo{Domain: meter.Domain{Name: d.name, Scope: d.scope, Device: d.name}})
		tr.curves = append(tr.curves, gauge(t, d.name, 5*each, d.power))
	}
	for i := range 6 { // the last one is beyond the readings
		start := time.Duration(i) * each
		tr.windows = append(tr.windows, phase{fmt.Sprint(i), meter.Window{Start: start + time.Second, End: start + each - time.Second/2}})
	}
	r, err := result(runfolder.Reference{Covers: runfolder.CoversNode, Measured: "2026-11-28T12:00:00Z", Meter: "ptd:wall"}, []track{tr})
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(r.Slope-1.1) > 0.001 || math.Abs(r.Offset.Watts()-60) > 0.5 || len(r.Plateaus) != 5 || r.SlopeU95 == nil {
		t.Errorf("got slope %.4f, offset %v over %d plateaus, want 1.1, 60 W and 5", r.Slope, r.Offset, len(r.Plateaus))
	}
	want := wall(each) / 600
	if r.HostFactor == nil || math.Abs(r.HostFactor.Value-want) > 0.001 || len(r.HostFactor.Of) != 2 || r.HostFactor.U95 == nil {
		t.Errorf("got host factor %+v, want %.3f of the two cards", r.HostFactor, want)
	}
	if text := strings.Join(r.Warnings, "\n"); !strings.Contains(text, "1 of 6 plateaus") || !strings.Contains(text, "package-0: its power hardly changed") || strings.Contains(text, "gpu0: its") {
		t.Errorf("got warnings %q, want the plateau beyond the readings and the processor that stood still", text)
	}
	text, ok, err := Inventory(r)
	if err != nil || !ok {
		t.Fatalf("no inventory field: %v", err)
	}
	loadable(t, text)

	r, err = result(runfolder.Reference{Covers: runfolder.CoversDomains}, []track{tr})
	if err != nil || r.HostFactor != nil || r.Domains[0].Sensor == nil || math.Abs(r.Domains[0].Sensor.Gain-0.1/1.1) > 0.001 {
		t.Errorf("of a meter of the domains alone: got %+v (error %v), want a gain and no host factor", r, err)
	}
}

// loadable pastes the field into the facility of an inventory and reads it.
func loadable(t *testing.T, field string) {
	t.Helper()
	base, err := lca.PresetText(lca.Presets()[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	var whole map[string]any
	if err := json.Unmarshal(base, &whole); err != nil {
		t.Fatal(err)
	}
	var add map[string]any
	if err := json.Unmarshal([]byte("{"+field+"}"), &add); err != nil {
		t.Fatalf("%v in %s", err, field)
	}
	whole["facility"] = map[string]any{"title": "here", "host_factor": add["host_factor"]}
	text, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "inventory.json")
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := lca.Load(path, derivation.Files{}); err != nil {
		t.Errorf("%s\nin an inventory: %v", field, err)
	}
}

// The cells of a run are its steps: a log of the wall that was written meanwhile
// is compared with what the run summed.
func TestResultOfARun(t *testing.T) {
	dir := t.TempDir()
	run, err := simulated.Spec{Seed: 3, Model: "tiny", Batches: []int{8}, Concurrencies: []int{8}, Repeats: 1, Requests: 40, Server: simulated.DefaultServer()}.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	// The log: 30 W and 1.2 of what the summed registers of each cell showed, every
	// 10 ms.
	var log strings.Builder
	log.WriteString("timestamp,power_w\n")
	for _, cell := range run.Cells {
		read, err := runfolder.ReadReadings(runfolder.CellFile(dir, cell.ID, runfolder.ReadingsFile))
		if err != nil {
			t.Fatal(err)
		}
		var curves []*attribution.Curve
		for i, d := range read.Domains {
			if d.Summed() {
				c, _ := attribution.NewCurve(d.Domain, read.ByDomain[i])
				curves = append(curves, c)
			}
		}
		const step = 10 * time.Millisecond
		for at := cell.IdleBefore.Start; at < cell.IdleAfter.End; at += step {
			watts, whole := 30.0, true
			for _, c := range curves {
				p, e := c.MeanPower(meter.Window{Start: at, End: at + step})
				watts, whole = watts+1.2*p.Watts(), whole && e.Energy > 0
			}
			if whole {
				fmt.Fprintf(&log, "%.3f,%.3f\n", float64(cell.OriginUnix+int64(at+step/2))/1e9, watts)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "wall.csv")
	if err := os.WriteFile(path, []byte(log.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	clock, err := logs.ParseClock("perf_counter:0") // the simulated run was on 1 January 1970
	if err != nil {
		t.Fatal(err)
	}
	r, err := OfRun(dir, path, runfolder.CoversNode, clock, 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(r.Slope-1.2) > 0.02 || math.Abs(r.Offset.Watts()-30) > 3 || r.R2 < 0.99 {
		t.Errorf("got %.3f × the sum + %v, R² %.4f, over %d plateaus, want 1.2 and 30 W", r.Slope, r.Offset, r.R2, len(r.Plateaus))
	}
	if _, err := OfRun(dir, "nowhere.csv", runfolder.CoversNode, logs.Clock{}, 0); err == nil || !strings.Contains(err.Error(), "has not recorded it") {
		t.Errorf("a reference that is neither in the run nor a file: got %v", err)
	}
}

func TestLogsWithSeveralMetersNeedAName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gpus.csv")
	text := "timestamp,gpu,power_w\n1760000000,0,10\n1760000000,1,20\n1760000001,0,11\n1760000001,1,21\n"
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, _, err := readLog(path, logs.Clock{}, 0); err == nil || !strings.Contains(err.Error(), "2 figures") {
		t.Errorf("got %v, want the two meters named", err)
	}
	readings, d, err := readLog(path+"#gpu1", logs.Clock{}, 1759999999e9)
	if err != nil || len(readings) != 2 || readings[1].Power != 21*meter.Watt || readings[0].Before != time.Second || d.Name != "gpu1" {
		t.Errorf("got %+v of %s (error %v), want the second one's two readings", readings, d.Name, err)
	}
	if _, _, err := readLog(path+"#gpu7", logs.Clock{}, 0); err == nil {
		t.Error("a meter that the log has not: got no error")
	}
}

// A load that ends before its plateau is no plateau.
func TestALoadThatEnds(t *testing.T) {
	all, _ := loads("echo done here; exit 3", 1, secret.New())
	err := all[0].during(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
	if err == nil || !strings.Contains(err.Error(), "before its plateau did") || !strings.Contains(err.Error(), "done here") {
		t.Errorf("got %v, want that it ended, with its last words", err)
	}
	mark := filepath.Join(t.TempDir(), "mark")
	all, _ = loads("trap 'rm "+mark+"; exit' TERM; touch "+mark+"; while :; do sleep 0.02; done", 1, secret.New())
	err = all[0].during(t.Context(), func(context.Context) error {
		for range 1500 {
			if _, err := os.Stat(mark); err == nil {
				return nil
			}
			time.Sleep(10 * time.Millisecond)
		}
		return fmt.Errorf("the load did not begin in 15 s")
	})
	if _, left := os.Stat(mark); err != nil || left == nil {
		t.Errorf("got %v, want a load that ran and was stopped", err)
	}
}
