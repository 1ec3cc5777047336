package datasets

import (
	"io"
	"strconv"
	"time"
)

// candidate is a request that may be taken. Where text is set the prompt is
// generated, and only once the request was taken.
type candidate struct {
	Request
	text func() string
	// partial reports a body with parts that are no text: its length is not
	// that of Prompt.
	partial bool
}

// uncounted reports a prompt whose text is for a tokenizer to count.
func (c candidate) uncounted() bool {
	return c.PromptTokens == Unknown && c.text == nil && !c.partial
}

// A trace of at least so many rows that asks for more than so many requests a
// second is doubted: no public trace of one service comes near it, and a wrong
// unit of time is a factor of 1,000.
const (
	doubtfulRows = 20
	doubtfulRate = 500
)

// arrivals turns the times of rows into offsets from the first. A row that is
// earlier than the one before it is put at the same time and counted: a
// schedule cannot go back.
type arrivals struct {
	begun   bool
	last    time.Duration
	clamped int
	rows    int
}

func (a *arrivals) at(offset time.Duration) time.Duration {
	a.rows++
	if a.begun && offset < a.last {
		a.clamped++
		offset = a.last
	}
	a.begun, a.last = true, offset
	return offset
}

func (a *arrivals) warn(t *Trace) {
	if a.clamped > 0 {
		t.warnf("%s earlier than the one before and put at the same time", plural(a.clamped, "row is", "rows are"))
	}
	if rate := float64(a.rows-1) / a.last.Seconds(); a.last > 0 && a.rows >= doubtfulRows && rate > doubtfulRate {
		t.warnf("the trace's times make %.0f requests a second: are they in another unit than it is read with?", rate)
	}
}

// timedRow makes the candidate of a row of a timed trace, or says why not.
func timedRow(index, prompt, output int, at time.Duration, seed int64) (c candidate, reason string) {
	switch {
	case prompt == 0:
		return c, "no prompt tokens"
	case output == 0:
		return c, "no output tokens (the request failed)"
	}
	return candidate{
		Request: Request{
			Index: index, Conversation: strconv.Itoa(index), At: at,
			PromptTokens: prompt, OutputTokens: output,
		},
		text: func() string { return generated(seed, index, prompt) },
	}, ""
}

// rows yields the candidates that read makes of a table's rows.
func rows(t *Trace, table *table, yield func([]candidate, error) bool, read func(index int) (candidate, string, error)) {
	for index := 0; ; index++ {
		err := table.next()
		if err == io.EOF {
			return
		}
		var c candidate
		var reason string
		if err == nil {
			c, reason, err = read(index)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		if reason != "" {
			t.drop(reason)
			continue
		}
		if !yield([]candidate{c}, nil) {
			return
		}
	}
}
