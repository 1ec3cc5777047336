package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// writeTurns writes the raw tables of a run of one cell in which two
// conversations of two turns follow one another on a 200 W counter; the later turn
// of each found cached tokens of its 100-token prompt cached. alike is the part of it
// that is known to be that of the prompt before it.
func writeTurns(t *testing.T, cached int, name func(i int) string, alike float64) string {
	t.Helper()
	dir := t.TempDir()
	const ms = time.Millisecond
	cell := runfolder.Cell{ID: "b2-c2-r1", Point: runfolder.Point{Batch: 2, Load: runfolder.Load{Concurrency: 2}}, Repeat: 1, Requests: 4, Complete: true,
		IdleBefore: meter.Window{End: 900 * ms}, Window: meter.Window{Start: 1000 * ms, End: 3000 * ms}, IdleAfter: meter.Window{Start: 3100 * ms, End: 3900 * ms}}
	var records []loadgen.Record
	for i := range 4 {
		sent := time.Duration(1050+400*i) * ms
		r := loadgen.Record{Request: i, Conversation: name(i), Turn: i % 2, Due: sent, Sent: sent, FirstToken: sent + 60*ms, LastToken: sent + 290*ms, Done: sent + 300*ms,
			PromptTokens: 100, OutputTokens: 20, CachedTokens: 0, TargetOutputTokens: 20,
			TokenAt: []time.Duration{sent + 60*ms}, TokenCount: []int32{20}, Status: 200, ServerPrefill: loadgen.Never, ServerDecode: loadgen.Never}
		if i%2 == 1 {
			r.CachedTokens, r.PrefixOf, r.PrefixShare = cached, i-1, alike
		}
		records = append(records, r)
	}
	domain := meter.Domain{Name: "gpu0", Device: "GPU-1", Source: "nvml", Kind: meter.KindCounter, Scope: meter.ScopeGPU, UpdatePeriod: 20 * ms, Quantum: meter.Millijoule, Limit: 300 * meter.Watt}
	var readings []meter.Reading
	for at := time.Duration(0); at < 4*time.Second; at += 20 * ms {
		readings = append(readings, meter.Reading{Before: at, After: at + 100*time.Microsecond, HasEnergy: true, Energy: meter.Joule + meter.EnergyOf(200*meter.Watt, at), Status: meter.StatusOK})
	}
	writeCell(t, dir, runfolder.Run{
		Cfu: "test", Cells: []runfolder.Cell{cell}, Engine: []runfolder.EngineInfo{{Batch: 2, EffectiveBatch: 2, Kind: "test", Model: "m"}},
		Domains: runfolder.Describe([]meter.Domain{domain}),
	}, records, readings)
	return dir
}

