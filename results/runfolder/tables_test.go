package runfolder_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"cfubench/internal/outside"
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/arrowfile"
	"cfubench/results/runfolder"
	"cfubench/results/simulated"
)

// words are texts as they stand in tables: clean ones.
func words() *rapid.Generator[string] { return rapid.Map(rapid.String(), outside.Text) }

// duration draws a time on the run's clock, or Never.
func duration() *rapid.Generator[time.Duration] {
	return rapid.OneOf(rapid.Just(loadgen.Never), rapid.Map(rapid.Int64Range(0, math.MaxInt64/2), func(ns int64) time.Duration { return time.Duration(ns) }))
}

// key draws which cell a row belongs to.
func key() *rapid.Generator[runfolder.Key] {
	return rapid.Custom(func(t *rapid.T) runfolder.Key {
		return runfolder.Key{
			Cell: words().Draw(t, "cell"), Batch: rapid.IntRange(0, 1<<20).Draw(t, "batch"), Load: words().Draw(t, "load"),
			Repeat: rapid.IntRange(1, 100).Draw(t, "repeat"), Label: words().Draw(t, "label"),
		}
	})
}

func record() *rapid.Generator[loadgen.Record] {
	count := rapid.IntRange(-1, 1<<30)
	return rapid.Custom(func(t *rapid.T) loadgen.Record {
		r := loadgen.Record{
			Request: rapid.Int().Draw(t, "request"), Conversation: words().Draw(t, "conversation"), Turn: rapid.IntRange(0, 100).Draw(t, "turn"),
			Due: duration().Draw(t, "due"), Sent: duration().Draw(t, "sent"), FirstToken: duration().Draw(t, "first"),
			LastToken: duration().Draw(t, "last"), Done: duration().Draw(t, "done"),
			PromptTokens: count.Draw(t, "prompt"), OutputTokens: count.Draw(t, "output"), CachedTokens: count.Draw(t, "cached"), TargetOutputTokens: count.Draw(t, "target"),
			FinishReason: rapid.SampledFrom([]string{"", "stop", "length"}).Draw(t, "finish"), Status: rapid.SampledFrom([]int{0, 200, 500}).Draw(t, "status"),
			Err: rapid.SampledFrom([]string{"", "HTTP 500: \"a, b\"\nc"}).Draw(t, "err"), ConnectionReused: rapid.Bool().Draw(t, "reused"),
			ServerPrefill: duration().Draw(t, "prefill"), ServerDecode: duration().Draw(t, "decode"),
			Flags: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"late", "client_starved", "no_usage"}), 0, 3, rapid.ID).Draw(t, "flags"),
		}
		for range rapid.IntRange(0, 5).Draw(t, "tokens") {
			r.TokenAt = append(r.TokenAt, time.Duration(rapid.Int64().Draw(t, "at")))
			r.TokenCount = append(r.TokenCount, rapid.Int32().Draw(t, "n"))
		}
		r.Doubt() // a row that cannot be comes back with its flags
		return r
	})
}

func TestRequestsReadBackAsWritten(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		path := filepath.Join(dir, "requests.arrow")
		rows := rapid.Custom(func(t *rapid.T) runfolder.Request {
			return runfolder.Request{Key: key().Draw(t, "key"), Record: record().Draw(t, "record")}
		})
		batches := rapid.SliceOfN(rapid.SliceOfN(rows, 0, 4), 0, 3).Draw(t, "batches")
		w, err := runfolder.Requests().Create(path, map[string]string{"cell": "b1-c1-r1"})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			if err := w.Write(b...); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, meta, err := runfolder.Requests().Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(slices.Concat(batches...), got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("read back (-written +read):\n%s", diff)
		}
		if meta["cell"] != "b1-c1-r1" {
			t.Fatalf("metadata = %v, want the cell", meta)
		}
	})
}

