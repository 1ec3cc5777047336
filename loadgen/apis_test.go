package loadgen

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cfubench/datasets"
	"cfubench/internal/secret"
	"cfubench/loadgen/endpoint"
)

// An embedding has a latency and prompt tokens, and no time of a token.
func TestEmbeddings(t *testing.T) {
	for _, tt := range []struct {
		name, body, err string
		prompt          int
		flags           []string
	}{
		{name: "a vector with its usage",
			body:   `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-0.2]}],"model":"m","usage":{"prompt_tokens":8,"total_tokens":8}}`,
			prompt: 8},
		{name: "a vector without usage is an answer, and flagged",
			body:   `{"object":"list","data":[{"embedding":"AAAA"}]}`,
			prompt: Unknown, flags: []string{FlagNoUsage}},
		{name: "no vector is no answer",
			body: `{"object":"list","usage":{"prompt_tokens":8}}`, prompt: Unknown, err: "answer without embeddings"},
		{name: "an error with status 200",
			body: `{"error":{"message":"no such model"}}`, prompt: Unknown, err: "no such model"},
		{name: "a web page",
			body: `<html><title>Hello</title></html>`, prompt: Unknown, err: `HTML page titled "Hello"`},
		{name: "half a vector",
			body: `{"data":[{"embedding":[0.1,`, prompt: Unknown, err: "not the JSON it should be"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := make(chan [2]string, 1) // the path, what is accepted
			url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				asked <- [2]string{req.URL.Path, req.Header.Get("Accept")}
				w.Header().Set("Content-Type", "application/json")
				io.WriteString(w, tt.body)
			}))
			r := do(client(t, Options{BaseURL: url, API: APIEmbeddings}))
			if got, want := <-asked, [2]string{"/v1/embeddings", "application/json"}; got != want || r.Kind != APIEmbeddings {
				t.Errorf("asked %v, kind %q, want %v", got, r.Kind, want)
			}
			if tt.err != "" {
				if !strings.Contains(r.Err, tt.err) {
					t.Errorf("error: got %q, want %q", r.Err, tt.err)
				}
				return
			}
			if !r.OK() || r.PromptTokens != tt.prompt || r.OutputTokens != 0 || r.FirstToken != Never || r.LastToken != Never || r.Done <= r.Sent || !slices.Equal(r.Flags, tt.flags) {
				t.Errorf("got %+v, want %d prompt tokens, no output, no time of a token, flags %v", r, tt.prompt, tt.flags)
			}
		})
	}
}

