package logs

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Metered is a row to write in another tool's format: a request and its joules,
// NaN where there are none.
type Metered struct {
	Request
	Joules float64
}

// Result is what a file of results says of the whole run.
type Result struct {
	Model, Engine string
	Begin, End    int64 // Unix ns of the window
	// Joules are those of the window, and Kind how they are known: "counter", "power",
	// "model", or several joined by "+".
	Joules float64
	Kind   string
	// Convention is by what the energy was divided among the requests.
	Convention string
	// Statistics are further members of vLLM's result by their names there:
	// "mean_ttft_ms", "p99_itl_ms".
	Statistics map[string]float64
}

// WriteAIPerf writes the rows as AIPerf's profile_export.jsonl has them, with
// the energy as a metric of its own.
func WriteAIPerf(w io.Writer, res Result, rows iter.Seq2[Metered, error]) error {
	type metric struct {
		Value float64 `json:"value"`
		Unit  string  `json:"unit"`
	}
	type metadata struct {
		Phase        string `json:"benchmark_phase"`
		Conversation string `json:"conversation_id"`
		Start        *int64 `json:"request_start_ns"`
		End          *int64 `json:"request_end_ns"`
		Cancelled    bool   `json:"was_cancelled"`
		EnergyKind   string `json:"energy_kind,omitempty"`
	}
	type failure struct {
		Message string `json:"message"`
	}
	out := bufio.NewWriter(w)
	for r, err := range rows {
		if err != nil {
			return err
		}
		line := struct {
			Metadata metadata          `json:"metadata"`
			Metrics  map[string]metric `json:"metrics"`
			Error    *failure          `json:"error"`
		}{Metadata: metadata{Phase: "profiling", Conversation: r.Conversation, EnergyKind: res.Kind}, Metrics: map[string]metric{}}
		if r.Sent != Absent {
			line.Metadata.Start = &r.Sent
		}
		if r.Done != Absent {
			line.Metadata.End = &r.Done
		}
		for name, n := range map[string]int32{"input_sequence_length": r.PromptTokens, "output_sequence_length": r.OutputTokens, "reasoning_token_count": r.ReasoningTokens} {
			if n != Unknown {
				line.Metrics[name] = metric{float64(n), "tokens"}
			}
		}
		for name, ns := range map[string]int64{"time_to_first_token": r.TTFT, "request_latency": r.Latency} {
			if ns != Absent {
				line.Metrics[name] = metric{float64(ns) / 1e6, "ms"}
			}
		}
		if !math.IsNaN(r.Joules) {
			line.Metrics["request_energy_"+res.Convention] = metric{r.Joules, "J"}
		}
		if r.Error != "" {
			line.Error = &failure{r.Error}
		}
		text, err := json.Marshal(line, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
		if err != nil {
			return err
		}
		if _, err := out.Write(append(text, '\n')); err != nil {
			return err
		}
	}
	return out.Flush()
}

// WriteVLLM writes the rows as vLLM's `bench serve --save-result
// --save-detailed` has them: lists, one entry a request. Start times are Unix
// seconds under request_timestamps, answers are empty. Rows are gone through
// once for each list, so that none is held.
func WriteVLLM(w io.Writer, res Result, rows func() iter.Seq2[Metered, error]) error {
	var completed, failed int
	var prompt, output int64
	for r, err := range rows() {
		if err != nil {
			return err
		}
		if r.Error != "" {
			failed++
			continue
		}
		completed++
		prompt, output = prompt+int64(max(0, r.PromptTokens)), output+int64(max(0, r.OutputTokens))
	}
	seconds := float64(res.End-res.Begin) / 1e9
	b := bufio.NewWriter(w)
	e := jsontext.NewEncoder(b, jsontext.AllowInvalidUTF8(true))
	member := func(name string, value any) error {
		if err := e.WriteToken(jsontext.String(name)); err != nil {
			return err
		}
		return json.MarshalEncode(e, value, json.Deterministic(true))
	}
	if err := e.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, m := range []struct {
		name  string
		value any
	}{
		{"date", time.Unix(0, res.End).UTC().Format("20060102-150405")}, {"endpoint_type", "openai-chat"}, {"backend", res.Engine}, {"model_id", res.Model},
		{"num_prompts", completed + failed}, {"duration", seconds}, {"completed", completed}, {"failed", failed},
		{"total_input_tokens", prompt}, {"total_output_tokens", output},
		{"request_throughput", float64(completed) / seconds}, {"output_throughput", float64(output) / seconds}, {"total_token_throughput", float64(prompt+output) / seconds},
		{"energy_kind", res.Kind}, {"energy_convention", res.Convention}, {"total_energy_joules", res.Joules},
	} {
		if err := member(m.name, m.value); err != nil {
			return err
		}
	}
	if completed > 0 {
		if err := member("energy_per_request_joules", res.Joules/float64(completed)); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(res.Statistics)) {
		if v := res.Statistics[name]; !math.IsNaN(v) {
			if err := member(name, v); err != nil {
				return err
			}
		}
	}
	for _, list := range []struct {
		name  string
		value func(r Metered) any
	}{
		{"input_lens", func(r Metered) any { return max(0, r.PromptTokens) }},
		{"output_lens", func(r Metered) any { return max(0, r.OutputTokens) }},
		{"ttfts", func(r Metered) any { return orZero(r.TTFT) }},
		{"itls", func(r Metered) any { return r.gaps() }},
		{"latencies", func(r Metered) any { return orZero(r.Latency) }},
		{"request_timestamps", func(r Metered) any { return jsontext.Value(fmt.Sprintf("%d.%09d", r.Sent/1e9, r.Sent%1e9)) }},
		{"energy_joules", func(r Metered) any {
			if math.IsNaN(r.Joules) {
				return nil
			}
			return r.Joules
		}},
		{"errors", func(r Metered) any { return r.Error }},
		{"generated_texts", func(Metered) any { return "" }},
	} {
		if err := e.WriteToken(jsontext.String(list.name)); err != nil {
			return err
		}
		if err := e.WriteToken(jsontext.BeginArray); err != nil {
			return err
		}
		for r, err := range rows() {
			if err != nil {
				return err
			}
			if r.Sent == Absent {
				r.Sent = 0 // as a request that was never sent
			}
			if err := json.MarshalEncode(e, list.value(r)); err != nil {
				return err
			}
		}
		if err := e.WriteToken(jsontext.EndArray); err != nil {
			return err
		}
	}
	if err := e.WriteToken(jsontext.EndObject); err != nil {
		return err
	}
	return b.Flush()
}

// orZero is a duration in seconds, 0 where vLLM keeps 0 for a failed request.
func orZero(ns int64) float64 {
	if ns == Absent {
		return 0
	}
	return float64(ns) / 1e9
}

// gaps are the times between the events that carried tokens, in seconds.
func (row *Request) gaps() []float64 {
	all := []float64{}
	for i := 1; i < len(row.TokenAt); i++ {
		all = append(all, float64(row.TokenAt[i]-row.TokenAt[i-1])/1e9)
	}
	return all
}
