package agent

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCheckListen(t *testing.T) {
	for _, row := range []struct {
		name, address string
		credentials   Credentials
		warning, want string // parts of them; "" for none
	}{
		{"the loopback needs nothing", "127.0.0.1:9555", Credentials{}, "", ""},
		{"nor does its other name", "localhost:0", Credentials{}, "", ""},
		{"nor its IPv6 address", "[::1]:9555", Credentials{}, "", ""},
		{"all interfaces need credentials", ":9555", Credentials{}, "", "CFU_AGENT_TOKEN"},
		{"an address of the network does", "192.0.2.1:9555", Credentials{}, "", "CFU_AGENT_TOKEN"},
		{"a certificate alone tells nobody who asks", "0.0.0.0:9555", Credentials{Certificate: "c", Key: "k"}, "", "CFU_AGENT_TOKEN"},
		{"a token does, in the clear", "0.0.0.0:9555", Credentials{Token: "x"}, "in the clear", ""},
		{"a token over TLS does", "0.0.0.0:9555", Credentials{Token: "x", Certificate: "c", Key: "k"}, "", ""},
		{"mutual TLS does", "0.0.0.0:9555", Credentials{Certificate: "c", Key: "k", CA: "ca"}, "", ""},
		{"a CA without TLS sees no certificates", "0.0.0.0:9555", Credentials{Token: "x", CA: "ca"}, "", "CFU_AGENT_CERT"},
		{"a certificate without its key", "127.0.0.1:9555", Credentials{Certificate: "c"}, "", "go together"},
		{"no port", "127.0.0.1", Credentials{}, "", "HOST:PORT"},
	} {
		warning, err := row.credentials.CheckListen(row.address)
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got error %v, want one with %q", row.name, err, row.want)
		}
		if (warning == "") != (row.warning == "") || !strings.Contains(warning, row.warning) {
			t.Errorf("%s: got warning %q, want one with %q", row.name, warning, row.warning)
		}
	}
}

func TestTokens(t *testing.T) {
	_, address := serve(t, truth, Credentials{Token: "right"})
	for _, row := range []struct{ name, token, want string }{
		{"the right one is let in", "right", ""},
		{"another is not", "wrong", "wants another token"},
		{"none is not", "", "wants another token"},
	} {
		sources, left := Dial(context.Background(), truth, address, Credentials{Token: row.token})
		for _, s := range sources {
			s.Close()
		}
		if row.want == "" && len(sources) != 1 {
			t.Errorf("%s: got refusals %+v", row.name, left)
		}
		if row.want != "" && (len(left) != 1 || !strings.Contains(left[0].Reason, row.want)) {
			t.Errorf("%s: got refusals %+v, want one with %q", row.name, left, row.want)
		}
		for _, l := range left {
			if strings.Contains(l.Reason+l.Remedy, "right") || row.token != "" && strings.Contains(l.Reason+l.Remedy, row.token) {
				t.Errorf("%s: a token is in %+v", row.name, l)
			}
		}
	}
}

// certificates writes a CA and a certificate that it signed for the loopback,
// and returns the files as one end's credentials.
func certificates(t *testing.T) Credentials {
	t.Helper()
	dir := t.TempDir()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	caKey, endKey := key(), key()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	end := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test end"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	endDER, err := x509.CreateCertificate(rand.Reader, end, ca, &endKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(endKey)
	if err != nil {
		t.Fatal(err)
	}
	return Credentials{
		CA: write("ca.pem", "CERTIFICATE", caDER), Certificate: write("end.pem", "CERTIFICATE", endDER),
		Key: write("end.key", "EC PRIVATE KEY", keyDER),
	}
}

func TestMutualTLS(t *testing.T) {
	ours, others := certificates(t), certificates(t)
	_, address := serve(t, truth, ours)
	for _, row := range []struct {
		name        string
		credentials Credentials
		in          bool
	}{
		{"a client of the same CA is let in", ours, true},
		{"one without a certificate is not", Credentials{CA: ours.CA}, false},
		{"one with a certificate of another CA is not", Credentials{CA: ours.CA, Certificate: others.Certificate, Key: others.Key}, false},
		{"one that does not trust the agent's CA stays out", others, false},
	} {
		sources, left := Dial(context.Background(), truth, "https://"+address, row.credentials)
		if (len(sources) == 1) != row.in {
			t.Errorf("%s: got %d sources and refusals %+v", row.name, len(sources), left)
		}
		for _, s := range sources {
			if n := len(collect(t, s.(*Source), 5)); n < 5 {
				t.Errorf("%s: got %d readings", row.name, n)
			}
			s.Close()
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, row := range []struct{ address, want string }{
		{"gpu-host:9555", "http://gpu-host:9555"},
		{"http://gpu-host:9555/", "http://gpu-host:9555"},
		{"https://[::1]:9555", "https://[::1]:9555"},
		{"gpu-host", ""},
		{"ftp://gpu-host:9555", ""},
		{"http://user:password@gpu-host:9555", ""},
		{"", ""},
	} {
		u, err := parseAddress(row.address)
		if (err == nil) != (row.want != "") || err == nil && u.String() != row.want {
			t.Errorf("address %q: got %v, %v, want %q", row.address, u, err, row.want)
		}
		if err != nil && strings.Contains(err.Error(), "password") {
			t.Errorf("address %q: its password is in %v", row.address, err)
		}
	}
}
