package secret

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// place is where a secret stands, by the words before it.
type place struct {
	context, start, end int
	user                bool // the user part of an address
	file                bool // the name of a file of secrets, itself none
}

func (p place) span() span { return span{p.context, p.start, p.end} }

// What stands at places that are rare is left to expressions, behind a search
// for a word that they need: a log line must cost little.
var (
	credAt = regexp.MustCompile(`(?i)\b(?:bearer|basic)(?:\s+|%20|\+)([A-Za-z0-9._~+/=-]+)`)
	curlAt = regexp.MustCompile(`(?:^|\s)(?:-u|--user|--proxy-user)(?:\s+|=)["']?[^\s:"']+:([^\s"']+)`)
	// shapes are keys that are known by their look.
	shapes = regexp.MustCompile(`\b(?:sk-[A-Za-z0-9_-]{12,}|hf_[A-Za-z0-9]{12,}|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|` +
		`xox[abprs]-[A-Za-z0-9-]{10,}|AKIA[A-Z0-9]{16}|AIza[\w-]{30,}|nvapi-[\w-]{16,}|gsk_\w{16,}|eyJ[\w-]{10,}\.[\w-]{8,}\.[\w-]*)`)
	shapeWords = []string{"sk-", "hf_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "AKIA", "AIza", "nvapi-", "gsk_", "eyJ"}
	nameWords  = []string{"key", "token", "secret", "passw", "passphrase", "pwd", "cred", "auth", "bearer", "cookie", "jwt", "pat", "sig"}
)

func holdsAny(text string, words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// shaped finds keys by their look.
func shaped(text string) [][]int {
	if !holdsAny(text, shapeWords) {
		return nil
	}
	return shapes.FindAllStringIndex(text, -1)
}

// places finds where secrets stand in a text. In a command an option for keys
// may have several.
func places(text string, command bool) []place {
	var found []place
	add := func(p place) {
		if p.start < p.end && text[p.start:p.end] != Mask {
			found = append(found, p)
		}
	}
	lowered := strings.ToLower(text)
	if holdsAny(lowered, nameWords) {
		for i := range len(text) {
			switch text[i] {
			case '-':
				name, start := option(text, i)
				for IsSecretName(name) { // ends
					end := word(text, start)
					add(place{context: i, start: start, end: end, file: isFile(name)})
					if !command || !takesList(name) {
						break
					}
					next := end
					for next < len(text) && text[next] == ' ' {
						next++
					}
					if next == end || next == len(text) || strings.ContainsRune("-;&|<>()", rune(text[next])) {
						break
					}
					start = next
				}
			case '=', ':':
				if p, ok := named(text, i); ok {
					add(p)
				}
			}
		}
	}
	for i := 0; ; {
		n, length := strings.Index(text[i:], "://"), 3
		if m := strings.Index(text[i:], `:\/\/`); m >= 0 && (n < 0 || m < n) {
			n, length = m, 5
		}
		if n < 0 {
			break
		}
		i += n + length
		if end := userEnd(text, i); end > 0 {
			add(place{context: i - length, start: i, end: end, user: true})
		}
	}
	if holdsAny(lowered, []string{"bearer", "basic"}) {
		for _, m := range credAt.FindAllStringSubmatchIndex(text, -1) {
			if credential(text[m[2]:m[3]]) {
				add(place{context: m[0], start: m[2], end: m[3]})
			}
		}
	}
	if holdsAny(text, []string{"-u", "user"}) {
		for _, m := range curlAt.FindAllStringSubmatchIndex(text, -1) {
			add(place{context: m[0], start: m[2], end: m[3]})
		}
	}
	return found
}

// option reads the option that begins with the dash at i, and where its value
// does; its name is empty if there is none.
func option(text string, i int) (name string, start int) {
	if i > 0 && !strings.ContainsRune(" \t\r\n\"'`([,", rune(text[i-1])) {
		return "", 0
	}
	from := i + 1
	if from < len(text) && text[from] == '-' {
		from++
	}
	end := from
	for end < len(text) && isName(text[end]) {
		end++
	}
	start = skipSpace(text, end)
	switch {
	case start < len(text) && text[start] == '=':
		start = skipSpace(text, start+1)
	case end < len(text) && (text[end] == '"' || text[end] == '\''): // of a list in a program
		if start = skipSpace(text, end+1); start < len(text) && text[start] == ',' {
			start = skipSpace(text, start+1)
		}
		if start == end+1 {
			return "", 0
		}
	case start == end:
		return "", 0
	}
	return text[from:end], start
}

// named reads the name before the equals sign or colon at i, and the value
// behind it: NAME=, ?name=, name='…', "name": "…".
func named(text string, i int) (place, bool) {
	end := i
	for end > 0 && (text[end-1] == ' ' || text[end-1] == '\t') {
		end--
	}
	quoted := end > 0 && (text[end-1] == '"' || text[end-1] == '\'')
	if quoted {
		end--
	}
	for end > 0 && text[end-1] == '\\' {
		end--
	}
	from := end
	for from > 0 && isName(text[from-1]) {
		from--
	}
	for from < end && !('a' <= lower(text[from]) && lower(text[from]) <= 'z') {
		from++
	}
	name, colon := text[from:end], text[i] == ':'
	if end-from > 100 || !IsSecretName(name) || colon && !quoted && !isHeader(name) {
		return place{}, false
	}
	start := skipSpace(text, i+1)
	p := place{context: from, start: start, end: value(text, start), file: isFile(name)}
	if colon {
		switch {
		case !quoted:
			p.end = line(text, start) // a header
		case start < len(text) && text[start] == '{':
			return place{}, false // the keys in it are looked at
		case start < len(text) && (text[start] == '"' || text[start] == '\''):
			p.start, p.end = start+1, closing(text, start) // JSON stays JSON
		}
	}
	return p, true
}

func skipSpace(text string, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\t') {
		i++
	}
	return i
}

func isName(c byte) bool {
	return c == '_' || c == '-' || c == '.' || '0' <= c && c <= '9' || 'a' <= lower(c) && lower(c) <= 'z'
}

// word is where the shell word ends that begins at i, or the value that does.
func word(text string, i int) int {
	quote := byte(0)
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quote != '\'' && i+1 < len(text):
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && strings.IndexByte(text[i+1:], c) >= 0:
			quote = c
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';' || c == '"' || c == '\'' || c == '`':
			return i
		}
	}
	return i
}

