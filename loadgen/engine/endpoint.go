// Package engine runs and questions the server under test: it launches one
// server a batch size and leaves none behind, waits for health, and asks a
// server what it is, how many requests it decodes together, how it tokenizes
// and what its own counters say.
//
// What differs between llama.cpp, vLLM, SGLang and the rest lives here, in
// profiles, so that nobody else has to know. What a server does not tell is
// named as unknown, never guessed. The package knows nothing of schedules.
package engine

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// maxAnswer bounds what is read of one answer: /metrics of a busy server with
// many models is below 1 MB.
const maxAnswer = 16 << 20

// endpoint is a server's root address and how to talk to it.
type endpoint struct {
	client *http.Client
	root   string // without a trailing slash and without /v1
	key    string // never in an error
}

// NewClient returns a client that trusts the certificate authorities of a PEM
// file ("" for the system's) and keeps as many idle connections as this package
// uses at once.
func NewClient(caFile string) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = tokenizeConcurrency
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("read certificate authorities: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read certificate authorities %s: no PEM certificate in it", caFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: transport}, nil
}

// newEndpoint checks and normalizes an address as users give it, with or
// without the trailing /v1 of OpenAI clients. A nil client is http's default.
func newEndpoint(c *http.Client, baseURL, apiKey string) (endpoint, error) {
	u, err := url.Parse(baseURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return endpoint{}, fmt.Errorf("endpoint %q is not an http address: give one like http://127.0.0.1:8000", baseURL)
	}
	if c == nil {
		c = http.DefaultClient
	}
	root := strings.TrimSuffix(strings.TrimRight(baseURL, "/"), "/v1")
	return endpoint{client: c, root: strings.TrimRight(root, "/"), key: apiKey}, nil
}

// statusError is an answer that is not 200.
type statusError struct {
	method, path string
	code         int
	message      string // the server's own words, one line
}

func (e *statusError) Error() string {
	s := fmt.Sprintf("%s %s: HTTP %d", e.method, e.path, e.code)
	if e.message != "" {
		s += ": " + e.message
	}
	return s
}

// absent reports whether err says that the server has no such path, or has it
// switched off (llama.cpp answers 501).
func absent(err error) bool {
	var se *statusError
	return errors.As(err, &se) && (se.code == http.StatusNotFound ||
		se.code == http.StatusMethodNotAllowed || se.code == http.StatusNotImplemented)
}

// do sends one request and returns the body of a 200 answer. body is sent as
// JSON if it is not nil.
func (e endpoint) do(ctx context.Context, method, path string, body any) ([]byte, error) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode request for %s: %w", path, err)
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, e.root+path, content)
	if err != nil {
		return nil, fmt.Errorf("request %s: %w", path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if e.key != "" {
		req.Header.Set("Authorization", "Bearer "+e.key)
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, unwrapURL(err))
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, &statusError{method, path, resp.StatusCode, e.message(answer)}
	}
	return answer, nil
}

// getJSON decodes the answer to a GET into v.
func (e endpoint) getJSON(ctx context.Context, path string, v any) error {
	b, err := e.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s is not the JSON it should be: %w", path, err)
	}
	return nil
}

// message is what an error answer says, in one line without the API key.
func (e endpoint) message(answer []byte) string {
	var body struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
		Detail  json.RawMessage `json:"detail"`
	}
	text := ""
	if json.Unmarshal(answer, &body) == nil {
		var inner struct {
			Message string `json:"message"`
		}
		switch {
		case json.Unmarshal(body.Error, &inner) == nil && inner.Message != "":
			text = inner.Message
		case body.Message != "":
			text = body.Message
		case len(body.Error) > 0:
			text = strings.Trim(string(body.Error), `"`)
		case len(body.Detail) > 0:
			text = strings.Trim(string(body.Detail), `"`)
		}
	}
	if e.key != "" {
		text = strings.ReplaceAll(text, e.key, "***")
	}
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	return text
}

// unwrapURL drops url.Error's method and address, which the caller has said.
func unwrapURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}
