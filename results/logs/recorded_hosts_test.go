package logs

import (
	"path/filepath"
	"strings"
	"testing"
)

// 8 × MI300X of which one serves: the others idle, with a look or two at 20 % more,
// and are not to be in the sum unsaid.
func TestRecordedIdleMI300X(t *testing.T) {
	dir := recorded(t, "mi300x_vllm_cmontemuino")
	path := filepath.Join(dir, "gpu_power_Llama-3.1-8B_latency_bs8_in128_out128_float16_mem0.9_20250807_191332.csv")
	// The batches ran within these seconds.
	w := Window{1754586920e9, 1754588300e9}
	x := NewInspector(w)
	p, err := ReadPower(path, "", Options{}, func(s Sample) error {
		x.Take(s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if p.Format != "rocm-smi" || len(p.Devices) != 8 {
		t.Fatalf("got %s with %d devices, want rocm-smi with 8", p.Format, len(p.Devices))
	}
	refusals := Needs{Window: w}.Refuse(p, x.Result(p))
	if len(refusals) != 1 || !strings.Contains(refusals[0].Error(), "does not follow the load") {
		t.Errorf("got %v, want the idle cards refused", refusals)
	}
	if refusals := (Needs{Window: w, GPUs: []string{"card0"}}).Refuse(p, x.Result(p)); refusals != nil {
		t.Errorf("by name: got %v, want none", refusals)
	}
}

// 3 × A100 without a column that tells them apart: refused, and three by their
// order in a tick.
func TestRecordedGPUsWithoutIndex(t *testing.T) {
	path := filepath.Join(recorded(t, "energy-inference_multigpu"), "mixtral-8x7b_3or4xA100_no_index.head400.csv")
	o := Options{Clock: clock(t, "local:America/Chicago")}
	if _, err := ReadPower(path, "", o, func(Sample) error { return nil }); err == nil || !strings.Contains(err.Error(), "--gpus-per-tick") {
		t.Errorf("got %v, want a refusal that names the flag", err)
	}
	o.RowsPerTick = 3
	p, power := readSeries(t, path, "", o)
	if len(p.Devices) != 3 {
		t.Fatalf("got %d devices, want 3", len(p.Devices))
	}
	for i, want := range []float64{50.43, 52.45, 52.06} {
		name := p.Devices[i].Name
		if n := len(power[name]); n != 133 {
			t.Errorf("%s: got %d readings, want 133", name, n)
		}
		near(t, name, power[name][0].Power.Watts(), want, 0.001)
	}
}

// An RTX 4080's requests stand in a file with other objects: they alone are
// requests, and their energy is the integral, not the sum times the interval that
// was asked for.
func TestRecordedRequestsAmongOtherObjects(t *testing.T) {
	dir := recorded(t, "formats")
	o := Options{Columns: Columns{}}
	for _, c := range []string{"end=last_token_time", "latency=total_time:s", "ttft=ttft:s", "output_tokens=token_count"} {
		if err := o.Columns.Set(c); err != nil {
			t.Fatal(err)
		}
	}
	q, rows := readRows(t, filepath.Join(dir, "wuooo339_unified_results.json"), "", o)
	if len(rows) != 4 || q.Grade != GradeTimes {
		t.Fatalf("got %d rows of grade %s, want 4 with times", len(rows), q.Grade)
	}
	o.Columns = Columns{}
	for _, c := range []string{"time=timestamp", "gpu=gpu_index", "power=power_draw:W"} {
		if err := o.Columns.Set(c); err != nil {
			t.Fatal(err)
		}
	}
	p, power := readSeries(t, filepath.Join(dir, "wuooo339_rtx4080_gpu_data.json"), "", o)
	near(t, "J/request", joules(power[p.Devices[0].Name], q.Span)/4, 12_935, 12)
}
