package loadgen

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The APIs that a Client speaks. A record's kind is one of them.
const (
	APIChat        = "chat"        // POST /chat/completions
	APICompletions = "completions" // POST /completions
	APIResponses   = "responses"   // POST /responses
	APIEmbeddings  = "embeddings"  // POST /embeddings, which does not stream
)

// APIs lists them, the default first.
func APIs() []string { return []string{APIChat, APICompletions, APIResponses, APIEmbeddings} }

// operation is the path of an API below the endpoint.
func operation(api string) string {
	if api == APIChat {
		return "/chat/completions"
	}
	return "/" + api
}

// tokensFields are the names under which servers take the length of an answer.
var tokensFields = []string{"max_tokens", "max_completion_tokens", "max_output_tokens"}

// format is how the body of one API's requests is written: what is the same in
// all of them is encoded once.
type format struct {
	api    string
	model  []byte // `"model":"m"`, empty for none
	tokens []byte // `,"max_tokens":`, empty for none
	// extra are the fields that a request carries besides, `,"a":1,"b":2`, and
	// names their names; defaults are those that a whole request may set itself.
	extra     []byte
	names     []string
	defaults  []byte
	defaulted []string
	minimum   bool   // send min_tokens
	salt      []byte // JSON form of what comes before the first text
}

// newFormat checks the options and encodes what is the same in all requests.
func newFormat(o Options, api string) (format, error) {
	f := format{api: api, minimum: o.MinTokens && api != APIEmbeddings}
	if o.Model != "" {
		f.model = appendString([]byte(`"model":`), o.Model)
	}
	if o.Salt != "" {
		salt := appendString(nil, o.Salt+" ")
		f.salt = salt[1 : len(salt)-1]
	}
	field := "max_tokens"
	switch {
	case api == APIEmbeddings:
		field = ""
	case api == APIResponses:
		field = "max_output_tokens"
	case o.TokensField != "":
		field = o.TokensField
	}
	if field != "" {
		f.tokens = []byte(`,"` + field + `":`)
	}
	fields := map[string]any{}
	defaults := map[string]any{}
	switch api {
	case APIChat, APICompletions:
		fields["stream_options"] = map[string]any{"include_usage": true}
		fallthrough
	case APIResponses:
		fields["stream"] = true
		defaults["temperature"] = 0
		if o.IgnoreEOS {
			fields["ignore_eos"] = true
		}
	}
	reserved := append([]string{"model", "messages", "prompt", "input", "stream"}, tokensFields...)
	for name, value := range o.ExtraBody {
		switch {
		case slices.Contains(reserved, name), name == "min_tokens" && o.MinTokens:
			return format{}, fmt.Errorf("extra body field %q: it is set for each request; leave it out", name)
		case !f.takes(name):
			continue
		}
		delete(defaults, name)
		if value == nil { // leave the client's own out
			delete(fields, name)
			continue
		}
		fields[name] = value
	}
	var err error
	if f.extra, err = encodeFields(fields); err != nil {
		return format{}, err
	}
	if f.defaults, err = encodeFields(defaults); err != nil {
		return format{}, err
	}
	f.names = append(slices.Collect(maps.Keys(fields)), "stream")
	f.defaulted = slices.Collect(maps.Keys(defaults))
	return f, nil
}

// takes reports whether the API has a use for a field of decoding, which an
// engine's profile names for all.
func (f format) takes(name string) bool {
	switch name {
	case "stream_options":
		return f.api == APIChat || f.api == APICompletions
	case "temperature", "ignore_eos", "min_tokens", "cache_prompt":
		return f.api != APIEmbeddings
	}
	return true
}

// encodeFields is `,"a":1,"b":2`, by name.
func encodeFields(fields map[string]any) ([]byte, error) {
	var b []byte
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value, err := json.Marshal(fields[name])
		if err != nil {
			return nil, fmt.Errorf("extra body field %q: %w", name, err)
		}
		b = append(appendString(append(b, ','), name), ':')
		b = append(b, value...)
	}
	return b, nil
}

// encode writes the body of one call, in one allocation for most. text is the
// number of bytes of its prompt with what came before.
func (f format) encode(call Call) (body []byte, text int, err error) {
	if len(call.Body) > 0 {
		body, err = f.whole(call)
		return body, min(len(call.Body), longPrompt), err // images and tools are no text
	}
	size := len(f.model) + len(f.extra) + len(f.defaults) + len(f.salt) + 128
	for _, m := range call.History {
		size += len(m.Content) + len(m.Content)/8 + 40
		text += len(m.Content)
	}
	text += len(call.Request.Prompt)
	size += len(call.Request.Prompt) + len(call.Request.Prompt)/8
	b := append(make([]byte, 0, size), '{')
	b = append(b, f.model...)
	if len(f.model) > 0 {
		b = append(b, ',')
	}
	switch f.api {
	case APIChat:
		b = append(b, `"messages":`...)
		b = f.messages(b, call)
	case APIResponses:
		b = append(b, `"input":`...)
		b = f.messages(b, call)
	case APICompletions:
		b = append(b, `"prompt":`...)
		b = f.lines(b, call)
	case APIEmbeddings:
		b = append(b, `"input":`...)
		b = f.lines(b, call)
	}
	b = f.length(b, call.MaxTokens)
	b = append(b, f.defaults...)
	b = append(b, f.extra...)
	return append(b, '}'), text, nil
}

