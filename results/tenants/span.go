package tenants

import (
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"cfubench/internal/outside"
)

// Spans is what OpenTelemetry spans tell.
type Spans struct {
	// Requests are the spans that have tokens.
	Requests []Record
	// Callers are those without, around requests, that name a tenant: of a gateway.
	Callers []Caller
	// Others is how many spans are neither.
	Others int
	// Rejected is how many have tokens and no times, Wrong why.
	Rejected int
	Wrong    error
}

// Caller says whose the requests of a trace are.
type Caller struct{ Trace, Tenant string }

// span is one of OpenTelemetry's, as far as it is read. Its attributes are those of
// its own and of the resource that it is of.
type span struct {
	trace, id  string // in hexadecimal digits
	state      string // the trace state of W3C Trace Context
	start, end time.Time
	own, of    map[string]any
}

var errTimes = errors.New("a span has no startTimeUnixNano and endTimeUnixNano in this order")

// add takes a span. Its tenant is an attribute of its own, the value of that key in
// the trace state, which a gateway can set for the whole trace, or an attribute of the
// resource.
func (s *Spans) add(one span, field string) {
	r, err := tokens(Record{}, one.own)
	if r.Tenant = named(one.own[field]); r.Tenant == "" {
		r.Tenant = named(stateOf(one.state, field))
	}
	switch {
	case err == nil:
	case one.trace != "" && r.Tenant != "":
		s.Callers = append(s.Callers, Caller{one.trace, r.Tenant})
		return
	default: // a span around a request
		s.Others++
		return
	}
	if r.Tenant == "" {
		r.Tenant = named(one.of[field])
	}
	if one.start.IsZero() || one.end.Before(one.start) {
		s.Rejected++
		s.Wrong = errTimes
		return
	}
	r.Start, r.End, r.Trace, r.Span = one.start, one.end, one.trace, one.id
	s.Requests = append(s.Requests, r)
}

// named is a tenant's name as it was sent, in as many bytes as tell it from others.
func named(v any) string { return strings.Clone(outside.Cut(textOf(v), 4*longest)) }

// stateOf is the value of a key in a trace state: "a=1,tenant=acme".
func stateOf(state, key string) string {
	for member := range strings.SplitSeq(state, ",") {
		if name, value, ok := strings.Cut(member, "="); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// wanted reports whether an attribute is read.
func wanted(key, field string) bool {
	return key == field || slices.Contains(promptNames, key) || slices.Contains(outputNames, key)
}

// lasts takes a span's times, in nanoseconds of Unix time; 0 is none.
func (s *span) lasts(start, end uint64) {
	if start > 0 && start <= math.MaxInt64 && end <= math.MaxInt64 {
		s.start, s.end = time.Unix(0, int64(start)), time.Unix(0, int64(end))
	}
}

// identity is that of a trace or a span, of at most 32 hexadecimal digits; "" for
// none, which zeros are too.
func identity(text string) string {
	if len(text) > 32 || strings.Trim(text, "0") == "" {
		return ""
	}
	return strings.ToLower(text)
}
