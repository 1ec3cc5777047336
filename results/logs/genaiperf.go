package logs

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// detectGenAIPerf knows genai-perf's (perf_analyzer's) profile_export.json:
// experiments of requests with response_timestamps.
func detectGenAIPerf(head []byte) bool {
	return detectJSON(head) && bytes.Contains(head, []byte(`"experiments"`)) && bytes.Contains(head, []byte(`"response_timestamps"`))
}

// readGenAIPerf reads send and response times in ns. The file has no token
// counts: those of the responses are chunks.
func readGenAIPerf(f file, q *Requests, o Options, sink func(Request) error) error {
	position, experiment := int64(0), 0
	q.warn("the file has no counts of tokens: joules per request are by time alone (residency, equal)")
	err := newWalk(f).run(func(path []string) step {
		if is(path, "experiments", "*") {
			experiment++
		}
		switch {
		case is(path, "experiments", "*", "requests", "*") && o.Run != 0 && o.Run != experiment:
			return skip
		case is(path, "experiments", "*", "requests", "*"):
			return take
		case toward(path, "experiments", "*", "requests", "*"):
			return into
		}
		return skip
	}, func(_ []string, v jsontext.Value) error {
		var r struct {
			Timestamp int64   `json:"timestamp"`
			Responses []int64 `json:"response_timestamps"`
			Success   *bool   `json:"success"`
		}
		if err := json.Unmarshal(v, &r, lenient()); err != nil {
			return err
		}
		if o.Run == 0 && experiment > 1 {
			return errors.New("the file holds several experiments: pick one with --run N")
		}
		row := newRequest(position)
		position++
		if q.Basis == "" {
			q.Basis = basisOf(r.Timestamp)
			if err := o.Clock.check(q.Basis); err != nil {
				return err
			}
		}
		row.Sent = o.Clock.place(q.Basis, r.Timestamp)
		for _, at := range r.Responses {
			row.TokenAt = append(row.TokenAt, o.Clock.place(q.Basis, at))
		}
		if n := len(row.TokenAt); n > 0 {
			row.First, row.Last, row.Done = row.TokenAt[0], row.TokenAt[n-1], row.TokenAt[n-1]
			row.TTFT, row.Latency = row.First-row.Sent, row.Done-row.Sent
		}
		if r.Success != nil && !*r.Success || len(r.Responses) == 0 {
			row.Error = "failed in the source"
		}
		return sink(row)
	})
	if q.Runs = experiment; err == nil && o.Run > experiment {
		return fmt.Errorf("--run %d: the file holds %d experiments", o.Run, experiment)
	}
	return err
}
