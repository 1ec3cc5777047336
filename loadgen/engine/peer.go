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
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cfubench/internal/origin"
	"cfubench/internal/secret"
	"cfubench/loadgen/endpoint"
)

// maxAnswer bounds what is read of one answer: /metrics of a busy server with
// many models is below 1 MB.
const maxAnswer = 16 << 20

// Deadlines of a question. A server that is asked before or after its load
// answers in milliseconds; counting the tokens of a long text takes longer, and
// so does giving up a cache.
const (
	answerLimit   = 5 * time.Second
	tokenizeLimit = 30 * time.Second
	resetLimit    = 15 * time.Second
)

// peer is a server that is asked: where questions go to, and how.
type peer struct {
	client  *http.Client
	address endpoint.Address
	root    string // without a trailing slash and without /v1
	access  endpoint.Access
	secrets *secret.Redactor
}

// asking is the transport of a NewClient: it puts the same header fields on each
// question that the load's requests carry.
type asking struct {
	*http.Transport
	access endpoint.Access
}

// RoundTrip implements http.RoundTripper.
func (a asking) RoundTrip(req *http.Request) (*http.Response, error) {
	if len(a.access.Headers) > 0 {
		req = req.Clone(req.Context())
		a.access.Set(req.Header)
	}
	return a.Transport.RoundTrip(req)
}

// NewClient returns a client for this package's questions by the rules of the
// load's requests (endpoint.Transport): it trusts the certificate authorities of
// a PEM file ("" for the system's), goes through no proxy, follows no redirect and
// carries the headers. It keeps as many idle connections as this package uses at
// once.
func NewClient(caFile string, headers ...endpoint.Header) (*http.Client, error) {
	access := endpoint.Access{Headers: headers}
	if err := access.Check(); err != nil {
		return nil, err
	}
	transport, err := endpoint.Transport(caFile, nil)
	if err != nil {
		return nil, err
	}
	transport.MaxIdleConnsPerHost = tokenizeConcurrency
	transport.IdleConnTimeout = 30 * time.Second
	return &http.Client{
		Transport:     asking{transport, access},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// newPeer checks an address as users give it. A nil client is one of NewClient.
func newPeer(c *http.Client, baseURL, apiKey string) (peer, error) {
	address, err := endpoint.Parse(baseURL)
	if err != nil {
		return peer{}, err
	}
	s := peer{client: c, address: address, root: address.Root(), access: endpoint.Access{APIKey: apiKey}}
	if err := s.access.Check(); err != nil {
		return peer{}, err
	}
	if c == nil {
		if s.client, err = NewClient(""); err != nil {
			return peer{}, err
		}
	}
	s.secrets = secret.Own()
	s.access.Tell(s.secrets)
	if a, ok := s.client.Transport.(asking); ok {
		a.access.Tell(s.secrets)
	}
	return s, nil
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

// refused reports whether the key is not good.
func (e *statusError) refused() bool {
	return e.code == http.StatusUnauthorized || e.code == http.StatusForbidden
}

// absent reports whether err says that the server has no such path, or has it
// switched off (llama.cpp answers 501).
func absent(err error) bool {
	var se *statusError
	return errors.As(err, &se) && (se.code == http.StatusNotFound ||
		se.code == http.StatusMethodNotAllowed || se.code == http.StatusNotImplemented)
}

// do asks below the root and returns the body of a 200 answer. body is sent as
// JSON if it is not nil.
func (e peer) do(ctx context.Context, method, path string, body any) ([]byte, error) {
	return e.ask(ctx, answerLimit, method, path, e.root+path, body)
}

// models asks the API for what it serves.
func (e peer) models(ctx context.Context) (list modelList, err error) {
	b, err := e.ask(ctx, answerLimit, http.MethodGet, "/v1/models", e.address.API("/models"), nil)
	if err != nil {
		return list, err
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return list, fmt.Errorf("/v1/models is not the JSON it should be: %w", err)
	}
	return list, nil
}

// ask asks one question, for no longer than limit.
func (e peer) ask(ctx context.Context, limit time.Duration, method, path, url string, body any) ([]byte, error) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode request for %s: %w", path, err)
		}
		content = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %v", limit))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return nil, fmt.Errorf("request %s: %w", path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	e.access.Set(req.Header)
	failed := func(err error) error {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("%s %s: %w", method, path, e.masked(unwrapURL(err)))
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return nil, failed(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 3 {
		return nil, &statusError{method, path, resp.StatusCode, e.line(origin.Redirected(resp).Error())}
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, failed(err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, &statusError{method, path, resp.StatusCode, e.message(answer)}
	}
	return answer, nil
}

// masked is an error without secrets. What the transport says may hold what the
// server sent.
func (e peer) masked(err error) error {
	if text := err.Error(); e.secrets.Text(text) != text {
		return errors.New(e.line(text))
	}
	return err
}

// line is text as one bounded line without secrets or control characters.
func (e peer) line(text string) string { return e.secrets.Line(text, 200) }

// getJSON decodes the answer to a GET into v.
func (e peer) getJSON(ctx context.Context, path string, v any) error {
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
func (e peer) message(answer []byte) string {
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
	return e.line(text)
}

// unwrapURL drops url.Error's method and address, which the caller has said.
func unwrapURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}
