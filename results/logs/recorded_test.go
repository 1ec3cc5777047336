package logs

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cfubench/meter"
)

// recorded returns a folder of real recordings of others, which stand beside
// the repository on some machines and are not shipped.
func recorded(t *testing.T, folder string) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "data", "recorded", folder)
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no recordings here:", err)
	}
	return dir
}

// series are the samples of each device.
type series map[string][]Sample

func readSeries(t *testing.T, path, format string, o Options) (*Power, series) {
	t.Helper()
	all := series{}
	var p *Power
	var samples []Sample
	p, err := ReadPower(path, format, o, func(s Sample) error {
		samples = append(samples, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range samples {
		if s.HasPower || s.HasEnergy {
			all[p.Devices[s.Device].Name] = append(all[p.Devices[s.Device].Name], s)
		}
	}
	return p, all
}

// at is the power at a time between two samples, held at the ends.
func at(s []Sample, ns int64) float64 {
	i, found := slices.BinarySearchFunc(s, ns, func(x Sample, ns int64) int { return int(x.UnixNS - ns) })
	switch {
	case found:
		return s[i].Power.Watts()
	case i == 0:
		return s[0].Power.Watts()
	case i == len(s):
		return s[i-1].Power.Watts()
	}
	a, b := s[i-1], s[i]
	return a.Power.Watts() + (b.Power.Watts()-a.Power.Watts())*float64(ns-a.UnixNS)/float64(b.UnixNS-a.UnixNS)
}

// joules is the integral by trapezoids.
func joules(s []Sample, w Window) float64 {
	sum, last, power := 0.0, w.Begin, at(s, w.Begin)
	for _, x := range s {
		if x.UnixNS <= w.Begin || x.UnixNS >= w.End {
			continue
		}
		sum += float64(x.UnixNS-last) / 1e9 * (power + x.Power.Watts()) / 2
		last, power = x.UnixNS, x.Power.Watts()
	}
	return sum + float64(w.End-last)/1e9*(power+at(s, w.End))/2
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance {
		t.Errorf("%s: got %.5g, want %.5g ± %.2g", what, got, want, tolerance)
	}
}

func clock(t *testing.T, text string) Clock {
	t.Helper()
	c, err := ParseClock(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func readRows(t *testing.T, path, format string, o Options) (*Requests, []Request) {
	t.Helper()
	var rows []Request
	q, err := ReadRequests(path, format, o, func(r Request) error {
		rows = append(rows, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return q, rows
}

// RTX 5090 pair: what the source published (claim.json) and its own method
// give from the raw files.
func TestRecordedRTX5090Pair(t *testing.T) {
	dir := recorded(t, "fytap_rtx5090_case_a")
	p, power := readSeries(t, filepath.Join(dir, "raw_nvml_50ms.csv"), "", Options{})
	if p.Format != "csv" || len(p.Devices) != 2 {
		t.Fatalf("got format %s with %d devices, want csv with 2", p.Format, len(p.Devices))
	}
	q, rows := readRows(t, filepath.Join(dir, "request_outcomes.csv"), "", Options{})
	if q.Grade != GradeTimes || len(rows) != 160 {
		t.Fatalf("got %d rows of grade %s, want 160 with times", len(rows), q.Grade)
	}
	type cell struct {
		label  string
		repeat int32
	}
	energy, output := map[cell]float64{}, map[cell]float64{}
	for _, r := range rows {
		c := cell{r.Label, r.Repeat}
		if _, done := energy[c]; !done {
			energy[c] = joules(power["gpu"+r.GPU], Window{r.CellBegin, r.CellEnd})
		}
		output[c] += float64(r.OutputTokens)
	}
	var reductions []float64
	total, tokens := map[string]float64{}, map[string]float64{}
	for block := int32(1); block <= 10; block++ {
		per := map[string]float64{}
		for _, label := range []string{"AWQ", "GPTQ"} {
			c := cell{label, block}
			per[label] = energy[c] / output[c]
			total[label] += energy[c]
			tokens[label] += output[c]
		}
		reductions = append(reductions, 100*(1-per["GPTQ"]/per["AWQ"]))
	}
	near(t, "AWQ J/request", total["AWQ"]/80, 261.138, 0.001)
	near(t, "AWQ J/output token", total["AWQ"]/tokens["AWQ"], 1.0201, 0.0001)
	near(t, "GPTQ J/request", total["GPTQ"]/80, 264.361, 0.001)
	near(t, "GPTQ J/output token", total["GPTQ"]/tokens["GPTQ"], 1.0327, 0.0001)
	mean, sum := 0.0, 0.0
	for _, x := range reductions {
		mean += x / 10
	}
	for _, x := range reductions {
		sum += (x - mean) * (x - mean)
	}
	near(t, "mean reduction", mean, -1.287, 0.001)
	const t9 = 1.833113 // one-sided 95 %, 9 degrees of freedom
	near(t, "one-sided lower bound", mean-t9*math.Sqrt(sum/9/10), -3.165, 0.001)
}

// A100 with Qwen3-8B: 439.9 J a request with the zone, a refusal without it.
func TestRecordedA100Turns(t *testing.T) {
	dir := recorded(t, "powertrace-sim_a100_qwen3-8b_smoke")
	path := filepath.Join(dir, "power.csv")
	_, err := ReadPower(path, "", Options{}, func(Sample) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "--clock local:ZONE") {
		t.Errorf("without a zone: got %v, want a refusal that names the flag", err)
	}
	p, power := readSeries(t, path, "", Options{Clock: clock(t, "local:America/Los_Angeles")})
	if p.Format != "nvidia-smi" || len(p.Devices) != 1 || !strings.HasPrefix(p.Devices[0].ID, "GPU-e2681f6e") {
		t.Fatalf("got %s with %+v, want one GPU by its UUID", p.Format, p.Devices)
	}
	q, rows := readRows(t, filepath.Join(dir, "requests.json"), "", Options{})
	if q.Grade != GradeTimes || len(rows) != 4 {
		t.Fatalf("got %d rows of grade %s, want 4 with times", len(rows), q.Grade)
	}
	s := power[p.Devices[0].Name]
	near(t, "J/request", joules(s, q.Span)/4, 439.9, 0.1)
	for i, want := range []float64{231, 170, 1064, 237} {
		near(t, "the turn's own integral", joules(s, Window{rows[i].Sent, rows[i].Last}), want, 1)
	}
	if rows[1].CachedTokens != 3968 {
		t.Errorf("got %d cached tokens, want 3968", rows[1].CachedTokens)
	}

	// The log begins 52 ms after the first request and ends 27 ms before the last
	// token: said, and allowed only on request.
	x := NewInspector(q.Span)
	for _, sample := range s {
		x.Take(sample)
	}
	refusals := Needs{Window: q.Span}.Refuse(p, x.Result(p))
	if len(refusals) != 1 || !strings.Contains(refusals[0].Error(), "begin 0.052 s after the first was sent and end 0.027 s before the last ended") {
		t.Errorf("got %v, want the two ends", refusals)
	}
	if refusals := (Needs{Window: q.Span, EdgeSlack: 60e6}).Refuse(p, x.Result(p)); refusals != nil {
		t.Errorf("with 60 ms of slack: got %v, want none", refusals)
	}
	if got := x.Result(p)[0]; got.Interval < 245e6 || got.Interval > 255e6 || got.Gaps != 0 {
		t.Errorf("got an interval of %v and %d gaps, want 250 ms and none", got.Interval, got.Gaps)
	}
}

// A100, 125 generate() calls: the counter's differences beside the integral of
// nvidia-smi's gauge, whose file was cut by the kill.
func TestRecordedA100CounterAndGauge(t *testing.T) {
	dir := recorded(t, "energy-inference_a100")
	p, power := readSeries(t, filepath.Join(dir, "llama2-7b_nvidia-smi.csv"), "", Options{Clock: clock(t, "local:America/Chicago")})
	if !p.Cut {
		t.Error("got a whole file, want it cut")
	}
	s := power["gpu0"]
	var o Options
	o.Columns = Columns{}
	for _, c := range []string{"start=Timestamp:s", "latency=Runtime (s):s", "prompt_tokens=Number of Input Tokens", "label=Phase", "error=GPU Energy (mJ)"} {
		if err := o.Columns.Set(c); err != nil {
			t.Fatal(err)
		}
	}
	// The counter's difference is no column that a request log has: it comes in
	// through the error text, for this check alone.
	_, rows := readRows(t, filepath.Join(dir, "llama2-7b_phases.csv"), "", o)
	counter, gauge, n := 0.0, 0.0, 0
	for _, r := range rows {
		w := Window{r.Sent, r.Done}
		if w.Begin < s[0].UnixNS || w.End > s[len(s)-1].UnixNS || !strings.Contains(r.Label, "inference") {
			continue
		}
		mj, ok := decimal([]byte(r.Error), 0)
		if !ok {
			t.Fatalf("no counter in %q", r.Error)
		}
		counter += float64(mj) / 1e3
		gauge += joules(s, w)
		n++
	}
	near(t, "gauge over counter, per cent", 100*(gauge/counter-1), 0.09, 0.05)
	if n < 50 {
		t.Errorf("got %d phases inside the log, want over 50", n)
	}
}

// 8 × H200 at the wall, MLPerf v4.1 Llama 2 70B server.
func TestRecordedMLPerfWall(t *testing.T) {
	dir := recorded(t, "mlperf_v4.1_h200x8_llama2-70b_server")
	if _, err := ReadPower(filepath.Join(dir, "spl.txt"), "", Options{}, func(Sample) error { return nil }); err == nil {
		t.Error("without a zone: got no refusal")
	}
	o := Options{Clock: clock(t, "local:UTC")}
	p, power := readSeries(t, filepath.Join(dir, "spl.txt"), "", o)
	if p.Devices[0].Scope != meter.ScopeNode {
		t.Errorf("got scope %s, want node", p.Devices[0].Scope)
	}
	q, _ := readRows(t, filepath.Join(dir, "mlperf_log_detail.excerpt.txt"), "", o)
	s := q.Stated[0]
	e := joules(power["wall"], s.Window)
	near(t, "mean W", e/s.Seconds, 6280, 1)
	near(t, "J/query", e/s.Requests, 79.1, 0.05)
	near(t, "J/token", e/s.OutputTokens, 0.272, 0.0005)
}

// ML.ENERGY's J/request is J/token times the mean output in every row.
func TestRecordedMLEnergyLeaderboard(t *testing.T) {
	dir := recorded(t, "mlenergy_leaderboard")
	n := 0
	for _, name := range []string{"lm-arena-chat.json", "meta-llama__Llama-3.1-8B-Instruct__lm-arena-chat.json", "openai__gpt-oss-20b__gpqa.json"} {
		q, _ := readRows(t, filepath.Join(dir, name), "", Options{})
		for _, s := range q.Stated {
			n++
			// A single model's file has no J/request of its own in some versions.
			if s.JoulesPerRequest == 0 {
				continue
			}
			if r := s.JoulesPerRequest / (s.JoulesPerOutputToken * s.OutputTokens); math.Abs(r-1) > 1e-3 {
				t.Errorf("%s: J/request over J/token × output is %.5f, want 1", s.Label, r)
			}
		}
	}
	if n < 100 {
		t.Errorf("got %d configurations, want over 100", n)
	}
}

// Each odd file: right, or refused with the reason.
func TestRecordedOddFormats(t *testing.T) {
	dir := recorded(t, "formats")
	columns := func(texts ...string) Columns {
		c := Columns{}
		for _, text := range texts {
			if err := c.Set(text); err != nil {
				t.Fatal(err)
			}
		}
		return c
	}
	local := clock(t, "local:UTC")
	for _, tt := range []struct {
		file    string
		o       Options
		devices int
		samples int // with a value
		refusal string
	}{
		{"4179e1_dcgm_power_instant.csv", Options{}, 8, 310, ""},
		{"4179e1_nvidia-smi_dmon.csv", Options{}, 8, 57, ""},
		{"ahmadexp_rtx4090_clamp_meditron.csv", Options{}, 0, 0, "no names of columns, no time that can be told and no unit"},
		{"alejandroldz_codecarbon_emissions.csv", Options{}, 0, 0, "no series of readings"},
		{"cisco_bmc_two_nodes.csv", Options{}, 0, 0, "say which are which, in what unit, with --column"},
		{"cisco_bmc_two_nodes.csv", Options{Columns: columns("time=timestamp", "power=n1_watts:W,n2_watts:W")}, 0, 0, "--clock local:ZONE"},
		{"cisco_bmc_two_nodes.csv", Options{Clock: local, Columns: columns("time=timestamp", "power=n1_watts:W,n2_watts:W")}, 2, 0, ""},
		{"grantwilkins_m1_powermetrics_no_header_no_time.csv", Options{}, 0, 0, "no time that can be told"},
		{"inferencex_mi355x_amd-smi.excerpt.csv", Options{}, 8, 11, ""},
		{"seongjunpark17_wide_per_gpu_epoch.csv", Options{}, 0, 0, "say which are which, in what unit"},
		{"seongjunpark17_wide_per_gpu_epoch.csv", Options{Columns: columns("time=timestamp", "power=GPU0:W,GPU1:W")}, 2, 246, ""},
		{"wuooo339_rtx4080_gpu_data.json", Options{}, 0, 0, "say which are which, in what unit"},
		{"wuooo339_rtx4080_gpu_data.json", Options{Columns: columns("time=timestamp", "gpu=gpu_index", "power=power_draw:W")}, 1, 1469, ""},
	} {
		samples := 0
		p, err := ReadPower(filepath.Join(dir, tt.file), "", tt.o, func(s Sample) error {
			if s.HasPower || s.HasEnergy {
				samples++
			}
			return nil
		})
		if tt.refusal != "" {
			if err == nil || !strings.Contains(err.Error(), tt.refusal) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: got %v, want a refusal with %q", tt.file, err, tt.refusal)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.file, err)
			continue
		}
		if len(p.Devices) != tt.devices || tt.samples > 0 && samples != tt.samples {
			t.Errorf("%s: got %d devices and %d samples, want %d and %d", tt.file, len(p.Devices), samples, tt.devices, tt.samples)
		}
	}
}
