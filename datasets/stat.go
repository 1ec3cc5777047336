package datasets

import (
	"cfubench/internal/stats"
	"context"
	"slices"
	"time"
)

// Summary describes the requests of a trace without their texts.
type Summary struct {
	Source    string `json:"source"`
	Selection string `json:"selection,omitempty"`
	// Tokenizer counted the lengths; "" where the file states them.
	Tokenizer     string  `json:"tokenizer,omitempty"`
	Requests      int     `json:"requests"`
	Conversations int     `json:"conversations"` // distinct, by position in the trace
	Prompt        Lengths `json:"prompt_tokens"`
	Output        Lengths `json:"output_tokens"`
	// Context is what the server has to read: the prompt with the system prompt
	// and the history before it. Nil where no conversation has either.
	Context *Lengths `json:"context_tokens,omitempty"`
	// SpanSeconds is the time from the first arrival to the last, null in a
	// trace without times.
	SpanSeconds *float64       `json:"span_s"`
	Dropped     map[string]int `json:"dropped,omitempty"`
	Warnings    []string       `json:"warnings,omitempty"`
}

// Lengths is a distribution of token counts. Quantiles are nearest ranks, so
// each is a length that occurs.
type Lengths struct {
	Known   int     `json:"known"` // requests whose length is known
	Unknown int     `json:"unknown,omitempty"`
	Sum     int64   `json:"sum"`
	Mean    float64 `json:"mean"`
	Min     int     `json:"min"`
	P5      int     `json:"p5"`
	P25     int     `json:"p25"`
	P50     int     `json:"p50"`
	P75     int     `json:"p75"`
	P95     int     `json:"p95"`
	P99     int     `json:"p99"`
	Max     int     `json:"max"`
}

// Stat summarizes the requests that Open would return for the same spec and
// options, but for VLLM's repeats. It keeps 24 bytes a request.
func Stat(ctx context.Context, spec string, o Options) (Summary, error) {
	var s Summary
	var prompts, outputs, contexts []int
	var span time.Duration = noTime
	var before history
	last, turns := "", 0
	t, err := scan(ctx, spec, o, omitted, func(r Request) error {
		s.Requests++
		if r.Turn == 0 || r.Conversation != last {
			s.Conversations++
		}
		last, turns = r.Conversation, max(turns, r.Turn)
		if r.System != "" {
			turns = max(turns, 1)
		}
		contexts = append(contexts, before.add(r))
		prompts = append(prompts, r.PromptTokens)
		outputs = append(outputs, r.OutputTokens)
		span = max(span, r.At)
		return nil
	})
	if err != nil {
		return Summary{}, err
	}
	s.Source, s.Selection, s.Tokenizer = t.Source, t.Selection, t.Tokenizer
	s.Dropped, s.Warnings = t.Dropped, t.Warnings
	s.Prompt, s.Output = lengths(prompts), lengths(outputs)
	if turns > 0 {
		context := lengths(contexts)
		s.Context = &context
	}
	if span >= 0 {
		seconds := span.Seconds()
		s.SpanSeconds = &seconds
	}
	return s, nil
}

// lengths summarizes counts, which it sorts; Unknown ones are set apart.
func lengths(counts []int) Lengths {
	slices.Sort(counts)
	var l Lengths
	for len(counts) > 0 && counts[0] == Unknown {
		counts = counts[1:]
		l.Unknown++
	}
	l.Known = len(counts)
	if l.Known == 0 {
		return l
	}
	for _, n := range counts {
		l.Sum += int64(n)
	}
	l.Mean = float64(l.Sum) / float64(l.Known)
	at := func(percent int) int { return stats.Rank(counts, float64(percent)/100) }
	l.Min, l.P5, l.P25, l.P50 = at(0), at(5), at(25), at(50)
	l.P75, l.P95, l.P99, l.Max = at(75), at(95), at(99), at(100)
	return l
}
