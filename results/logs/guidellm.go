package logs

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// detectGuideLLM knows GuideLLM's benchmarks.json
// (github.com/vllm-project/guidellm).
func detectGuideLLM(head []byte) bool {
	return detectJSON(head) && bytes.Contains(head, []byte(`"benchmarks"`)) &&
		(bytes.Contains(head, []byte(`guidellm`)) || bytes.Contains(head, []byte(`"successful"`)) || bytes.Contains(head, []byte(`"request_start"`)))
}

type guideRow struct {
	ID   string `json:"request_id"`
	Info struct {
		Timings struct {
			Start *float64 `json:"request_start"`
			First *float64 `json:"first_token_iteration"`
			Last  *float64 `json:"last_token_iteration"`
			End   *float64 `json:"request_end"`
		} `json:"timings"`
		Error string `json:"error"`
	} `json:"info"`
	Input  guideTokens `json:"input_metrics"`
	Output guideTokens `json:"output_metrics"`
	// Before 0.4 the same stood in the request itself.
	Start        *float64 `json:"start_time"`
	First        *float64 `json:"first_token_time"`
	Last         *float64 `json:"last_token_time"`
	End          *float64 `json:"end_time"`
	PromptTokens *float64 `json:"prompt_tokens"`
	OutputTokens *float64 `json:"output_tokens"`
}

type guideTokens struct {
	Text  *float64 `json:"text_tokens"`
	Total *float64 `json:"total_tokens"`
}

// readGuideLLM reads the requests of one benchmark: Unix seconds.
func readGuideLLM(f file, q *Requests, o Options, sink func(Request) error) error {
	position, benchmark := int64(0), 0
	q.Basis = BasisEpoch
	w := newWalk(f)
	err := w.run(func(path []string) step {
		if is(path, "benchmarks", "*") {
			benchmark++
		}
		switch {
		case is(path, "benchmarks", "*", "requests", "*", "*"):
			if o.Run != 0 && o.Run != benchmark {
				return skip
			}
			return take
		case toward(path, "benchmarks", "*", "requests", "*", "*"):
			return into
		}
		return skip
	}, func(path []string, v jsontext.Value) error {
		if o.Run == 0 && benchmark > 1 {
			return fmt.Errorf("the file holds several benchmarks: pick one with --run N")
		}
		var g guideRow
		if err := json.Unmarshal(v, &g, lenient()); err != nil {
			return err
		}
		row := newRequest(position)
		position++
		t := g.Info.Timings
		for _, pick := range []struct {
			to   *int64
			from []*float64
		}{{&row.Sent, []*float64{t.Start, g.Start}}, {&row.First, []*float64{t.First, g.First}}, {&row.Last, []*float64{t.Last, g.Last}}, {&row.Done, []*float64{t.End, g.End}}} {
			for _, f := range pick.from {
				if f != nil && *pick.to == Absent && basisOf(seconds(*f)) == BasisEpoch {
					*pick.to = o.Clock.place(BasisEpoch, seconds(*f))
				}
			}
		}
		for _, pick := range []struct {
			to   *int32
			from []*float64
		}{{&row.PromptTokens, []*float64{g.Input.Total, g.Input.Text, g.PromptTokens}}, {&row.OutputTokens, []*float64{g.Output.Total, g.Output.Text, g.OutputTokens}}} {
			for _, f := range pick.from {
				if f != nil && *pick.to == Unknown {
					*pick.to = count(*f)
				}
			}
		}
		if row.First != Absent && row.Sent != Absent {
			row.TTFT = row.First - row.Sent
		}
		if row.Done != Absent && row.Sent != Absent {
			row.Latency = row.Done - row.Sent
		}
		if path[3] != "successful" {
			row.Error = clip(first(g.Info.Error, path[3]))
		}
		return sink(row)
	})
	if q.Runs = benchmark; err == nil && o.Run > benchmark {
		return fmt.Errorf("--run %d: the file holds %d benchmarks", o.Run, benchmark)
	}
	return err
}
