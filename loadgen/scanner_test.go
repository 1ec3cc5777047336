package loadgen

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// scan reads a stream from memory; the clock ticks once a read.
func scan(body io.Reader, keepText bool) (Record, string, error) {
	return scanAsked(body, keepText, asked{prompt: Unknown})
}

func scanAsked(body io.Reader, keepText bool, a asked) (Record, string, error) {
	s := new(scanner)
	s.reset()
	s.keepText, s.asked = keepText, a
	r := Record{ReasoningTokens: Unknown, PromptTokens: Unknown, OutputTokens: Unknown, CachedTokens: Unknown, ServerPrefill: Never, ServerDecode: Never}
	var tick time.Duration
	err := s.read(body, func() time.Duration { tick++; return tick }, &r, nil)
	var text string
	if err == nil && keepText {
		text, err = s.answer()
	}
	return r, text, err
}

const (
	role   = `data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}` + "\n\n"
	hello  = `data: {"choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":null}]}` + "\n\n"
	world  = `data: {"choices":[{"index":0,"delta":{"content":" world"},"finish_reason":null}]}` + "\n\n"
	finish = `data: {"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}` + "\n\n"
	usage  = `data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}}` + "\n\n"
	done   = "data: [DONE]\n\n"

	silentChunk = `data: {"choices":[{"index":0,"delta":{"content":""},"finish_reason":null}]}` + "\n\n"
)

// counting is an event with the usage so far.
func counting(text string, tokens int, finish string) string {
	reason := "null"
	if finish != "" {
		reason = strconv.Quote(finish)
	}
	return fmt.Sprintf(`data: {"choices":[{"index":0,"delta":{"content":%q},"finish_reason":%s}],"usage":{"prompt_tokens":9,"completion_tokens":%d}}`+"\n\n", text, reason, tokens)
}

