// Package tenants reads whose the requests of a server in production were: from a
// file to which a gateway, or a collector of OpenTelemetry spans, adds a line a
// request, and from spans as OTLP carries them. It knows names, times and tokens, and
// no joules.
package tenants

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Record is one finished request.
type Record struct {
	// Tenant is as the line or the span has it, "" where it names none.
	Tenant string
	// Start is End where the line does not say when the request came.
	Start, End                 time.Time
	PromptTokens, OutputTokens int64
	// Trace and Span tell a span from others, in hexadecimal digits; "" where it has
	// none, and of a line of an access log.
	Trace, Span string
}

// ErrNoRequest is of a line without tokens: of a health check, or of a span around
// a request.
var ErrNoRequest = errors.New("no tokens are named")

// The names under which tokens and times stand: those of OpenAI's usage, of
// OpenTelemetry's conventions for generative AI (the older ones are vLLM's), and of
// access logs.
var (
	promptNames   = []string{"usage.prompt_tokens", "usage.input_tokens", "prompt_tokens", "input_tokens", "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"}
	outputNames   = []string{"usage.completion_tokens", "usage.output_tokens", "completion_tokens", "output_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"}
	endNames      = []string{"end_time", "time", "timestamp", "@timestamp", "ts"}
	durationNames = []struct {
		name string
		unit time.Duration
	}{{"duration_s", time.Second}, {"duration_ms", time.Millisecond}, {"request_time", time.Second}}
)

// Parse reads the requests of a line: an object of an access log, or OpenTelemetry
// spans in OTLP's JSON, of which a line may hold many. The tenant stands under the
// name field: a key of the object, with dots between those of nested objects, or an
// attribute of the span or of its resource. What a line holds stands also where it
// has an error.
func Parse(line []byte, field string) (Spans, error) {
	s, there, err := spansOf(line, field)
	switch {
	case err != nil:
		return s, err
	case there && s.Wrong == nil && len(s.Requests)+len(s.Callers) == 0:
		return s, ErrNoRequest
	case there:
		return s, s.Wrong
	}
	var object map[string]any
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber() // nanoseconds have more digits than a float64 keeps
	if err := decoder.Decode(&object); err != nil {
		return s, fmt.Errorf("not a JSON object: %w", err)
	}
	r, err := entry(object, field)
	if err != nil {
		return s, err
	}
	return Spans{Requests: []Record{r}}, nil
}

// entry reads a line of an access log.
func entry(object map[string]any, field string) (r Record, err error) {
	if r, err = tokens(r, object); err != nil {
		return r, err
	}
	r.Tenant = named(at(object, field))
	for _, name := range endNames {
		if r.End, err = moment(at(object, name)); err == nil {
			break
		}
	}
	if err != nil {
		return r, fmt.Errorf("no time: want one of %s, in RFC 3339 or as a Unix time", strings.Join(endNames, ", "))
	}
	r.Start = r.End
	if start, err := moment(at(object, "start_time")); err == nil {
		r.Start = start
	}
	for _, d := range durationNames {
		if n, ok := number(at(object, d.name)); ok && n >= 0 && n < 1e9 {
			r.Start = r.End.Add(-time.Duration(n * float64(d.unit)))
		}
	}
	if r.Start.After(r.End) {
		r.Start = r.End
	}
	return r, nil
}

// most is the most tokens that one request can have.
const most = 1e9

// tokens reads those of a request.
func tokens(r Record, object map[string]any) (Record, error) {
	found := false
	for _, c := range []struct {
		names []string
		to    *int64
	}{{promptNames, &r.PromptTokens}, {outputNames, &r.OutputTokens}} {
		for _, name := range c.names {
			if n, ok := number(at(object, name)); ok && n >= 0 && n <= most {
				*c.to, found = int64(n), true
				break
			}
		}
	}
	if !found {
		return r, ErrNoRequest
	}
	return r, nil
}

// at is the value under a name, or under its parts one in the other; nil if there is
// none.
func at(object map[string]any, name string) any {
	if v, ok := object[name]; ok {
		return v
	}
	first, rest, ok := strings.Cut(name, ".")
	if !ok {
		return nil
	}
	nested, ok := object[first].(map[string]any)
	if !ok {
		return nil
	}
	return at(nested, rest)
}

func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func number(v any) (float64, bool) {
	n, err := strconv.ParseFloat(textOf(v), 64)
	return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
}

// moment reads a time: RFC 3339, or a Unix time in s, ms, µs or ns by its size.
func moment(v any) (time.Time, error) {
	text := textOf(v)
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil && whole >= 1e17 {
		return time.Unix(0, whole), nil
	}
	n, ok := number(v)
	if !ok {
		return time.Parse(time.RFC3339Nano, text)
	}
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if seconds := n * unit.Seconds(); seconds >= 1e8 && seconds < 1e11 {
			return time.Unix(0, int64(seconds*1e9)), nil
		}
	}
	return time.Time{}, fmt.Errorf("%.40q is no time", text)
}
