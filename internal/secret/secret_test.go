package secret_test

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cfubench/internal/secret"
)

func TestCommand(t *testing.T) {
	for _, c := range []struct{ comment, command, want string }{
		{"an option and its value", "vllm serve m --api-key sk-1 --port 1", "vllm serve m --api-key *** --port 1"},
		{"with an equals sign", "llama-server --api-key=sk-1", "llama-server --api-key=***"},
		{"with underscores", "x --api_key k1 --hf_token=k2", "x --api_key *** --hf_token=***"},
		{"in quotes", `x --hf-token "a b" y`, `x --hf-token *** y`},
		{"several keys of one option", "vllm serve m --api-key k1 k2 --port 1", "vllm serve m --api-key *** *** --port 1"},
		{"a command after the keys", "x --api-key k1 k2 && y", "x --api-key *** *** && y"},
		{"a variable before the command", "HF_TOKEN=t VLLM_API_KEY='k 1' vllm serve", "HF_TOKEN=*** VLLM_API_KEY=*** vllm serve"},
		{"a cloud's variables", "AWS_SECRET_ACCESS_KEY=a/b+c AWS_SESSION_TOKEN=x run", "AWS_SECRET_ACCESS_KEY=*** AWS_SESSION_TOKEN=*** run"},
		{"export", "export OPENAI_API_KEY=k; x", "export OPENAI_API_KEY=***; x"},
		{"a quoted command in a command", `sh -c "x --token k1 --port 2"`, `sh -c "x --token *** --port 2"`},
		{"a header", `curl -H "Authorization: Bearer abc def" u`, `curl -H "Authorization: ***" u`},
		{"a header of a key", `curl -H 'X-Api-Key: abc' u`, `curl -H 'X-Api-Key: ***' u`},
		{"curl's user", `curl -u me:pass http://h/`, `curl -u me:*** http://h/`},
		{"an address with a password", "x --url http://me:pass@h:1/v1", "x --url http://***@h:1/v1"},
		{"a password", "x --password p --db-passwd=q", "x --password *** --db-passwd=***"},
		{"the name of a file of keys stays", "x --api-key-file /etc/keys", "x --api-key-file /etc/keys"},
		{"nothing to hide", "engine --batch {batch} --port {port}", "engine --batch {batch} --port {port}"},
		{"a short key is not replaced elsewhere", "x --api-key 1 --port 11", "x --api-key *** --port 11"},
		{"an option that only ends like one", "x --max-token 5 --no-token 7", "x --max-token 5 --no-token 7"},
		{"words that only look like it", "x --max-num-batched-tokens 8 --api-keyboard k --tokenizer t", "x --max-num-batched-tokens 8 --api-keyboard k --tokenizer t"},
		{"variables that only look like it", "TOKENIZERS_PARALLELISM=false MAX_TOKENS=8 x", "TOKENIZERS_PARALLELISM=false MAX_TOKENS=8 x"},
		{"a port in braces", "x --url http://127.0.0.1:{port}/a@b", "x --url http://127.0.0.1:{port}/a@b"},
	} {
		if got := new(secret.Redactor).Command(c.command); got != c.want {
			t.Errorf("%s: Command(%s) = %s, want %s", c.comment, c.command, got, c.want)
		}
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct{ comment, text, want string }{
		{"a query", "GET http://h/metrics?token=abc&x=1: refused", "GET http://h/metrics?token=***&x=1: refused"},
		{"an address that does not parse", `parse "http://u:s3cretpw%zz@h:1/m": invalid`, `parse "http://***@h:1/m": invalid`},
		{"a password with a slash", "http://u:s3c/ret@h:1/m is no address", "http://***@h:1/m is no address"},
		{"a token in the place of a user", "https://ghp@github.com", "https://***@github.com"},
		{"a path with an at sign", "http://h:80/a@b", "http://h:80/a@b"},
		{"JSON", `{"api_key": "abc", "model": "m"}`, `{"api_key": "***", "model": "m"}`},
		{"JSON in JSON", `{"x":"{\"api_key\": \"abc\", \"n\": 1}"}`, `{"x":"{\"api_key\": ***\", \"n\": 1}"}`},
		{"a list that a server prints", "args: Namespace(api_key=['abc', 'def'], port=1)", "args: Namespace(api_key=***, port=1)"},
		{"a header in a log", "authorization: Basic abc", "authorization: ***"},
		{"a scheme and a token", "sent Bearer abc123def", "sent Bearer ***"},
		{"a sentence about schemes", "Bearer authentication is required, Basic access too", "Bearer authentication is required, Basic access too"},
		{"a sentence about tokens", "unexpected token: } after max_tokens=5, 3 tokens: a", "unexpected token: } after max_tokens=5, 3 tokens: a"},
		{"a key by its look", "Incorrect API key provided: sk-abcdefghijkl0123", "Incorrect API key provided: ***"},
	} {
		if got := new(secret.Redactor).Text(c.text); got != c.want {
			t.Errorf("%s: Text(%s) = %s, want %s", c.comment, c.text, got, c.want)
		}
	}
}

func TestArgs(t *testing.T) {
	got := new(secret.Redactor).Args([]string{"run", "--api-key", "-k1", "--endpoint", "http://u:p@h", "--header", "Authorization: Bearer x", "--out", "o", "--api-key", "a", "b", "--n=1"})
	want := "run --api-key *** --endpoint http://***@h --header Authorization: *** --out o --api-key *** *** --n=1"
	if strings.Join(got, " ") != want {
		t.Errorf("Args = %s, want %s", strings.Join(got, " "), want)
	}
}

// What a command holds is known afterwards, wherever it turns up.
// A user and a password may stand in two arguments; what the arguments tell is hidden in
// other texts too.
func TestArgsOfACommand(t *testing.T) {
	args := []string{"curl", "-u", "me:pass:word1", "--proxy-user=you:word4567", "-H", "Authorization: Bearer tok01234567", "--user", "nobody", "http://a:pwd98765@h/?token=t0k3n555", "--api-key", "keyabcdef01"}
	r := secret.New()
	r.AddArgs(args)
	if got, want := strings.Join(r.Args(args), " "), "curl -u me:*** --proxy-user=you:*** -H Authorization: *** --user nobody http://***@h/?token=*** --api-key ***"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, told := range []string{"pass:word1", "tok01234567", "keyabcdef01", "pwd98765", "t0k3n555"} {
		if got := r.Values("a server says " + told + " again"); got != "a server says *** again" {
			t.Errorf("%s: got %q, want it hidden", told, got)
		}
	}
}

// Values hides what is known and nothing else: no place of a secret, no begin of one.
func TestValues(t *testing.T) {
	r := secret.New("scrape-3f9c1a77b0de44")
	for _, c := range []struct{ comment, text, want string }{
		{"a known value", "gpu scrape-3f9c1a77b0de44 0", "gpu *** 0"},
		{"the most of one", "scrape-3f9c1a77b0", "***"},
		{"a word that one begins with", "scrape", "scrape"},
		{"a place", "password: none of it, token=abc", "password: none of it, token=abc"},
	} {
		if got := r.Values(c.text); got != c.want {
			t.Errorf("%s: got %q, want %q", c.comment, got, c.want)
		}
	}
	var none *secret.Redactor
	none.Add("x")
	if got := none.Values("a"); got != "a" {
		t.Errorf("of nil: got %q, want the text", got)
	}
}

func TestAddCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte("filekey-one\nfilekey-two\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"MY_KEY": "from-environment"}
	var r secret.Redactor
	r.AddCommand(`HF_TOKEN=hf-variable vllm --api-key "$MY_KEY" second-key --api-key-file `+file+` --api-key=none http://u:url-password@h`, func(n string) string { return env[n] })
	for _, v := range []string{"from-environment", "second-key", "hf-variable", "filekey-one", "filekey-two", "$MY_KEY"} {
		if got, want := r.Text("got <"+v+">"), "got <***>"; got != want {
			t.Errorf("%s: the log has %q, want %q", v, got, want)
		}
	}
	if got := r.Text("stop: none"); got != "stop: none" {
		t.Errorf("a placeholder was hidden: %q", got)
	}
}

// A key is known by its shape at any place of a command, and then in any form.
func TestAddCommandWithAKeyAtAnUnknownPlace(t *testing.T) {
	const key, other = "sk-Zq7Xw0123456789abcdefghijklm", "hf_ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
	var r secret.Redactor
	r.AddCommand("serve -k "+key+" $K --port 1", func(string) string { return other })
	for _, v := range []string{strings.Join(strings.Split(key, ""), " "), key[10:], url.PathEscape(every(key, "%%%02x")), base64.StdEncoding.EncodeToString([]byte(other + "xx"))[:40]} {
		if got := r.Text("got <" + v + ">"); got != "got <***>" {
			t.Errorf("%s: the log has %q", v, got)
		}
	}
}

func TestAddEnvironment(t *testing.T) {
	var r secret.Redactor
	r.AddEnvironment([]string{"HF_TOKEN=token-of-the-hub", "AWS_SECRET_ACCESS_KEY=cloud=secret/1", "DB_PASSWORD=pass of two words",
		"TOKENIZERS_PARALLELISM=disabled", "SSH_AUTH_SOCK=/tmp/agent.sock", "VLLM_API_KEY_FILE=/etc/the-keys", "USE_TOKEN=1", "PATH=/usr/bin:/bin", "ODD",
		"DB_URL=postgres://app:of-the-database@db/x", "EXTRA=--key sk-of-another-kind-1"})
	for _, c := range []struct{ text, want string }{
		{"env: token-of-the-hub", "env: ***"},
		{"env: cloud=secret/1", "env: ***"},
		{"env: pass of two words", "env: ***"},
		{"the password of an address: of-the-database, b2YtdGhlLWRhdGFiYXNl", "the password of an address: ***, ***"},
		{"the shape of a key, in hexadecimal: 736b2d6f662d616e6f746865722d6b696e642d31", "the shape of a key, in hexadecimal: ***"},
		{"disabled, /tmp/agent.sock, /etc/the-keys, 1, /usr/bin:/bin", "disabled, /tmp/agent.sock, /etc/the-keys, 1, /usr/bin:/bin"},
	} {
		if got := r.Text(c.text); got != c.want {
			t.Errorf("%q became %q, want %q", c.text, got, c.want)
		}
	}
}

func TestAddURLAndHeader(t *testing.T) {
	var r secret.Redactor
	r.AddURL("http://user:p%40ssword1@h/m?token=tok-12345")
	r.AddURL("http://user:s3cretpw%zz@h/m")
	r.AddHeader("X-Trace", "not-secret-1", false)
	r.AddHeader("Authorization", "Bearer abcdefgh1", false)
	for v, want := range map[string]string{"p@ssword1": "***", "p%40ssword1": "***", "tok-12345": "***", "s3cretpw%zz": "***",
		"not-secret-1": "not-secret-1", "abcdefgh1": "***"} {
		if got := r.Text("<" + v + ">"); got != "<"+want+">" {
			t.Errorf("%s became %s, want %s", v, got, want)
		}
	}
}

func TestError(t *testing.T) {
	r := secret.New("sk-abcdefgh")
	err := r.Error(fmt.Errorf("with sk-abcdefgh: %w", fs.ErrNotExist))
	if got := err.Error(); got != "with ***: file does not exist" {
		t.Errorf("the error says %q", got)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("errors.Is does not see through it")
	}
	plain := errors.New("plain")
	if r.Error(plain) != plain || r.Error(nil) != nil {
		t.Error("an error without a secret was changed")
	}
}

// A cut text shows no part of a key that is worth having.
func TestCutValues(t *testing.T) {
	const key = "sk-Zq7Xw0123456789abcdefghijklmnopqrstuvwxyz"
	r := secret.New(key)
	for n := range key {
		got := r.Text(`{"k":"` + key[:n])
		if n >= 6 && strings.Contains(got, key[:6]) {
			t.Errorf("cut after %d characters it says %q", n, got)
		}
		if got := r.Text(key[:n] + "…"); n >= 16 && strings.Contains(got, key[:16]) {
			t.Errorf("cut after %d characters and marked it says %q", n, got)
		}
	}
}

// A server that shows a part of a key shows its end as often as its start, or cuts
// both off.
func TestPartsOfValues(t *testing.T) {
	const key = "sk-Zq7Xw0123456789abcdefghijklmnopqrstuvwxyz"
	r := secret.New(key)
	for _, c := range []struct{ sentence, text, want string }{
		{"the start", "bad key sk-Zq7Xw01234567… here", "bad key ***… here"},
		{"the end", "bad key …klmnopqrstuvwxyz here", "bad key …*** here"},
		{"the middle", "bad key …789abcdefghijklmno… here", "bad key …***… here"},
		{"the end in another case", "bad key …KLMNOPQRSTUVWXYZ here", "bad key …*** here"},
		{"the middle in hexadecimal", "key 3435363738396162636465 is bad", "key *** is bad"},
		{"fewer characters than tell it", "alphabet: opqrstuvwxyz", "alphabet: opqrstuvwxyz"},
	} {
		if got := r.Text(c.text); got != c.want {
			t.Errorf("%s: %q became %q, want %q", c.sentence, c.text, got, c.want)
		}
	}
}

// What nobody sees between the characters of a long value does not show it.
func TestBrokenValues(t *testing.T) {
	const key = "sk-Zq7Xw0123456789abcdefg"
	r := secret.New(key)
	encoded := base64.StdEncoding.EncodeToString([]byte(key))
	for _, c := range []struct{ comment, text string }{
		{"in two lines", key[:11] + "\n" + key[11:]},
		{"in two lines of JSON text", key[:11] + `\r\n` + key[11:]},
		{"in two indented lines", key[:11] + "\r\n      " + key[11:]},
		{"spaced out", strings.Join(strings.Split(key, ""), " ")},
		{"two bytes a character", strings.Join(strings.Split(key, ""), "\x00") + "\x00"},
		{"base64 in lines", encoded[:20] + "\n" + encoded[20:]},
		{"with characters of no width", strings.Join(strings.Split(key, ""), "\u200b")},
		{"with joiners, which emoji need", strings.Join(strings.Split(key, ""), "\u200d")},
		{"with soft hyphens as JSON writes them", strings.Join(strings.Split(key, ""), `\u00ad`)},
		{"with zero bytes as Go writes them", strings.Join(strings.Split(key, ""), `\x00`)},
		{"with zero bytes of an address", strings.Join(strings.Split(key, ""), "%00")},
		{"with spaces of HTML", strings.Join(strings.Split(key, ""), "&#8203;")},
		{"in colours", strings.Join(strings.Split(key, ""), "\x1b[1;31m")},
		{"in colours as JSON writes them", strings.Join(strings.Split(key, ""), `\u001b[31m`)},
		{"in colours that were escaped twice", strings.Join(strings.Split(key, ""), `\\u001b[0m`)},
	} {
		got := r.Text("bad key " + c.text + ", sorry")
		if strings.Contains(got, "Xw0") || strings.Contains(got, "X w 0") || strings.Contains(got, "cde") || strings.Contains(got, encoded[4:12]) || !strings.HasPrefix(got, "bad key ***") || !strings.HasSuffix(got, "sorry") {
			t.Errorf("%s: got %q", c.comment, got)
		}
	}
	if got := secret.New("the-model").Text("the -model"); got != "the -model" {
		t.Errorf("a short value in pieces: got %q, want it left", got)
	}
}

// spellings are ways in which servers, libraries and languages write a value.
var spellings = map[string]func(string) string{
	"as it is":     func(s string) string { return s },
	"upper case":   strings.ToUpper,
	"query":        url.QueryEscape,
	"path":         url.PathEscape,
	"query twice":  func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"all percent":  func(s string) string { return every(s, "%%%02x") },
	"JSON":         inJSON,
	"JSON twice":   func(s string) string { return inJSON(inJSON(s)) },
	"all unicode":  func(s string) string { return every(s, `\u%04X`) },
	"all octal":    func(s string) string { return every(s, `\%03o`) },
	"all hex":      func(s string) string { return every(s, `\x%02x`) },
	"Go":           func(s string) string { return strconv.Quote(s) },
	"HTML":         html.EscapeString,
	"HTML numbers": func(s string) string { return every(s, "&#%d;") },
	"base64":       func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 URL":   func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"basic":        func(s string) string { return base64.StdEncoding.EncodeToString([]byte("user:" + s)) },
	"basic, more":  func(s string) string { return base64.URLEncoding.EncodeToString([]byte("me:" + s + "@x")) },
	"base64 query": func(s string) string { return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s))) },
	"hex":          func(s string) string { return hex.EncodeToString([]byte(s)) },
	"hex pairs":    func(s string) string { return strings.TrimSuffix(every(s, "%02X:"), ":") },
	"hex dashes":   func(s string) string { return strings.TrimSuffix(every(s, "%02x-"), "-") },
	"decimals":     func(s string) string { return "[" + strings.TrimSuffix(every(s, "%d, "), ", ") + "]" },
	"a C array":    func(s string) string { return strings.TrimSuffix(every(s, "%d,"), ",") },
	"base32":       func(s string) string { return base32.StdEncoding.EncodeToString([]byte(s)) },
	"base32 lower": func(s string) string { return strings.ToLower(base32.StdEncoding.EncodeToString([]byte(s))) },
	"base32 hex":   func(s string) string { return base32.HexEncoding.EncodeToString([]byte("user:" + s)) },
	"base32, more": func(s string) string { return base32.StdEncoding.EncodeToString([]byte("me:" + s + "@x")) },
}

