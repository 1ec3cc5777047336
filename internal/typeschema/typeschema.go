// Package typeschema makes the JSON schema of what encoding/json writes for a Go
// type. Types come from reflection, descriptions from the comments in the source:
// it is for the tests that hold docs/*.schema.json to the types.
package typeschema

import (
	"encoding"
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"strings"
)

// Schema says how a schema is made.
type Schema struct {
	Title string
	// Module is the import path of the module whose comments are taken, Root the
	// folder of its source.
	Module, Root string
	// Instead are the schemas of types that write themselves, and of those of which
	// JSON says more than Go: a Go type (reflect.Type) or a schema (map[string]any).
	Instead map[reflect.Type]any
}

// Of is the JSON schema (draft 2020-12) of t, indented. Fields without omitempty are
// required; slices, maps and pointers may be null; further keys are allowed, for a
// later version may add some.
func (s Schema) Of(t reflect.Type) ([]byte, error) {
	m := &maker{schema: s, source: source{module: s.Module, root: s.Root, files: map[string]folder{}}, defs: map[string]any{}}
	whole := map[string]any{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": s.Title}
	if err := m.members(whole, t); err != nil {
		return nil, fmt.Errorf("schema of %v: %w", t, err)
	}
	whole["$defs"] = m.defs
	text, err := json.MarshalIndent(whole, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("schema of %v: %w", t, err)
	}
	return append(text, '\n'), nil
}

// maker is a schema under way.
type maker struct {
	schema Schema
	source source
	defs   map[string]any // by "package.Type"
}

// of is the schema of one value. Where it may be absent instead of null, optional
// is set.
func (m *maker) of(t reflect.Type, optional bool) (map[string]any, error) {
	switch instead := m.schema.Instead[t].(type) {
	case reflect.Type:
		return m.of(instead, optional)
	case map[string]any:
		return instead, nil
	}
	replaced := false // what a pointer leads to
	if t.Kind() == reflect.Pointer {
		_, replaced = m.schema.Instead[t.Elem()]
	}
	switch {
	case t.Kind() == reflect.Interface:
		return map[string]any{}, nil
	case replaced: // the pointer's own methods are those of what it leads to
	case t.Implements(reflect.TypeFor[json.Marshaler]()):
		return nil, fmt.Errorf("%v writes its own JSON: say in Instead what it is", t)
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return map[string]any{"type": "string"}, nil
	}
	out := map[string]any{}
	var err error
	kind := ""
	switch t.Kind() {
	case reflect.Bool:
		return map[string]any{"type": "boolean"}, nil
	case reflect.String:
		out["type"] = "string"
		if values := m.source.values(t); len(values) > 0 {
			out["examples"] = values
		}
		return out, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer"}, nil
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}, nil
	case reflect.Struct:
		return m.reference(t)
	case reflect.Pointer:
		if out, err = m.of(t.Elem(), false); err != nil || optional {
			return out, err
		}
		return map[string]any{"oneOf": []any{out, map[string]any{"type": "null"}}}, nil
	case reflect.Slice, reflect.Array:
		kind = "array"
		out["items"], err = m.of(t.Elem(), false)
	case reflect.Map:
		kind = "object"
		out["additionalProperties"], err = m.of(t.Elem(), false)
	default:
		return nil, fmt.Errorf("%v has no JSON", t)
	}
	out["type"] = kind
	if !optional && t.Kind() != reflect.Array {
		out["type"] = []any{kind, "null"}
	}
	return out, err
}

// reference is the schema of a struct, which is defined once.
func (m *maker) reference(t reflect.Type) (map[string]any, error) {
	if t.Name() == "" {
		out := map[string]any{}
		return out, m.members(out, t)
	}
	name := path.Base(t.PkgPath()) + "." + t.Name()
	if _, done := m.defs[name]; !done {
		def := map[string]any{}
		m.defs[name] = def // before its members, which may be of the same type
		if err := m.members(def, t); err != nil {
			return nil, err
		}
	}
	return map[string]any{"$ref": "#/$defs/" + name}, nil
}

// members makes out the schema of the struct t.
func (m *maker) members(out map[string]any, t reflect.Type) error {
	properties, required := map[string]any{}, []string{}
	var add func(t reflect.Type) error
	add = func(t reflect.Type) error {
		about := m.source.fields(t)
		for f := range t.Fields() {
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
				if err := add(f.Type); err != nil {
					return err
				}
				continue
			}
			if name == "-" || !f.IsExported() {
				continue
			}
			if name == "" {
				name = f.Name
			}
			optional := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
			value, err := m.of(f.Type, optional)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if text := about[f.Name]; text != "" {
				value = with(value, "description", text)
			}
			properties[name] = value
			if !optional {
				required = append(required, name)
			}
		}
		return nil
	}
	if err := add(t); err != nil {
		return err
	}
	out["type"], out["properties"] = "object", properties
	if text := m.source.about(t); text != "" {
		out["description"] = text
	}
	if len(required) > 0 {
		out["required"] = required
	}
	return nil
}

// with is a schema with one more key.
func with(schema map[string]any, key, value string) map[string]any {
	out := map[string]any{key: value}
	for k, v := range schema {
		out[k] = v
	}
	return out
}
