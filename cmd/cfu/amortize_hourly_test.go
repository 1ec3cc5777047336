package main

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cfubench/meter"
	"cfubench/results/runfolder"
)

// A run over the turn of an hour is weighted by the energy of its own readings in
// each: the window of 10 s at constant power has 2.5 s in the first hour.
func TestAmortizeByTheHour(t *testing.T) {
	oneGoroutine(t)
	dir := amortizedRun(t, meter.KindCounter)
	run, err := runfolder.ReadRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	turn := time.Date(2026, 11, 28, 14, 0, 0, 0, time.UTC)
	run.Cells[0].OriginUnix = turn.Add(-3500 * time.Millisecond).UnixNano() // the window starts at 1 s
	if err := runfolder.WriteRun(dir, run); err != nil {
		t.Fatal(err)
	}
	mix := filepath.Join(t.TempDir(), "mix.csv")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(mix, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("# source: grid operator\nstart,carbon (g CO2e/kWh)\n2026-11-28T13:00:00Z,100\n2026-11-28T15:00:00+01:00,500\n")
	code, stdout, stderr := cfu(t, t.Context(), nil, "amortize", dir, "--inventory", "olmo2-7b", "--grid-hourly", mix, "--format", "csv", "--monte-carlo", "0", "--functional-unit", "request", "--category", "gwp")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if got, want := carbonOfInference(t, stdout), 360/3.6e6*1.2/3*(0.25*0.1+0.75*0.5); math.Abs(got/want-1) > 1e-6 {
		t.Errorf("carbon of inference is %g kg, want %g", got, want)
	}
	write("# source: grid operator\nstart,carbon (g CO2e/kWh)\n2026-11-28T13:00:00Z,100\n")
	code, _, stderr = cfu(t, t.Context(), nil, "amortize", dir, "--inventory", "olmo2-7b", "--grid-hourly", mix)
	if code != 1 || !strings.Contains(stderr, "has no row for 2026-11-28T14:00Z") && !strings.Contains(stderr, "has no row for 2026-11-28T13:59Z") {
		t.Errorf("an hour that the file lacks: exit %d, %s", code, stderr)
	}
}

// carbonOfInference is that of the first row of inference of cfu amortize --format
// csv.
func carbonOfInference(t *testing.T, text string) float64 {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	inference := slices.IndexFunc(rows, func(row []string) bool { return row[4] == "inference" })
	if inference < 0 {
		t.Fatalf("no row of inference in %s", text)
	}
	v, err := strconv.ParseFloat(rows[inference][5], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Two hosts at two sites over the turn of an hour: each has the mix of its own
// site, weighted by what it alone used in each hour.
func TestAmortizeSitesByTheHour(t *testing.T) {
	oneGoroutine(t)
	gpu := func(name, device, host string) meter.Domain {
		return meter.Domain{Name: name, Device: device, Host: host, Kind: meter.KindCounter, Scope: meter.ScopeGPU, Quantum: 1, UpdatePeriod: 10 * time.Millisecond, Limit: 700 * meter.Watt}
	}
	const before = 3500 * time.Millisecond // the turn; the window is from 1 s to 11 s
	dir := amortizedRunOf(t, []meter.Domain{gpu("gpu0", "GPU-0", ""), gpu("gpu0@b", "GPU-1", "b"), gpu("gpu1@b", "GPU-2", "b")}, func(domain int, at time.Duration) meter.Energy {
		if domain == 0 {
			return meter.EnergyOf(20*meter.Watt, at)
		}
		return meter.EnergyOf(40*meter.Watt, min(at, before)) + meter.EnergyOf(10*meter.Watt, max(0, at-before))
	})
	run, err := runfolder.ReadRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	run.Cells[0].OriginUnix = time.Date(2026, 11, 28, 14, 0, 0, 0, time.UTC).Add(-before).UnixNano()
	if err := runfolder.WriteRun(dir, run); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	file := func(name, text string) string {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	inventory := file("inventory.json", `{"schema": 2, "name": "two", "hardware": ["h100-ademe2026"], "electricity": "ecologits-pol", "facility": {"title": "hall"},
		"serving": {"sites": [{"name": "Paris", "hosts": ["b"], "electricity": "ecologits-fra", "facility": {"title": "another"}}]}, "model": {"title": "none"},
		"lifetime_inferences": {"value": 1, "unit": "requests", "source": "unused", "year": 2026, "boundary": "none", "quality": "published"}}`)
	here := file("here.csv", "# source: grid operator\nstart,carbon (g CO2e/kWh)\n2026-11-28T13:00:00Z,700\n2026-11-28T14:00:00Z,900\n")
	paris := file("paris.csv", "# source: grid operator\nstart,carbon (g CO2e/kWh)\n2026-11-28T13:00:00Z,20\n2026-11-28T14:00:00Z,60\n")
	amortize := func(flags ...string) (int, string, string) {
		return cfu(t, t.Context(), nil, append([]string{"amortize", dir, "--inventory", inventory, "--mix-boundaries", "--format", "csv", "--monte-carlo", "0", "--functional-unit", "request", "--category", "gwp"}, flags...)...)
	}
	code, stdout, stderr := amortize("--grid-hourly", here, "--grid-hourly", "Paris="+paris)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	// J: 50 and 150 here; 2 × 100 and 2 × 75 in Paris. Three requests completed.
	if got, want := carbonOfInference(t, stdout), (50*0.7+150*0.9+200*0.02+150*0.06)/3.6e6/3; math.Abs(got/want-1) > 1e-4 {
		t.Errorf("carbon of inference is %g kg, want %g", got, want)
	}
	for _, test := range []struct {
		what  string
		flags []string
		code  int
		want  string
	}{
		{"a site without a mix", []string{"--grid-hourly", here}, 0, "site Paris has no hourly mix"},
		{"a site that there is not", []string{"--grid-hourly", "Rome=" + paris}, 1, `hourly mix of site "Rome": the inventory has no such site: it has Paris`},
		{"two mixes of one place", []string{"--grid-hourly", here, "--grid-hourly", paris}, 2, "there is another for the same place: keep one"},
		{"no file", []string{"--grid-hourly", "Paris="}, 1, "read hourly mix"},
	} {
		if code, _, stderr := amortize(test.flags...); code != test.code || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: exit %d, %s; want %d and %q", test.what, code, stderr, test.code, test.want)
		}
	}
}
