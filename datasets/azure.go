package datasets

import (
	"fmt"
	"io"
	"iter"
	"time"
)

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