// TestAttributeSharesCachedPrompts: owners pay for what they computed unless users
// are to pay too, who shares with whom comes from the conversations, and a run
// that cannot tell says so in one line.
func TestAttributeSharesCachedPrompts(t *testing.T) {
	oneGoroutine(t)
	same := func(i int) string { return []string{"a", "b"}[i/2] }
	for _, row := range []struct {
		what   string
		share  string
		cached int
		name   func(i int) string
		alike  float64
		// ratio is what a later turn's joules are to its first turn's, in prompt
		// and output tokens at 1:1.
		ratio float64
		says  string
		flag  bool
	}{
		{"the owner of a prompt pays for it alone unless told otherwise", "owner", 80, same, 0, 40. / 120, "", false},
		{"users pay the same part each", "users", 80, same, 0, 1, "2 requests pay their part of 160 cached prompt tokens", true},
		{"who computed it is not known across conversations", "users", 80, func(i int) string { return string(rune('a' + i)) }, 0, 40. / 120, "who computed the 160 cached tokens is not known", false},
		{"unless the run found that their prompts begin alike", "users", 80, func(i int) string { return string(rune('a' + i)) }, 0.8, 1, "2 requests pay their part of 160 cached prompt tokens", true},
		{"as far as they do", "users", 80, func(i int) string { return string(rune('a' + i)) }, 0.4, 60. / 100, "2 requests pay their part of 80 cached prompt tokens that prompts of this run computed; who computed the other 80 is not known", true},
		{"nor without conversations", "users", 80, func(int) string { return "" }, 0, 40. / 120, "who computed the 160 cached tokens is not known", false},
		{"a server that reports none", "users", 0, same, 0, 1, "the server reports no cached tokens", false},
	} {
		dir := writeTurns(t, row.cached, row.name, row.alike)
		code, stdout, stderr := cfuCommand(t, "attribute", dir, "--convention", "token,residency", "--weights", "1:1", "--cache-share", row.share)
		if code != 0 {
			t.Fatalf("%s: got exit %d: %s", row.what, code, stderr)
		}
		if said := strings.Count(stdout, "b2-c2-r1 cache: "); said != strings.Count(row.share, "users") || !strings.Contains(stdout, row.says) {
			t.Errorf("%s: got %d lines on the cache, want %q in\n%s", row.what, said, row.says, stdout)
		}
		shares, meta, err := runfolder.Energies().Read(filepath.Join(runfolder.CellDir(dir, "b2-c2-r1"), runfolder.EnergyFile))
		if err != nil {
			t.Fatal(err)
		}
		if meta["cache_share"] != row.share || !strings.Contains(meta["note.cache_share"], row.says) {
			t.Errorf("%s: got cache_share %q and note %q in the metadata, want %q and %q", row.what, meta["cache_share"], meta["note.cache_share"], row.share, row.says)
		}
		var token []meter.Energy
		for _, s := range shares {
			if s.Request < 0 {
				continue
			}
			if flagged := slices.Contains(s.Flags, attribution.FlagCacheShared); flagged != (row.flag && s.Convention == "token") {
				t.Errorf("%s: request %d by %s has the flags %v, want %s where the cache moves its share: %v", row.what, s.Request, s.Convention, s.Flags, attribution.FlagCacheShared, row.flag)
			}
			if s.Convention == "token" {
				token = append(token, s.Energy)
			}
		}
		for i := 0; i < len(token); i += 2 {
			if got := float64(token[i+1]) / float64(token[i]); got < row.ratio*0.999 || got > row.ratio*1.001 {
				t.Errorf("%s: the later turn of conversation %d has %.3f of the first's energy, want %.3f", row.what, i/2, got, row.ratio)
			}
		}
	}
	if code, _, stderr := cfuCommand(t, "attribute", writeRun(t), "--cache-share", "all"); code != 2 || !strings.Contains(stderr, "want owner or users") {
		t.Errorf("got exit %d and %q, want 2 and what can be asked for", code, stderr)
	}
}

// TestRunRecordsHowEnergyIsDivided: the flags of attribution are in run.json, and
// the run's own tables go by them.
func TestRunRecordsHowEnergyIsDivided(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	code, _, stderr := cfu(t, t.Context(), nil, quick(newEndpoint(t, slow), out, "--cache-share", "users", "--model-parameters", "7e9", "--weight-bytes", "14e9")...)
	mustFinish(t, code, stderr)
	run := closed(t, out)
	if c := run.Config; c.CacheShare != "users" || c.ModelParameters != 7e9 || c.WeightBytes != 14e9 {
		t.Errorf("got %q, %g parameters and %g bytes in run.json, want what was asked for", c.CacheShare, c.ModelParameters, c.WeightBytes)
	}
	for _, c := range run.Cells {
		_, meta, err := runfolder.Energies().Read(filepath.Join(runfolder.CellDir(out, c.ID), runfolder.EnergyFile))
		if err != nil {
			t.Fatal(err)
		}
		if meta["cache_share"] != "users" || !strings.Contains(meta["note.cache_share"], "nothing is shared") {
			t.Errorf("%s: got cache_share %q and %q, want users and why nothing is shared", c.ID, meta["cache_share"], meta["note.cache_share"])
		}
	}
}