// closing is where the text ends whose opening quote is at i.
func closing(text string, i int) int {
	for k := i + 1; k < len(text); k++ {
		switch text[k] {
		case '\\':
			k++
		case text[i]:
			return k
		}
	}
	return len(text)
}

// value is where the value behind a name ends: a word, a quoted text or a list.
func value(text string, i int) int {
	if i < len(text) && text[i] == '[' {
		if n := strings.IndexByte(text[i:], ']'); n >= 0 {
			return i + n + 1
		}
	}
	if i < len(text) && text[i] == '\\' { // an escaped quote, in JSON inside of JSON
		if n := strings.Index(text[i+1:], `\"`); n >= 0 {
			return i + 1 + n
		}
	}
	end := word(text, i)
	if n := strings.IndexByte(text[i:end], '&'); n >= 0 && text[i] != '"' && text[i] != '\'' {
		end = i + n
	}
	return end
}

// line is where a header's value ends.
func line(text string, i int) int {
	if n := strings.IndexAny(text[i:], "\"'\r\n\\"); n >= 0 {
		return i + n
	}
	return len(text)
}

// userEnd is where the user part of an address ends whose host part begins at
// i, 0 if it has none. A password may hold what it should not, as long as what
// is before the first slash can be no host with a port.
func userEnd(text string, i int) int {
	end := i
	for end < len(text) && !unicode.IsSpace(rune(text[end])) && !strings.ContainsRune("\"'<>`", rune(text[end])) {
		end++
	}
	authority := i
	for authority < end && !strings.ContainsRune(`/?#\`, rune(text[authority])) {
		authority++
	}
	if n := strings.LastIndexByte(text[i:authority], '@'); n >= 0 {
		return i + n
	}
	_, port, ok := strings.Cut(text[i:authority], ":")
	if !ok || text[i] == '[' || strings.Trim(port, "0123456789") == "" || strings.Trim(port, "{}abcdefghijklmnopqrstuvwxyz") == "" && strings.HasPrefix(port, "{") {
		return 0
	}
	if n := strings.LastIndexByte(text[i:end], '@'); n >= 0 {
		return i + n
	}
	return 0
}

// credential reports whether what follows the name of a scheme may be one, and
// not the sentence that goes on.
func credential(s string) bool {
	return len(s) >= 20 || len(s) >= 6 && strings.ContainsAny(s, "0123456789=_")
}

// IsSecretName reports whether an option, variable, parameter, header or key of
// this name has a secret for a value, in any spelling: --api-key, HF_TOKEN,
// X-Api-Key, clientSecret.
func IsSecretName(name string) bool {
	if name == "" || !holdsAny(strings.ToLower(name), nameWords) {
		return false
	}
	parts := segments(name)
	if n := len(parts); n > 1 && fileWords[parts[n-1]] {
		parts = parts[:n-1]
	}
	for i, p := range parts {
		before := ""
		if i > 0 {
			before = parts[i-1]
		}
		switch {
		case alwaysSecret[p]:
			return true
		case p == "token":
			if i == len(parts)-1 && !slices.ContainsFunc(parts[:i], func(p string) bool { return countWords[p] }) {
				return true
			}
		case p == "key" || p == "keys":
			if keyWords[before] || i == len(parts)-1 && p == "key" && !otherKeys[before] {
				return true
			}
		}
	}
	return false
}

// segments are the words of a name, in lower case.
func segments(name string) []string {
	var parts []string
	start := 0
	cut := func(end int) {
		if end > start {
			parts = append(parts, strings.ToLower(name[start:end]))
		}
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c == '-' || c == '_' || c == '.':
			cut(i)
			start = i + 1
		case i > start && 'A' <= c && c <= 'Z' && 'a' <= name[i-1] && name[i-1] <= 'z':
			cut(i)
			start = i
		}
	}
	cut(len(name))
	return parts
}

func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

var (
	alwaysSecret = set(`apikey apikeys secret secrets password passwd passphrase pwd credential credentials authorization bearer
		authtoken accesstoken hftoken hubtoken refreshtoken apitoken idtoken sessiontoken secretkey accesskey privatekey authkey
		cookie jwt pat sig signature`)
	keyWords   = set(`api access private secret auth admin master encryption signing subscription account license shared client`)
	otherKeys  = set(`public cache sort primary foreign ssl tls partition group index routing`)
	countWords = set(`max min num no n eos bos pad unk sep cls mask stop per next first last new special add image audio video output
		input prompt total cached reasoning skip time ms second ignore chunk block draft spec start end`)
	fileWords   = set(`file path dir`)
	headerNames = set(`authorization cookie password passwd passphrase apikey`)
)

// isFile reports whether the value is a file's name.
func isFile(name string) bool {
	parts := segments(name)
	return len(parts) > 1 && fileWords[parts[len(parts)-1]]
}

// takesList reports whether several values may follow: vLLM's --api-key.
func takesList(name string) bool {
	s := strings.Join(segments(name), "")
	return s == "apikey" || s == "apikeys"
}

// isHeader reports whether a colon and a value may follow the name in plain
// text: "unexpected token: }" holds no secret.
func isHeader(name string) bool {
	parts := segments(name)
	last := parts[len(parts)-1]
	return headerNames[last] || len(parts) > 1 && (last == "key" || last == "token" || last == "secret")
}

// unquote takes the quotes of a shell word off.
func unquote(s string) string {
	return strings.NewReplacer(`"`, "", `'`, "", `\`, "").Replace(s)
}
