// Package admission decides who may ask one of cfu's servers, and bounds how many
// do: a token or certificates where others than this host reach it, the names of
// this host where nothing else is asked for, and connections that never keep out
// those who may ask.
package admission

import (
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"cfubench/internal/authority"
)

// Credentials is how the two ends know each other: a bearer token, certificates,
// or both. The zero value is for the loopback interface only.
type Credentials struct {
	Token string
	// Certificate and Key are PEM files that this end shows; CA is one with the
	// certificates that it accepts of the other end. A server with a CA lets in
	// only clients with a certificate that it has signed (mutual TLS).
	Certificate, Key, CA string
}

// FromEnv takes PREFIX_TOKEN, PREFIX_CERT, PREFIX_KEY and PREFIX_CA from the
// environment.
func FromEnv(getenv func(string) string, prefix string) Credentials {
	return Credentials{
		Token: getenv(prefix + "_TOKEN"), Certificate: getenv(prefix + "_CERT"),
		Key: getenv(prefix + "_KEY"), CA: getenv(prefix + "_CA"),
	}
}

// Gate lets into a server those who have its credentials.
type Gate struct {
	Credentials
	// Server is what it is called, Prefix that of the variables which hold its
	// credentials, and Harm what anybody could do without them.
	Server, Prefix, Harm string
	// Idle is how long a connection may ask nothing.
	Idle time.Duration
}

// CheckListen refuses to serve other hosts without knowing who asks. The
// warning, if there is one, is for the user.
func (g Gate) CheckListen(address string) (warning string, err error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("listen address %q: want HOST:PORT", address)
	}
	if (g.Certificate == "") != (g.Key == "") {
		return "", fmt.Errorf("%s_CERT and %[1]s_KEY go together: only one is set", g.Prefix)
	}
	if g.CA != "" && g.Certificate == "" {
		return "", fmt.Errorf("%s_CA without %[1]s_CERT: clients' certificates are only seen over TLS", g.Prefix)
	}
	if isLoopback(host) {
		return "", nil
	}
	var warnings []string
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		warnings = append(warnings, g.Server+" listens on all addresses of this host: give one to serve its network only")
	}
	switch {
	case g.Token == "" && g.CA == "":
		return "", fmt.Errorf("%s can be reached from other hosts and anybody could %s: set %s_TOKEN, or %[3]s_CERT, %[3]s_KEY and %[3]s_CA, or listen on 127.0.0.1", address, g.Harm, g.Prefix)
	case g.Certificate == "":
		warnings = append(warnings, fmt.Sprintf("the token crosses the network in the clear: set %s_CERT and %[1]s_KEY", g.Prefix))
	}
	return strings.Join(warnings, "; "), nil
}

// HTTP returns a server whose handler sees only what may ask, on a listener; Serve
// starts it. What it has to bound beside that is the caller's.
func (g Gate) HTTP(listening net.Addr, handler http.Handler) (*http.Server, error) {
	config, err := g.serverTLS()
	if err != nil {
		return nil, err
	}
	guard := newGuard()
	return &http.Server{
		Handler: g.admit(guard, g.ownHost(listening), handler), TLSConfig: config,
		ReadHeaderTimeout: headerPatience, IdleTimeout: g.Idle, MaxHeaderBytes: HeaderBytes,
		ConnState: guard.state, ConnContext: guard.context,
		// What strangers do to a connection is not worth a line each.
		ErrorLog: log.New(io.Discard, "", 0),
	}, nil
}

// Serve answers on a listener until the server is shut down, which is no error.
func Serve(server *http.Server, listener net.Listener) error {
	var err error
	if server.TLSConfig != nil {
		err = server.ServeTLS(listener, "", "")
	} else {
		err = server.Serve(listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// serverTLS returns a server's TLS configuration, nil without a certificate.
func (c Credentials) serverTLS() (*tls.Config, error) {
	if c.Certificate == "" {
		return nil, nil
	}
	config, err := c.TLS()
	if err != nil {
		return nil, err
	}
	if c.CA != "" {
		config.ClientCAs, config.ClientAuth, config.RootCAs = config.RootCAs, tls.RequireAndVerifyClientCert, nil
	}
	return config, nil
}

// TLS reads the files. Its RootCAs are nil without a CA, which means the
// system's.
func (c Credentials) TLS() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(c.Certificate, c.Key)
		if err != nil {
			return nil, fmt.Errorf("read certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	var err error
	config.RootCAs, err = authority.Pool(c.CA)
	return config, err
}

// admit lets a request pass only with the token, where there is one, to a name
// of this host, where that matters, and while there is room.
func (g Gate) admit(connections *guard, ownName func(string) bool, next http.Handler) http.Handler {
	refuse := func(w http.ResponseWriter, why string, status int) {
		w.Header().Set("Connection", "close") // a stranger keeps nothing open
		http.Error(w, why, status)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.Token != "" {
			got, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if !ok || subtle.ConstantTimeCompare([]byte(got), []byte(g.Token)) != 1 {
				w.Header().Set("WWW-Authenticate", "Bearer")
				refuse(w, "missing or invalid token", http.StatusUnauthorized)
				return
			}
		}
		if !ownName(r.Host) {
			refuse(w, g.Server+" answers to its loopback address only", http.StatusMisdirectedRequest)
			return
		}
		if !connections.admit(r) {
			refuse(w, "too many clients", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownHost returns what the Host header of a request may be. Without credentials
// a server serves the loopback only, where a page of a browser on this host
// could reach it under a name of its author's (DNS rebinding).
func (g Gate) ownHost(listening net.Addr) func(string) bool {
	if g.Token != "" || g.CA != "" {
		return func(string) bool { return true }
	}
	tcp, ok := listening.(*net.TCPAddr)
	return func(host string) bool {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.Trim(host, "[]")
		ip := net.ParseIP(host)
		return isLoopback(host) || ok && ip != nil && ip.Equal(tcp.IP)
	}
}
