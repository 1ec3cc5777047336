package tenants

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// ParseJSON reads a request of OTLP in JSON. Like ParseProtobuf it keeps little more
// than what it returns: it walks through the text and makes no tree of it.
func ParseJSON(body []byte, field string) (Spans, error) {
	s, _, err := spansOf(body, field)
	return s, err
}

// spansOf reads the spans of an object in OTLP's JSON; false if it is another object.
func spansOf(text []byte, field string) (s Spans, there bool, err error) {
	d := walk(text)
	if d.PeekKind() != '{' {
		if _, err = d.ReadToken(); err == nil {
			err = fmt.Errorf("it begins with %.20q", text)
		}
		return s, false, fmt.Errorf("not a JSON object: %w", err)
	}
	err = d.object(func(name string) error {
		if name != "resourceSpans" {
			return d.SkipValue()
		}
		there = true
		return d.array(func() error {
			resource, err := d.ReadValue()
			if err != nil {
				return err
			}
			return s.resource(resource, field)
		})
	})
	if err != nil {
		err = fmt.Errorf("not a JSON object: %w", err)
	}
	return s, there, err
}

// resource reads a ResourceSpans: the resource first, which may stand behind its spans.
func (s *Spans) resource(text []byte, field string) error {
	of := map[string]any{}
	d := walk(text)
	if err := d.object(func(name string) error {
		if name != "resource" {
			return d.SkipValue()
		}
		return d.member("attributes", func() error { return d.attributes(field, of) })
	}); err != nil {
		return err
	}
	d = walk(text)
	return d.member("scopeSpans", func() error {
		return d.array(func() error {
			return d.member("spans", func() error {
				return d.array(func() error {
					one, err := d.span(field)
					if err == nil {
						one.of = of
						s.add(one, field)
					}
					return err
				})
			})
		})
	})
}

// walker reads a text of JSON from its begin to its end. Its methods read one value,
// also where it is of another type than they expect: then it holds nothing for them.
type walker struct{ *jsontext.Decoder }

func walk(text []byte) walker {
	return walker{jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
}

// object gives each member of an object: each reads its value.
func (d walker) object(each func(name string) error) error {
	if d.PeekKind() != '{' {
		return d.SkipValue()
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		if err := each(name.String()); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// member reads one member of an object.
func (d walker) member(of string, read func() error) error {
	return d.object(func(name string) error {
		if name != of {
			return d.SkipValue()
		}
		return read()
	})
}

// array has each read an element.
func (d walker) array(each func() error) error {
	if d.PeekKind() != '[' {
		return d.SkipValue()
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != ']' {
		if err := each(); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// scalar reads a text, or a number as a json.Number.
func (d walker) scalar() (any, error) {
	switch d.PeekKind() {
	case '"':
		token, err := d.ReadToken()
		return token.String(), err
	case '0':
		token, err := d.ReadToken()
		return json.Number(token.String()), err
	}
	return nil, d.SkipValue()
}

// span reads a Span.
func (d walker) span(field string) (s span, err error) {
	var start, end uint64
	err = d.object(func(name string) error {
		switch name {
		case "traceId", "spanId", "traceState", "startTimeUnixNano", "endTimeUnixNano":
		case "attributes":
			if s.own == nil {
				s.own = map[string]any{}
			}
			return d.attributes(field, s.own)
		default:
			return d.SkipValue()
		}
		v, err := d.scalar()
		switch text := textOf(v); name {
		case "traceId":
			s.trace = identity(text)
		case "spanId":
			s.id = identity(text)
		case "traceState":
			s.state = text
		case "startTimeUnixNano":
			start, _ = strconv.ParseUint(text, 10, 64) // 0 is none
		case "endTimeUnixNano":
			end, _ = strconv.ParseUint(text, 10, 64)
		}
		return err
	})
	s.lasts(start, end)
	return s, err
}

// attributes reads a list of KeyValue, and keeps those that are read.
func (d walker) attributes(field string, to map[string]any) error {
	return d.array(func() error {
		key := ""
		var in any
		if err := d.object(func(name string) (err error) {
			switch name {
			case "key":
				var v any
				v, err = d.scalar()
				key = textOf(v)
				return err
			case "value":
				return d.object(func(kind string) (err error) {
					switch kind {
					case "stringValue", "intValue", "doubleValue":
						in, err = d.scalar()
						return err
					}
					return d.SkipValue()
				})
			}
			return d.SkipValue()
		}); err != nil {
			return err
		}
		if in != nil && wanted(key, field) {
			to[key] = in
		}
		return nil
	})
}
