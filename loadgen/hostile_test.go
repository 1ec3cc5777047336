package loadgen

import (
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// hostileBehaviours are what a server may do once it has the request: each writes what
// it likes, and the connection ends when it returns.
func hostileBehaviours() map[string]func(c net.Conn) {
	write := func(text string) func(net.Conn) {
		return func(c net.Conn) { io.WriteString(c, text) }
	}
	body := func(text string) func(net.Conn) { return write(streamHead + chunked(text) + "0\r\n\r\n") }
	// endless repeats a text for as long as it is taken.
	endless := func(begin, again string) func(net.Conn) {
		return func(c net.Conn) {
			io.WriteString(c, begin)
			block := strings.Repeat(again, max(1, 1<<14/len(again)))
			for {
				if _, err := io.WriteString(c, block); err != nil {
					return
				}
			}
		}
	}
	hang := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			io.WriteString(c, text)
			io.Copy(io.Discard, c)
		}
	}
	reset := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			io.WriteString(c, text)
			c.(*net.TCPConn).SetLinger(0)
		}
	}
	event := func(json string) string { return "data: " + json + "\n\n" }
	token := func(text string) string { return event(`{"choices":[{"delta":{"content":"` + text + `"}}]}`) }
	counted := func(usage string) string {
		return hello + finish + event(`{"choices":[],"usage":`+usage+`}`) + done
	}
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	return map[string]func(net.Conn){
		"nothing at all":                      write(""),
		"silence":                             hang(""),
		"half a status line":                  write("HTTP/1."),
		"a status line of another protocol":   write("SSH-2.0-OpenSSH_9.6\r\n"),
		"a status that is no number":          write("HTTP/1.1 abc OK\r\n\r\n"),
		"status 999":                          write("HTTP/1.1 999 \x1b[31mred\r\nContent-Length: 0\r\n\r\n"),
		"answers 1xx without end":             endless("", "HTTP/1.1 103 Early Hints\r\n\r\n"),
		"a header without end":                endless("HTTP/1.1 200 OK\r\nX: ", "x"),
		"headers without end":                 endless("HTTP/1.1 200 OK\r\n", "X: y\r\n"),
		"headers and silence":                 hang(head + "Transfer-Encoding: chunked\r\n\r\n"),
		"a chunk of no number":                write(streamHead + "zz\r\nhello\r\n"),
		"a chunk of a negative length":        write(streamHead + "-5\r\nhello\r\n"),
		"a chunk of 2^63 bytes":               write(streamHead + "7fffffffffffffff\r\nhello\r\n"),
		"a chunk longer than it says":         write(streamHead + "2\r\n" + hello + "\r\n0\r\n\r\n"),
		"a chunk without its end":             write(streamHead + "ff\r\n" + hello),
		"no last chunk":                       write(streamHead + chunked(hello+finish+usage+done)),
		"trailers without end":                endless(streamHead+chunked(hello+finish+usage+done)+"0\r\n", "X: y\r\n"),
		"a length that is too long":           write(head + "Content-Length: 100000\r\n\r\n" + hello),
		"a length that is negative":           write(head + "Content-Length: -1\r\n\r\n" + hello),
		"two lengths":                         write(head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + hello),
		"gzip that is none":                   write(head + "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"),
		"a reset before the answer":           reset(""),
		"a reset in mid-stream":               reset(streamHead + chunked(hello)),
		"a switch of protocols":               write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"),
		"a redirect to itself":                write("HTTP/1.1 307 Temporary Redirect\r\nLocation: /v1/chat/completions\r\nContent-Length: 0\r\n\r\n"),
		"a redirect to a file":                write("HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"),
		"an error page of controls":           write("HTTP/1.1 500 No\r\nContent-Type: text/html\r\nContent-Length: 30\r\n\r\n\x1b]0;title\a\x1b[2J\u202edeen\x00\r\n\t\xff\xfe\xfd...."),
		"an error page without end":           endless("HTTP/1.1 500 No\r\nContent-Type: text/plain\r\n\r\n", "no "),
		"a line without end":                  endless(head+"\r\ndata: ", "x"),
		"an event of lines without end":       endless(head+"\r\n", "data: x\n"),
		"events without end":                  endless(head+"\r\n", token("x")),
		"comments without end":                endless(head+"\r\n", ": ping\n"),
		"empty lines without end":             endless(head+"\r\n", "\n"),
		"events of nothing without end":       endless(head+"\r\n", "data:\n\n"),
		"JSON that is cut":                    body("data: {\"choices\":[{\"delta\":{\"content\":\"he\n\n" + done),
		"JSON of another shape":               body(event(`{"choices":{"delta":[1,2]}}`) + done),
		"JSON that is a number":               body(event(`17`) + done),
		"JSON of a million levels":            body(event(`{"choices":`+strings.Repeat("[", 1_000_000)) + done),
		"keys that stand twice":               body(event(`{"choices":[{"delta":{"content":"a","content":"b"}}],"choices":7}`) + finish + usage + done),
		"text that is no UTF-8":               body(token("\xff\xfe\xc0\x80") + finish + usage + done),
		"text of NUL and controls":            body(token("\x00\x1b[31m") + finish + usage + done),
		"lone surrogates":                     body(token(`\ud800\udfff\ud83d`) + finish + usage + done),
		"a finish reason of a megabyte":       body(hello + event(`{"choices":[{"delta":{},"finish_reason":"`+strings.Repeat("x", 1<<20)+`"}]}`) + done),
		"an error of a megabyte":              body(event(`{"error":{"message":"` + strings.Repeat("\x1b[31m", 1<<17) + `"}}`)),
		"usage of a negative count":           body(counted(`{"prompt_tokens":-9,"completion_tokens":-2}`)),
		"usage of a fraction":                 body(counted(`{"prompt_tokens":9.5,"completion_tokens":1e3}`)),
		"usage of a thousand digits":          body(counted(`{"prompt_tokens":` + strings.Repeat("9", 1000) + `,"completion_tokens":2}`)),
		"usage of a billion tokens":           body(counted(`{"prompt_tokens":9,"completion_tokens":999999999}`)),
		"usage of text":                       body(counted(`{"prompt_tokens":"nine","completion_tokens":null}`)),
		"usage that is a list":                body(counted(`[9,2]`)),
		"more cached than there are":          body(counted(`{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":999999}}`)),
		"done before anything":                body(done),
		"done, and then more":                 body(hello + finish + usage + done + hello + hello),
		"a web page":                          write("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>"),
		"a whole answer where a stream was":   write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"),
		"carriage returns alone":              body(strings.ReplaceAll(hello+finish+usage+done, "\n", "\r")),
		"a byte order mark":                   body("\ufeff" + hello + finish + usage + done),
		"fields of a stream that nobody sent": body("id: \x00\nretry: 1e99\nevent: \x1b[2J\n" + hello + finish + usage + done),
	}
}

