package sweep

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"cfubench/datasets"
	"cfubench/internal/prose"
)

// Plan is what a sweep would do.
type Plan struct {
	Launches []PlannedLaunch
	Cells    int
	// Requests are those of all cells; the tokens are unknown (datasets.Unknown)
	// where the server under test would have to count them.
	Requests                   int
	PromptTokens, OutputTokens int64
	// Least is the time that idle windows and schedules alone take.
	Least time.Duration
	// Warnings are of what may be meant otherwise.
	Warnings []string
}

// PlannedLaunch is one start of a server with the names of its cells.
type PlannedLaunch struct {
	Name, Command string
	Cells         []string
}

// Describe plans what the configuration says, which Check has passed, without a
// server.
func Describe(ctx context.Context, c Config) (Plan, error) {
	p := Plan{PromptTokens: datasets.Unknown, OutputTokens: datasets.Unknown, Warnings: c.unreplaced()}
	requests := c.NumRequests
	if c.Tokenizer != "endpoint" || c.Select == datasets.First {
		trace, err := (&sweep{config: c, log: Quiet{}}).selectTrace(ctx, nil)
		if err != nil {
			return p, err
		}
		requests = len(trace.Requests)
		p.PromptTokens, p.OutputTokens = tokensOf(trace.Totals())
	}
	for _, l := range c.launches() {
		planned := PlannedLaunch{Name: l.String(), Command: c.Secrets.Command(command(l.configuration))}
		if c.Endpoint != "" {
			planned.Command = c.Secrets.Text(c.Endpoint)
		}
		for _, cell := range l.cells {
			planned.Cells = append(planned.Cells, cell.id)
		}
		p.Least += c.least(l, requests)
		if c.FindRate {
			planned.Cells = []string{"at the rate to be found"}
		}
		p.Cells += max(1, len(l.cells))
		p.Launches = append(p.Launches, planned)
	}
	p.Requests = p.Cells * requests
	for _, n := range []*int64{&p.PromptTokens, &p.OutputTokens} {
		if *n != datasets.Unknown {
			*n *= int64(p.Cells)
		}
	}
	return p, nil
}

// tokensOf are the tokens that requests ask for, datasets.Unknown where one of
// them does not say.
func tokensOf(t datasets.Totals) (prompt, output int64) {
	prompt, output = t.Prompt, t.Output
	if t.PromptUnknown > 0 {
		prompt = datasets.Unknown
	}
	if t.OutputUnknown > 0 {
		output = datasets.Unknown
	}
	return prompt, output
}

// WriteText prints the plan.
func (p Plan) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, l := range p.Launches {
		fmt.Fprintf(&b, "%s: %s\n", l.Name, l.Command)
		for _, c := range l.Cells {
			fmt.Fprintf(&b, "  %s\n", c)
		}
	}
	tokens := func(n int64) string {
		if n == datasets.Unknown {
			return "an unknown number of"
		}
		return fmt.Sprint(n)
	}
	fmt.Fprintf(&b, "%d launches, %d cells, %d requests: %s prompt tokens, %s output tokens; idle windows and schedules alone take %v\n",
		len(p.Launches), p.Cells, p.Requests, tokens(p.PromptTokens), tokens(p.OutputTokens), p.Least.Round(time.Second))
	return prose.Print(w, b.String())
}
