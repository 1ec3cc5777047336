package endpoint

import (
	"crypto/tls"
	"net/http"

	"cfubench/internal/authority"
	"cfubench/internal/origin"
)

// Transport has the rules that the load and the questions share (origin.Transport)
// and trusts the certificate authorities of a PEM file ("" for the system's). A
// nil dial is a plain one.
func Transport(caFile string, dial origin.Dial) (*http.Transport, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if config.RootCAs, err = authority.Pool(caFile); err != nil {
		return nil, err
	}
	return origin.Transport(config, dial), nil
}