func TestReadingsReadBackWithTheirDomains(t *testing.T) {
	dir := t.TempDir()
	statuses := []meter.Status{meter.StatusOK, meter.StatusWrap, meter.StatusGap, "one of a later version"}
	rapid.Check(t, func(t *rapid.T) {
		domains := runfolder.Describe([]meter.Domain{
			{Name: "gpu0", Device: "GPU-1 at 0000:01:00.0", Source: "nvml", Kind: meter.KindCounter, Scope: meter.ScopeGPU, Parent: "node",
				Range: 1 << 40, Quantum: 1000, UpdatePeriod: 100 * time.Millisecond, Limit: 700 * meter.Watt, Floor: 60 * meter.Watt, Note: `a "note"`},
			{Name: "node", Kind: meter.KindPower, Scope: meter.ScopeNode, Coarse: true},
		})
		want := make([][]meter.Reading, len(domains))
		var all []meter.Reading
		for range rapid.IntRange(0, 20).Draw(t, "n") {
			r := meter.Reading{
				Domain: rapid.IntRange(0, 1).Draw(t, "domain"), Before: time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "before")),
				After: time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "after")), Status: rapid.SampledFrom(statuses).Draw(t, "status"),
				HasEnergy: rapid.Bool().Draw(t, "has energy"), HasPower: rapid.Bool().Draw(t, "has power"),
			}
			if r.HasEnergy {
				r.Energy = meter.Energy(rapid.Int64Min(0).Draw(t, "energy"))
			}
			if r.HasPower {
				r.Power = meter.Power(rapid.Int64Min(math.MinInt64+1).Draw(t, "power"))
			}
			all = append(all, r)
			want[r.Domain] = append(want[r.Domain], r)
		}
		path := filepath.Join(dir, "readings.arrow")
		w, err := runfolder.NewReadingsWriter(path, domains, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(all); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := runfolder.ReadReadings(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(domains, got.Domains); diff != "" {
			t.Fatalf("domains (-written +read):\n%s", diff)
		}
		if diff := cmp.Diff(want, got.ByDomain, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("readings (-written +read):\n%s", diff)
		}
	})
}

