// Package origin has the rules by which cfu asks servers (engines, exporters,
// BMCs, agents): no proxy, no way to another origin than the one that was given,
// no answer without end in time or size.
package origin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Dial is what opens a transport's connections.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// DialTimeout bounds the opening of a connection, and a handshake on it.
const DialTimeout = 10 * time.Second

// Transport speaks HTTP/1.1, goes through no proxy (it would be in every latency,
// and would see the key), and asks for no compression. A nil config trusts the
// system's authorities; a nil dial is a plain one.
func Transport(config *tls.Config, dial Dial) *http.Transport {
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	if dial == nil {
		dial = (&net.Dialer{Timeout: DialTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	return &http.Transport{
		DialContext:         dial,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: DialTimeout,
		Protocols:           protocols,
		DisableCompression:  true,
	}
}

// Bounds are those of one question.
type Bounds struct {
	Patience time.Duration // until the answer's last byte
	Bytes    int64         // of the answer's body
}

// maxHops is how many redirects within an origin are followed.
const maxHops = 3

// Client asks by a transport's rules and within bounds. It follows redirects
// within their origin, as from /metrics to /metrics/, and refuses all others with
// ErrRedirect: what a question carries is for that origin alone.
func Client(t *http.Transport, b Bounds) *http.Client {
	return &http.Client{
		Transport: bounded{t, b},
		CheckRedirect: func(_ *http.Request, asked []*http.Request) error {
			if len(asked) > maxHops {
				return fmt.Errorf("%w more than %d times", ErrRedirect, maxHops)
			}
			return nil
		},
	}
}

// ErrRedirect says that a server sends to another address than the one that was
// given.
var ErrRedirect = errors.New("redirects")

// Redirected names where an answer with a status of 3xx sends to, without the
// query and the user, which may hold anything.
func Redirected(resp *http.Response) error {
	to := resp.Header.Get("Location")
	if u, err := url.Parse(to); err == nil {
		if u.RawQuery != "" {
			u.RawQuery = "…"
		}
		u.User = nil
		to = u.String()
	}
	return fmt.Errorf("%w to %s: give that address instead", ErrRedirect, to)
}

// leaves reports whether an answer sends to another origin than that of its
// question.
func leaves(resp *http.Response) bool {
	to, err := resp.Location()
	if resp.StatusCode/100 != 3 || err != nil {
		return false
	}
	from := resp.Request.URL
	return to.Scheme != from.Scheme || !strings.EqualFold(to.Host, from.Host)
}

// bounded gives each question its deadline and each answer its size.
type bounded struct {
	*http.Transport
	bounds Bounds
}

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeoutCause(req.Context(), b.bounds.Patience, fmt.Errorf("no answer within %v", b.bounds.Patience))
	resp, err := b.Transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		cancel()
		return nil, err
	}
	if leaves(resp) {
		defer cancel()
		return nil, errors.Join(Redirected(resp), resp.Body.Close())
	}
	resp.Body = &answer{ReadCloser: resp.Body, ctx: ctx, cancel: cancel, left: b.bounds.Bytes, most: b.bounds.Bytes}
	return resp, nil
}

// answer is a body within its bounds.
type answer struct {
	io.ReadCloser
	ctx        context.Context
	cancel     func()
	left, most int64
}

func (a *answer) Read(p []byte) (int, error) {
	if int64(len(p)) > a.left+1 {
		p = p[:a.left+1]
	}
	n, err := a.ReadCloser.Read(p)
	if a.left -= int64(n); a.left < 0 {
		return n, fmt.Errorf("an answer of more than %d bytes", a.most)
	}
	if err != nil && err != io.EOF && a.ctx.Err() != nil {
		err = context.Cause(a.ctx)
	}
	return n, err
}

func (a *answer) Close() error {
	err := a.ReadCloser.Close()
	a.cancel()
	return err
}
