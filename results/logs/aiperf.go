package logs

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// detectAIPerf knows AIPerf's profile_export.jsonl: metadata and metrics of a
// request a line.
func detectAIPerf(head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte{'\n'})
	return bytes.Contains(line, []byte(`"metadata"`)) && bytes.Contains(line, []byte(`"metrics"`)) && bytes.Contains(line, []byte(`"request_start_ns"`))
}

type aiperfLine struct {
	Metadata struct {
		Phase        string `json:"benchmark_phase"`
		Conversation string `json:"conversation_id"`
		Turn         int32  `json:"turn_index"`
		Start        *int64 `json:"request_start_ns"`
		End          *int64 `json:"request_end_ns"`
		Cancelled    bool   `json:"was_cancelled"`
	} `json:"metadata"`
	Metrics struct {
		Prompt    aiperfMetric `json:"input_sequence_length"`
		Output    aiperfMetric `json:"output_sequence_length"`
		Reasoning aiperfMetric `json:"reasoning_token_count"`
		TTFT      aiperfMetric `json:"time_to_first_token"`
		Latency   aiperfMetric `json:"request_latency"`
	} `json:"metrics"`
	Error jsontext.Value `json:"error"`
}

// aiperfMetric is a value with its unit.
type aiperfMetric struct {
	Value jsontext.Value `json:"value"`
	Unit  string         `json:"unit"`
}

// ns reads a duration in the unit that the metric states.
func (m aiperfMetric) ns() int64 {
	u, ok := timeUnits[map[string]string{"ms": "ms", "milliseconds": "ms", "s": "s", "sec": "s", "seconds": "s", "us": "us", "ns": "ns", "nanoseconds": "ns"}[m.Unit]]
	if !ok || m.Value.Kind() != '0' {
		return Absent
	}
	if n, ok := u.parse(m.Value); ok {
		return n
	}
	return Absent
}

func (m aiperfMetric) tokens() int32 {
	var f float64
	if m.Value.Kind() != '0' || json.Unmarshal(m.Value, &f) != nil {
		return Unknown
	}
	return count(f)
}

// readAIPerf reads a request a line. Warm-up requests are left out; cancelled
// ones are rows with a reason.
func readAIPerf(f file, q *Requests, o Options, sink func(Request) error) error {
	q.Basis = BasisEpoch
	warmup := 0
	position := int64(0)
	err := eachLine(f, func(_ int, raw []byte, cut bool) error {
		var l aiperfLine
		if err := json.Unmarshal(raw, &l, lenient()); err != nil {
			if cut {
				q.Cut = true
				return nil
			}
			return fmt.Errorf("it is no line of AIPerf's export: %w", err)
		}
		if l.Metadata.Phase == "warmup" {
			warmup++
			return nil
		}
		row := newRequest(position)
		position++
		row.Conversation = l.Metadata.Conversation
		if l.Metadata.Start != nil {
			row.Sent = o.Clock.place(BasisEpoch, *l.Metadata.Start)
		}
		row.PromptTokens, row.OutputTokens, row.ReasoningTokens = l.Metrics.Prompt.tokens(), l.Metrics.Output.tokens(), l.Metrics.Reasoning.tokens()
		row.TTFT, row.Latency = l.Metrics.TTFT.ns(), l.Metrics.Latency.ns()
		switch {
		case l.Error.Kind() == '{' || l.Error.Kind() == '"':
			row.Error = clip(aiperfError(l.Error))
		case l.Metadata.Cancelled:
			row.Error = "cancelled"
		}
		row.First, row.Last = plus(row.Sent, row.TTFT), plus(row.Sent, row.Latency)
		if row.Done = row.Last; l.Metadata.End != nil {
			row.Done = max(row.Done, o.Clock.place(BasisEpoch, *l.Metadata.End))
		}
		return sink(row)
	})
	if warmup > 0 {
		q.warn("%d warm-up requests were left out", warmup)
	}
	return err
}

// aiperfError is the message of an error, without what else it carries.
func aiperfError(v jsontext.Value) string {
	var e struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	}
	if json.Unmarshal(v, &e, lenient()) == nil && e.Type+e.Message != "" {
		return e.Type + ": " + e.Message
	}
	return "failed in the source"
}