func every(s, format string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, format, s[i])
	}
	return b.String()
}

func inJSON(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// Whatever the value, the spelling and the text around it, and however the text
// is cut into writes, nothing of the value comes through.
func TestNoSpellingComesThrough(t *testing.T) {
	names := make([]string, 0, len(spellings))
	for name := range spellings {
		names = append(names, name)
	}
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[!-~]{12,48}`).Draw(t, "value")
		other := rapid.StringMatching(`[a-z]{8,20}`).Draw(t, "other")
		name := rapid.SampledFrom(names).Draw(t, "spelling")
		around := rapid.StringMatching(`[ -~\n]{0,30}`)
		before, after := around.Draw(t, "before"), around.Draw(t, "after")
		text := before + " " + spellings[name](value) + " " + after
		r := secret.New(value, other)
		check := func(how, got string) {
			// Base64 ends in characters that tell less than one of the value.
			for _, part := range []string{value, strings.ToUpper(value), spellings[name](value)} {
				if strings.Contains(got, part) {
					t.Fatalf("%s, %s: %q became %q", how, name, text, got)
				}
			}
			if strings.HasPrefix(name, "bas") {
				core := spellings[name](value)
				core = core[len(core)/4 : len(core)*3/4]
				if strings.Contains(got, core) {
					t.Fatalf("%s, %s: %q became %q", how, name, text, got)
				}
			}
		}
		check("whole", r.Text(text))
		var out strings.Builder
		w := r.Writer(&out)
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			if _, err := w.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		w.Close()
		check("written", out.String())
		if out.String() != lines(r, text) {
			t.Errorf("written it is %q, line by line %q", out.String(), lines(r, text))
		}
	})
}

// What stands there may read in two ways, and only one of them is the value.
func TestEscapesThatReadInTwoWays(t *testing.T) {
	for _, c := range []struct{ sentence, value, text string }{
		{"a value with an escape in it, escaped once", "!!!!!!!!!%00", "%21%21%21%21%21%21%21%21%21%2500"},
		{"and escaped twice", "key-%2541-%41", "key-%25252541-%252541"},
		{"backslashes at the end of a value, as JSON writes them in JSON", `key-0123\\`, `key-0123\\\\\\\\`},
		{"a value that holds what JSON writes for a quote", `key-\"-0123`, `key-\\\"-0123`},
		{"a value that holds an entity, in HTML", "key-&quot;-01", "key-&amp;quot;-01"},
	} {
		if got := secret.New(c.value).Text("<" + c.text + ">"); got != "<"+secret.Mask+">" {
			t.Errorf("%s: %q became %q, want <%s>", c.sentence, c.text, got, secret.Mask)
		}
	}
}

