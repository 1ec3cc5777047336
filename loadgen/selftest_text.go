package loadgen

import (
	"fmt"
	"io"
	"strings"
	"time"

	"cfubench/internal/prose"
	"cfubench/internal/texttable"
)

// WriteText prints a self-test: what was sent, a table of the client's errors beside
// their bounds, and what the client cost.
func (c SelfTest) WriteText(w io.Writer) error {
	return prose.Write(w, func(w io.Writer) error {
		fmt.Fprintf(w, "%d streams x %g tokens/s, %d requests, %d tokens; constant schedule at %g requests/s\n\n",
			c.Streams, c.TokensPerSecond, c.Requests, c.Tokens, c.Rate)
		if err := c.writeErrors(w); err != nil {
			return err
		}
		fmt.Fprintf(w, "\nCPU time %.1f µs a token\n", float64(c.CPUPerToken)/1e3)
		if c.RunQueue.Known {
			fmt.Fprintf(w, "waited for a processor %v in all, one thread at most %v in %v\n",
				c.RunQueue.Total.Round(time.Microsecond), c.RunQueue.Worst.Round(time.Microsecond), StarvationPeriod)
		}
		_, err := fmt.Fprintf(w, "client and mock on separate processors: %v\nvalid: %v\n", c.SeparateCPUs, c.Valid)
		return err
	})
}

// writeErrors prints the table; what is not measured of an error is empty.
func (c SelfTest) writeErrors(w io.Writer) error {
	const none = -1
	row := func(name string, mean, p50, p99 time.Duration, bounds ...string) []string {
		cells := []string{name}
		for _, d := range []time.Duration{mean, p50, p99} {
			text := ""
			if d != none {
				text = fmt.Sprintf("%.3f", float64(d)/1e6)
			}
			cells = append(cells, text)
		}
		return append(cells, strings.Join(bounds, ", "))
	}
	mean := func(d time.Duration) string { return fmt.Sprintf("mean %.3f", float64(d)/1e6) }
	p99 := func(d time.Duration) string { return fmt.Sprintf("p99 %.3f", float64(d)/1e6) }
	columns := []texttable.Column{{Name: "error of the client", Text: true}, {Name: "mean", Unit: "ms"}, {Name: "p50", Unit: "ms"}, {Name: "p99", Unit: "ms"}, {Name: "bound", Unit: "ms", Text: true}}
	return texttable.Write(w, columns, [][]string{
		row("TTFT", c.TTFTErrorMean, none, c.TTFTErrorP99, mean(c.Bounds.TTFTErrorMean), p99(c.Bounds.TTFTErrorP99)),
		row("gap between tokens", c.GapErrorMean, none, c.GapErrorP99, mean(c.Bounds.GapErrorMean)),
		row("server write → client timestamp", none, c.ReceiveLagP50, c.ReceiveLagP99),
		row("scheduled → sent", none, c.LatenessP50, c.LatenessP99, p99(c.Bounds.LatenessP99)),
		row("scheduled → received by server", none, c.ArrivalP50, c.ArrivalP99),
	})
}
