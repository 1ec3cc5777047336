package endpoint

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"

	"cfubench/internal/secret"
)

// Header is a field that every request carries besides the client's own. Its
// value is taken for a secret.
type Header struct{ Name, Value string }

// ParseHeader reads "NAME: VALUE". The error quotes no value.
func ParseHeader(s string) (Header, error) {
	name, value, ok := strings.Cut(s, ":")
	h := Header{strings.TrimSpace(name), strings.TrimSpace(value)}
	if !ok {
		return Header{}, errors.New("header: want NAME: VALUE")
	}
	return h, h.check()
}

// framing are the fields that net/http writes itself.
var framing = []string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Te", "Trailer", "Upgrade", "Accept-Encoding"}

func (h Header) check() error {
	if !httpguts.ValidHeaderFieldName(h.Name) {
		return fmt.Errorf("header: %q is no field name: want NAME: VALUE", printable(h.Name))
	}
	if !httpguts.ValidHeaderFieldValue(h.Value) {
		return fmt.Errorf("header %s: its value has a line break or another control character", h.Name)
	}
	for _, f := range framing {
		if strings.EqualFold(f, h.Name) {
			return fmt.Errorf("header %s: the HTTP client sets it; leave it out", h.Name)
		}
	}
	return nil
}

// printable is text that may be echoed: at most a short word.
func printable(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

// Access is what a server wants to see before it answers.
type Access struct {
	// APIKey is sent as a bearer token, "" for none.
	APIKey  string
	Headers []Header
}

// Check refuses what no request can carry. The error quotes no value.
func (a Access) Check() error {
	if !httpguts.ValidHeaderFieldValue(a.APIKey) {
		return errors.New("the API key holds a line break: check the environment variable or file it comes from")
	}
	for _, h := range a.Headers {
		if err := h.check(); err != nil {
			return err
		}
	}
	return nil
}

// Set puts the fields on a request. A given Authorization replaces the key's.
func (a Access) Set(fields http.Header) {
	if a.APIKey != "" {
		fields.Set("Authorization", "Bearer "+a.APIKey)
	}
	for _, h := range a.Headers {
		fields.Set(h.Name, h.Value)
	}
}

// Tell makes the values that nobody may see known to secrets.
func (a Access) Tell(secrets *secret.Redactor) {
	secrets.Add(a.APIKey)
	for _, h := range a.Headers {
		secrets.AddHeader(h.Name, h.Value, true)
	}
}
