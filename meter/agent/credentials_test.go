package agent

import (
	"context"
	"strings"
	"testing"

	"cfubench/meter/agent/agenttest"
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
		{"a token over TLS does", "192.0.2.1:9555", Credentials{Token: "x", Certificate: "c", Key: "k"}, "", ""},
		{"mutual TLS does", "192.0.2.1:9555", Credentials{Certificate: "c", Key: "k", CA: "ca"}, "", ""},
		{"all addresses are said", "0.0.0.0:9555", Credentials{Certificate: "c", Key: "k", CA: "ca"}, "all addresses", ""},
		{"also where none is given", ":9555", Credentials{Token: "x", Certificate: "c", Key: "k"}, "all addresses", ""},
		{"and those of IPv6", "[::]:9555", Credentials{Token: "x"}, "all addresses", ""},
		{"a CA without TLS sees no certificates", "0.0.0.0:9555", Credentials{Token: "x", CA: "ca"}, "", "CFU_AGENT_CERT"},
		{"a certificate without its key", "127.0.0.1:9555", Credentials{Certificate: "c"}, "", "go together"},
		{"no port", "127.0.0.1", Credentials{}, "", "HOST:PORT"},
	} {
		warning, err := CheckListen(row.credentials, row.address)
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
		{"another is not", "wrong", "rejected the token"},
		{"none is not", "", "rejected the token"},
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

// certificates returns the files of a CA and a certificate of its as one end's
// credentials.
func certificates(t *testing.T) Credentials {
	t.Helper()
	ca, certificate, key := agenttest.Certificates(t)
	return Credentials{CA: ca, Certificate: certificate, Key: key}
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
