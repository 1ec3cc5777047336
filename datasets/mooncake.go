package datasets

import (
	"fmt"
	"io"
	"iter"
	"math"
	"strings"
	"time"
)

// mooncakeLine is a line of the Mooncake traces
// (github.com/kvcache-ai/Mooncake, FAST25-release/traces): milliseconds since
// the trace began, lengths in tokens, and an id for each 512-token block of the
// prompt; equal ids from the start are a shared prefix. Others write lines of
// the same form with blocks and units of their own.
type mooncakeLine struct {
	Timestamp    *float64 `json:"timestamp"`
	InputLength  *int     `json:"input_length"`
	OutputLength *int     `json:"output_length"`
	HashIDs      []uint64 `json:"hash_ids"`
	// ChatID is on each line of Alibaba's traces.
	ChatID *identity `json:"chat_id"`
	// TextInput is a prompt's own text, which some tools write beside the ids.
	TextInput string `json:"text_input"`
}

// traceMake is who made a trace of this form: the tokens that a hash id stands
// for, and the unit of its times.
type traceMake struct {
	name  string
	block int
	unit  time.Duration
}

var (
	mooncakeMake = traceMake{"Mooncake", 512, time.Millisecond}
	// github.com/alibaba-edu/qwen-bailian-usagetraces-anon: blocks of 16,
	// seconds.
	bailianMake = traceMake{"Alibaba", 16, time.Second}
)

// makeOf tells the make of a trace by its first line and what the user says of it.
func makeOf(first mooncakeLine, o Options) traceMake {
	m := mooncakeMake
	if first.ChatID != nil {
		m = bailianMake
	}
	if o.HashBlock > 0 {
		m.block = o.HashBlock
	}
	if o.TimeUnit > 0 {
		m.unit = o.TimeUnit
	}
	return m
}

func mooncake(r io.Reader, t *Trace, o Options, times *arrivals) iter.Seq2[[]candidate, error] {
	return func(yield func([]candidate, error) bool) {
		var origin float64
		var made traceMake
		index := 0
		for line, res := range objects[mooncakeLine](r) {
			err := res.err
			m := res.value
			if index == 0 {
				made = makeOf(m, o)
			}
			if err == nil {
				err = m.check(line, made, o)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if index == 0 {
				origin = *m.Timestamp
				if made.name != mooncakeMake.name {
					t.warnf("the lines have a chat_id as %s's traces have: a hash id stands for %d tokens and times are in units of %v",
						made.name, made.block, made.unit)
				}
			}
			at := time.Duration(math.Round((*m.Timestamp - origin) * float64(made.unit)))
			c, reason := timedRow(index, *m.InputLength, *m.OutputLength, times.at(at), o.Seed)
			if len(m.HashIDs) > 0 {
				c.text = func() string { return m.prompt(made.block, o.Seed, c.Index) }
			}
			if !spaces(m.TextInput) {
				c.text, c.Prompt = nil, m.TextInput
			}
			index++
			if reason != "" {
				t.drop(reason)
				continue
			}
			if !yield([]candidate{c}, nil) {
				return
			}
		}
	}
}

// check reports members that are missing, out of range, or of another make.
func (m mooncakeLine) check(line int, made traceMake, o Options) error {
	problem := ""
	switch {
	case m.Timestamp == nil:
		problem = "timestamp is missing"
	case m.InputLength == nil:
		problem = "input_length is missing"
	case m.OutputLength == nil:
		problem = "output_length is missing"
	case !(*m.Timestamp >= 0 && *m.Timestamp*made.unit.Seconds() < 9e9): // 285 years
		problem = fmt.Sprintf("timestamp %v is not a number of %s", *m.Timestamp, unitName(made.unit))
	case *m.InputLength < 0 || *m.InputLength > maxCount:
		problem = fmt.Sprintf("input_length %d is not a number of tokens", *m.InputLength)
	case *m.OutputLength < 0 || *m.OutputLength > maxCount:
		problem = fmt.Sprintf("output_length %d is not a number of tokens", *m.OutputLength)
	case len(m.HashIDs) > 0 && !blocksFit(*m.InputLength, len(m.HashIDs), made.block):
		return &lineError{line, fmt.Errorf("%s for %d tokens do not fit %s's blocks of %d: the trace is of another make%s",
			plural(len(m.HashIDs), "hash id", "hash ids"), *m.InputLength, made.name, made.block, blockHint(*m.InputLength, len(m.HashIDs)))}
	case made.unit == time.Millisecond && o.TimeUnit == 0 && *m.Timestamp != math.Trunc(*m.Timestamp):
		return &lineError{line, fmt.Errorf("timestamp %v has a fraction and Mooncake's are whole milliseconds: the trace is of another make; say its unit with --time-unit s or ms", *m.Timestamp)}
	default:
		return nil
	}
	return &lineError{line, fmt.Errorf("%s: a %s trace has timestamp (%s), input_length and output_length", problem, made.name, unitSymbol(made.unit))}
}

// blocksFit reports whether a prompt of so many tokens has so many blocks, be
// the last one hashed although it is not full or not.
func blocksFit(tokens, blocks, size int) bool {
	return blocks == tokens/size || blocks == (tokens+size-1)/size
}

// blockHint names the sizes that would fit.
func blockHint(tokens, blocks int) string {
	var sizes []string
	for size := 1; size <= 8192; size *= 2 {
		if blocksFit(tokens, blocks, size) {
			sizes = append(sizes, fmt.Sprint(size))
		}
	}
	if sizes == nil {
		return ""
	}
	return "; if an id stands for " + strings.Join(sizes, " or ") + " tokens say so with --hash-block"
}

func unitSymbol(d time.Duration) string { return strings.TrimLeft(d.String(), "1") }

func unitName(d time.Duration) string {
	switch d {
	case time.Millisecond:
		return "milliseconds"
	case time.Second:
		return "seconds"
	}
	return unitSymbol(d)
}

// prompt builds the text block by block: the same id gives the same words. What
// the ids do not cover is the row's own text.
func (m mooncakeLine) prompt(block int, seed int64, index int) string {
	left := *m.InputLength
	var text []byte
	for _, id := range m.HashIDs {
		n := min(left, block)
		text = appendWords(text, n, blockStream, id)
		left -= n
	}
	return string(appendWords(text, left, promptStream+uint64(seed), uint64(index)))
}
