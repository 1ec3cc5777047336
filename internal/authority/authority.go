// Package authority reads certificate authorities.
package authority

import (
	"crypto/x509"
	"fmt"

	"cfubench/internal/inputfile"
)

// Pool is the authorities in a PEM file, nil (the system's) for "".
func Pool(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := inputfile.ReadRegular(file) // each client reads it
	if err != nil {
		return nil, fmt.Errorf("read certificate authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read certificate authorities %s: no PEM certificate in it", file)
	}
	return pool, nil
}
