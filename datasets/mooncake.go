package datasets

import (
	"fmt"
	"io"
	"iter"
	"time"
)

// mooncakeLine is a line of the Mooncake traces
// (github.com/kvcache-ai/Mooncake, FAST25-release/traces): milliseconds since
// the trace began, lengths in tokens, and an id for each 512-token block of the
// prompt; equal ids from the start are a shared prefix.
type mooncakeLine struct {
	Timestamp    *float64 `json:"timestamp"`
	InputLength  *int     `json:"input_length"`
	OutputLength *int     `json:"output_length"`
	HashIDs      []uint64 `json:"hash_ids"`
}

// mooncakeBlock is the tokens that a hash id stands for.
const mooncakeBlock = 512

func mooncake(r io.Reader, t *Trace, o Options, times *arrivals) iter.Seq2[[]candidate, error] {
	return func(yield func([]candidate, error) bool) {
		origin, index := 0.0, 0
		for line, res := range objects[mooncakeLine](r) {
			err := res.err
			m := res.value
			if err == nil {
				err = m.check(line)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if index == 0 {
				origin = *m.Timestamp
			}
			at := time.Duration((*m.Timestamp - origin) * float64(time.Millisecond))
			c, reason := timedRow(index, *m.InputLength, *m.OutputLength, times.at(at), o.Seed)
			if len(m.HashIDs) > 0 {
				c.text = func() string { return m.prompt(o.Seed, c.Index) }
			}
			index++
			if reason != "" {
				t.Dropped[reason]++
				continue
			}
			if !yield([]candidate{c}, nil) {
				return
			}
		}
	}
}

// check reports members that are missing or out of range.
func (m mooncakeLine) check(line int) error {
	problem := ""
	switch {
	case m.Timestamp == nil:
		problem = "timestamp is missing"
	case m.InputLength == nil:
		problem = "input_length is missing"
	case m.OutputLength == nil:
		problem = "output_length is missing"
	case !(*m.Timestamp >= 0 && *m.Timestamp < 1e15):
		problem = fmt.Sprintf("timestamp %v is not a number of milliseconds", *m.Timestamp)
	case *m.InputLength < 0 || *m.InputLength > maxCount:
		problem = fmt.Sprintf("input_length %d is not a number of tokens", *m.InputLength)
	case *m.OutputLength < 0 || *m.OutputLength > maxCount:
		problem = fmt.Sprintf("output_length %d is not a number of tokens", *m.OutputLength)
	default:
		return nil
	}
	return &lineError{line, fmt.Errorf("%s: a Mooncake trace has timestamp (ms), input_length and output_length", problem)}
}

// prompt builds the text block by block: the same id gives the same 512 words.
// What the ids do not cover is the row's own text.
func (m mooncakeLine) prompt(seed int64, index int) string {
	left := *m.InputLength
	var text []byte
	for _, id := range m.HashIDs {
		n := min(left, mooncakeBlock)
		text = appendWords(text, n, blockStream, id)
		left -= n
	}
	return string(appendWords(text, left, promptStream+uint64(seed), uint64(index)))
}
