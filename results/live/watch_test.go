package live_test

import (
	"encoding/json"
	"math"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"cfubench/attribution"
	"cfubench/attribution/lca"
	"cfubench/loadgen/engine"
	"cfubench/meter"
	"cfubench/results/derivation"
	"cfubench/results/live"
	"cfubench/results/runfolder"
	"cfubench/results/tenants/otlp"
)

// interval is ten seconds of 900 J in which these were served.
func interval(counts engine.Counts, idle bool) derivation.Interval {
	return derivation.Interval{Window: meter.Window{End: 10 * time.Second}, Counts: counts, Idle: idle,
		Energy: derivation.Estimate{Known: true, Energy: 900 * meter.Joule, Lo: 890 * meter.Joule, Hi: 910 * meter.Joule}}
}

// everything is a watch to which everything has happened.
func everything(t *testing.T) *live.Watch {
	t.Helper()
	grid, err := lca.ParseCarbonGrid("400")
	if err != nil {
		t.Fatal(err)
	}
	w := live.NewWatch(&grid)
	w.SetServer(engine.Identity{Kind: "vllm", Version: "0.32"}, "a-model", "counter")
	w.Scraped(engine.Sample{Running: 3, Waiting: 1})
	w.Uncounted("restart", 2*time.Second)
	busy := interval(engine.Counts{PromptTokens: 300, CachedTokens: 100, OutputTokens: 450, Requests: 3, Steps: 200}, false)
	idle := interval(engine.Counts{Steps: math.NaN()}, true)
	w.Counted(busy)
	w.Counted(idle)
	w.Recent(derivation.SumServed([]derivation.Interval{busy, idle}))
	w.Split(attribution.ServedCosts{Prefill: attribution.Fitted{Value: 0.2, Lo: 0.1, Hi: 0.3}, Decode: attribution.Fitted{Value: 2, Lo: 1, Hi: 3}}, true)
	w.Tenants([]derivation.TenantShare{{Tenant: "acme", EnergyJ: 600, PromptTokens: 200, OutputTokens: 300, Requests: 2}, {Tenant: "other", EnergyJ: 300, PromptTokens: 100, OutputTokens: 150, Requests: 1}})
	w.Undivided(900 * meter.Joule)
	received := w.Received()
	received.Spans(otlp.Request, 3)
	received.Export(otlp.Overrun)
	domains := runfolder.Describe([]meter.Domain{{Name: "gpu0", Kind: meter.KindCounter, Scope: meter.ScopeGPU}})
	for s := range time.Duration(3) {
		w.ObserveReadings(domains, []meter.Reading{{Before: s * time.Second, After: s * time.Second, Energy: meter.Energy(s) * 90 * meter.Joule, HasEnergy: true, Status: meter.StatusOK}})
	}
	return w
}

func page(t *testing.T, w *live.Watch) string {
	t.Helper()
	r := httptest.NewRecorder()
	w.Handler().ServeHTTP(r, httptest.NewRequest("GET", "/metrics", nil))
	return r.Body.String()
}

