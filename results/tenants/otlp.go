package tenants

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// The numbers of the fields that are read of OTLP's messages, as
// opentelemetry/proto/trace/v1/trace.proto, resource.proto and common.proto give them.
const (
	requestResources   = 1 // ExportTraceServiceRequest.resource_spans
	resourceOf         = 1 // ResourceSpans.resource
	resourceScopes     = 2 // ResourceSpans.scope_spans
	resourceAttributes = 1 // Resource.attributes
	scopeSpans         = 2 // ScopeSpans.spans
	spanTrace          = 1 // Span.trace_id
	spanID             = 2 // Span.span_id
	spanState          = 3 // Span.trace_state
	spanStart          = 7 // Span.start_time_unix_nano
	spanEnd            = 8 // Span.end_time_unix_nano
	spanAttributes     = 9 // Span.attributes
	keyValueKey        = 1 // KeyValue.key
	keyValueValue      = 2 // KeyValue.value
	anyValueString     = 1 // AnyValue.string_value
	anyValueInt        = 3 // AnyValue.int_value
	anyValueDouble     = 4 // AnyValue.double_value
)

// ParseProtobuf reads a request of OTLP in Protocol Buffers
// (ExportTraceServiceRequest). Of a message it reads the fields above alone, so that it
// keeps little more than what it returns, and looks into no value that holds others.
func ParseProtobuf(body []byte, field string) (s Spans, err error) {
	err = message(body, func(n protowire.Number, v value) error {
		if n != requestResources {
			return nil
		}
		of := map[string]any{}
		if err := message(v.bytes, func(n protowire.Number, v value) error { // it may stand behind its spans
			if n != resourceOf {
				return nil
			}
			return message(v.bytes, func(n protowire.Number, v value) error {
				if n != resourceAttributes {
					return nil
				}
				return attribute(v.bytes, field, of)
			})
		}); err != nil {
			return err
		}
		return message(v.bytes, func(n protowire.Number, v value) error {
			if n != resourceScopes {
				return nil
			}
			return message(v.bytes, func(n protowire.Number, v value) error {
				if n != scopeSpans {
					return nil
				}
				one := span{of: of}
				if err := one.read(v.bytes, field); err != nil {
					return err
				}
				s.add(one, field)
				return nil
			})
		})
	})
	return s, err
}

// read reads a message Span.
func (s *span) read(b []byte, field string) error {
	var start, end uint64
	err := message(b, func(n protowire.Number, v value) error {
		switch n {
		case spanTrace:
			s.trace = identityOf(v.bytes)
		case spanID:
			s.id = identityOf(v.bytes)
		case spanState:
			s.state = string(v.bytes)
		case spanStart:
			start = v.number
		case spanEnd:
			end = v.number
		case spanAttributes:
			if s.own == nil {
				s.own = map[string]any{}
			}
			return attribute(v.bytes, field, s.own)
		}
		return nil
	})
	s.lasts(start, end)
	return err
}

// identityOf is that of a trace or a span in bytes.
func identityOf(b []byte) string {
	if len(b) > 16 {
		return ""
	}
	return identity(hex.EncodeToString(b))
}

// attribute adds a message KeyValue to attributes, if it is read.
func attribute(b []byte, field string, to map[string]any) error {
	key := ""
	var in []byte
	if err := message(b, func(n protowire.Number, v value) error {
		switch n {
		case keyValueKey:
			key = string(v.bytes)
		case keyValueValue:
			in = v.bytes
		}
		return nil
	}); err != nil || !wanted(key, field) {
		return err
	}
	return message(in, func(n protowire.Number, v value) error {
		switch {
		case n == anyValueString && v.kind == protowire.BytesType:
			to[key] = string(v.bytes)
		case n == anyValueInt && v.kind == protowire.VarintType:
			to[key] = json.Number(strconv.FormatInt(int64(v.number), 10))
		case n == anyValueDouble && v.kind == protowire.Fixed64Type:
			to[key] = json.Number(strconv.FormatFloat(math.Float64frombits(v.number), 'g', -1, 64))
		}
		return nil
	})
}

// value is that of a field: bytes of a message, a text or bytes, or a number.
type value struct {
	kind   protowire.Type
	bytes  []byte
	number uint64
}

// message reads the fields of a message in their order. The bytes are those of the
// message. A field of another type than the caller expects has none, or zero.
func message(b []byte, each func(protowire.Number, value) error) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return fmt.Errorf("not a message of Protocol Buffers: %w", protowire.ParseError(size))
		}
		b = b[size:]
		v := value{kind: kind}
		switch kind {
		case protowire.BytesType:
			v.bytes, size = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			v.number, size = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			v.number, size = protowire.ConsumeFixed64(b)
		default:
			size = protowire.ConsumeFieldValue(n, kind, b)
		}
		if size < 0 {
			return fmt.Errorf("not a message of Protocol Buffers: %w", protowire.ParseError(size))
		}
		b = b[size:]
		if err := each(n, v); err != nil {
			return err
		}
	}
	return nil
}
