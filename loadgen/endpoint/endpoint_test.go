package endpoint

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"cfubench/internal/secret"
)

func TestAddresses(t *testing.T) {
	for _, tt := range []struct{ name, in, api, root string }{
		{"a host has its API at /v1", "http://h:1", "http://h:1/v1/models", "http://h:1"},
		{"a slash at the end is none", "http://h:1/", "http://h:1/v1/models", "http://h:1"},
		{"the version may be given", "https://h/v1", "https://h/v1/models", "https://h"},
		{"and end in a slash", "https://h/v1/", "https://h/v1/models", "https://h"},
		{"below a path", "http://h/openai", "http://h/openai/v1/models", "http://h/openai"},
		{"below a path, with the version", "http://h/openai/v1", "http://h/openai/v1/models", "http://h/openai"},
		{"another version", "https://h/api/v3", "https://h/api/v3/models", "https://h/api"},
		{"a version above the API", "https://h/v1beta/openai", "https://h/v1beta/openai/models", "https://h/v1beta/openai"},
		{"a deployment of Azure's, with its query", "https://h/openai/deployments/d?api-version=2024-10-21", "https://h/openai/deployments/d/models?api-version=2024-10-21", "https://h/openai/deployments/d"},
		{"the path of an operation", "http://h/v1/chat/completions", "http://h/v1/models", "http://h"},
		{"the path of another, without a version", "http://h/api/chat/completions", "http://h/api/models", "http://h/api"},
		{"an address of IPv6", "http://[::1]:8000", "http://[::1]:8000/v1/models", "http://[::1]:8000"},
	} {
		a, err := Parse(tt.in)
		if err != nil || a.API("/models") != tt.api || a.Root() != tt.root {
			t.Errorf("%s: %s: got %s and %s, %v; want %s and %s", tt.name, tt.in, a.API("/models"), a.Root(), err, tt.api, tt.root)
		}
	}
	for _, tt := range []struct{ name, in, want string }{
		{"nothing", "", "want a URL"},
		{"no scheme", "localhost:8000", "want a URL"},
		{"another scheme", "ftp://h", `scheme "ftp"`},
		{"credentials", "http://me:pw-secret@h", "not in the URL"},
		{"credentials without a scheme", "me:pw-secret@h", "without credentials"},
		{"credentials in what is no URL", "http://me:pw-secret@h:x", "without credentials"},
		{"a key in the query", "http://h/v1?api_key=pw-secret", `"api_key" looks like a key`},
		{"a fragment", "http://h/v1#x", "no fragment"},
	} {
		if _, err := Parse(tt.in); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "pw-secret") {
			t.Errorf("%s: got %v, want %q and no secret", tt.name, err, tt.want)
		}
	}
}

// Whatever parses is an address whose operations parse again to the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"http://h", "https://h/openai/v1?x=1", "http://h/%2fv1/", "http://[::1]/v1/v1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		if err != nil {
			return
		}
		if _, err := url.Parse(a.API("/models")); err != nil {
			t.Errorf("%q: %s: %v", s, a.API("/models"), err)
		}
		again, err := Parse(a.API("/models"))
		if err != nil || again.API("/models") != a.API("/models") {
			t.Errorf("%q: %s, read again %s, %v", s, a.API("/models"), again.API("/models"), err)
		}
	})
}

func TestHeaders(t *testing.T) {
	h, err := ParseHeader("X-Route:  blue green ")
	if err != nil || h != (Header{"X-Route", "blue green"}) {
		t.Errorf("got %+v, %v, want the name and the value without the space around it", h, err)
	}
	for _, tt := range []struct{ name, in, want string }{
		{"no colon", "X-Secret s3cret", "want NAME: VALUE"},
		{"no name", ": s3cret", "no field name"},
		{"a line break", "X-A: s3cret\r\nX-B: 1", "line break"},
		{"one that the client sets", "Content-Length: 3", "leave it out"},
	} {
		if _, err := ParseHeader(tt.in); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v, want %q without the value", tt.name, err, tt.want)
		}
	}
	fields := http.Header{}
	Access{APIKey: "k", Headers: []Header{{"authorization", "Basic abc"}, {"api-key", "x"}}}.Set(fields)
	if fields.Get("Authorization") != "Basic abc" || fields.Get("Api-Key") != "x" {
		t.Errorf("got %v, want the given Authorization in place of the key's", fields)
	}
}

// A secret is masked in every form in which a server may send it back, and
// wherever a text was cut within it.
func TestSecretsAreMasked(t *testing.T) {
	const key = `sk-Zq7/Xw+01"é=`
	s := secret.New()
	Access{APIKey: key, Headers: []Header{{"Authorization", "Basic dXNlcjpwdw=="}}}.Tell(s)
	for _, tt := range []struct{ name, text string }{
		{"as it is", "bad key " + key + "!"},
		{"as JSON", `{"k":"sk-Zq7/Xw+01\"é="}`},
		{"as JSON with escaped slashes", `{"k":"sk-Zq7\/Xw+01\"é="}`},
		{"with small digits", "?k=" + strings.NewReplacer("%2F", "%2f", "%2B", "%2b", "%3D", "%3d", "%C3%A9", "%c3%a9").Replace(url.QueryEscape(key))},
		{"in a path", "/" + url.PathEscape(key) + "/"},
		{"in base64", base64.StdEncoding.EncodeToString([]byte(key))},
		{"in base64 for URLs", base64.RawURLEncoding.EncodeToString([]byte(key))},
		{"cut in the middle", "bad key " + key[:9]},
		{"the credentials of a header alone", "user dXNlcjpwdw== unknown"},
	} {
		got := s.Text(tt.text)
		for _, piece := range []string{"Zq7", "Zq7%", "dXNlcjpwdw", "c2stWnE3"} {
			if strings.Contains(got, piece) {
				t.Errorf("%s: got %q, want nothing of the secret", tt.name, got)
			}
		}
		if !strings.Contains(got, secret.Mask) {
			t.Errorf("%s: got %q, want the mask in its place", tt.name, got)
		}
	}
	if got := s.Text("nothing of it, sk"); got != "nothing of it, sk" {
		t.Errorf("an innocent text: got %q", got)
	}
}