func TestReadingOfNoDomainIsRefused(t *testing.T) {
	w, err := runfolder.NewReadingsWriter(filepath.Join(t.TempDir(), "r.arrow"), runfolder.Describe([]meter.Domain{{Name: "a"}}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write([]meter.Reading{{Domain: 1}}); err == nil {
		t.Error("a reading of domain 1 of 1 was taken")
	}
	w.Abort()
}

// A counter stands at 0 or above: what a table has below is another's mistake, and makes
// joules out of nothing.
func TestReadingBelowZeroIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "readings.arrow")
	w, err := runfolder.NewReadingsWriter(path, runfolder.Describe([]meter.Domain{{Name: "gpu0"}}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write([]meter.Reading{{Before: time.Second, HasEnergy: true, Energy: -5 * meter.Joule}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := runfolder.ReadReadings(path); err == nil || !strings.Contains(err.Error(), path+": domain gpu0 has the energy -5 J at 1s: no counter stands below 0") {
		t.Errorf("got %v, want the place of the reading", err)
	}
}

func TestEnergiesReadBackToTheMicrojoule(t *testing.T) {
	dir := t.TempDir()
	energy := rapid.Map(rapid.Int64Range(-1<<50, 1<<50), func(v int64) meter.Energy { return meter.Energy(v) })
	rapid.Check(t, func(t *rapid.T) {
		var rows []runfolder.Energy
		for range rapid.IntRange(0, 10).Draw(t, "n") {
			hi := energy.Draw(t, "hi")
			if rapid.Bool().Draw(t, "unbounded") {
				hi = meter.Unbounded
			}
			rows = append(rows, runfolder.Energy{
				Key: key().Draw(t, "key"), Summed: rapid.Bool().Draw(t, "summed"), Request: rapid.Int64Range(-2, 1<<40).Draw(t, "request"), Convention: "token", Domain: "gpu0",
				Energy: energy.Draw(t, "energy"), Lo: energy.Draw(t, "lo"), Hi: hi,
				Prefill: energy.Draw(t, "prefill"), Decode: energy.Draw(t, "decode"), Idle: energy.Draw(t, "idle"),
				Method: "counter", Flags: rapid.SampledFrom([][]string{nil, {"idle"}, {"failed", "gap"}}).Draw(t, "flags"),
			})
		}
		var files [2][]byte
		for i := range files {
			path := filepath.Join(dir, "energy.arrow")
			w, err := runfolder.Energies().Derive(path, map[string]string{"b": "1", "a": "2"})
			if err != nil {
				t.Fatal(err)
			}
			for k := range rows {
				if err := w.Write(&rows[k]); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if files[i], err = os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
			got, _, err := runfolder.Energies().Read(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(rows, got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("read back (-written +read):\n%s", diff)
			}
		}
		if !bytes.Equal(files[0], files[1]) {
			t.Fatal("the same rows gave different bytes")
		}
	})
}

func TestFootprintReadsBack(t *testing.T) {
	rows := []runfolder.Footprint{
		{Cell: "b1-c1-r1", Label: "a", FunctionalUnit: "request", Category: "gwp100", Unit: "kg CO2e", Stage: "total", Kind: "total", Value: 1e-5, Lo: 9e-6, Hi: 2e-5, Boundary: "host", Source: "here"},
		{Cell: "b1-c1-r1", FunctionalUnit: "request", Category: "water", Unit: "L", Stage: "training", Kind: "training", Value: 0, Lo: math.NaN(), Hi: math.NaN()},
	}
	path := filepath.Join(t.TempDir(), "footprint.arrow")
	writeTable(t, runfolder.Footprints(), path, map[string]string{"inventory": "x"}, rows)
	got, meta, err := runfolder.Footprints().Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rows, got, cmpopts.EquateNaNs()); diff != "" || meta["inventory"] != "x" {
		t.Errorf("read back with metadata %v (-written +read):\n%s", meta, diff)
	}
}

// TestInfiniteBoundIsNone: nothing bounds the value, and the table has a null.
func TestInfiniteBoundIsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "footprint.arrow")
	writeTable(t, runfolder.Footprints(), path, nil, []runfolder.Footprint{{Lo: math.Inf(-1), Hi: math.Inf(1)}})
	got, _, err := runfolder.Footprints().Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || !math.IsNaN(got[0].Lo) || !math.IsNaN(got[0].Hi) {
		t.Errorf("infinite bounds came back as %+v, want none", got)
	}
}

func writeTable[R any](t *testing.T, table runfolder.Table[R], path string, meta map[string]string, rows []R) {
	t.Helper()
	w, err := table.Create(path, meta)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(rows...); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestEngineSamplesReadBack: every figure comes back from its own column, a
// figure that the server does not tell stays unknown, and a failed scrape keeps
// its reason.
func TestEngineSamplesReadBack(t *testing.T) {
	unknown := runfolder.EngineSample{Key: runfolder.Key{Cell: "b1-c1-r1", Batch: 1, Load: "c1", Repeat: 1}}
	figures := func(s *runfolder.EngineSample) []*float64 {
		return []*float64{&s.Running, &s.Waiting, &s.CacheUsage, &s.PromptTokens, &s.CachedTokens, &s.GenerationTokens,
			&s.Preemptions, &s.Steps, &s.PrefillTime, &s.DecodeTime, &s.QueueTime, &s.Finished}
	}
	for _, f := range figures(&unknown) {
		*f = math.NaN()
	}
	failed, full := unknown, unknown
	failed.At, failed.Err = 2*time.Second, "GET /metrics: HTTP 500"
	samples := []runfolder.EngineSample{failed}
	for i, f := range figures(&full) {
		*f = float64(i + 1)
		one := unknown
		one.At = time.Duration(i)
		*figures(&one)[i] = float64(i + 1)
		samples = append(samples, one)
	}
	samples = append(samples, full)
	path := filepath.Join(t.TempDir(), "engine.arrow")
	writeTable(t, runfolder.EngineSamples(), path, map[string]string{"engine": "vllm"}, samples)
	got, meta, err := runfolder.EngineSamples().Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(samples, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("read back (-written +read):\n%s", diff)
	}
	if meta["engine"] != "vllm" {
		t.Errorf("metadata %v, want the run constants", meta)
	}
}

// TestColumns is the contract of docs/results.md: names, types, order, and a
// unit on every column.
func TestColumns(t *testing.T) {
	dir := t.TempDir()
	run, err := simulated.Spec{
		Seed: 1, Model: "OLMo 2 7B", Batches: []int{4}, Concurrencies: []int{2}, Repeats: 1, Requests: 5, Server: simulated.DefaultServer(),
		Conventions: "token", Inventory: "olmo2-7b",
	}.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"requests": "cell utf8, batch int32, load utf8, repeat int32, label utf8, request int64, kind utf8, conversation utf8, turn int32, due_ns int64, sent_ns int64, first_token_ns int64, last_token_ns int64, done_ns int64, " +
			"prompt_tokens int32, output_tokens int32, reasoning_tokens int32, cached_tokens int32, target_output_tokens int32, token_ns list<int64>, token_count list<int32>, " +
			"finish_reason utf8, answered_model utf8, status int32, error utf8, connection_reused bool, server_prefill_ns int64, server_decode_ns int64, prefix_of int64, prefix_share float64, flags utf8",
		"readings": "domain utf8, device utf8, kind utf8, summed bool, before_ns int64, after_ns int64, energy_uj int64, power_uw int64, status utf8",
		"energy": "cell utf8, batch int32, load utf8, repeat int32, label utf8, request int64, convention utf8, domain utf8, summed bool, energy_j float64, lo_j float64, hi_j float64, prefill_j float64, decode_j float64, " +
			"idle_j float64, fit_j float64, method utf8, flags utf8",
		"footprint": "cell utf8, label utf8, functional_unit utf8, category utf8, unit utf8, stage utf8, kind utf8, value float64, lo float64, hi float64, boundary utf8, source utf8",
	}
	documented := documentedColumns(t)
	for table, columns := range want {
		if documented[table] != columns {
			t.Errorf("docs/results.md has for %s the columns\n%s\nwant\n%s", table, documented[table], columns)
		}
		paths, _, err := runfolder.TablePaths(dir, run, table)
		if err != nil || len(paths) == 0 {
			t.Fatalf("table %s: paths %v, error %v", table, paths, err)
		}
		r, err := arrowfile.Open(paths[0])
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		var got []string
		for _, f := range r.Schema().Fields() {
			name := f.Type.Name()
			if l, ok := f.Type.(*arrow.ListType); ok {
				name = "list<" + l.Elem().Name() + ">"
			}
			got = append(got, f.Name+" "+name)
			if unit, ok := f.Metadata.GetValue("unit"); !ok || unit == "" {
				t.Errorf("%s.%s has no unit", table, f.Name)
			}
			if f.Type.ID() == arrow.DICTIONARY {
				t.Errorf("%s.%s is a dictionary: the columns are plain", table, f.Name)
			}
		}
		if s := strings.Join(got, ", "); s != columns {
			t.Errorf("%s has the columns\n%s\nwant\n%s", table, s, columns)
		}
	}
}

// TestEngineColumnsAreDocumented: a run without a server's metrics has no
// engine.arrow to look at.
func TestEngineColumnsAreDocumented(t *testing.T) {
	names, _ := runfolder.EngineSamples().Columns()
	var got []string
	for c := range strings.SplitSeq(documentedColumns(t)["engine"], ", ") {
		name, _, _ := strings.Cut(c, " ")
		got = append(got, name)
	}
	if diff := cmp.Diff(names, got); diff != "" {
		t.Errorf("docs/results.md against engine.arrow (-table +documentation):\n%s", diff)
	}
}

// documentedColumns are the columns of docs/results.md by table, each with its
// type: "request int64, conversation utf8, …".
func documentedColumns(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "results.md"))
	if err != nil {
		t.Fatal(err)
	}
	key := "cell utf8, batch int32, load utf8, repeat int32, label utf8"
	tables := map[string]string{}
	_, part, _ := strings.Cut(string(text), "## Columns")
	part, _, _ = strings.Cut(part, "\n## ")
	for _, m := range regexp.MustCompile(`(?m)^\| ([a-z]+) \| (.*) \|$`).FindAllStringSubmatch(part, -1) {
		list, _, _ := strings.Cut(m[2], "; schema metadata")
		list = regexp.MustCompile(` \([^)]*\)`).ReplaceAllString(list, "")
		var columns []string
		for group := range strings.SplitSeq(list, " · ") {
			if group == "cell, batch, load, repeat, label" {
				columns = append(columns, key)
				continue
			}
			names, kind, _ := strings.Cut(strings.ReplaceAll(group, ", ", ","), " ")
			if of, ok := strings.CutPrefix(kind, "list of "); ok {
				kind = "list<" + of + ">"
			}
			for name := range strings.SplitSeq(names, ",") {
				columns = append(columns, name+" "+kind)
			}
		}
		tables[m[1]] = strings.Join(columns, ", ")
	}
	return tables
}

func TestWrongTableIsRefused(t *testing.T) {
	dir := t.TempDir()
	w, err := runfolder.EngineSamples().Create(filepath.Join(dir, "requests.arrow"), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	_, _, err = runfolder.Requests().Read(filepath.Join(dir, "requests.arrow"))
	if err == nil || !strings.Contains(err.Error(), `it is table "engine", want "requests"`) {
		t.Errorf("error %v, want that it is another table", err)
	}
}

func TestRunIsReplacedWhole(t *testing.T) {
	dir := t.TempDir()
	if _, err := runfolder.ReadRun(dir); err == nil || !strings.Contains(err.Error(), "holds no run") {
		t.Errorf("reading an empty folder: %v, want that it holds no run", err)
	}
	first := runfolder.Run{Cfu: "v1", Config: runfolder.Config{Seed: 1}, Cells: []runfolder.Cell{{ID: "b1-c1-r1", Window: meter.Window{Start: 1, End: 2}}}}
	for _, run := range []runfolder.Run{first, {Cfu: "v2"}} {
		if err := runfolder.WriteRun(dir, run); err != nil {
			t.Fatal(err)
		}
		got, err := runfolder.ReadRun(dir)
		if err != nil {
			t.Fatal(err)
		}
		run.Schema = 2
		if diff := cmp.Diff(run, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("read back (-written +read):\n%s", diff)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, error %v; want run.json alone", entries, err)
	}
	os.WriteFile(filepath.Join(dir, runfolder.RunFile), []byte(`{"schema": 99}`), 0o644)
	if _, err := runfolder.ReadRun(dir); err == nil || !strings.Contains(err.Error(), "schema 99") {
		t.Errorf("reading schema 99: %v, want a refusal", err)
	}
}
