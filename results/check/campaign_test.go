package check_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cfubench/results/check"
	"cfubench/results/derivation"
	"cfubench/results/report"
	"cfubench/results/runfolder"
	"cfubench/results/simulated"
	"cfubench/results/summary"
)

// tries is how often a campaign tries, n where CFU_CAMPAIGN does not say.
func tries(t *testing.T, n int) int {
	t.Helper()
	if text := os.Getenv("CFU_CAMPAIGN"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatalf("CFU_CAMPAIGN: %v", err)
		}
	}
	return n
}

// everyTable is a small run folder with every table that a run can have.
func everyTable(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	spec := simulated.Spec{
		Seed: 1, Model: "m", Batches: []int{4}, Concurrencies: []int{2}, Repeats: 1, Requests: 5,
		Server: simulated.DefaultServer(), Conventions: "token,equal", Inventory: "cpu-server",
	}
	run, err := spec.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	cell := run.Cells[0].ID
	engine, err := runfolder.EngineSamples().Create(runfolder.CellFile(dir, cell, runfolder.EngineFile), nil)
	if err != nil {
		t.Fatal(err)
	}
	devices, err := runfolder.DeviceStates().Create(runfolder.CellFile(dir, cell, runfolder.DevicesFile), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := engine.Write(runfolder.EngineSample{At: time.Duration(i) * time.Second}); err != nil {
			t.Fatal(err)
		}
		if err := devices.Write(runfolder.DeviceState{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := engine.Close(); err != nil {
		t.Fatal(err)
	}
	if err := devices.Close(); err != nil {
		t.Fatal(err)
	}
	run.Cells[0].Tables = nil // their digests are of what was there before
	if err := runfolder.WriteRun(dir, run); err != nil {
		t.Fatal(err)
	}
	if _, err := report.Make(t.Context(), dir, run, filepath.Join(dir, runfolder.ReportFile), summary.Options{Limits: summary.DefaultLimits()}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// passes does what every command does with a run folder.
func passes(ctx context.Context, dir string) error {
	run, err := runfolder.ReadRun(dir)
	if err != nil {
		return err
	}
	by := derivation.Attribution{Conventions: "token,residency,phase", Weights: "1:1"}
	by.Params.PromptWeight, by.Params.OutputWeight = 1, 1
	if by.Bare, err = derivation.ReadBare(dir, run); err != nil {
		return err
	}
	if _, err := by.Run(ctx, dir, run); err != nil {
		return err
	}
	amortization := derivation.NewAmortization("")
	amortization.Options.Draws = 10
	if _, err := amortization.Run(ctx, dir, run, nil); err != nil {
		return err
	}
	for _, table := range runfolder.Tables() {
		if err := runfolder.ExportCSV(ctx, &bytes.Buffer{}, dir, run, table); err != nil && !strings.Contains(err.Error(), "has no table") {
			return err
		}
	}
	_, err = report.Make(ctx, dir, run, filepath.Join(dir, runfolder.ReportFile), summary.Options{Limits: summary.DefaultLimits()})
	return err
}

// survive runs f, which may end in an error and in nothing worse: no panic, and not
// never.
func survive(t *testing.T, what string, f func(ctx context.Context) error) (err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			t.Errorf("%s: %v", what, err)
		}
	}()
	if err = f(ctx); ctx.Err() != nil {
		t.Errorf("%s: it had no end within a minute", what)
	}
	return err
}

// Whatever happens to whichever table, check says which one, and no pass goes down.
// CFU_CAMPAIGN=500 tries that often.
func TestDamagesOfEveryTable(t *testing.T) {
	dir := everyTable(t)
	var tables []string
	if err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".arrow") {
			tables = append(tables, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(tables) != 7 { // requests, readings, engine, devices, energy, footprint, readings before the server
		t.Fatalf("there are %d tables: %v", len(tables), tables)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range tries(t, 42) {
		path := tables[i%len(tables)]
		file, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b, at := bytes.Clone(whole), random.IntN(len(whole))
		what := "a flipped bit"
		switch i / len(tables) % 4 {
		case 0:
			b[at] ^= 1 << random.IntN(8)
		case 1:
			what = "noise"
			for k := at; k < min(at+64, len(b)); k++ {
				b[k] = byte(random.Uint32())
			}
		case 2:
			what, b = "a cut", b[:at]
		case 3:
			what, b = "another table", slices.Concat(b[:at], whole[random.IntN(len(whole)):])
		}
		what = fmt.Sprintf("try %d, %s at %d of %s", i, what, at, file)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := survive(t, what, func(ctx context.Context) error {
			got, err := check.Folder(ctx, dir)
			if err == nil && !bytes.Equal(b, whole) && !slices.ContainsFunc(got.Findings, func(f check.Finding) bool { return f.File == file }) {
				t.Errorf("%s: check finds %v", what, got.Findings)
			}
			return err
		}); err != nil {
			t.Errorf("%s: check: %v", what, err)
		}
		// A pass may write what it makes, so it works on a copy.
		again := filepath.Join(t.TempDir(), "out")
		if err := os.CopyFS(again, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		_ = survive(t, what, func(ctx context.Context) error { return passes(ctx, again) })
		if err := os.RemoveAll(again); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// odd are values that nobody writes into a run.json.
func odd(random *rand.Rand) any {
	all := []any{
		nil, true, -1, 0, 1e300, -9223372036854775808, 9223372036854775807, 0.5, "", "../../victim", "/etc/passwd", "a/../../b", ".", "cells",
		"run.json", "\x00", "\u202e\x1b[31m", strings.Repeat("x", 1<<16), "-1", "NaN", []any{}, map[string]any{}, []any{[]any{nil}}, map[string]any{"": nil},
	}
	return all[random.IntN(len(all))]
}

// craft replaces, removes or doubles n random values of a JSON document.
func craft(v any, random *rand.Rand) any {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		if len(keys) == 0 || random.IntN(8) == 0 {
			return odd(random)
		}
		k := keys[random.IntN(len(keys))]
		if random.IntN(12) == 0 {
			delete(v, k)
			return v
		}
		v[k] = craft(v[k], random)
		return v
	case []any:
		if len(v) == 0 || random.IntN(8) == 0 {
			return odd(random)
		}
		i := random.IntN(len(v))
		if random.IntN(6) == 0 {
			return append(v, v[i])
		}
		v[i] = craft(v[i], random)
		return v
	}
	return odd(random)
}

// A run folder that somebody made up is refused or read: no pass goes down, hangs,
// or touches anything outside. CFU_CAMPAIGN=500 tries that often.
func TestCraftedFolders(t *testing.T) {
	whole := everyTable(t)
	text, err := os.ReadFile(filepath.Join(whole, runfolder.RunFile))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for i := range tries(t, 60) {
		var document any
		if err := json.Unmarshal(text, &document); err != nil {
			t.Fatal(err)
		}
		for range 1 + random.IntN(3) {
			document = craft(document, random)
			if _, ok := document.(map[string]any); !ok {
				break
			}
		}
		crafted, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		around := t.TempDir()
		dir := filepath.Join(around, "a", "out")
		victim := filepath.Join(around, "victim")
		if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, runfolder.RunFile), crafted, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(victim, 0o755); err != nil {
			t.Fatal(err)
		}
		if random.IntN(3) == 0 { // a link beside the tables
			link := filepath.Join(dir, "cells", "b4-c2-r1", []string{"energy.arrow", "energy.arrow.partial", "requests.arrow"}[random.IntN(3)])
			if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Join(victim, "file"), link); err != nil {
				t.Fatal(err)
			}
		}
		what := fmt.Sprintf("try %d: %.300s", i, crafted)
		_ = survive(t, what, func(ctx context.Context) error { return passes(ctx, dir) })
		_ = survive(t, what, func(ctx context.Context) error { _, err := check.Folder(ctx, dir); return err })
		for folder, want := range map[string]int{around: 2, filepath.Dir(dir): 1, victim: 0} {
			if entries, err := os.ReadDir(folder); err != nil || len(entries) != want {
				t.Errorf("%s: %s has %v, %v", what, folder, entries, err)
			}
		}
		if err := os.RemoveAll(around); err != nil {
			t.Fatal(err)
		}
	}
}
