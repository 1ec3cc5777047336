package datasets

import (
	"io"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"
)

// burstGPT reads the traces of BurstGPT (github.com/HPMLL/BurstGPT): seconds
// since the trace began; a failed request has no response tokens. Newer files
// add a session, which is not used: they do not say whether request tokens
// count what was said before, so each row is a request of its own.
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
