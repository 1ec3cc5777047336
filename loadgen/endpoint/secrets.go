package endpoint

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// shortestSecret bounds what is looked for in a text: a shorter value would be
// found in words that are none of it.
const shortestSecret = 4

// Secrets are values that no log, table or message may have, in any of the
// forms in which a server may send them back. The zero Secrets has none.
type Secrets struct {
	forms []form // the longest first
}

type form struct{ text, shown string }

// Add takes one more value; name stands in its place, in brackets.
func (s *Secrets) Add(name, value string) {
	if len(value) < shortestSecret {
		return
	}
	shown := "[" + name + "]"
	for _, f := range forms(value) {
		if !slices.ContainsFunc(s.forms, func(have form) bool { return have.text == f }) {
			s.forms = append(s.forms, form{f, shown})
		}
	}
	slices.SortStableFunc(s.forms, func(a, b form) int { return len(b.text) - len(a.text) })
}

// forms lists a value as it is and as JSON, URLs, HTML, base64 and hexadecimal
// write it.
func forms(value string) []string {
	quoted, _ := json.Marshal(value)
	inner := strings.TrimSuffix(strings.TrimPrefix(string(quoted), `"`), `"`)
	all := []string{
		value, inner, strings.ReplaceAll(inner, "/", `\/`), strings.ReplaceAll(value, "/", `\/`),
		url.QueryEscape(value), url.PathEscape(value),
		strings.ReplaceAll(url.QueryEscape(value), "+", "%20"),
		hex.EncodeToString([]byte(value)),
		base64.StdEncoding.EncodeToString([]byte(value)), base64.RawStdEncoding.EncodeToString([]byte(value)),
		base64.URLEncoding.EncodeToString([]byte(value)), base64.RawURLEncoding.EncodeToString([]byte(value)),
	}
	for _, f := range all[4:7] { // percent signs with small digits
		all = append(all, lowerPercent(f))
	}
	return all
}

// lowerPercent writes %2F as %2f.
func lowerPercent(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(s[i+1:i+3]))
		}
	}
	return string(b)
}

// Mask is the text without the secrets. It is to be called before the text is
// cut; what an earlier cut left of a secret at the end is masked, too.
func (s Secrets) Mask(text string) string {
	for _, f := range s.forms {
		text = strings.ReplaceAll(text, f.text, f.shown)
	}
	body := strings.TrimRight(text, `"'…`)
	for _, f := range s.forms {
		for n := min(len(f.text)-1, len(body)); n >= shortestSecret; n-- {
			if strings.HasSuffix(body, f.text[:n]) {
				return body[:len(body)-n] + f.shown + text[len(body):]
			}
		}
	}
	return text
}