func TestStream(t *testing.T) {
	for _, tt := range []struct {
		name, stream string
		counts       []int32
		output       int
		text         string
		finish       string
		flags        []string
		err          string // part of the error, "" for success
	}{
		{name: "a chat stream: the role, the finish and the usage chunks are no tokens",
			stream: role + hello + world + finish + usage + done,
			counts: []int32{1, 1}, output: 2, text: "hello world", finish: "length"},
		{name: "CRLF line ends",
			stream: strings.ReplaceAll(role+hello+world+finish+usage+done, "\n", "\r\n"),
			counts: []int32{1, 1}, output: 2, text: "hello world", finish: "length"},
		{name: "CR line ends",
			stream: strings.ReplaceAll(role+hello+world+finish+usage+done, "\n", "\r"),
			counts: []int32{1, 1}, output: 2, text: "hello world", finish: "length"},
		{name: "a byte order mark, comments, other fields and empty events between",
			stream: "\xef\xbb\xbf: ping\n\n" + hello + ": ping\n" + "event: message\nid: 7\nretry: 10\n\n\n\ndata:\n\n" + world + ": x\n\n" + finish + usage + done,
			counts: []int32{1, 1}, output: 2, text: "hello world", finish: "length"},
		{name: "no space after the colon",
			stream: strings.ReplaceAll(hello+world+finish+usage+done, "data: ", "data:"),
			counts: []int32{1, 1}, output: 2, text: "hello world", finish: "length"},
		{name: "an event of several data lines",
			stream: "data: {\"choices\":[{\"index\":0,\ndata: \"delta\":{\"content\":\"hello\"}\ndata: }]}\n\n" + world + finish + usage + done,
			counts: []int32{1, 1}, output: 2, text: "hello world", finish: "length"},
		{name: "a server that leaves out the blank lines",
			stream: strings.ReplaceAll(hello+finish+usage, "\n\n", "\n") + "\n" + done,
			counts: []int32{2}, output: 2, text: "hello", finish: "length"},
		{name: "the end mark may be missing",
			stream: hello + world + finish + usage,
			counts: []int32{1, 1}, output: 2, text: "hello world", finish: "length"},
		{name: "so may the last blank line",
			stream: hello + world + finish + strings.TrimSuffix(usage, "\n"),
			counts: []int32{1, 1}, output: 2, text: "hello world", finish: "length"},
		{name: "reasoning is tokens, under either name, but not the answer's text",
			stream: `data: {"choices":[{"delta":{"reasoning_content":"so"}}]}` + "\n\n" + `data: {"choices":[{"delta":{"reasoning":"hm","content":null}}]}` + "\n\n" + finish + usage + done,
			counts: []int32{1, 1}, output: 2, text: "", finish: "length"},
		{name: "tool calls are tokens",
			stream: `data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}}]}` + "\n\n" + finish + usage + done,
			counts: []int32{2}, output: 2, finish: "length"},
		{name: "the completions API",
			stream: `data: {"choices":[{"index":0,"text":"hello","finish_reason":null}]}` + "\n\n" + `data: {"choices":[{"index":0,"text":"!","finish_reason":"stop"}],"usage":null}` + "\n\n" + usage + done,
			counts: []int32{1, 1}, output: 2, text: "hello!", finish: "stop"},
		{name: "usage with every event gives each its own count, and the rest to the last",
			stream: counting("abc", 3, "") + counting("d", 4, "") + counting("", 4, "stop") + `data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5}}` + "\n\n" + done,
			counts: []int32{3, 2}, output: 5, text: "abcd", finish: "stop"},
		{name: "an event without text, of a character that is not complete or a mark, is a token where the usage says so",
			stream: counting("", 0, "") + counting("", 1, "") + counting("é", 2, "") + counting("", 3, "") + counting("", 4, "") + counting("", 5, "length") + done,
			counts: []int32{1, 1, 1, 1, 1}, output: 5, text: "é", finish: "length"},
		{name: "so it is where no event has text",
			stream: counting("", 1, "") + counting("", 2, "") + counting("", 3, "length") + done,
			counts: []int32{1, 1, 1}, output: 3, finish: "length", flags: []string{FlagNoText}},
		{name: "a usage of the whole answer beside its end is no token",
			stream: hello + world + counting("", 2, "length") + done,
			counts: []int32{1, 1}, output: 2, text: "hello world", finish: "length"},
		{name: "a role that is counted as a token is none where no other event reports",
			stream: strings.Replace(role, `"finish_reason":null}]`, `"finish_reason":null}],"usage":{"prompt_tokens":9,"completion_tokens":1}`, 1) + hello + world + counting("", 2, "length") + done,
			counts: []int32{1, 1}, output: 2, text: "hello world", finish: "length"},
		{name: "the whole usage with the first text, or on every event, is no running one",
			stream: counting("a", 3, "") + counting("b", 3, "") + counting("c", 3, "length") + `data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3}}` + "\n\n" + done,
			counts: []int32{1, 1, 1}, output: 3, text: "abc", finish: "length"},
		{name: "the whole usage with the last text is no running one",
			stream: hello + world + counting("!", 3, "length") + done,
			counts: []int32{1, 1, 1}, output: 3, text: "hello world!", finish: "length"},
		{name: "zeros with each event and the usage at the end",
			stream: counting("a", 0, "") + counting("b", 0, "") + counting("c", 0, "") + counting("", 3, "length") + done,
			counts: []int32{1, 1, 1}, output: 3, text: "abc", finish: "length"},
		{name: "a report every other event is of both",
			stream: hello + counting("b", 2, "") + hello + counting("d", 4, "") + hello + counting("f", 6, "length") + done,
			counts: []int32{1, 1, 1, 1, 1, 1}, output: 6, text: "hellobhellodhellof", finish: "length"},
		{name: "tokens that no event came with are those of the end",
			stream: counting("a", 1, "") + counting("b", 2, "") + finish + `data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":22}}` + "\n\n" + done,
			counts: []int32{1, 1, 20}, output: 22, text: "ab", finish: "length", flags: []string{FlagUsageMore}},
		{name: "an event for each token, with text or without, and the usage at the end",
			stream: role + hello + silentChunk + world + silentChunk + silentChunk + finish + `data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5}}` + "\n\n" + done,
			counts: []int32{1, 1, 1, 1, 1}, output: 5, text: "hello world", finish: "length"},
		{name: "many tokens that are counted before the first text are hidden reasoning",
			stream: counting("", 10, "") + counting("", 20, "") + counting("a", 21, "") + counting("b", 22, "length") + done,
			counts: []int32{21, 1}, output: 22, text: "ab", finish: "length", flags: []string{FlagUsageMore, FlagHidden}},
		{name: "so are many events without text before the first, where an event is a token",
			stream: strings.Repeat(silentChunk, 9) + hello + world + finish + `data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":11}}` + "\n\n" + done,
			counts: []int32{10, 1}, output: 11, text: "hello world", finish: "length", flags: []string{FlagHidden}},
		{name: "a usage before the text does not end the answer",
			stream: usage + hello + world, counts: []int32{1, 1}, output: 2, err: "stream cut"},
		{name: "the end has its own token where the usage says so",
			stream: `data: {"choices":[{"delta":{"content":"abc"}}],"usage":{"prompt_tokens":9,"completion_tokens":3}}` + "\n\n" +
				`data: {"choices":[{"delta":{"content":"d"}}],"usage":{"prompt_tokens":9,"completion_tokens":4}}` + "\n\n" +
				`data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":5}}` + "\n\n" + done,
			counts: []int32{3, 1, 1}, output: 5, text: "abcd", finish: "stop"},
		{name: "an answer that stopped has its end-of-sequence token at its end",
			stream: hello + world + strings.Replace(finish, "length", "stop", 1) + strings.Replace(usage, `"completion_tokens":2`, `"completion_tokens":3`, 1) + done,
			counts: []int32{1, 2}, output: 3, text: "hello world", finish: "stop"},
		{name: "escapes split over events make one character",
			stream: `data: {"choices":[{"delta":{"content":"\ud83d"}}]}` + "\n\n" + `data: {"choices":[{"delta":{"content":"\ude00 \"q\""}}]}` + "\n\n" + finish + usage + done,
			counts: []int32{1, 1}, output: 2, text: "😀 \"q\"", finish: "length"},
		{name: "invalid UTF-8 is replaced",
			stream: "data: {\"choices\":[{\"delta\":{\"content\":\"a\xff\"}}]}\n\n" + finish + usage + done,
			counts: []int32{2}, output: 2, text: "a\uFFFD", finish: "length"},
		{name: "field names inside a text are text",
			stream: `data: {"choices":[{"delta":{"content":"\"finish_reason\":\"stop\",\"error\":{}"}}]}` + "\n\n" + finish + usage + done,
			counts: []int32{2}, output: 2, text: `"finish_reason":"stop","error":{}`, finish: "length"},
		{name: "log probabilities have a content of their own",
			stream: `data: {"choices":[{"delta":{"content":"x"},"logprobs":{"content":[{"token":"x","logprob":-0.1}]}}]}` + "\n\n" + finish + usage + done,
			counts: []int32{2}, output: 2, text: "x", finish: "length"},
		{name: "no usage: an event is taken for a token, and flagged",
			stream: hello + world + finish + done,
			counts: []int32{1, 1}, output: Unknown, text: "hello world", finish: "length", flags: []string{FlagNoUsage}},
		{name: "tokens without any text are stamped at the first sign of them",
			stream: role + finish + usage + done,
			counts: []int32{2}, output: 2, finish: "length", flags: []string{FlagNoText}},
		{name: "an end mark alone is no answer",
			stream: role + done, output: Unknown, err: "stream cut"},
		{name: "an empty body is no answer",
			stream: "", output: Unknown, err: "stream cut"},
		{name: "a stream cut between events",
			stream: role + hello + world, counts: []int32{1, 1}, output: Unknown, err: "stream cut"},
		{name: "a stream cut within an event",
			stream: role + hello + world[:40], counts: []int32{1}, output: Unknown, err: "stream cut"},
		{name: "OpenAI's error in mid-stream",
			stream: hello + `data: {"error":{"message":"out of memory","type":"server_error","code":500}}` + "\n\n" + done,
			counts: []int32{1}, output: Unknown, err: "server error in mid-stream: out of memory"},
		{name: "old vLLM's error in mid-stream",
			stream: hello + `data: {"object":"error","message":"engine died","type":"InternalServerError","code":500}` + "\n\n" + done,
			counts: []int32{1}, output: Unknown, err: "server error in mid-stream: engine died"},
		{name: "old llama.cpp's error in mid-stream",
			stream: hello + `error: {"code":500,"message":"slot lost","type":"server_error"}` + "\n\n",
			counts: []int32{1}, output: Unknown, err: "server error in mid-stream: slot lost"},
		{name: "an error that is a bare string",
			stream: `data: {"error":"no"}` + "\n\n", output: Unknown, err: "server error in mid-stream: no"},
		{name: "an error of null is none",
			stream: `data: {"error":null,"choices":[{"delta":{"content":"x"}}]}` + "\n\n" + finish + usage + done,
			counts: []int32{2}, output: 2, text: "x", finish: "length"},
		{name: "an event that is no JSON",
			stream: hello + "data: hello there\n\n", counts: []int32{1}, output: Unknown, err: `the server sent: "hello there"`},
		{name: "an event that is half a JSON object",
			stream: "data: {\"choices\":[{\"delta\":\n\n" + done, output: Unknown, err: "malformed event"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, text, err := scan(strings.NewReader(tt.stream), true)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Fatalf("error: got %v, want %q", err, tt.err)
			}
			if diff := cmp.Diff(tt.counts, r.TokenCount); diff != "" {
				t.Errorf("token counts (-want +got):\n%s", diff)
			}
			if len(r.TokenAt) != len(r.TokenCount) {
				t.Errorf("stamps: got %d, want as many as counts, %d", len(r.TokenAt), len(r.TokenCount))
			}
			if err == nil && (text != tt.text || r.FinishReason != tt.finish) {
				t.Errorf("got text %q, finish %q; want %q, %q", text, r.FinishReason, tt.text, tt.finish)
			}
			if r.OutputTokens != tt.output {
				t.Errorf("output tokens: got %d, want %d", r.OutputTokens, tt.output)
			}
			if err == nil {
				if diff := cmp.Diff(tt.flags, r.Flags); diff != "" {
					t.Errorf("flags (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// However the bytes are split over reads, the record is the same.
func TestStreamSplitAtEveryByte(t *testing.T) {
	streams := map[string]string{
		"LF":    ": hi\n\n" + role + hello + world + finish + usage + done,
		"CRLF":  strings.ReplaceAll(": hi\n\n"+role+hello+world+finish+usage+done, "\n", "\r\n"),
		"CR":    strings.ReplaceAll(": hi\n\n"+role+hello+world+finish+usage+done, "\n", "\r"),
		"lines": "data: {\"choices\":[{\"delta\":{\"content\":\ndata: \"é😀\"}\ndata: }]}\n\n" + finish + usage + done,
	}
	for name, stream := range streams {
		want, wantText, err := scan(strings.NewReader(stream), true)
		if err != nil {
			t.Fatalf("%s: whole: %v", name, err)
		}
		check := func(how string, body io.Reader) {
			t.Helper()
			got, text, err := scan(body, true)
			if err != nil || text != wantText {
				t.Fatalf("%s, %s: got text %q, error %v; want %q, nil", name, how, text, err, wantText)
			}
			got.TokenAt, want.TokenAt = nil, nil // reads differ
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s, %s (-whole +split):\n%s", name, how, diff)
			}
		}
		for i := range len(stream) {
			check(fmt.Sprint("split at ", i), io.MultiReader(strings.NewReader(stream[:i]), strings.NewReader(stream[i:])))
		}
		check("a byte at a time", iotest.OneByteReader(strings.NewReader(stream)))
		check("data with the error", iotest.DataErrReader(strings.NewReader(stream)))
	}
}

// A stream that ends early, wherever it does, is an error unless all that
// matters had arrived.
func TestStreamCutAtEveryByte(t *testing.T) {
	stream := role + hello + world + finish + usage + done
	whole := strings.Index(stream, `"length"`) + len(`"length"}]}`)
	for i := range len(stream) {
		_, _, err := scan(strings.NewReader(stream[:i]), false)
		if i < whole && err == nil {
			t.Errorf("cut at byte %d of %d: got no error, want one", i, len(stream))
		}
		if i >= whole && err != nil {
			t.Errorf("cut at byte %d, after the finish reason: got %v, want none", i, err)
		}
		_, _, err = scan(io.MultiReader(strings.NewReader(stream[:i]), iotest.ErrReader(io.ErrUnexpectedEOF)), false)
		if i < len(stream)-len(done) && err == nil && !strings.Contains(stream[:i], `"completion_tokens":2`) {
			t.Errorf("connection lost at byte %d, before the usage: got no error, want one", i)
		}
	}
}

func TestStreamGiantEvents(t *testing.T) {
	text := strings.Repeat("x", 3<<20)
	giant := `data: {"choices":[{"delta":{"content":"` + text + `"}}]}` + "\n\n"
	_, got, err := scan(strings.NewReader(giant+finish+usage+done), true)
	if err != nil || got != text {
		t.Errorf("event of 3 MiB: got %d bytes, error %v; want all %d, nil", len(got), err, len(text))
	}
	_, _, err = scan(io.MultiReader(strings.NewReader(`data: "`), endless{}), false)
	if err == nil || !strings.Contains(err.Error(), "event larger than 8 MiB") {
		t.Errorf("endless event: got %v, want a bounded one refused", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// A transport error is the record's error, unless it came after the usage.
func TestStreamTransportError(t *testing.T) {
	reset := errors.New("connection reset by peer")
	_, _, err := scan(io.MultiReader(strings.NewReader(hello), iotest.ErrReader(reset)), false)
	if !errors.Is(err, reset) {
		t.Errorf("reset in mid-stream: got %v, want %v", err, reset)
	}
	r, _, err := scan(io.MultiReader(strings.NewReader(hello+finish+usage), iotest.ErrReader(reset)), false)
	if err != nil || !cmp.Equal(r.Flags, []string{FlagNoEnd}) {
		t.Errorf("reset after the usage: got %v, flags %v; want none, flag %s", err, r.Flags, FlagNoEnd)
	}
}

// Steady state allocates nothing, whatever the number of tokens.
func TestStreamAllocatesNothingPerToken(t *testing.T) {
	allocs := func(tokens int) float64 {
		stream := []byte(role + strings.Repeat(hello, tokens) + finish + done)
		s := new(scanner)
		r := Record{TokenAt: make([]time.Duration, 0, tokens), TokenCount: make([]int32, 0, tokens), Flags: make([]string, 0, 4)}
		body := new(replayed)
		at := func() time.Duration { return 1 }
		return testing.AllocsPerRun(20, func() {
			s.reset()
			r.TokenAt, r.TokenCount, r.Flags = r.TokenAt[:0], r.TokenCount[:0], r.Flags[:0]
			r.FinishReason, r.OutputTokens = "", Unknown
			*body = replayed{stream}
			if err := s.read(body, at, &r, nil); err != nil {
				t.Fatal(err)
			}
		})
	}
	few, many := allocs(10), allocs(10_000)
	if many > few {
		t.Errorf("got %v allocations for 10,000 tokens, %v for 10: want no more", many, few)
	}
}

// replayed reads a fixed stream in pieces of a network read.
type replayed struct{ rest []byte }

func (r *replayed) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 1400)], r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Any text, in any JSON spelling and any split, comes back as it was.
func TestStreamKeepsAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream strings.Builder
		var want strings.Builder
		n := rapid.IntRange(0, 6).Draw(t, "events")
		tokens := 0
		for range n {
			text := rapid.String().Draw(t, "text")
			if !utf8.ValidString(text) {
				continue
			}
			quoted, err := json.Marshal(text)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&stream, "data: {\"choices\":[{\"delta\":{\"content\":%s}}]}\n\n", quoted)
			want.WriteString(text)
			if text != "" {
				tokens += 1 + len(text)/8
			}
		}
		fmt.Fprintf(&stream, finish+`data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":%d}}`+"\n\n"+done, tokens)
		size := rapid.IntRange(1, 64).Draw(t, "read size")
		r, got, err := scan(&pieces{stream.String(), size}, true)
		if err != nil || got != want.String() {
			t.Fatalf("got %q, error %v; want %q", got, err, want.String())
		}
		sum := 0
		for _, c := range r.TokenCount {
			sum += int(c)
		}
		if sum != r.OutputTokens {
			t.Fatalf("Σ token counts: got %d, want the usage's %d", sum, r.OutputTokens)
		}
	})
}

type pieces struct {
	rest string
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.rest == "" {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.size)], p.rest)
	p.rest = p.rest[n:]
	return n, nil
}
