package watch

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cfubench/results/check"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
	"cfubench/results/tenants"
)

// TestTenants watches a plant whose requests are logged with their tenants, through a
// rotation of the log, a line that is none, a change of the hour and a stop: the
// tenants have what they asked for, and together all of the energy, live and in the
// folders.
func TestTenants(t *testing.T) {
	out := t.TempDir()
	path := filepath.Join(t.TempDir(), "requests.log")
	asked := map[string][2]float64{} // prompt and output tokens by the log's name
	var said *[]string
	synctest.Test(t, func(t *testing.T) {
		p := newPlant()
		n := 0
		names := []string{"acme", "acme", "sk-live-1234567890", "wide", "", "more", "still more"}
		p.log = func(prompt, output int) {
			name := names[n%len(names)]
			if n++; n == 200 {
				if err := os.Rename(path, path+".1"); err != nil {
					t.Error(err)
				}
			}
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
			if err != nil {
				t.Error(err)
				return
			}
			line := fmt.Sprintf(`{"time":%q,"tenant":%q,"duration_ms":%d,"usage":{"prompt_tokens":%d,"completion_tokens":%d}}`, time.Now().Format(time.RFC3339Nano), name, 400, prompt, output)
			if n == 100 {
				line = "127.0.0.1 GET /health\n" + `{"time":"1999-12-31T00:00:00Z","tenant":"acme","prompt_tokens":1000000}` + "\n" + `{"time":"2999-12-31T00:00:00Z","tenant":"acme","prompt_tokens":1000000}` + "\n" + line
			}
			if _, err := fmt.Fprintln(f, line); err != nil {
				t.Error(err)
			}
			f.Close()
			one := asked[name]
			asked[name] = [2]float64{one[0] + float64(prompt), one[1] + float64(output)}
		}
		var w *Watcher
		w, said = watched(t, p, out, func(c *Config) {
			c.Tenants, c.Weights = Tenants{Log: path, Field: "tenant", Bound: 3, Delay: time.Minute}, "2:5"
		})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		p.stay(55 * time.Minute)
		working, rest := context.WithCancel(ctx)
		go p.work(working)
		p.stay(65 * time.Minute)
		rest()
		p.stay(70*time.Minute + 300*time.Millisecond) // between two scrapes: a page is no snapshot
		checkTenantsLive(t, w)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		checkTenantsLive(t, w)
	})
	var lists [][]derivation.TenantShare
	for _, name := range []string{"2000-01-01T00", "2000-01-01T01"} {
		dir := filepath.Join(out, name)
		served := readServed(t, dir)
		sum, own := 0.0, 0.0
		for _, s := range served.Tenants {
			sum += s.EnergyJ
			if s.Tenant == tenants.Unattributed {
				own = s.EnergyJ
			}
		}
		if served.EnergyJ == nil || math.Abs(sum-*served.EnergyJ) > 2e-6 {
			t.Errorf("%s: the tenants have %v J, the hour %v", name, sum, served.EnergyJ)
		}
		if served.TenantConvention != derivation.TenantConvention || served.TenantWeights != "2:5" {
			t.Errorf("%s: got convention %q with weights %q", name, served.TenantConvention, served.TenantWeights)
		}
		if own > 0.02*sum {
			t.Errorf("%s: %v of %v J are nobody's, though every request is logged", name, own, sum)
		}
		lists = append(lists, served.Tenants)
		if got, err := check.Folder(t.Context(), dir); err != nil || len(got.Findings) > 0 {
			t.Errorf("%s: cfu check says %v, %v", name, got, err)
		}
		text, err := os.ReadFile(filepath.Join(dir, derivation.ServedFile))
		if err != nil || strings.Contains(string(text), "1234567890") {
			t.Errorf("%s: a key is in served.json, or it cannot be read: %v", name, err)
		}
	}
	got := map[string]derivation.TenantShare{}
	for _, s := range derivation.SumTenants(lists...) {
		got[s.Tenant] = s
	}
	key := ""
	for name := range got {
		if strings.HasPrefix(name, "hash-") {
			key = name
		}
	}
	for name, from := range map[string][]string{"acme": {"acme"}, key: {"sk-live-1234567890"}, "wide": {"wide"}, tenants.None: {""}, tenants.Other: {"more", "still more"}} {
		var want [2]float64
		for _, f := range from {
			want[0], want[1] = want[0]+asked[f][0], want[1]+asked[f][1]
		}
		if s := got[name]; math.Abs(s.PromptTokens-want[0]) > 1e-6 || math.Abs(s.OutputTokens-want[1]) > 1e-6 || s.Requests == 0 || s.EnergyJ <= 0 {
			t.Errorf("%q: got %+v, want %v tokens", name, s, want)
		}
	}
	if idle := got[tenants.Idle]; idle.EnergyJ < 0.9*basePower.Watts()*59*60 {
		t.Errorf("idle: got %+v of about an hour", idle)
	}
	all := strings.Join(*said, "\n")
	if strings.Count(all, "is left out, and further ones") != 1 || !strings.Contains(all, "4 tenants, most of it acme's: ") {
		t.Errorf("said:\n%s", all)
	}
	rows, _, err := runfolder.TenantRequests().Read(runfolder.CellFile(filepath.Join(out, "2000-01-01T00"), runfolder.WatchCell, runfolder.TenantsFile))
	if err != nil || len(rows) < 290 {
		t.Errorf("got %d rows, %v; want those of five minutes", len(rows), err)
	}
}

// checkTenantsLive holds that the tenants and what waits are the whole.
func checkTenantsLive(t *testing.T, w *Watcher) {
	t.Helper()
	f := scraped(t, w)
	divided, waits, all := sumOf(f, "cfu_watch_tenant_energy_joules_total"), sumOf(f, "cfu_watch_tenant_undivided_joules"), sumOf(f, "cfu_watch_energy_joules_total")
	if !(divided > 0) || math.Abs(divided+waits-all) > 1e-6*all {
		t.Errorf("tenants have %v J and %v J wait, want %v J in all", divided, waits, all)
	}
}
