// Package endpoint is where a server is and how it is spoken to, by the load and
// by the questions alike: one reading of an address, one set of header fields,
// one rule for connections, and one way to keep keys out of what is said.
package endpoint

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Address is a server's address as a user gives it, taken apart.
type Address struct {
	scheme, host string
	prefix       string // path above the API: where /health and /metrics are
	api          string // path of the API: where /chat/completions is
	query        string // of every request of the API, without "?"
}

// version finds the part of a path that says which API it is: /v1, /v1beta,
// /api/v3, Azure's /openai/deployments/NAME.
var version = regexp.MustCompile(`^(v[0-9]+([a-z]+[0-9]*)?|deployments)$`)

// operations are the ends of a path that somebody copied whole.
var operations = []string{"/chat/completions", "/completions", "/embeddings", "/responses", "/models"}

// secretParameter finds query parameters that carry a key.
var secretParameter = regexp.MustCompile(`(?i)key|token|secret|sig|password|auth`)

// Parse reads an address: scheme, host and a path. A path that names no version
// is that above the API, which is then its /v1; the path of an operation
// (…/chat/completions) is taken off. The error quotes no password.
func Parse(s string) (Address, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		if err == nil && u.Host != "" {
			return Address{}, fmt.Errorf("endpoint: scheme %q: want a URL such as http://127.0.0.1:8080/v1", u.Scheme)
		}
		if strings.Contains(s, "@") { // may be a password
			return Address{}, errors.New("endpoint: want a URL such as http://127.0.0.1:8080/v1, without credentials in it")
		}
		return Address{}, fmt.Errorf("endpoint %q: want a URL such as http://127.0.0.1:8080/v1", s)
	}
	if u.User != nil {
		return Address{}, fmt.Errorf("endpoint %s: give credentials as an API key or a header, not in the URL", u.Host)
	}
	if u.Fragment != "" {
		return Address{}, fmt.Errorf("endpoint %s: want no fragment", u.Host)
	}
	for name := range u.Query() {
		if secretParameter.MatchString(name) {
			return Address{}, fmt.Errorf("endpoint %s: the query parameter %q looks like a key: give it as a header, which is not recorded", u.Host, name)
		}
	}
	a := Address{scheme: u.Scheme, host: u.Host, query: u.RawQuery}
	path := strings.TrimRight(u.EscapedPath(), "/")
	for _, operation := range operations {
		if cut, ok := strings.CutSuffix(path, operation); ok {
			path = cut
			a.prefix, a.api = above(path), path
			return a, nil
		}
	}
	a.prefix, a.api = above(path), path
	if a.prefix == path && !versioned(path) {
		a.api = path + "/v1"
	}
	return a, nil
}

// above is the path without the version at its end.
func above(path string) string {
	i := strings.LastIndexByte(path, '/')
	if i >= 0 && version.MatchString(path[i+1:]) {
		return path[:i]
	}
	return path
}

// versioned reports whether any part of the path names a version.
func versioned(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if version.MatchString(part) {
			return true
		}
	}
	return false
}

// String is the API's base, as an OpenAI client would have it.
func (a Address) String() string { return a.scheme + "://" + a.host + a.api }

// Root is what the server's own paths, such as /health, stand below.
func (a Address) Root() string { return a.scheme + "://" + a.host + a.prefix }

// API is the URL of an operation: "/chat/completions", "/models".
func (a Address) API(operation string) string {
	s := a.String() + operation
	if a.query != "" {
		s += "?" + a.query
	}
	return s
}