// A request of another API than the client's goes to that API.
func TestRequestsOfSeveralAPIs(t *testing.T) {
	paths := make(chan string, 2)
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		paths <- req.URL.Path
		if strings.HasSuffix(req.URL.Path, "/embeddings") {
			io.WriteString(w, `{"data":[],"usage":{"prompt_tokens":1}}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: {\"type\":\"response.output_text.delta\",\"delta\":\"x\"}\n\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n")
	}))
	c := client(t, Options{BaseURL: url})
	for _, api := range []string{APIEmbeddings, APIResponses} {
		r := c.Do(context.Background(), Call{API: api, Body: []byte(`{"input":"p"}`)}, 0, since())
		if !r.OK() || r.Kind != api {
			t.Errorf("%s: got kind %q, error %q", api, r.Kind, r.Err)
		}
	}
	if got, want := []string{<-paths, <-paths}, []string{"/v1/embeddings", "/v1/responses"}; !slices.Equal(got, want) {
		t.Errorf("paths: got %v, want %v", got, want)
	}
	if r := c.Do(context.Background(), Call{API: "speech"}, 0, since()); r.OK() {
		t.Error("an API that is none: got success")
	}
}

// Header fields go out with each request, and their values into no record.
func TestHeadersAreSentAndStaySecret(t *testing.T) {
	const value = "k-0123456789"
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if got := req.Header.Get("Api-Key"); got != value {
			t.Errorf("api-key: got %q, want %q", got, value)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, hello+"data: {\"choices\":[{\"delta\":{},\"finish_reason\":%q}]}\n\n"+usage+done, "stop "+value)
	}))
	r := do(client(t, Options{BaseURL: url, Headers: []endpoint.Header{{Name: "api-key", Value: value}}}))
	b, err := json.Marshal(r)
	if err != nil || bytes.Contains(b, []byte(value)) || !strings.Contains(r.FinishReason, secret.Mask) {
		t.Errorf("got %s, %v, want the value masked", b, err)
	}
}

// What a server encodes though nobody asked for it is decoded, as it comes, or
// the error names it.
func TestContentEncodings(t *testing.T) {
	stream := hello + world + finish + usage + done
	compress := func(w io.WriteCloser, flush func() error, out *bytes.Buffer) []byte {
		for _, piece := range []string{hello, world, finish + usage + done} {
			io.WriteString(w, piece)
			if err := flush(); err != nil {
				t.Fatal(err)
			}
		}
		w.Close()
		return out.Bytes()
	}
	var zipped, deflated bytes.Buffer
	gz, zl := gzip.NewWriter(&zipped), zlib.NewWriter(&deflated)
	for _, tt := range []struct {
		encoding string
		body     []byte
		err      string
	}{
		{"gzip", compress(gz, gz.Flush, &zipped), ""},
		{"deflate", compress(zl, zl.Flush, &deflated), ""},
		{"identity", []byte(stream), ""},
		{"br", []byte(stream), `Content-Encoding "br", which was not asked for`},
		{"gzip", []byte(stream), "not the gzip that its Content-Encoding says"},
	} {
		url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Content-Encoding", tt.encoding)
			w.Write(tt.body)
		}))
		r := do(client(t, Options{BaseURL: url}))
		if tt.err == "" && (!r.OK() || r.OutputTokens != 2 || len(r.TokenAt) != 2) || !strings.Contains(r.Err, tt.err) {
			t.Errorf("%s: got %d tokens, error %q; want 2, %q", tt.encoding, r.OutputTokens, r.Err, tt.err)
		}
	}
}

// A stream under another type is one by what it begins with.
func TestStreamOfAnotherType(t *testing.T) {
	for _, tt := range []struct{ kind, body, err string }{
		{"text/plain; charset=utf-8", hello + world + finish + usage + done, ""},
		{"application/octet-stream", ": ping\n\n" + hello + world + finish + usage + done, ""},
		{"application/x-ndjson", `{"message":{"content":"hi"},"done":false}` + "\n", "application/x-ndjson instead of an event stream"},
		{"text/plain", "try again later", "try again later"},
	} {
		url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Type", tt.kind)
			io.WriteString(w, tt.body)
		}))
		r := do(client(t, Options{BaseURL: url}))
		if tt.err == "" && (!r.OK() || r.OutputTokens != 2) || !strings.Contains(r.Err, tt.err) {
			t.Errorf("%s: got %d tokens, error %q; want %q", tt.kind, r.OutputTokens, r.Err, tt.err)
		}
	}
}

// Whatever a server goes on sending, a stream costs a bounded memory.
func TestStreamsAreBounded(t *testing.T) {
	for _, tt := range []struct {
		name, begin, again, err string
		tokens                  int
	}{
		{"events without an end beyond the tokens asked for", "", hello, "events with text where 16 tokens were asked for: cut here", 16},
		{"an event of lines without an end", "", "data: " + strings.Repeat("x", 1000) + "\n", "event larger than 8 MiB", 16},
		{"a line without an end", `data: {"choices":[{"delta":{"content":"`, strings.Repeat("x", 1000), "event larger than 8 MiB", 16},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := io.MultiReader(strings.NewReader(tt.begin), &again{text: tt.again})
			s := new(scanner)
			s.reset()
			s.limit = eventLimit(tt.tokens)
			r := Record{TargetOutputTokens: tt.tokens}
			err := s.read(body, func() time.Duration { return 1 }, &r, nil)
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, want %q", err, tt.err)
			}
			if held := cap(s.buf) + cap(s.joined) + 4*cap(s.lengths) + 8*cap(r.TokenAt); held > 40<<20 {
				t.Errorf("it holds %d MiB, want no more than 40", held>>20)
			}
			s.reset()
			if held := cap(s.buf) + cap(s.joined) + cap(s.text); held > 3*keptBuffer {
				t.Errorf("the next stream begins with %d kB, want no more than %d", held>>10, 3*keptBuffer>>10)
			}
		})
	}
}

type again struct{ text, rest string }

func (e *again) Read(p []byte) (int, error) {
	if e.rest == "" {
		e.rest = e.text
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// What came is compared with what was asked for.
func TestRecordsAreHeldAgainstRequests(t *testing.T) {
	at := func(n int) Record {
		return Record{Kind: APIChat, FirstToken: time.Second, LastToken: 2 * time.Second, PromptTokens: 100, OutputTokens: n, TargetOutputTokens: 64, FinishReason: "stop"}
	}
	with := func(r Record, change func(*Record)) Record { change(&r); return r }
	told := asked{prompt: 100, text: 400}
	for _, tt := range []struct {
		name  string
		r     Record
		a     asked
		exact bool
		want  []string
	}{
		{"as asked", at(64), told, true, nil},
		{"shorter, and it may", at(10), told, false, nil},
		{"shorter than exactly asked for", at(10), told, true, []string{FlagShorter}},
		{"cut for its length before it was asked to be", with(at(10), func(r *Record) { r.FinishReason = "length" }), told, false, []string{FlagShorter}},
		{"longer by the end of the sequence", at(65), told, true, nil},
		{"longer", at(200), told, true, []string{FlagLonger}},
		{"all tokens at one instant", with(at(64), func(r *Record) { r.LastToken = r.FirstToken }), told, true, []string{FlagOnePiece}},
		{"all tokens from a buffer, in many reads", with(at(64), func(r *Record) { r.LastToken = r.FirstToken + 63*time.Microsecond }), told, true, []string{FlagOnePiece}},
		{"one token at one instant", with(at(1), func(r *Record) { r.LastToken, r.TargetOutputTokens = r.FirstToken, 0 }), told, false, nil},
		{"a prompt of far fewer tokens than the trace says", with(at(64), func(r *Record) { r.PromptTokens = 40 }), told, true, []string{FlagPromptCut}},
		{"a prompt that another tokenizer counts otherwise", with(at(64), func(r *Record) { r.PromptTokens = 70 }), told, true, nil},
		{"a long prompt of far fewer tokens than its text can have", with(at(64), func(r *Record) { r.PromptTokens = 2048 }), asked{prompt: Unknown, text: 32000}, true, []string{FlagPromptCut}},
		{"a prompt of which only what was not cached is counted", with(at(64), func(r *Record) { r.PromptTokens = 1 }), asked{prompt: Unknown, text: 700}, true, []string{FlagPromptCut}},
		{"a short prompt of few tokens", with(at(64), func(r *Record) { r.PromptTokens = 1 }), asked{prompt: Unknown, text: 30}, true, nil},
		{"cut for its length by another name", with(at(10), func(r *Record) { r.FinishReason = "MAX_TOKENS" }), told, false, []string{FlagShorter}},
		{"an unknown prompt is none that was cut", with(at(64), func(r *Record) { r.PromptTokens = Unknown }), told, true, nil},
		{"a failure has no wrong length", with(at(10), func(r *Record) { r.Err = "no" }), told, true, nil},
	} {
		tt.r.hold(tt.a, tt.exact)
		if !slices.Equal(tt.r.Flags, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, tt.r.Flags, tt.want)
		}
	}
}

// A run says in words what of its answers is doubtful, and which errors it saw.
func TestStatsTellDoubtsAndFailures(t *testing.T) {
	n := 0
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		n++
		if n > 3 {
			http.Error(w, `{"error":{"message":"prompt too long"}}`, http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, hello+world+finish+usage+done)
	}))
	reqs := make([]datasets.Request, 5)
	for i := range reqs {
		reqs[i] = datasets.Request{Prompt: "p", OutputTokens: 2, PromptTokens: Unknown, At: -1}
	}
	stats, err := Run(context.Background(), client(t, Options{BaseURL: url}), Load{Concurrency: 1}, reqs, since(), func(Record) {})
	if err != nil {
		t.Fatal(err)
	}
	if stats.Flagged[FlagOnePiece] != 3 || !slices.Contains(stats.Reasons, FlagOnePiece) || !strings.Contains(strings.Join(stats.Warnings, "\n"), "3 of 5 answers came in one piece") {
		t.Errorf("got flagged %v, reasons %v, warnings %q; want three answers in one piece", stats.Flagged, stats.Reasons, stats.Warnings)
	}
	if len(stats.Failures) != 1 || stats.Failures[0].Requests != 2 || !strings.Contains(stats.Failures[0].Error, "prompt too long") {
		t.Errorf("failures: got %+v, want two of one kind", stats.Failures)
	}
	if stats.OutputTokens != 6 {
		t.Errorf("output tokens: got %d, want 6", stats.OutputTokens)
	}
}

// A trace's whole requests go out whole, each to its own API, and a system turn
// stands before the others.
func TestTracesRequestsAreSentAsTheyAre(t *testing.T) {
	var bodies sync.Map // by path
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		b, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		bodies.Store(req.URL.Path, string(b))
		if strings.HasSuffix(req.URL.Path, "/embeddings") {
			io.WriteString(w, `{"data":[],"usage":{"prompt_tokens":1}}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, hello+world+finish+usage+done)
	}))
	reqs := []datasets.Request{
		{Kind: datasets.KindEmbeddings, Body: []byte(`{"input":["a","b"]}`), PromptTokens: Unknown, At: -1},
		{Kind: datasets.KindCompletions, Body: []byte(`{"prompt":"p","max_tokens":3}`), OutputTokens: 3, PromptTokens: Unknown, At: -1},
		{Prompt: "hi", System: "Be brief.", PromptTokens: Unknown, OutputTokens: 2, At: -1},
	}
	if _, err := Run(context.Background(), client(t, Options{BaseURL: url, Model: "m"}), Load{Concurrency: 1}, reqs, since(), func(r Record) {
		if !r.OK() {
			t.Error(r.Err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/v1/embeddings":       `{"model":"m","input":["a","b"]}`,
		"/v1/completions":      `{"model":"m","prompt":"p","max_tokens":3,"temperature":0,"stream":true,"stream_options":{"include_usage":true}}`,
		"/v1/chat/completions": `{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hi"}],"max_tokens":2,"temperature":0,"stream":true,"stream_options":{"include_usage":true}}`,
	} {
		if got, _ := bodies.Load(path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}
