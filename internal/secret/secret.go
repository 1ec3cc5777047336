// Package secret keeps keys, passwords and tokens out of everything that is
// written: a Redactor knows their values, in the forms in which a server may
// echo them, and the places where they stand in commands, addresses, headers
// and JSON.
//
// Whoever cuts a text redacts it first: of a key that was cut only a part can be
// recognised. The package errs towards hiding too much.
package secret

import (
	"errors"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"

	"cfubench/internal/inputfile"
	"cfubench/internal/outside"
)

// Mask stands where a secret stood.
const Mask = "***"

const (
	// shortest is the fewest characters of a value that is looked for: a shorter
	// one would be found in words that are none of it. Up to boundedBelow it
	// counts only as a word of its own.
	shortest, boundedBelow = 4, 8
	// longest is the most characters of one that is looked for in other
	// spellings than its own.
	longest = 4096
)

// placeholders are what people give where a key is asked for and none is
// needed; hiding these words everywhere would hide what is no secret.
var placeholders = []string{"none", "null", "nil", "true", "false", "empty", "dummy", "test", "token", "key", "token-abc123",
	"secret", "password", "unused", "local", "default", "changeme", "not-needed", "no-key-required", "sk-no-key-required", Mask}

// Redactor replaces secrets by Mask. The zero value knows no values, only the
// places; nil redacts nothing. It may be used by several goroutines.
type Redactor struct {
	mu      sync.RWMutex
	values  []string
	forms   []form
	byFirst [256][]form // by how they begin, other than with an escape
	parts   *parts
}

// New returns a Redactor of values.
func New(values ...string) *Redactor {
	r := &Redactor{}
	r.Add(values...)
	return r
}

// Add makes values known: keys, passwords, values of secret headers. Each line
// of a value of several is one.
func (r *Redactor) Add(values ...string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, value := range values {
		for v := range strings.Lines(value) {
			v = strings.TrimSpace(v)
			if len(v) < shortest || slices.Contains(placeholders, strings.ToLower(v)) || slices.Contains(r.values, v) {
				continue
			}
			r.values = append(r.values, v)
			if r.parts == nil {
				r.parts = &parts{of: map[[leastPart]byte]partOf{}}
			}
			for _, f := range formsOf(v) {
				if !strings.ContainsAny(v, " \t") { // words are no key, and stand in other texts
					r.parts.add(len(r.forms), f)
				}
				r.forms = append(r.forms, f)
				r.index(f)
			}
		}
	}
}

// AddCommand makes known what a shell command holds at the places of secrets, as
// it is written there and, where getenv is given, as the shell would expand it.
// Of options that name a file of keys the file is read. What has the shape of a key
// is one wherever it stands.
func (r *Redactor) AddCommand(command string, getenv func(string) string) {
	for _, text := range []string{command, expand(command, getenv)} {
		for _, at := range shaped(text) {
			r.Add(text[at[0]:at[1]])
		}
	}
	for _, f := range places(command, true) {
		value := unquote(command[f.start:f.end])
		words := append(strings.Fields(value), value)
		if f.file {
			if b, err := inputfile.ReadRegular(expand(value, getenv)); err == nil && len(b) < 1<<16 {
				r.Add(string(b))
			}
			continue
		}
		for _, w := range words {
			r.Add(w, expand(w, getenv))
			r.Add(strings.FieldsFunc(expand(w, getenv), func(c rune) bool { return strings.ContainsRune(`,[]'"`, c) })...)
		}
	}
}

// AddEnvironment makes known the values of the variables, NAME=VALUE, that are
// secrets by their names, and in those of other names what has the shape of a key and
// the passwords of addresses (a database's, a proxy's): a process that inherits them
// may print them.
func (r *Redactor) AddEnvironment(environ []string) {
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		switch {
		case len(value) >= boundedBelow && IsSecretName(name) && !isFile(name) && !strings.HasPrefix(value, "/"): // /run/agent.sock
			r.Add(value)
		case strings.Contains(value, "://"):
			r.AddURL(value)
		}
		for _, at := range shaped(value) {
			r.Add(value[at[0]:at[1]])
		}
	}
}

func expand(value string, getenv func(string) string) string {
	if getenv == nil {
		return value
	}
	return os.Expand(value, getenv)
}

// AddURL makes known the password and the secret parameters of an address, also
// of one that does not parse.
func (r *Redactor) AddURL(address string) {
	for _, f := range places(address, false) {
		value := address[f.start:f.end]
		_, password, found := strings.Cut(value, ":")
		if !f.user {
			password = value
		} else if !found {
			password = value // a token in the place of a user
		}
		r.Add(password)
		if plain, err := url.QueryUnescape(password); err == nil {
			r.Add(plain)
		}
		if plain, err := url.PathUnescape(password); err == nil {
			r.Add(plain)
		}
	}
}

