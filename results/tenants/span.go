package tenants

import (
	"errors"
	"math"
	"slices"
	"strconv"
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

// spans reads OTLP's JSON.
func spans(resources []any, field string) (s Spans) {
	for _, resource := range objects(resources) {
		of := attributes(at(resource, "resource.attributes"), field)
		scopes, _ := resource["scopeSpans"].([]any)
		for _, scope := range objects(scopes) {
			all, _ := scope["spans"].([]any)
			for _, o := range objects(all) {
				one := span{
					trace: identity(o["traceId"]), id: identity(o["spanId"]), state: textOf(o["traceState"]),
					own: attributes(o["attributes"], field), of: of,
				}
				one.lasts(nanoseconds(o["startTimeUnixNano"]), nanoseconds(o["endTimeUnixNano"]))
				s.add(one, field)
			}
		}
	}
	return s
}

// lasts takes a span's times, in nanoseconds of Unix time; 0 is none.
func (s *span) lasts(start, end uint64) {
	if start > 0 && start <= math.MaxInt64 && end <= math.MaxInt64 {
		s.start, s.end = time.Unix(0, int64(start)), time.Unix(0, int64(end))
	}
}

// nanoseconds reads a number of them, 0 where there is none.
func nanoseconds(v any) uint64 {
	n, err := strconv.ParseUint(textOf(v), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// identity is that of a trace or a span, of at most 32 hexadecimal digits; "" for
// none, which zeros are too.
func identity(v any) string {
	text := textOf(v)
	if len(text) > 32 || strings.Trim(text, "0") == "" {
		return ""
	}
	return strings.ToLower(text)
}

// objects are the elements that are objects.
func objects(list []any) (out []map[string]any) {
	for _, v := range list {
		if o, ok := v.(map[string]any); ok {
			out = append(out, o)
		}
	}
	return out
}

// attributes are those of OTLP's JSON that are read, by their keys.
func attributes(v any, field string) map[string]any {
	list, _ := v.([]any)
	out := map[string]any{}
	for _, a := range objects(list) {
		key := textOf(a["key"])
		if !wanted(key, field) {
			continue
		}
		value, _ := a["value"].(map[string]any)
		for _, kind := range []string{"stringValue", "intValue", "doubleValue"} {
			if one, ok := value[kind]; ok {
				out[key] = one
			}
		}
	}
	return out
}