// messages writes history and prompt as chat messages.
func (f format) messages(b []byte, call Call) []byte {
	b = append(b, '[')
	salt := f.salt
	message := func(role, content string) {
		if b[len(b)-1] != '[' {
			b = append(b, ',')
		}
		b = append(b, `{"role":`...)
		b = appendString(b, role)
		b = append(b, `,"content":"`...)
		b = append(b, salt...)
		b = append(appendText(b, content), `"}`...)
		salt = nil
	}
	for _, m := range call.History {
		message(m.Role, m.Content)
	}
	message("user", call.Request.Prompt)
	return append(b, ']')
}

// lines writes history and prompt as one text, a line a message.
func (f format) lines(b []byte, call Call) []byte {
	b = append(append(b, '"'), f.salt...)
	for _, m := range call.History {
		b = append(appendText(b, m.Content), `\n`...)
	}
	return append(appendText(b, call.Request.Prompt), '"')
}

// length writes how long the answer is to be, nothing for 0.
func (f format) length(b []byte, tokens int) []byte {
	if tokens <= 0 || len(f.tokens) == 0 {
		return b
	}
	b = append(b, f.tokens...)
	b = strconv.AppendInt(b, int64(tokens), 10)
	if f.minimum {
		b = append(b, `,"min_tokens":`...)
		b = strconv.AppendInt(b, int64(tokens), 10)
	}
	return b
}

// errNoObject is a whole request that is none.
var errNoObject = errors.New("the request's body is not a JSON object")

// whole writes a request that the trace has whole: its own members as they
// stand there, less those that the run sets.
func (f format) whole(call Call) ([]byte, error) {
	w := walker{b: call.Body}
	if w.peek() != '{' {
		return nil, errNoObject
	}
	b := append(make([]byte, 0, len(call.Body)+len(f.model)+len(f.extra)+len(f.defaults)+len(f.salt)+64), '{')
	b = append(b, f.model...)
	defaults, length := true, true
	w.enter('{')
	for w.member() {
		name := string(w.key)
		raw := w.value()
		switch {
		case name == "model" && len(f.model) > 0, slices.Contains(f.names, name):
			continue
		case slices.Contains(tokensFields, name):
			length = false // the trace's own, under the trace's own name
		case slices.Contains(f.defaulted, name):
			defaults = false
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), name...), `":`...)
		b = f.salted(b, name, raw)
	}
	if w.broken || w.peek() != 0 {
		return nil, errNoObject
	}
	if length {
		b = f.length(b, call.MaxTokens)
	}
	if defaults {
		b = append(b, f.defaults...)
	}
	b = append(b, f.extra...)
	if len(b) > 1 && b[1] == ',' { // nothing before the first comma
		b = slices.Delete(b, 1, 2)
	}
	return append(b, '}'), nil
}

// salted appends the value of a member, with the salt before its first text.
func (f format) salted(b []byte, name string, raw []byte) []byte {
	if len(f.salt) == 0 || name != "messages" && name != "prompt" && name != "input" {
		return append(b, raw...)
	}
	at := firstText(raw)
	if at < 0 {
		return append(b, raw...)
	}
	b = append(b, raw[:at]...)
	b = append(b, f.salt...)
	return append(b, raw[at:]...)
}

// firstText is where the first text of a prompt begins: a string, or in a list
// the first content or text that is one; -1 if there is none.
func firstText(raw []byte) int {
	w := walker{b: raw}
	at := -1
	var look func(depth int)
	look = func(depth int) {
		switch b := w.peek(); {
		case at >= 0 || depth > deepest:
			w.value()
		case b == '"':
			at = w.i + 1
			w.value()
		case b == '[':
			w.enter('[')
			for w.element() {
				look(depth + 1)
			}
		case b == '{':
			w.enter('{')
			for w.member() {
				if key := string(w.key); key == "content" || key == "text" {
					look(depth + 1)
				} else {
					w.value()
				}
			}
		default:
			w.value()
		}
	}
	look(0)
	return at
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	return append(appendText(append(b, '"'), s), '"')
}

// appendText appends the inside of a JSON string. Bytes that are no UTF-8
// become U+FFFD.
func appendText(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			if r, width := utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || width > 1 {
				i += width
				continue
			}
		}
		b = append(b, s[start:i]...)
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, "\uFFFD"...)
		}
		i++
		start = i
	}
	return append(b, s[start:]...)
}

// checkTokensField refuses a name that no server has.
func checkTokensField(name string) error {
	if name == "" || slices.Contains(tokensFields, name) {
		return nil
	}
	return fmt.Errorf("field for the length of answers %q: want %s", name, strings.Join(tokensFields, " or "))
}
