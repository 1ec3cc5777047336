package datasets

import (
	"fmt"
	"io"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"
)

// candidate is a request that may be taken. Where text is set the prompt is
// generated, and only once the request was taken.
type candidate struct {
	Request
	text func() string
}

// arrivals turns the times of rows into offsets from the first. A row that is
// earlier than the one before it is put at the same time and counted: a
// schedule cannot go back.
type arrivals struct {
	begun   bool
	last    time.Duration
	clamped int
}

func (a *arrivals) at(offset time.Duration) time.Duration {
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

// azure reads the Azure LLM inference traces of 2023 and 2024
// (github.com/Azure/AzurePublicDataset): a wall-clock time with seven digits of
// a second and no zone in 2023, six or none and an offset in 2024.
func azure(r io.Reader, t *Trace, o Options, times *arrivals) iter.Seq2[[]candidate, error] {
	return func(yield func([]candidate, error) bool) {
		table, err := newTable(r, "an Azure trace", "TIMESTAMP", "ContextTokens", "GeneratedTokens")
		if err != nil {
			yield(nil, err)
			return
		}
		var origin time.Time
		rows(t, table, yield, func(index int) (candidate, string, error) {
			when, err := azureTime(table.field(0))
			if err != nil {
				return candidate{}, "", table.errorf(0, "%w", err)
			}
			if index == 0 {
				origin = when
			}
			prompt, err := table.count(1)
			if err != nil {
				return candidate{}, "", err
			}
			output, err := table.count(2)
			if err != nil {
				return candidate{}, "", err
			}
			c, reason := timedRow(index, prompt, output, times.at(when.Sub(origin)), o.Seed)
			return c, reason, nil
		})
	}
}

// azureTime reads one of the time stamps.
func azureTime(text string) (time.Time, error) {
	// A fraction after the seconds is accepted wherever the layout has none.
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05"} {
		if when, err := time.Parse(layout, text); err == nil {
			return when, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time like 2023-11-16 18:17:03.9799600", shorten(text))
}

// burstGPT reads the traces of BurstGPT (github.com/HPMLL/BurstGPT): seconds
// since the trace began; a failed request has no response tokens. Newer files
// add a session, which is not used: their request tokens already count what was
// said before, so each row is a request of its own.
func burstGPT(r io.Reader, t *Trace, o Options, times *arrivals) iter.Seq2[[]candidate, error] {
	return func(yield func([]candidate, error) bool) {
		table, err := newTable(r, "a BurstGPT trace", "Timestamp", "Request tokens", "Response tokens")
		if err != nil {
			yield(nil, err)
			return
		}
		var origin time.Duration
		rows(t, table, yield, func(index int) (candidate, string, error) {
			when, ok := parseSeconds(table.field(0))
			if !ok {
				return candidate{}, "", table.errorf(0, "%q is not a number of seconds", shorten(table.field(0)))
			}
			if index == 0 {
				origin = when
			}
			prompt, err := table.count(1)
			if err != nil {
				return candidate{}, "", err
			}
			output, err := table.count(2)
			if err != nil {
				return candidate{}, "", err
			}
			c, reason := timedRow(index, prompt, output, times.at(when-origin), o.Seed)
			return c, reason, nil
		})
	}
}

// parseSeconds reads a decimal number of seconds, at most about 290 years.
func parseSeconds(text string) (time.Duration, bool) {
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil && whole >= 0 && whole < math.MaxInt64/int64(time.Second) {
		return time.Duration(whole) * time.Second, true
	}
	if strings.ContainsAny(text, "xXpPiInN_") { // no hex, Inf or NaN
		return 0, false
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || seconds < 0 || seconds > math.MaxInt64/1e9/2 {
		return 0, false
	}
	return time.Duration(math.Round(seconds * 1e9)), true
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
			t.Dropped[reason]++
			continue
		}
		if !yield([]candidate{c}, nil) {
			return
		}
	}
}
