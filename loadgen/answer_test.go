package loadgen

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
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
		again        string // comes every 0.2 s
		want         time.Duration
	}{
		{"after the usage", hello + world + finish + usage, "", endPatience},
		{"for a usage", hello + world + finish, "", usagePatience},
		{"for the other choice", hello + `data: {"choices":[{"index":1,"delta":{"content":"no"}}]}` + "\n\n" + finish + usage, "", time.Hour},
		{"whatever comments come", hello + world + finish + usage, ": ping\n\n", endPatience},
		{"and how often the usage does", hello + world + finish + usage, usage, endPatience},
		{"also while a usage is waited for", hello + world + finish, ": ping\n\n", usagePatience},
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
				silent := make(chan struct{})
				go func() {
					defer close(silent)
					io.WriteString(server, tt.stream)
					for tt.again != "" { // until the reader is gone
						time.Sleep(200 * time.Millisecond)
						if _, err := io.WriteString(server, tt.again); err != nil {
							return
						}
					}
				}()
				began := time.Now()
				var r Record
				err := s.read(body, func() time.Duration { return time.Since(began) }, &r, nil)
				waited := time.Since(began)
				body.Close()
				<-silent
				if waited != tt.want {
					t.Errorf("waited %v, want %v", waited, tt.want)
				}
				if s.counted != 0 {
					t.Errorf("the last event that counted: got %v, want the answer's end", s.counted)
				}
				if err != nil || !slices.Contains(r.Flags, FlagNoEnd) {
					t.Errorf("got %v, flags %v; want an answer without an end mark", err, r.Flags)
				}
			})
		})
	}
}

// A stream that never says a part of an answer is none, and one that says nothing for
// long is cut.
func TestStreamsWithoutAnAnswer(t *testing.T) {
	empty := `data: {"choices":[{"index":0,"delta":{}}]}` + "\n\n"
	for _, tt := range []struct{ name, stream, err string }{
		{"a usage alone", usage, "stream cut before"},
		{"usages and the end mark", usage + usage + done, "stream cut before"},
		{"special tokens alone", empty + finish + usage + done, ""},
		{"events without text, without end", strings.Repeat(empty, 16<<10+16*2+1), "more than 16416 events without text where 2 tokens were asked for"},
		{"usages without end", strings.Repeat(usage, 16<<10+16*2+1), "more than 16416 events without text"},
	} {
		s := new(scanner)
		s.reset()
		s.limit = eventLimit(2)
		r := Record{TargetOutputTokens: 2}
		err := s.read(strings.NewReader(tt.stream), func() time.Duration { return time.Second }, &r, nil)
		if got := fmt.Sprint(err); err == nil != (tt.err == "") || !strings.Contains(got, tt.err) && err != nil {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.err)
		}
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
