package tenants

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cfubench/internal/secret"
)

func TestParse(t *testing.T) {
	end := time.Date(2026, 11, 28, 22, 0, 10, 0, time.UTC)
	unix := end.Unix()
	for _, tt := range []struct {
		name, field, line string
		want              []Record
		wrong             string
	}{
		{"a gateway's line with OpenAI's usage and a duration", "tenant", `{"time":"2026-11-28T22:00:10Z","tenant":"acme","duration_ms":2500,"usage":{"prompt_tokens":12,"completion_tokens":34}}`,
			[]Record{{"acme", end.Add(-2500 * time.Millisecond), end, 12, 34, "", ""}}, ""},
		{"a nested header, a Unix time and nginx' request_time", "headers.x-tenant", fmt.Sprintf(`{"ts":%d,"headers":{"x-tenant":"b"},"request_time":"1.5","input_tokens":1,"output_tokens":2}`, unix),
			[]Record{{"b", end.Add(-1500 * time.Millisecond), end, 1, 2, "", ""}}, ""},
		{"a start of its own", "tenant", fmt.Sprintf(`{"start_time":%d000,"end_time":%d000,"tenant":7,"prompt_tokens":3}`, unix-4, unix), []Record{{"7", end.Add(-4 * time.Second), end, 3, 0, "", ""}}, ""},
		{"no tenant, no duration", "tenant", `{"time":"2026-11-28T22:00:10Z","prompt_tokens":1,"completion_tokens":1}`, []Record{{"", end, end, 1, 1, "", ""}}, ""},
		{"spans: vLLM's names, the tenant of the resource, and a span around the request", "tenant", fmt.Sprintf(`{"resourceSpans":[{"resource":{"attributes":[{"key":"tenant","value":{"stringValue":"r"}}]},"scopeSpans":[{"spans":[
			{"name":"http","startTimeUnixNano":"1","endTimeUnixNano":"2","attributes":[]},
			{"startTimeUnixNano":"%d000000000","endTimeUnixNano":"%d000000000","attributes":[{"key":"gen_ai.usage.prompt_tokens","value":{"intValue":"5"}},{"key":"gen_ai.usage.completion_tokens","value":{"intValue":6}}]},
			{"startTimeUnixNano":"%[1]d000000000","endTimeUnixNano":"%[2]d000000000","attributes":[{"key":"tenant","value":{"stringValue":"own"}},{"key":"gen_ai.usage.output_tokens","value":{"intValue":"9"}}]}]}]}]}`, unix-1, unix),
			[]Record{{"r", end.Add(-time.Second), end, 5, 6, "", ""}, {"own", end.Add(-time.Second), end, 0, 9, "", ""}}, ""},
		{"a health check", "tenant", `{"time":"2026-11-28T22:00:10Z","path":"/health"}`, nil, ErrNoRequest.Error()},
		{"spans without tokens", "tenant", `{"resourceSpans":[]}`, nil, ErrNoRequest.Error()},
		{"no time", "tenant", `{"prompt_tokens":1}`, nil, "no time"},
		{"no JSON", "tenant", `GET /v1 200`, nil, "not a JSON object"},
		{"a span that ends before it starts", "tenant", `{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"1790000001000000000","endTimeUnixNano":"1790000000000000000","attributes":[{"key":"gen_ai.usage.output_tokens","value":{"intValue":"9"}}]}]}]}]}`, nil, "in this order"},
		{"tokens that nobody can have", "tenant", `{"time":"2026-11-28T22:00:10Z","prompt_tokens":-4,"completion_tokens":1e30}`, nil, ErrNoRequest.Error()},
	} {
		read, err := Parse([]byte(tt.line), tt.field)
		got := read.Requests
		if (err == nil) != (tt.wrong == "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
			t.Errorf("%s: got error %v, want %q", tt.name, err, tt.wrong)
		}
		for i := range got {
			got[i].Start, got[i].End = got[i].Start.UTC(), got[i].End.UTC()
		}
		if diff := cmp.Diff(tt.want, got); err == nil && diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"time":"2026-11-28T22:00:10Z","tenant":"acme","duration_ms":2500,"usage":{"prompt_tokens":12}}`))
	f.Add([]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"1","endTimeUnixNano":"2","attributes":[{"key":"a","value":{"intValue":"9"}}]}]}]}]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		read, _ := Parse(line, "tenant")
		for _, r := range read.Requests {
			if r.PromptTokens < 0 || r.OutputTokens < 0 || r.End.Before(r.Start) {
				t.Errorf("%q gives %+v", line, r)
			}
		}
	})
}

func TestNames(t *testing.T) {
	n := Names{Bound: 4, Secrets: secret.New("my-own-password")}
	for _, tt := range []struct{ why, in, want string }{
		{"plain names stay", "acme-eu.1@x", "acme-eu.1@x"},
		{"none is said", "", None},
		{"what no label should hold is replaced", "a b\n\"{}", "a_b____"},
		{"a name of our own is told apart", "idle", "tenant-idle"},
		{"a key is hashed", "sk-abc", "hash-"},
		{"beyond the bound", "fifth", Other},
		{"a known one stays known", "acme-eu.1@x", "acme-eu.1@x"},
	} {
		if got := n.Of(tt.in); got != tt.want && !(tt.want == "hash-" && strings.HasPrefix(got, tt.want)) {
			t.Errorf("%s: Of(%q) = %q, want %q", tt.why, tt.in, got, tt.want)
		}
	}
	wide := Names{Bound: 100, Secrets: secret.New("my-own-password")}
	seen := map[string]bool{}
	for _, key := range []string{"Bearer abc.def", "sk-proj-123456", "eyJhbGciOi.eyJzdWIi.x", "hf_abcdefgh", "0123456789abcdef0123456789abcdef", "tenant my-own-password", "AKIAIOSFODNN7"} {
		name := wide.Of(key)
		if !strings.HasPrefix(name, "hash-") || strings.Contains(name, key) || seen[name] {
			t.Errorf("Of(%q) = %q, want a hash of its own", key, name)
		}
		seen[name] = true
	}
	if got := wide.Of("3f2504e0-4f89-11d3-9a0c-0305e82c3301"); strings.HasPrefix(got, "hash-") {
		t.Errorf("a UUID is hashed: %q", got)
	}
	for i := range 10000 {
		wide.Of(fmt.Sprintf("churn-%d", i))
	}
	if len(wide.told) > 100 || len(wide.known) > 1600 {
		t.Errorf("%d names and %d spellings are held", len(wide.told), len(wide.known))
	}
}

func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	tail := Tail{Path: path}
	defer tail.Close()
	look := func(why string, want ...string) {
		t.Helper()
		var got []string
		if _, err := tail.Lines(func(line []byte) { got = append(got, string(line)) }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", why, diff)
		}
	}
	write := func(flag int, text string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flag, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	look("no file yet")
	write(os.O_APPEND, "one\ntw")
	look("a file that comes is read from its begin", "one")
	write(os.O_APPEND, "o\n\nthree\n")
	look("the rest of a line, and no empty one", "two", "three")
	write(os.O_APPEND, "last\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(os.O_APPEND, "new\n")
	look("a rotated file: its rest, then the new one", "last", "new")
	write(os.O_TRUNC, "x\n")
	look("an emptied file", "x")

	late := Tail{Path: path}
	defer late.Close()
	var got []string
	if _, err := late.Lines(func(line []byte) { got = append(got, string(line)) }); err != nil || got != nil {
		t.Errorf("what was there before the first look: got %q, %v", got, err)
	}
	write(os.O_APPEND, strings.Repeat("y", longestLine+1)+"\nafter\n")
	long, err := late.Lines(func(line []byte) { got = append(got, string(line)) })
	if err != nil || long != 1 || len(got) != 1 || got[0] != "after" {
		t.Errorf("a line that is too long: got %d left out, %d lines, %v", long, len(got), err)
	}
	none := Tail{Path: t.TempDir()}
	if _, err := none.Lines(func([]byte) {}); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder: got %v", err)
	}
}
