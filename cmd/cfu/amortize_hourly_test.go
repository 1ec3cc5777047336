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
	want := 360 / 3.6e6 * 1.2 / 3 * (0.25*0.1 + 0.75*0.5)
	rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	inference := slices.IndexFunc(rows, func(row []string) bool { return row[4] == "inference" })
	if inference < 0 {
		t.Fatalf("no row of inference in %s", stdout)
	}
	if got, err := strconv.ParseFloat(rows[inference][5], 64); err != nil || math.Abs(got/want-1) > 1e-6 {
		t.Errorf("carbon of inference is %s kg, want %g", rows[inference][5], want)
	}
	write("# source: grid operator\nstart,carbon (g CO2e/kWh)\n2026-11-28T13:00:00Z,100\n")
	code, _, stderr = cfu(t, t.Context(), nil, "amortize", dir, "--inventory", "olmo2-7b", "--grid-hourly", mix)
	if code != 1 || !strings.Contains(stderr, "has no row for 2026-11-28T14:00Z") && !strings.Contains(stderr, "has no row for 2026-11-28T13:59Z") {
		t.Errorf("an hour that the file lacks: exit %d, %s", code, stderr)
	}
}