// Whatever a server does, a request ends, with a record that is bounded, plain and
// possible, and nothing of it is left.
func TestHostileServers(t *testing.T) {
	all := hostileBehaviours()
	if len(all) < 40 {
		t.Fatalf("%d behaviours", len(all))
	}
	before := runtime.NumGoroutine()
	t.Run("behaviours", func(t *testing.T) {
		for name, behave := range all {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c := client(t, Options{BaseURL: raw(t, behave), APIKey: "s3cret-key", Timeout: 2 * time.Second})
				ended := make(chan Record, 1)
				go func() { ended <- do(c) }()
				var r Record
				select {
				case r = <-ended:
				case <-time.After(time.Minute):
					t.Fatal("the request has no end")
				}
				c.Close()
				for what, text := range map[string]string{"error": r.Err, "finish reason": r.FinishReason} {
					if len(text) > failureLimit+len("…") || !utf8.ValidString(text) || strings.ContainsAny(text, "\x1b\x00\r\n\u202e\u009b") || strings.Contains(text, "s3cret") {
						t.Errorf("%s: %.400q", what, text)
					}
				}
				if r.Done < 0 || r.Done < r.Sent {
					t.Errorf("sent at %v, done at %v", r.Sent, r.Done)
				}
				if len(r.TokenAt) > 1<<16 || r.PromptTokens < Unknown || r.OutputTokens < Unknown || r.CachedTokens < Unknown {
					t.Errorf("%d events, tokens %d, %d, %d", len(r.TokenAt), r.PromptTokens, r.OutputTokens, r.CachedTokens)
				}
			})
		}
	})
	for deadline := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before+2; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}
