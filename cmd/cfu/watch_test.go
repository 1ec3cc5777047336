package main

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"cfubench/loadgen/mock"
	"cfubench/meter"
	"cfubench/meter/rapl/powercaptest"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
)

// watching is cfu watch as a process of its own, beside the project's mock server.
type watching struct {
	*exec.Cmd
	server *mock.Server
	url    string
	out    string
	stderr fileText
}

func newWatching(t *testing.T) *watching {
	// A watch that goes on into the next hour has two folders.
	if left := time.Until(time.Now().Truncate(time.Hour).Add(time.Hour)); left < 40*time.Second {
		time.Sleep(left)
	}
	t.Helper()
	now, err := mock.SystemClock()
	if err != nil {
		t.Fatal(err)
	}
	w := &watching{server: mock.New(mock.Pace{}, now), out: filepath.Join(t.TempDir(), "watch")}
	h := httptest.NewServer(w.server)
	t.Cleanup(h.Close)
	w.url = h.URL
	return w
}

// start starts cfu watch, again with the same folder and server.
func (w *watching) start(t *testing.T, tree *powercaptest.Tree, args ...string) {
	t.Helper()
	w.Cmd = exec.Command("cfu", append([]string{"watch", "--endpoint", w.url, "--out", w.out, "--meter", "rapl", "--sysfs", tree.Root,
		"--interval", "200ms", "--poll", "100ms", "--listen", "127.0.0.1:0"}, args...)...)
	stderr, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stderr.Close() })
	w.Stderr, w.stderr = stderr, fileText(stderr.Name())
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Process.Kill() })
}

// hour is the run folder that has been written, once there is one with a cell.
func (w *watching) hour(t *testing.T) (dir string) {
	t.Helper()
	eventually(t, "an hour with a cell under "+w.out, func() bool {
		dirs, _ := filepath.Glob(filepath.Join(w.out, "*", runfolder.RunFile))
		if len(dirs) == 0 {
			return false
		}
		dir = filepath.Dir(dirs[len(dirs)-1])
		run, err := runfolder.ReadRun(dir)
		return err == nil && len(run.Cells) > 0
	})
	return dir
}

// serve has the server work for a time.
func (w *watching) serve(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		w.server.Served(1, 30, 12)
	}
}

// stop ends the watching by a signal, and returns how long that took.
func (w *watching) stop(t *testing.T, s os.Signal) time.Duration {
	t.Helper()
	begun := time.Now()
	if err := w.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	if err := w.Wait(); err != nil && s != syscall.SIGKILL {
		t.Errorf("cfu watch ended with %v:\n%s", err, w.stderr)
	}
	return time.Since(begun)
}

// TestWatch watches a server until a signal: there are live figures, and an hour that
// the other commands read.
func TestWatch(t *testing.T) {
	t.Parallel()
	tree, power := sockets(t)
	w := newWatching(t)
	w.start(t, tree, "--grid", "500")
	dir := w.hour(t)
	m := regexp.MustCompile(`metrics: (http://\S+)`).FindStringSubmatch(w.stderr.String())
	if m == nil {
		t.Fatalf("no address of the metrics:\n%s", w.stderr)
	}
	eventually(t, "an interval with tokens in the metrics", func() bool {
		w.serve(100 * time.Millisecond)
		f := scrape(t, m[1])
		return value(f, "cfu_watch_output_tokens_total", "model=mock-model-7b-instruct") > 0 && value(f, "cfu_watch_energy_joules_total", "kind=counter") > 0 &&
			value(f, "cfu_watch_joules_per_output_token", "kind=counter") > 0 && value(f, "cfu_watch_server_up", "") == 1
	})
	w.serve(2 * time.Second) // a cell shorter than some scrapes is left out
	if took := w.stop(t, syscall.SIGTERM); took > patience {
		t.Errorf("ended %v after the signal", took)
	}
	run, err := runfolder.ReadRun(dir)
	if err != nil {
		t.Fatalf("%v:\n%s", err, w.stderr)
	}
	served, err := derivation.ReadServed(dir)
	if err != nil {
		t.Fatalf("%v:\n%s", err, w.stderr)
	}
	c := run.Cells[0]
	truth := meter.EnergyOf(power, c.Window.Length()).Joules()
	slack := meter.EnergyOf(power, 4*tree.Late()).Joules()
	if served.EnergyLoJ == nil || truth < *served.EnergyLoJ-slack || truth > *served.EnergyHiJ+slack {
		t.Errorf("the true %.1f J are outside what was measured, %+v", truth, served)
	}
	if !c.Complete || served.Requests == nil || *served.Requests <= 0 || *served.OutputTokens != 12**served.Requests || served.CarbonG == nil {
		t.Errorf("got %+v of %+v", served, c)
	}
	for _, args := range [][]string{{"attribute", dir}, {"amortize", dir, "--inventory", "cpu-server"}, {"report", dir}, {"check", dir}, {"export", dir, "--dir", filepath.Join(dir, "csv")}} {
		if code, stdout, stderr := cfu(t, t.Context(), nil, args...); code != 0 {
			t.Errorf("cfu %v: got exit %d:\n%s%s", args, code, stdout, stderr)
		}
	}
}

