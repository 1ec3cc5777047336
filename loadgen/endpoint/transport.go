package endpoint

import (
	"cfubench/internal/authority"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Dial is what opens a transport's connections.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// DialTimeout bounds the opening of a connection.
const DialTimeout = 10 * time.Second

// Transport has the rules that the load and the questions share: HTTP/1.1, no
// proxy (it would be in every latency, and would see the key), no compression
// asked for, and the certificate authorities of a PEM file ("" for the
// system's). A nil dial is a plain one.
func Transport(caFile string, dial Dial) (*http.Transport, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if config.RootCAs, err = authority.Pool(caFile); err != nil {
		return nil, err
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	if dial == nil {
		dial = (&net.Dialer{Timeout: DialTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	return &http.Transport{
		DialContext:         dial,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: 10 * time.Second,
		Protocols:           protocols,
		DisableCompression:  true,
	}, nil
}

// ErrRedirect says that a server sends to another address. None is followed: the
// second hop would be in every latency, and the key is not for whoever is there.
var ErrRedirect = errors.New("redirects")

// Redirected names where an answer with a status of 3xx sends to, without the
// query, which may hold anything.
func Redirected(resp *http.Response) error {
	to := resp.Header.Get("Location")
	if u, err := url.Parse(to); err == nil {
		if u.RawQuery != "" {
			u.RawQuery = "…"
		}
		u.User = nil
		to = u.String()
	}
	return fmt.Errorf("%w to %s: give that address as the endpoint", ErrRedirect, to)
}
