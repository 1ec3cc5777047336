package loadgen

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// WriteText prints a self-test as a table.
func (c SelfTest) WriteText(w io.Writer) error {
	ms := func(d time.Duration) string { return fmt.Sprintf("%.3f", float64(d)/1e6) }
	fmt.Fprintf(w, "%d streams x %g tokens/s, %d requests, %d tokens; constant schedule at %g requests/s\n\n",
		c.Streams, c.TokensPerSecond, c.Requests, c.Tokens, c.Rate)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "error of the client, ms\tmean\tp50\tp99\tbound\t")
	fmt.Fprintf(t, "TTFT\t%s\t\t%s\tmean %s, p99 %s\t\n", ms(c.TTFTErrorMean), ms(c.TTFTErrorP99), ms(c.Bounds.TTFTErrorMean), ms(c.Bounds.TTFTErrorP99))
	fmt.Fprintf(t, "gap between tokens\t%s\t\t%s\tmean %s\t\n", ms(c.GapErrorMean), ms(c.GapErrorP99), ms(c.Bounds.GapErrorMean))
	fmt.Fprintf(t, "server write → client timestamp\t\t%s\t%s\t\t\n", ms(c.ReceiveLagP50), ms(c.ReceiveLagP99))
	fmt.Fprintf(t, "scheduled → sent\t\t%s\t%s\tp99 %s\t\n", ms(c.LatenessP50), ms(c.LatenessP99), ms(c.Bounds.LatenessP99))
	fmt.Fprintf(t, "scheduled → received by server\t\t%s\t%s\t\t\n", ms(c.ArrivalP50), ms(c.ArrivalP99))
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nCPU time %.1f µs a token\n", float64(c.CPUPerToken)/1e3)
	if c.RunQueue.Known {
		fmt.Fprintf(w, "waited for a processor %v in all, one thread at most %v in %v\n",
			c.RunQueue.Total.Round(time.Microsecond), c.RunQueue.Worst.Round(time.Microsecond), StarvationPeriod)
	}
	_, err := fmt.Fprintf(w, "client and mock on separate processors: %v\nvalid: %v\n", c.SeparateCPUs, c.Valid)
	return err
}