// TestWatchKilled kills cfu watch and starts it again: the hour holds both times, and
// what lies between is a gap.
func TestWatchKilled(t *testing.T) {
	t.Parallel()
	tree, _ := sockets(t)
	w := newWatching(t)
	w.start(t, tree)
	w.hour(t)
	w.serve(4 * time.Second)
	w.stop(t, syscall.SIGKILL)
	w.start(t, tree)
	eventually(t, "a second cell", func() bool {
		w.serve(100 * time.Millisecond)
		cells, _ := filepath.Glob(filepath.Join(w.out, "*", runfolder.CellsDir, "*"))
		return len(cells) == 2
	})
	w.serve(3 * time.Second)
	w.stop(t, os.Interrupt)
	runs, _ := filepath.Glob(filepath.Join(w.out, "*", runfolder.RunFile))
	if len(runs) != 1 {
		t.Skip("the hour ended meanwhile")
	}
	dir := filepath.Dir(runs[0])
	run, err := runfolder.ReadRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Cells) != 2 || !run.Record.Parts[0].Cut || run.Record.Parts[1].Gap <= 0 || !run.Cells[0].Complete || !run.Cells[1].Complete {
		t.Fatalf("got %+v of %+v\n%s", run.Cells, run.Record, w.stderr)
	}
	served, err := derivation.ReadServed(dir)
	if err != nil {
		t.Fatal(err)
	}
	if whole := run.Cells[0].Window.Length() + run.Cells[1].Window.Length(); served.EnergyJ == nil || fmt.Sprintf("%.6f", served.Seconds) != fmt.Sprintf("%.6f", whole.Seconds()) {
		t.Errorf("got %+v, want the %v of both cells", served, whole)
	}
}

// TestWatchWithoutServer: a server that is not there is waited for, in one line, and one
// without metrics is an error.
func TestWatchWithoutServer(t *testing.T) {
	t.Parallel()
	tree, _ := sockets(t)
	w := newWatching(t)
	w.url = "http://127.0.0.1:1"
	w.start(t, tree)
	eventually(t, "a line about the server", func() bool { return strings.Contains(w.stderr.String(), "waiting for the server") })
	if took := w.stop(t, os.Interrupt); took > patience {
		t.Errorf("ended %v after the signal", took)
	}
	if n := strings.Count(w.stderr.String(), "waiting for the server: "); n != 1 || !strings.Contains(w.stderr.String(), "connection refused") {
		t.Errorf("got %d lines:\n%s", n, w.stderr)
	}
	e := newEndpoint(t, slow)
	code, _, stderr := cfu(t, t.Context(), nil, "watch", "--endpoint", e.URL, "--out", filepath.Join(t.TempDir(), "out"), "--meter", "rapl", "--sysfs", tree.Root)
	if code != 1 || !strings.Contains(stderr, "the server serves no metrics that are known") {
		t.Errorf("a server without metrics: got exit %d:\n%s", code, stderr)
	}
}

