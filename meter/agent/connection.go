package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"cfubench/internal/admission"
	"cfubench/internal/origin"
	"cfubench/internal/outside"
	"cfubench/meter"
)

// errRestarted says that the agent is another session than the client knew.
var errRestarted = errors.New("the agent was restarted")

// connection asks one agent.
type connection struct {
	base   *url.URL
	client *http.Client
	token  string
}

// parseAddress reads "HOST:PORT", "http://HOST:PORT" or "https://HOST:PORT".
func parseAddress(address string) (*url.URL, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Port() == "" {
		return nil, errors.New("want agent:HOST:PORT, agent:http://HOST:PORT or agent:https://HOST:PORT")
	}
	if u.User != nil {
		return nil, errors.New("the address has a user name in it: put the token in CFU_AGENT_TOKEN")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// CheckAddress says what is wrong with an agent's address, nil if nothing is.
func CheckAddress(address string) error {
	_, err := parseAddress(address)
	return err
}

func newConnection(address string, credentials Credentials) (*connection, error) {
	base, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	config, err := credentials.TLS()
	if err != nil {
		return nil, err
	}
	// The token is the agent's alone, so no redirect is followed. Headers and their
	// time are bounded; bodies are where they are read.
	transport := origin.Transport(config, nil)
	transport.ResponseHeaderTimeout, transport.MaxResponseHeaderBytes = patience, admission.HeaderBytes
	transport.IdleConnTimeout = idleLimit / 2
	return &connection{base: base, token: credentials.Token, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// get asks for path; the caller closes the body.
func (c *connection) get(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	u := *c.base
	u.Path, u.RawQuery = path, query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return resp, nil
	case http.StatusGone:
		err = errRestarted
	case http.StatusUnauthorized:
		err = errors.New("the agent rejected the token: set CFU_AGENT_TOKEN to the value used on the agent's host")
	default:
		err = fmt.Errorf("status %s", outside.Line(resp.Status, 80))
	}
	return nil, errors.Join(err, resp.Body.Close())
}

// ask gets path's JSON into answer.
func (c *connection) ask(ctx context.Context, path string, answer any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("no answer to %s within %v", path, patience))
	defer cancel()
	resp, err := c.get(ctx, path, nil)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(io.LimitReader(resp.Body, 16<<20)).Decode(answer)
}

// compare makes one comparison of the clocks.
func (c *connection) compare(ctx context.Context, clock meter.Clock) (exchange, string, error) {
	var a clockAnswer
	e := exchange{asked: clock()}
	err := c.ask(ctx, pathClock, &a)
	e.answered, e.received, e.sent = clock(), a.Received, a.Sent
	return e, a.Session, err
}