func lines(r *secret.Redactor, text string) string {
	var out strings.Builder
	for l := range strings.Lines(text) {
		out.WriteString(r.Text(l))
	}
	return out.String()
}

// A line without end is not kept for ever, and a value anywhere in it is hidden.
func TestWriterOfAnEndlessLine(t *testing.T) {
	const key = "sk-Zq7Xw0123456789abcdefghijklm"
	r := secret.New(key)
	var out strings.Builder
	w := r.Writer(&out)
	for i := range 30_000 {
		text := "0123456 89"
		if i%100 == 0 {
			text = key + " "
		}
		for _, half := range []string{text[:7], text[7:]} {
			if _, err := w.Write([]byte(half)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if out.Len() < 200_000 {
		t.Errorf("%d bytes have come through before the end of the line", out.Len())
	}
	w.Close()
	if s := out.String(); strings.Contains(s, "Zq7X") || strings.Count(s, secret.Mask) != 300 {
		t.Errorf("%d values were hidden, want 300", strings.Count(s, secret.Mask))
	}
}

// A redacted text is not changed by another redaction.
func TestRedactionIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.SampledFrom([]string{"--api-key", "--token=", "k1", " ", `"`, "'", "=", "HF_TOKEN=", "http://", "u:p@h", "Bearer abc123def", ": ", "password", "\n", `\`, "[", "]", "&", "***"})).Draw(t, "words")
		text := strings.Join(words, "")
		r := secret.New("k1k1k1k1")
		once := r.Command(text)
		if twice := r.Command(once); len(twice) > len(once)+8 {
			t.Errorf("%q became %q and then %q", text, once, twice)
		}
	})
}

func ExampleRedactor() {
	r := secret.New(os.Getenv("OPENAI_API_KEY"), "s3cret-key")
	r.AddURL("http://meter:pass-word@bmc/redfish")
	fmt.Println(r.Command("vllm serve m --api-key abc --port 8000"))
	fmt.Println(r.Text(`401: {"error":"bad key s3cret%2Dkey"}`))
	fmt.Println(r.Text("dial http://meter:pass-word@bmc/redfish: refused"))
	// Output:
	// vllm serve m --api-key *** --port 8000
	// 401: {"error":"bad key ***"}
	// dial http://***@bmc/redfish: refused
}

func BenchmarkText(b *testing.B) {
	r := secret.New("sk-Zq7Xw0123456789abcdefghijklm", "another-secret-value")
	line := strings.Repeat("INFO 11-28 12:00:00 engine.py:310] Avg prompt throughput: 123.4 tokens/s, running: 8 reqs\n", 10)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		r.Text(line)
	}
}

func FuzzText(f *testing.F) {
	f.Add("x --api-key 'a", "key-12345678")
	f.Add(`{"token":"\u0041`, "A%41\\u0041&#65;")
	f.Fuzz(func(t *testing.T, text, value string) {
		r := secret.New(value)
		r.AddCommand(text, nil)
		r.AddURL(text)
		r.Text(text)
		r.Args(strings.Fields(text))
	})
}

// A key that is taken apart by what a terminal does not show is hidden too.
func TestLine(t *testing.T) {
	r := secret.New("sk-Zq7Xw0123456789")
	if got, want := r.Line("key sk-Zq7\x1b[31mXw01\u202e23456789\nis bad", 0), "key *** is bad"; got != want {
		t.Errorf("Line = %q, want %q", got, want)
	}
	if got, want := r.Line("the key is sk-Zq7Xw0123456789 and more", 20), "the key is *** an…"; got != want {
		t.Errorf("cut to 20 bytes: %q, want %q", got, want)
	}
}