func families(t *testing.T, w *live.Watch) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	f, err := parser.TextToMetricFamilies(strings.NewReader(page(t, w)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestWatchShowsTheServer(t *testing.T) {
	text := page(t, everything(t))
	for _, want := range []string{
		`cfu_watch_server_info{engine="vllm",model="a-model",version="0.32"} 1`,
		`cfu_watch_server_up 1`, `cfu_watch_requests_running 3`, `cfu_watch_server_restarts_total 1`,
		`cfu_watch_uncounted_seconds_total{reason="restart"} 2`, `cfu_watch_uncounted_seconds_total{reason="outage"} 0`, `cfu_watch_counted_seconds_total 20`,
		`cfu_watch_energy_joules_total{kind="counter",model="a-model"} 1800`, `cfu_watch_idle_energy_joules_total{kind="counter",model="a-model"} 900`,
		`cfu_watch_output_tokens_total{model="a-model"} 450`, `cfu_watch_cached_prompt_tokens_total{model="a-model"} 100`, `cfu_watch_requests_total{model="a-model"} 3`,
		`cfu_watch_joules_per_output_token{kind="counter",model="a-model"} 4`, `cfu_watch_joules_per_request{kind="counter",model="a-model"} 600`,
		`cfu_watch_idle_energy_ratio{kind="counter",model="a-model"} 0.5`, `cfu_watch_mean_power_watts{kind="counter",model="a-model"} 90`,
		`cfu_watch_cost_joules{bound="low",kind="counter",model="a-model",phase="prefill"} 0.1`, `cfu_watch_cost_known 1`,
		`cfu_watch_carbon_grams_total{grid="400 g/kWh",kind="counter",model="a-model"} 0.2`,
		`cfu_watch_tenant_energy_joules_total{kind="counter",model="a-model",tenant="acme"} 600`, `cfu_watch_tenant_requests_total{model="a-model",tenant="other"} 1`,
		`cfu_watch_tenant_output_tokens_total{model="a-model",tenant="acme"} 300`, `cfu_watch_tenant_undivided_joules{kind="counter",model="a-model"} 900`,
		`cfu_watch_otlp_spans_total{fate="request"} 3`, `cfu_watch_otlp_spans_total{fate="rejected"} 0`, `cfu_watch_otlp_exports_total{answer="busy"} 1`,
		`cfu_power_watts{domain="gpu0",kind="counter",summed="true"} 90`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("got no line %s in\n%s", want, text)
		}
	}
}

// TestWatchSaysNothingItDoesNotKnow: what a server does not count, and carbon at no
// grid, have no series.
func TestWatchSaysNothingItDoesNotKnow(t *testing.T) {
	w := live.NewWatch(nil)
	w.SetServer(engine.Identity{Kind: "llama.cpp"}, "m", "model")
	n := engine.NoCounts()
	n.OutputTokens = 30
	one := interval(n, false)
	w.Counted(one)
	w.Recent(derivation.SumServed([]derivation.Interval{one}))
	w.Split(attribution.ServedCosts{}, false)
	text := page(t, w)
	for _, not := range []string{"cfu_watch_requests_total{", "cfu_watch_joules_per_request{", "cfu_watch_prompt_tokens_total{", "carbon", "cfu_watch_cost_joules{", "tenant=", "undivided_joules{", "otlp"} {
		if strings.Contains(text, not) {
			t.Errorf("%s is there though nobody knows it:\n%s", not, text)
		}
	}
	if !strings.Contains(text, `cfu_watch_joules_per_output_token{kind="model",model="m"} 30`) {
		t.Errorf("a model's joules are not called so:\n%s", text)
	}
	w.Recent(derivation.SumServed(nil)) // minutes of an outage
	if text := page(t, w); strings.Contains(text, "cfu_watch_joules_per_output_token{") || strings.Contains(text, "NaN{") {
		t.Errorf("a figure of minutes that were not counted:\n%s", text)
	}
}

func TestWatchNamesFollowPrometheus(t *testing.T) {
	problems, err := promlint.New(strings.NewReader(page(t, everything(t)))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestDashboard: every query of the dashboard is of metrics that cfu watch has, by
// labels that they have, and every metric of cfu watch but those that explain others
// is in one.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "grafana", "cfu-watch.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Templating struct{ List []struct{ Definition string } }
		Panels     []struct {
			Title, Description string
			Targets            []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	known := families(t, everything(t))
	used := map[string]bool{}
	check := func(where, query, legend string) {
		of := regexp.MustCompile(`cfu_[a-z_]+`).FindAllString(query, -1)
		if len(of) == 0 {
			t.Errorf("%s: %q is of no metric of cfu", where, query)
		}
		labels := []string{"job", "instance"} // Prometheus' own
		for _, name := range of {
			used[name] = true
			family, ok := known[name]
			if !ok {
				t.Errorf("%s: there is no metric %s", where, name)
				continue
			}
			for _, l := range family.GetMetric()[0].GetLabel() {
				labels = append(labels, l.GetName())
			}
		}
		asked := regexp.MustCompile(`[{,]([a-z]+)=|\{\{([a-z]+)\}\}|by \(([a-z]+)`).FindAllStringSubmatch(query+legend, -1)
		for _, m := range asked {
			if l := m[1] + m[2] + m[3]; !slices.Contains(labels, l) {
				t.Errorf("%s: %q asks for the label %s", where, query, l)
			}
		}
	}
	for _, v := range dashboard.Templating.List {
		if v.Definition != "" {
			check("variable", v.Definition, "")
		}
	}
	for _, p := range dashboard.Panels {
		if p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("panel %s explains or shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			check(p.Title, target.Expr, target.LegendFormat)
		}
	}
	about := []string{"cfu_watch_server_info", "cfu_watch_recent_seconds", "cfu_watch_counted_seconds_total", "cfu_watch_cost_known"}
	for name := range known {
		if strings.HasPrefix(name, "cfu_watch_") && !used[name] && !slices.Contains(about, name) {
			t.Errorf("no panel shows %s", name)
		}
	}
}
