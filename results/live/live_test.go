package live_test

import (
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/live"
)

func scrape(t *testing.T, l *live.Live) string {
	t.Helper()
	w := httptest.NewRecorder()
	l.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func record(failure string) loadgen.Record {
	return loadgen.Record{
		Due: time.Second, Sent: time.Second + time.Millisecond, FirstToken: 2 * time.Second, LastToken: 3 * time.Second, Done: 3 * time.Second,
		PromptTokens: 100, OutputTokens: 11, CachedTokens: loadgen.Unknown, Err: failure,
	}
}

func TestScrapeShowsTheRun(t *testing.T) {
	l := live.New()
	l.SetRun(4, time.Unix(1700000000, 0))
	l.SetCell(2, "b8-c4-r1", "a-model", "vllm")
	l.SetInFlight(1)
	l.ObserveRequest(record(""))
	l.ObserveRequest(record("HTTP 500"))
	domains := []meter.Domain{{Name: "gpu0", Kind: meter.KindCounter}, {Name: "package-0", Kind: meter.KindCounter, Range: 1000 * meter.Joule}}
	l.ObserveReadings(domains, []meter.Reading{
		{Domain: 0, Energy: 5 * meter.Joule, HasEnergy: true, Power: 300 * meter.Watt, HasPower: true, Status: meter.StatusOK},
		{Domain: 1, Energy: 999 * meter.Joule, HasEnergy: true, Status: meter.StatusOK},
		{Domain: 0, Energy: 8 * meter.Joule, HasEnergy: true, Power: 310 * meter.Watt, HasPower: true, Status: meter.StatusOK},
		{Domain: 1, Energy: 2 * meter.Joule, HasEnergy: true, Status: meter.StatusWrap},
	})
	text := scrape(t, l)
	for _, want := range []string{
		`cfu_run_info{cell="b8-c4-r1",engine="vllm",model="a-model"} 1`,
		`cfu_cells 4`, `cfu_cells_done 1`, `cfu_start_time_seconds 1.7e+09`,
		`cfu_requests_in_flight 1`,
		`cfu_requests_total{outcome="completed"} 1`, `cfu_requests_total{outcome="failed"} 1`,
		`cfu_prompt_tokens_total 200`, `cfu_output_tokens_total 22`, `cfu_cached_prompt_tokens_total 0`,
		`cfu_energy_joules_total{domain="gpu0",kind="counter"} 3`,
		`cfu_energy_joules_total{domain="package-0",kind="counter"} 3`,
		`cfu_power_watts{domain="gpu0",kind="counter"} 310`,
		`cfu_time_to_first_token_seconds_count 1`, `cfu_request_duration_seconds_sum 1.999`, `cfu_send_lateness_seconds_count 2`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("scrape lacks %q", want)
		}
	}
	if t.Failed() {
		t.Logf("got:\n%s", text)
	}
	s := l.Snapshot()
	if s.InFlight != 1 || s.Completed != 1 || s.Failed != 1 || s.Energy != 6*meter.Joule || s.Watts != 310 || s.Kind != meter.KindCounter {
		t.Errorf("snapshot = %+v, want 1 in flight, 1 completed, 1 failed, 6 J, 310 W, counter", s)
	}
}

func TestNamesFollowPrometheus(t *testing.T) {
	l := live.New()
	l.ObserveReadings([]meter.Domain{{Name: "d"}}, []meter.Reading{{HasEnergy: true}, {HasEnergy: true, Energy: 1, HasPower: true}})
	problems, err := promlint.New(strings.NewReader(scrape(t, l))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestModelledJoulesSaySo(t *testing.T) {
	l := live.New()
	domains := []meter.Domain{{Name: "gpu0", Kind: meter.KindCounter}, {Name: "process", Kind: meter.KindModel}}
	l.ObserveReadings(domains, []meter.Reading{{Domain: 0}, {Domain: 1}, {Domain: 0}})
	if got := l.Snapshot().Kind; got != meter.KindModel {
		t.Errorf("kind of a sum with a model in it = %q, want model", got)
	}
}

func TestResetAddsNothing(t *testing.T) {
	l := live.New()
	d := []meter.Domain{{Name: "gpu0"}}
	l.ObserveReadings(d, []meter.Reading{
		{Energy: 100, HasEnergy: true, Status: meter.StatusOK}, {Energy: 1, HasEnergy: true, Status: meter.StatusReset}, {Energy: 4, HasEnergy: true, Status: meter.StatusOK},
	})
	if got := l.Snapshot().Energy; got != 3 {
		t.Errorf("energy = %v, want the 3 µJ after the reset", int64(got))
	}
}

func TestManyAtOnce(t *testing.T) {
	l := live.New()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				l.SetInFlight(0)
				l.ObserveRequest(record(""))
				l.ObserveReadings([]meter.Domain{{Name: "d"}}, []meter.Reading{{HasPower: true, Power: meter.Watt}})
				l.Snapshot()
			}
		})
	}
	wg.Wait()
	if s := l.Snapshot(); s.Completed != 800 || s.InFlight != 0 {
		t.Errorf("snapshot = %+v, want 800 completed and none in flight", s)
	}
}
