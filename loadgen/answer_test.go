package loadgen

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A body is what it is, not what its fields say of it.
func TestBodiesAreReadAsTheyAre(t *testing.T) {
	stream := hello + world + finish + usage + done
	packed := func(writer func(io.Writer) io.WriteCloser, text string) string {
		var b bytes.Buffer
		w := writer(&b)
		io.WriteString(w, text)
		w.Close()
		return b.String()
	}
	bare := func(w io.Writer) io.WriteCloser {
		f, err := flate.NewWriter(w, flate.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	zipped := func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }
	for _, tt := range []struct{ name, kind, encoding, body, err string }{
		{"an encoding of none, which keeps proxies from compressing", "text/event-stream", "none", stream, ""},
		{"a character set in the place of an encoding", "text/event-stream", "UTF-8", stream, ""},
		{"gzip that nobody asked for", "text/event-stream", "GZIP", packed(zipped, stream), ""},
		{"gzip twice", "text/event-stream", "gzip, gzip", packed(zipped, packed(zipped, stream)), ""},
		{"deflate as the standard has it", "text/event-stream", "deflate", packed(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }, stream), ""},
		{"deflate as some servers have it", "text/event-stream", "deflate", packed(bare, stream), ""},
		{"an encoding that is not known", "text/event-stream", "br", "\x0b\x02\x80", `Content-Encoding "br"`},
		{"gzip that is none", "text/event-stream", "gzip", stream, "not the gzip"},
		{"another type, and blank lines first", "application/json", "", "\r\n\n" + stream, ""},
		{"another type, and a byte order mark first", "text/plain", "", "\ufeff" + stream, ""},
		{"another type, and a comment first", "text/plain", "", ": hello\n\n" + stream, ""},
		{"another type and nothing", "application/json", "", "", "instead of an event stream"},
		{"another type, and blank lines alone", "application/json", "", strings.Repeat("\n", 1000), "instead of an event stream"},
		{"another type that is right", "application/json", "", `{"error":"no"}`, "application/json instead of an event stream: no"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				w.Header().Set("Content-Type", tt.kind)
				if tt.encoding != "" {
					w.Header().Set("Content-Encoding", tt.encoding)
				}
				io.WriteString(w, tt.body)
			}))
			r := do(client(t, Options{BaseURL: url}))
			if tt.err == "" && (r.Err != "" || r.OutputTokens != 2) || !strings.Contains(r.Err, tt.err) {
				t.Errorf("got error %q and %d tokens, want error %q", r.Err, r.OutputTokens, tt.err)
			}
		})
	}
}

// An answer that is complete but for its end mark ends when nothing more comes.
func TestTheWaitForAnEndMarkEnds(t *testing.T) {
	for _, tt := range []struct {
		name, stream string
		want         time.Duration
	}{
		{"after the usage", hello + world + finish + usage, endPatience},
		{"for a usage", hello + world + finish, usagePatience},
		{"for the other choice", hello + `data: {"choices":[{"index":1,"delta":{"content":"no"}}]}` + "\n\n" + finish + usage, time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				body, server := io.Pipe()
				timeout := time.AfterFunc(time.Hour, func() { server.CloseWithError(errTimeout) })
				defer timeout.Stop()
				s := new(scanner)
				s.reset()
				s.wait = &endWait{cancel: func() { server.CloseWithError(context.Canceled) }}
				defer s.wait.stop()
				go io.WriteString(server, tt.stream)
				began := time.Now()
				var r Record
				err := s.read(body, func() time.Duration { return time.Since(began) }, &r, nil)
				if waited := time.Since(began); waited != tt.want {
					t.Errorf("waited %v, want %v", waited, tt.want)
				}
				if err != nil || !slices.Contains(r.Flags, FlagNoEnd) {
					t.Errorf("got %v, flags %v; want an answer without an end mark", err, r.Flags)
				}
			})
		})
	}
}

// The name under which a server answers is compared with the one that was asked for.
func TestTheModelThatAnswers(t *testing.T) {
	for _, tt := range []struct {
		name, asked, answered, other string
	}{
		{"the same", "m", "m", ""},
		{"a dated one", "gpt-4o", "gpt-4o-2024-08-06", ""},
		{"the file of it", "org/SmolLM2-135M", "/models/smollm2-135m.gguf", ""},
		{"with its owner", "llama-3", "meta/Llama-3", ""},
		{"a short name in a longer word", "m", "gemma", "gemma"},
		{"a fallback", "llama-70b", "llama-8b", "llama-8b"},
		{"what was loaded", "qwen", "gemma\u001b[31m", "gemma"},
	} {
		url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, `data: {"model":`+string(appendString(nil, tt.answered))+`,"choices":[{"index":0,"delta":{"content":"hi"}}]}`+"\n\n"+finish+usage+done)
		}))
		r := do(client(t, Options{BaseURL: url, Model: tt.asked}))
		flagged := strings.Contains(strings.Join(r.Flags, ","), FlagOtherModel)
		if r.Err != "" || r.AnsweredModel != tt.other || flagged != (tt.other != "") {
			t.Errorf("%s: got %q, flags %v, error %q; want %q", tt.name, r.AnsweredModel, r.Flags, r.Err, tt.other)
		}
	}
}
