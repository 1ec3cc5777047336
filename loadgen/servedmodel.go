package loadgen

import (
	"encoding/json"
	"path"
	"strings"
	"unicode/utf8"
)

// sameModel reports whether the name under which a server answers may be the
// model that was asked for: the same but for case, a dated or quantized one of that
// name (gpt-4o-2024-08-06, m.gguf), or one with or without the owner before it.
func sameModel(asked, answered string) bool {
	a, b := strings.ToLower(asked), strings.ToLower(answered)
	return within(a, b) || within(b, a) || within(path.Base(a), path.Base(b)) || within(path.Base(b), path.Base(a))
}

// within reports whether name stands in s as whole words.
func within(name, s string) bool {
	for at := 0; name != ""; at++ {
		i := strings.Index(s[at:], name)
		if i < 0 {
			return false
		}
		at += i
		end := at + len(name)
		if (at == 0 || !alphanumeric(s[at-1])) && (end == len(s) || !alphanumeric(s[end])) {
			return true
		}
	}
	return true
}

func alphanumeric(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || b >= utf8.RuneSelf
}

// longestModel bounds the model's name of a record, in bytes.
const longestModel = 200

// answered notes the name under which the server answers, once a stream.
func (s *scanner) answered(r *Record) {
	c := &s.chunk
	if s.named || len(c.model) <= 2 || s.asked.model == "" {
		return
	}
	s.named = true
	if string(c.model[1:len(c.model)-1]) == s.asked.model { // without an allocation
		return
	}
	if name := unquoted(c.model); !sameModel(s.asked.model, name) {
		r.AnsweredModel = s.secrets.Line(name, longestModel)
	}
}

// unquoted is the text of a JSON string.
func unquoted(raw []byte) string {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return string(raw)
	}
	return text
}
