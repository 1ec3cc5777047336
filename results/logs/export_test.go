package logs

import (
	"bytes"
	"iter"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is written in another tool's format is read back as it was.
func TestExportsAreReadBack(t *testing.T) {
	_, rows := readRows(t, scratch(t, requestFiles()["vllm with Unix timestamps"]), "", Options{})
	rows[3].Error, rows[3].First, rows[3].TTFT, rows[3].TokenAt, rows[3].TokenCount, rows[3].OutputTokens = "broken", Absent, Absent, nil, nil, 0
	rows[3].Last = Absent
	seq := func() iter.Seq2[Metered, error] {
		return func(yield func(Metered, error) bool) {
			for i, r := range rows {
				m := Metered{Request: r, Joules: 12.5 * float64(i+1)}
				if r.Error != "" {
					m.Joules = math.NaN()
				}
				if !yield(m, nil) {
					return
				}
			}
		}
	}
	res := Result{Model: "m", Engine: "vllm", Begin: rows[0].Sent, End: rows[3].Done, Convention: "token", Joules: 80, Kind: "model", Statistics: map[string]float64{"mean_ttft_ms": 100, "p99_itl_ms": math.NaN()}}
	var vllm, aiperf bytes.Buffer
	if err := WriteVLLM(&vllm, res, seq); err != nil {
		t.Fatal(err)
	}
	if err := WriteAIPerf(&aiperf, res, seq()); err != nil {
		t.Fatal(err)
	}
	for format, text := range map[string]string{"vllm": vllm.String(), "aiperf": aiperf.String()} {
		q, got := readRows(t, scratch(t, text), "", Options{})
		if q.Format != format || len(got) != 4 {
			t.Fatalf("%s: got %d rows of format %s", format, len(got), q.Format)
		}
		for i := range got {
			want := rows[i]
			if format == "aiperf" {
				want.TokenAt, want.TokenCount = nil, nil
				want.Error = strings.Replace(want.Error, "broken", ": broken", 1)
				want.Last = got[i].Last // its request_latency has no other end
			}
			if diff := cmp.Diff(want, got[i]); diff != "" {
				t.Errorf("%s: row %d: (-want +got)\n%s", format, i, diff)
			}
		}
	}
	for _, want := range []string{`"total_energy_joules":80`, `"energy_kind":"model"`, `"energy_joules":[12.5,25,37.5,null]`, `"mean_ttft_ms":100`, `"failed":1`} {
		if !strings.Contains(vllm.String(), want) {
			t.Errorf("vLLM's form lacks %s", want)
		}
	}
	if want := `"request_energy_token":{"value":12.5,"unit":"J"}`; !strings.Contains(aiperf.String(), want) {
		t.Errorf("AIPerf's form lacks %s", want)
	}
}
