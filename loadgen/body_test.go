package loadgen

import (
	"encoding/json"
	"strings"
	"testing"

	openai "github.com/sashabaranov/go-openai"
	"pgregory.net/rapid"

	"cfubench/datasets"
)

func mustFormat(t testing.TB, o Options, api string) format {
	t.Helper()
	f, err := newFormat(o, api)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Each row is a request and the body that goes out for it.
func TestBodies(t *testing.T) {
	history := []Message{{"system", "Be brief."}, {"user", "one"}, {"assistant", "two"}}
	whole := []byte(` {"model":"theirs","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:x"}},{"type":"text","text":"what is it?"}]}],"temperature":0.7,"max_completion_tokens":5,"stream":false,"tools":[]} `)
	for _, tt := range []struct {
		name, api string
		o         Options
		call      Call
		want      string
	}{
		{"a chat with its history, salted once", APIChat, Options{Model: "m", Salt: "s1"},
			Call{History: history, Request: datasets.Request{Prompt: "three"}, MaxTokens: 9},
			`{"model":"m","messages":[{"role":"system","content":"s1 Be brief."},{"role":"user","content":"one"},{"role":"assistant","content":"two"},{"role":"user","content":"three"}],"max_tokens":9,"temperature":0,"stream":true,"stream_options":{"include_usage":true}}`},
		{"no length, and no model where none is known", APIChat, Options{},
			Call{Request: datasets.Request{Prompt: "p"}},
			`{"messages":[{"role":"user","content":"p"}],"temperature":0,"stream":true,"stream_options":{"include_usage":true}}`},
		{"the length under its other name, and as a minimum", APIChat, Options{Model: "m", TokensField: "max_completion_tokens", MinTokens: true, IgnoreEOS: true},
			Call{Request: datasets.Request{Prompt: "p"}, MaxTokens: 3},
			`{"model":"m","messages":[{"role":"user","content":"p"}],"max_completion_tokens":3,"min_tokens":3,"temperature":0,"ignore_eos":true,"stream":true,"stream_options":{"include_usage":true}}`},
		{"a null leaves a field of the client's out", APIChat, Options{Model: "m", ExtraBody: map[string]any{"temperature": nil, "stream_options": nil, "seed": 7}},
			Call{Request: datasets.Request{Prompt: "p"}},
			`{"model":"m","messages":[{"role":"user","content":"p"}],"seed":7,"stream":true}`},
		{"a completion is one text", APICompletions, Options{Model: "gpt-4", Salt: "s"},
			Call{History: history[1:], Request: datasets.Request{Prompt: "three"}, MaxTokens: 2},
			`{"model":"gpt-4","prompt":"s one\ntwo\nthree","max_tokens":2,"temperature":0,"stream":true,"stream_options":{"include_usage":true}}`},
		{"the Responses API has its own names, and no stream options", APIResponses, Options{Model: "m", ExtraBody: map[string]any{"stream_options": map[string]any{"include_usage": true}}},
			Call{Request: datasets.Request{Prompt: "p"}, MaxTokens: 4},
			`{"model":"m","input":[{"role":"user","content":"p"}],"max_output_tokens":4,"temperature":0,"stream":true}`},
		{"an embedding has neither length nor stream, whatever the profile adds for decoding", APIEmbeddings, Options{Model: "m", IgnoreEOS: true, ExtraBody: map[string]any{"cache_prompt": false, "dimensions": 8}},
			Call{Request: datasets.Request{Prompt: "p"}, MaxTokens: 4},
			`{"model":"m","input":"p","dimensions":8}`},
		{"a whole request is sent as it is, but for model and stream", APIChat, Options{Model: "ours"},
			Call{Body: whole},
			`{"model":"ours","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:x"}},{"type":"text","text":"what is it?"}]}],"temperature":0.7,"max_completion_tokens":5,"tools":[],"stream":true,"stream_options":{"include_usage":true}}`},
		{"its length stays what and where it is, and its first text is salted", APIChat, Options{Model: "ours", Salt: "s"},
			Call{Body: whole, MaxTokens: 2},
			`{"model":"ours","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:x"}},{"type":"text","text":"s what is it?"}]}],"temperature":0.7,"max_completion_tokens":5,"tools":[],"stream":true,"stream_options":{"include_usage":true}}`},
		{"without a length of its own it gets the run's", APIChat, Options{},
			Call{Body: []byte(`{"messages":[]}`), MaxTokens: 2},
			`{"messages":[],"max_tokens":2,"temperature":0,"stream":true,"stream_options":{"include_usage":true}}`},
		{"a whole request of nothing is one still", APIChat, Options{},
			Call{Body: []byte(`{}`)},
			`{"temperature":0,"stream":true,"stream_options":{"include_usage":true}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := mustFormat(t, tt.o, tt.api).encode(tt.call)
			if err != nil || string(got) != tt.want {
				t.Errorf("body:\n got %s, %v\nwant %s", got, err, tt.want)
			}
			if !json.Valid(got) {
				t.Error("it is no JSON")
			}
		})
	}
	for _, body := range []string{`[]`, `{"a":1`, `{} x`, `"a"`} {
		if _, _, err := mustFormat(t, Options{}, APIChat).encode(Call{Body: []byte(body)}); err == nil {
			t.Errorf("whole request %s: got no error, want it refused", body)
		}
	}
}

// Whatever a prompt holds, go-openai's own types read it back from our bytes.
func TestBodyReadsBackAsGoOpenAI(t *testing.T) {
	f := mustFormat(t, Options{Model: "m/\"x\"\\", Salt: "s"}, APIChat)
	rapid.Check(t, func(t *rapid.T) {
		prompt, earlier := rapid.String().Draw(t, "prompt"), rapid.String().Draw(t, "earlier")
		tokens := rapid.IntRange(1, 1<<20).Draw(t, "tokens")
		body, _, err := f.encode(Call{History: []Message{{"assistant", earlier}}, Request: datasets.Request{Prompt: prompt}, MaxTokens: tokens})
		if err != nil {
			t.Fatal(err)
		}
		var got openai.ChatCompletionRequest
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		valid := func(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
		//lint:ignore SA1019 max_tokens is the field that every engine understands
		length := got.MaxTokens
		if got.Model != "m/\"x\"\\" || length != tokens || !got.Stream || got.StreamOptions == nil || !got.StreamOptions.IncludeUsage ||
			len(got.Messages) != 2 || valid(got.Messages[0].Content) != valid("s "+earlier) || valid(got.Messages[1].Content) != valid(prompt) {
			t.Fatalf("read back %+v of prompt %q after %q", got, prompt, earlier)
		}
	})
}

// Text of any bytes becomes what encoding/json would make of it.
func FuzzAppendText(f *testing.F) {
	for _, s := range []string{"", "a\x00\x1f\"\\", "é😀\xff\xc0\x80", "\u2028</script>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(appendString(nil, s), &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		quoted, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var want string
		if err := json.Unmarshal(quoted, &want); err != nil || got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	})
}

// A request of a usual size is encoded in one allocation.
func TestEncodeAllocatesOnce(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	f := mustFormat(t, Options{Model: "m"}, APIChat)
	call := Call{Request: datasets.Request{Prompt: strings.Repeat("a word, é, \"and\" more of them ", 50)}, MaxTokens: 640}
	if got := testing.AllocsPerRun(100, func() {
		if _, _, err := f.encode(call); err != nil {
			t.Fatal(err)
		}
	}); got > 1 {
		t.Errorf("allocations of one body: got %v, want 1", got)
	}
}
