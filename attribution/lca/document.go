package lca

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"cfubench/internal/outside"
)

// FieldError is one thing wrong with an inventory: where, and what to do.
type FieldError struct {
	Place
	Problem string
}

func (e *FieldError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem)
	}
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Field, e.Problem)
}

// document is the text of an inventory with the line of every field, by JSON
// pointer, so that a problem found long after decoding can still be located.
type document struct {
	file  string
	lines map[jsontext.Pointer]int
}

// parse decodes data strictly (no unknown, no duplicate members, nothing after
// the object) into out.
func parse(file string, data []byte, out any) (*document, error) {
	doc := &document{file: file, lines: map[jsontext.Pointer]int{}}
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	line, counted := 1, int64(0)
	nulls := &checker{} // null would be read as zero, or as nothing
	for {
		tok, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, doc.locate(data, err)
		}
		if tok.Kind() == '"' {
			if err := plainText(tok.String()); err != nil {
				end := dec.InputOffset()
				return nil, &FieldError{Place{file, 1 + bytes.Count(data[:end], []byte("\n")), fieldName(dec.StackPointer())}, err.Error()}
			}
		}
		end := dec.InputOffset()
		line += bytes.Count(data[counted:end], []byte("\n"))
		counted = end
		p := dec.StackPointer()
		if doc.lines[p] == 0 {
			doc.lines[p] = line
		}
		if tok.Kind() == 'n' && p != "" {
			nulls.add(at{doc, p}, "is null: give a value, or leave it out")
		}
	}
	if err := nulls.err(); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, out, json.RejectUnknownMembers(true)); err != nil {
		return nil, doc.locate(data, err)
	}
	return doc, nil
}

// plainText refuses characters that steer a terminal, or change how others show.
func plainText(text string) error {
	for _, r := range text {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return fmt.Errorf("holds the control character %U: remove it", r)
		}
		if outside.Hidden(r) {
			return fmt.Errorf("holds the invisible character %U: remove it", r)
		}
	}
	return nil
}

// locate turns an error of the JSON library into a FieldError.
func (d *document) locate(data []byte, err error) error {
	var (
		pointer  jsontext.Pointer
		offset   int64
		problem  = err.Error()
		semantic *json.SemanticError
		syntax   *jsontext.SyntacticError
	)
	switch {
	case errors.As(err, &semantic):
		pointer, offset = semantic.JSONPointer, semantic.ByteOffset
		switch {
		case errors.Is(err, json.ErrUnknownName), semantic.GoType == reflect.TypeFor[Datum]() && !knownKey(pointer.LastToken()):
			problem = "no such field: see docs/lca.md for the format"
		case semantic.JSONKind == '0' && errors.Is(err, strconv.ErrRange):
			problem = fmt.Sprintf("%s is not a number that can be held: give a smaller one", semantic.JSONValue)
		case semantic.GoType != nil && semantic.JSONKind == '0' && strings.HasPrefix(semantic.GoType.Kind().String(), "int"):
			problem = fmt.Sprintf("%s is not a whole number that can be held: give a whole number", semantic.JSONValue)
		case semantic.GoType != nil && semantic.JSONKind != 0:
			expected := wanted(semantic.GoType.Kind().String())
			problem = fmt.Sprintf("a JSON %s where %s is expected: give %[2]s (docs/lca.md)", kindName(semantic.JSONKind), expected)
		case semantic.Err != nil: // a part's own, which says what to do
			problem = semantic.Err.Error()
		}
	case errors.As(err, &syntax):
		pointer, offset = syntax.JSONPointer, syntax.ByteOffset
		switch {
		case errors.Is(err, jsontext.ErrDuplicateName):
			problem = "given twice: keep one"
		case errors.Is(err, io.ErrUnexpectedEOF):
			problem = "the file ends in the middle of a value, not complete JSON: write it out"
		default:
			problem = "not valid JSON: " + syntax.Err.Error() + ": correct it"
		}
	}
	offset = min(max(offset, 0), int64(len(data)))
	line := 1 + bytes.Count(data[:offset], []byte("\n"))
	if at := d.lines[pointer]; at > 0 && pointer != "" {
		line = at
	}
	return &FieldError{Place{d.file, line, fieldName(pointer)}, problem}
}

// knownKey reports whether a figure may be called so.
func knownKey(key string) bool {
	switch key {
	case "lifespan", "utilisation", "carbon_market", "aware", "pue", "wue", "host_factor", "electricity", "energy", "device_time", "share",
		"count", "wall_time", "break_even", "lifetime_inferences", "lifetime_rate", "per_request", "per_device", "idle_time", "idle_power":
		return true
	}
	return rowOf(key) != nil || printedRow(key) != nil || slices.Contains(substances(), key)
}

func kindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "boolean"
	case '"':
		return "string"
	case '0':
		return "number"
	case '{':
		return "object"
	}
	return "array"
}

// wanted names the JSON kind that a Go kind is read from.
func wanted(kind string) string {
	switch {
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "float"):
		return "a number"
	case kind == "bool":
		return "a boolean"
	case kind == "slice":
		return "a list"
	case kind == "struct", kind == "map":
		return "an object"
	}
	return "a " + kind
}

// line is the line of the field, or of the nearest field around it that is
// there.
func (d *document) line(p jsontext.Pointer) int {
	for {
		if n := d.lines[p]; n > 0 {
			return n
		}
		if p == "" {
			return 1
		}
		p = p.Parent()
	}
}

// has reports whether the field stands in the document.
func (d *document) has(p jsontext.Pointer) bool { return d.lines[p] > 0 }

// fieldName writes a JSON pointer as people do: hardware[0].carbon.unit.
func fieldName(p jsontext.Pointer) string {
	var b strings.Builder
	for token := range p.Tokens() {
		if _, err := strconv.Atoi(token); err == nil {
			fmt.Fprintf(&b, "[%s]", token)
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(token)
	}
	return b.String()
}
