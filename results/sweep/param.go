package sweep

import (
	"encoding/json"
	"fmt"
	"strings"
)

// ParseParam reads NAME=V1,V2. A value that has commas stands in quotes, with each quote
// of its own doubled, or is one JSON object or array.
func ParseParam(text string) (Param, error) {
	name, rest, ok := strings.Cut(text, "=")
	if !ok || !paramName.MatchString(name) || rest == "" {
		return Param{}, fmt.Errorf("%.80q: want NAME=V1,V2 with a name of letters, digits, _ and -", text)
	}
	p := Param{Name: name}
	for more := true; more; {
		var value string
		if value, rest, ok = cutValue(rest); !ok {
			return Param{}, fmt.Errorf(`%.80q: a value ends where it should not: put one that has commas in quotes, with each " of its own doubled (%s="a,b",c), or in the params of a --sweep file`, text, name)
		}
		p.Values = append(p.Values, value)
		rest, more = strings.CutPrefix(rest, ",")
	}
	return p, nil
}

// cutValue takes the first value off a list; what is left is empty or begins with a
// comma. ok is false where the value is not closed, or goes on behind its end.
func cutValue(list string) (value, rest string, ok bool) {
	list = strings.TrimLeft(list, " ")
	if quoted, is := strings.CutPrefix(list, `"`); is {
		for {
			part, after, closed := strings.Cut(quoted, `"`)
			value += part
			if !closed {
				return "", "", false
			}
			if quoted, is = strings.CutPrefix(after, `"`); !is {
				rest = strings.TrimLeft(after, " ")
				return value, rest, rest == "" || rest[0] == ','
			}
			value += `"`
		}
	}
	end := strings.IndexByte(list+",", ',')
	opened := strings.HasPrefix(list, "{") || strings.HasPrefix(list, "[")
	if opened {
		var whole json.RawMessage
		if d := json.NewDecoder(strings.NewReader(list)); d.Decode(&whole) == nil {
			end = int(d.InputOffset())
			opened = false
		}
	}
	value, rest = strings.TrimRight(list[:end], " "), strings.TrimLeft(list[end:], " ")
	if opened && !strings.HasSuffix(value, map[byte]string{'{': "}", '[': "]"}[value[0]]) {
		return "", "", false
	}
	return value, rest, rest == "" || rest[0] == ','
}