// AddHeader makes known the value of a header that holds a secret: of those with
// such names (Authorization, X-Api-Key, Cookie …), and of any other whose value
// is long enough to be one if all is set.
func (r *Redactor) AddHeader(name, value string, all bool) {
	if !all && !IsSecretName(name) {
		return
	}
	r.Add(value)
	for _, w := range strings.FieldsFunc(value, func(c rune) bool { return strings.ContainsRune(" ;,", c) }) {
		if _, v, ok := strings.Cut(w, "="); ok && len(v) >= boundedBelow {
			r.Add(v)
		}
		if len(w) >= boundedBelow {
			r.Add(w)
		}
	}
}

// Text redacts free text: a message, a log line, JSON, an address.
func (r *Redactor) Text(text string) string { return r.redact(text, false) }

// Command redacts a shell command, so that it can be recorded.
func (r *Redactor) Command(command string) string { return r.redact(command, true) }

// Values redacts what is known alone, wherever it stands: for texts in which a word at
// the place of a secret may be none, such as names and figures. Of a value that the end
// of the text cuts off, sixteen characters are needed.
func (r *Redactor) Values(text string) string {
	if r == nil || text == "" {
		return text
	}
	return apply(text, r.known(text, false))
}

// AddArgs makes known what a command's arguments hold at the places of secrets, as
// AddCommand does for a shell's.
func (r *Redactor) AddArgs(args []string) {
	hidden := false // the argument is the value of the option before it
	for i, a := range args {
		option, name := strings.HasPrefix(a, "-"), strings.TrimLeft(a, "-")
		switch {
		case hidden && !option:
			r.Add(a)
		case i > 0 && userOptions[args[i-1]]:
			if _, password, ok := strings.Cut(a, ":"); ok {
				r.Add(password)
			}
		default:
			r.AddCommand(a, nil)
			r.AddURL(a)
		}
		hidden = option && !strings.Contains(a, "=") && IsSecretName(name) && !isFile(name)
	}
}

// userOptions are those of curl and its like whose value is a user and a password.
var userOptions = map[string]bool{"-u": true, "--user": true, "--proxy-user": true, "-U": true}

// Args redacts a command's arguments.
func (r *Redactor) Args(args []string) []string {
	out := make([]string, len(args))
	hidden, list := false, false // the argument is the value of the option before it
	for i, a := range args {
		option, name := strings.HasPrefix(a, "-"), strings.TrimLeft(a, "-")
		user, password, pair := strings.Cut(a, ":")
		switch {
		case i > 0 && userOptions[args[i-1]] && pair && password != "":
			out[i] = r.redact(user, true) + ":" + Mask
			hidden, list = false, false
			continue
		case (hidden || list) && !option:
			out[i] = Mask
			hidden = false
			continue
		case hidden:
			out[i] = Mask // a key may begin with a dash
			hidden = false
			continue
		default:
			out[i] = r.redact(a, true)
		}
		hidden = option && !strings.Contains(a, "=") && IsSecretName(name) && !isFile(name)
		list = hidden && takesList(name)
	}
	return out
}

// Error is err with a redacted text; errors.Is and As see through it.
func (r *Redactor) Error(err error) error {
	if err == nil {
		return nil
	}
	text := r.Text(err.Error())
	if text == err.Error() {
		return err
	}
	return &redacted{text, err}
}

type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }

func (e *redacted) Is(target error) bool { return errors.Is(e.err, target) }

func (e *redacted) As(target any) bool { return errors.As(e.err, target) }

func (r *Redactor) redact(text string, command bool) string {
	if r == nil || text == "" {
		return text
	}
	return apply(text, r.find(text, command, true))
}

// find returns what is to be hidden in text, in order and apart from each other.
// If whole is set nothing follows the text, so that a value may be cut by its
// end.
func (r *Redactor) find(text string, command, whole bool) []span {
	spans := r.known(text, whole)
	for _, f := range places(text, command) {
		if !f.file {
			spans = append(spans, f.span())
		}
	}
	for _, at := range shaped(text) {
		spans = append(spans, span{at[0], at[0], at[1]})
	}
	slices.SortFunc(spans, func(a, b span) int { return a.start - b.start })
	var apart []span
	for _, s := range spans {
		if n := len(apart); n > 0 && s.start <= apart[n-1].end {
			last := &apart[n-1]
			last.context, last.end = min(last.context, s.context), max(last.end, s.end)
			continue
		}
		apart = append(apart, s)
	}
	return apart
}

// span is what is to be hidden, and where the place begins that says so.
type span struct{ context, start, end int }

func apply(text string, spans []span) string {
	if len(spans) == 0 {
		return text
	}
	var out strings.Builder
	at := 0
	for _, s := range spans {
		out.WriteString(text[at:s.start])
		out.WriteString(Mask)
		at = s.end
	}
	out.WriteString(text[at:])
	return out.String()
}

// Line is text from outside in one line of at most limit bytes (outside.Limit if
// 0), redacted before and after what is hidden in it is taken out, and then cut.
func (r *Redactor) Line(text string, limit int) string {
	return outside.Cut(r.Text(outside.Clean(r.Text(text))), limit)
}
