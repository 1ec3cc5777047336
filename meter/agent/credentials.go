package agent

import (
	"cfubench/internal/authority"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// Credentials is how the two ends know each other: a bearer token, certificates,
// or both. The zero value is for the loopback interface only.
type Credentials struct {
	Token string
	// Certificate and Key are PEM files that this end shows; CA is one with the
	// certificates that it accepts of the other end. An agent with a CA lets in
	// only clients with a certificate that it has signed (mutual TLS).
	Certificate, Key, CA string
}

// CredentialsFromEnv takes CFU_AGENT_TOKEN, CFU_AGENT_CERT, CFU_AGENT_KEY and
// CFU_AGENT_CA from the environment; an agent and its clients use the same
// names.
func CredentialsFromEnv(getenv func(string) string) Credentials {
	return Credentials{
		Token: getenv("CFU_AGENT_TOKEN"), Certificate: getenv("CFU_AGENT_CERT"),
		Key: getenv("CFU_AGENT_KEY"), CA: getenv("CFU_AGENT_CA"),
	}
}

// CheckListen refuses to serve other hosts without knowing who asks. The
// warning, if there is one, is for the user.
func (c Credentials) CheckListen(address string) (warning string, err error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("listen address %q: want HOST:PORT", address)
	}
	if (c.Certificate == "") != (c.Key == "") {
		return "", errors.New("CFU_AGENT_CERT and CFU_AGENT_KEY go together: only one is set")
	}
	if c.CA != "" && c.Certificate == "" {
		return "", errors.New("CFU_AGENT_CA without CFU_AGENT_CERT: clients' certificates are only seen over TLS")
	}
	if isLoopback(host) {
		return "", nil
	}
	var warnings []string
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		warnings = append(warnings, "the agent listens on all addresses of this host: give one to serve its network only")
	}
	switch {
	case c.Token == "" && c.CA == "":
		return "", fmt.Errorf("%s can be reached from other hosts and anybody could read this host's meters: set CFU_AGENT_TOKEN, or CFU_AGENT_CERT, CFU_AGENT_KEY and CFU_AGENT_CA, or listen on 127.0.0.1", address)
	case c.Certificate == "":
		warnings = append(warnings, "the token crosses the network in the clear: set CFU_AGENT_CERT and CFU_AGENT_KEY")
	}
	return strings.Join(warnings, "; "), nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// serverTLS returns the agent's TLS configuration, nil without a certificate.
func (c Credentials) serverTLS() (*tls.Config, error) {
	if c.Certificate == "" {
		return nil, nil
	}
	config, err := c.tls()
	if err != nil {
		return nil, err
	}
	if c.CA != "" {
		config.ClientCAs, config.ClientAuth, config.RootCAs = config.RootCAs, tls.RequireAndVerifyClientCert, nil
	}
	return config, nil
}

// tls reads the files. Its RootCAs are nil without a CA, which means the
// system's.
func (c Credentials) tls() (*tls.Config, error) {
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
func (c Credentials) admit(g *guard, ownName func(string) bool, next http.Handler) http.Handler {
	refuse := func(w http.ResponseWriter, why string, status int) {
		w.Header().Set("Connection", "close") // a stranger keeps nothing open
		http.Error(w, why, status)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.Token != "" {
			got, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if !ok || subtle.ConstantTimeCompare([]byte(got), []byte(c.Token)) != 1 {
				w.Header().Set("WWW-Authenticate", "Bearer")
				refuse(w, "missing or invalid token", http.StatusUnauthorized)
				return
			}
		}
		if !ownName(r.Host) {
			refuse(w, "this agent answers to its loopback address only", http.StatusMisdirectedRequest)
			return
		}
		if !g.admit(r) {
			refuse(w, "too many clients", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownHost returns what the Host header of a request may be. Without credentials
// an agent serves the loopback only, where a page of a browser on this host
// could reach it under a name of its author's (DNS rebinding).
func ownHost(listening net.Addr, c Credentials) func(string) bool {
	if c.Token != "" || c.CA != "" {
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
