package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"cfubench/internal/subcommand"
	"cfubench/results/runfolder"
)

// output is a writer that may be read while it is written to.
type output struct {
	mu sync.Mutex
	b  strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// TestLiveMetrics scrapes a run while it goes on.
func TestLiveMetrics(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, slow)
	out := filepath.Join(t.TempDir(), "out")
	var stdout, stderr output
	ended := make(chan int, 1)
	go func() {
		ended <- Main(context.WithoutCancel(t.Context()), subcommand.Environment{Stdout: &stdout, Stderr: &stderr, Getenv: func(string) string { return "" }},
			load(e, out, "--num-requests", "6", "--concurrency", "2", "--listen", "127.0.0.1:0"))
	}()
	var address string
	eventually(t, "address of the metrics on stderr", func() bool {
		if m := regexp.MustCompile(`metrics: (http://127\.0\.0\.1:\d+/metrics)`).FindStringSubmatch(stderr.String()); m != nil {
			address = m[1]
		}
		return address != ""
	})
	var families map[string]*dto.MetricFamily
	eventually(t, "scrape with a completed request and one in flight", func() bool {
		families = scrape(t, address)
		return value(families, "cfu_requests_total", "outcome=completed") >= 1 && value(families, "cfu_requests_in_flight", "") >= 1
	})
	if _, ok := find(families, "cfu_energy_joules_total", "kind=model"); !ok {
		t.Errorf("got no energy of kind model in %v", names(families))
	}
	if got := value(families, "cfu_run_info", "model=tiny"); got != 1 {
		t.Errorf("cfu_run_info of model tiny: got %v, want 1", got)
	}
	if code := <-ended; code != 0 {
		mustFinish(t, code, stderr.String())
	}
	if _, err := http.Get(address); err == nil {
		t.Errorf("%s still answers after the run", address)
	}
	run := closed(t, out)
	if run.Cells[0].Requests != 6 {
		t.Errorf("got %d requests, want 6", run.Cells[0].Requests)
	}
	text, err := os.ReadFile(filepath.Join(out, runfolder.RunFile))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), `"listen"`) {
		t.Error("run.json keeps --listen, which changes nothing that is measured: --resume would refuse another port")
	}
}

// scrape reads one page of metrics as Prometheus does.
func scrape(t *testing.T, address string) map[string]*dto.MetricFamily {
	t.Helper()
	r, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("scrape: status %s, error %v", r.Status, err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(text)))
	if err != nil {
		t.Fatalf("the page does not parse: %v\n%s", err, text)
	}
	return families
}

// find is the sample of a family that has a label ("name=value", "" for any).
func find(families map[string]*dto.MetricFamily, name, label string) (float64, bool) {
	for _, m := range families[name].GetMetric() {
		has := slices.ContainsFunc(m.GetLabel(), func(p *dto.LabelPair) bool { return p.GetName()+"="+p.GetValue() == label })
		if label == "" || has {
			return m.GetCounter().GetValue() + m.GetGauge().GetValue(), true
		}
	}
	return 0, false
}

func value(families map[string]*dto.MetricFamily, name, label string) float64 {
	v, _ := find(families, name, label)
	return v
}

func names(families map[string]*dto.MetricFamily) []string {
	var all []string
	for name := range families {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
