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
	// Budget says what of it fits into the budget, "" where all does.
	Budget string
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
	s := &sweep{config: c, log: Quiet{}, pace: newPace()}
	if c.Tokenizer != "endpoint" || c.Select == datasets.First {
		var err error
		if s.trace, err = s.selectTrace(ctx, nil); err != nil {
			return p, err
		}
		requests = len(s.trace.Requests)
		p.PromptTokens, p.OutputTokens = tokensOf(s.trace.Totals())
	}
	s.schedules()
	var cells []time.Duration
	for _, l := range c.launches() {
		planned := PlannedLaunch{Name: l.String(), Command: c.Secrets.Command(command(l.configuration))}
		if c.Endpoint != "" {
			planned.Command = c.Secrets.Text(c.Endpoint)
		}
		for _, cell := range l.cells {
			planned.Cells = append(planned.Cells, cell.id)
			cells = append(cells, s.pace.least[cell.Load])
		}
		if c.FindRate {
			for _, r := range l.repeats {
				planned.Cells = append(planned.Cells, fmt.Sprintf("at the rate to be found, repeat %d", r))
				cells = append(cells, 2*c.Idle)
			}
		}
		p.Cells += l.count()
		p.Launches = append(p.Launches, planned)
	}
	for _, cell := range cells {
		p.Least += cell
	}
	p.Budget = withinBudget(c.Budget, cells)
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
	fmt.Fprintf(&b, "%d launches, %d cells, %d requests: %s prompt tokens, %s output tokens\n",
		len(p.Launches), p.Cells, p.Requests, tokens(p.PromptTokens), tokens(p.OutputTokens))
	fmt.Fprintf(&b, "expected time: at least %v, for idle windows and schedules; how long servers start and answer shows when the first cell has been measured\n", p.Least.Round(time.Second))
	if p.Budget != "" {
		fmt.Fprintln(&b, p.Budget)
	}
	return prose.Print(w, b.String())
}