// TestWatchSpans: the server's spans, over HTTP to cfu watch itself, divide the energy
// among the tenants that a gateway's spans of the same traces name; live, and in the
// hour's folder.
func TestWatchSpans(t *testing.T) {
	t.Parallel()
	tree, _ := sockets(t)
	w := newWatching(t)
	w.start(t, tree, "--otlp-listen", "127.0.0.1:0", "--tenant-field", "http.request.header.x-tenant", "--tenant-delay", "2s")
	dir := w.hour(t)
	metrics := regexp.MustCompile(`metrics: (http://\S+)`).FindStringSubmatch(w.stderr.String())
	spans := regexp.MustCompile(`spans: (http://\S+/v1/traces), or over gRPC to`).FindStringSubmatch(w.stderr.String())
	if metrics == nil || spans == nil {
		t.Fatalf("no addresses:\n%s", w.stderr)
	}
	n := 0
	export := func(body string) int {
		resp, err := http.Post(spans[1], "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatalf("%v:\n%s", err, w.stderr)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	request := func(tenant string) {
		n++
		w.server.Served(1, 30, 12)
		now := time.Now().UnixNano()
		export(fmt.Sprintf(`{"resourceSpans":[{"scopeSpans":[{"spans":[
			{"traceId":"%032x","spanId":"%016x","name":"llm_request","startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[
				{"key":"gen_ai.usage.prompt_tokens","value":{"intValue":"30"}},{"key":"gen_ai.usage.completion_tokens","value":{"intValue":"12"}}]},
			{"traceId":"%032[1]x","spanId":"%016[5]x","name":"POST","attributes":[{"key":"http.request.header.x-tenant","value":{"stringValue":%[6]q}}]}]}]}]}`,
			n, n, now-int64(10*time.Millisecond), now, n+1000, tenant))
	}
	eventually(t, "tenants' energy in the metrics", func() bool {
		request("gold")
		request("gold")
		request("sk-live-0123456789")
		f := scrape(t, metrics[1])
		return value(f, "cfu_watch_tenant_energy_joules_total", "tenant=gold") > 0 && value(f, "cfu_watch_tenant_requests_total", "tenant=gold") > 0
	})
	if status := export("{"); status != http.StatusBadRequest {
		t.Errorf("no JSON is answered by %d", status)
	}
	f := scrape(t, metrics[1])
	if value(f, "cfu_watch_otlp_spans_total", "fate=request") != float64(n) || value(f, "cfu_watch_otlp_spans_total", "fate=caller") != float64(n) ||
		value(f, "cfu_watch_otlp_exports_total", "answer=accepted") != float64(n) || value(f, "cfu_watch_otlp_exports_total", "answer=malformed") != 1 {
		t.Errorf("%d requests with their callers are counted as %v", n, f["cfu_watch_otlp_spans_total"])
	}
	request("last") // is taken at the end
	if took := w.stop(t, syscall.SIGTERM); took > patience {
		t.Errorf("ended %v after the signal", took)
	}
	served, err := derivation.ReadServed(dir)
	if err != nil {
		t.Fatalf("%v:\n%s", err, w.stderr)
	}
	sum, got := 0.0, map[string]derivation.TenantShare{}
	for _, s := range served.Tenants {
		sum += s.EnergyJ
		name := s.Tenant
		if strings.HasPrefix(name, "hash-") {
			name = "hash-"
		}
		got[name] = s
	}
	if served.EnergyJ == nil || math.Abs(sum-*served.EnergyJ) > 2e-6 {
		t.Errorf("the tenants have %v J, the hour %v", sum, served.EnergyJ)
	}
	for name, of := range map[string]float64{"gold": 100, "hash-": 50} { // some lie across the end
		if s := got[name]; s.EnergyJ <= 0 || math.Abs(s.OutputTokens-12*s.Requests) > 60 || math.Abs(s.PromptTokens-30*s.Requests) > 150 || s.Requests < of {
			t.Errorf("%s: got %+v", name, s)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, derivation.ServedFile)); err != nil || strings.Contains(string(text)+w.stderr.String(), "0123456789") {
		t.Errorf("a key is in served.json or was said, or it cannot be read: %v\n%s", err, w.stderr)
	}
	if code, stdout, stderr := cfu(t, t.Context(), nil, "check", dir); code != 0 {
		t.Errorf("cfu check: got exit %d:\n%s%s", code, stdout, stderr)
	}
}

// TestWatchRefusesAFolderOfARun: hours do not stand beside cells.
func TestWatchRefusesAFolderOfARun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, runfolder.RunFile), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := cfu(t, t.Context(), nil, "watch", "--endpoint", "http://127.0.0.1:1", "--out", dir)
	if code != 2 || !strings.Contains(stderr, dir+": it is the folder of a run") {
		t.Errorf("got exit %d:\n%s", code, stderr)
	}
}

// TestWatchSpansRefused: what does not go together is said before anything is opened.
func TestWatchSpansRefused(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{"--otlp-listen", "0.0.0.0:4318"}, "--otlp-listen 0.0.0.0:4318 can be reached from other hosts and anybody could send it requests that never were: set CFU_OTLP_TOKEN"},
		{[]string{"--otlp-listen", "4318"}, "want HOST:PORT"},
		{[]string{"--otlp-listen", "127.0.0.1:4318", "--tenant-log", "x"}, "give one, since a request that is in both would count twice"},
		{[]string{"--otlp-listen", "127.0.0.1:4318", "--tenant-field", "authorization"}, "has a secret for a value"},
		{[]string{"--tenant-log", t.TempDir()}, "want a regular file"},
		{[]string{"--tenant-field", "x"}, "--tenant-field needs --tenant-log or --otlp-listen"},
	} {
		args := append([]string{"watch", "--endpoint", "http://127.0.0.1:1", "--out", filepath.Join(t.TempDir(), "out")}, row.args...)
		if code, _, stderr := cfu(t, t.Context(), nil, args...); code != 2 || !strings.Contains(stderr, row.want) {
			t.Errorf("%v: got exit %d:\n%s", row.args, code, stderr)
		}
	}
}
