package loadgen

import (
	"bytes"
	"encoding/json"
	"testing"
)

// reference decodes a chunk with encoding/json, by exact field names.
func reference(b []byte) (chunk, bool) {
	c := chunk{usage: unknownUsage()}
	var top map[string]json.RawMessage
	if json.Unmarshal(b, &top) != nil || top == nil {
		return c, false
	}
	var choices []map[string]json.RawMessage
	json.Unmarshal(top["choices"], &choices)
	for _, choice := range choices {
		var s string
		if json.Unmarshal(choice["finish_reason"], &s) == nil && s != "" {
			c.finish = []byte(s)
		}
		var delta map[string]json.RawMessage
		json.Unmarshal(choice["delta"], &delta)
		for _, raw := range [][]byte{choice["text"], delta["content"], delta["reasoning_content"], delta["reasoning"], delta["refusal"]} {
			if json.Unmarshal(raw, &s) == nil && len(raw) > 2 && raw[0] == '"' {
				c.text += len(raw) - 2
			}
		}
	}
	var usage map[string]json.RawMessage
	json.Unmarshal(top["usage"], &usage)
	for name, to := range map[string]*int{"prompt_tokens": &c.usage.prompt, "completion_tokens": &c.usage.completion} {
		if json.Unmarshal(usage[name], to) != nil || string(usage[name]) == "null" {
			*to = Unknown
		}
	}
	return c, true
}

// The walker agrees with encoding/json on what servers send.
func TestParseChunkAgreesWithJSON(t *testing.T) {
	for _, text := range []string{
		`{}`,
		` { "choices" : [ { "delta" : { "content" : "a b" } , "finish_reason" : null } ] } `,
		`{"choices":[{"delta":{"content":"a\\\"b\\"},"finish_reason":"stop"}]}`,
		`{"id":"x","choices":[{"index":0,"text":"t","finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}`,
		`{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":20,"prompt_tokens_details":{"cached_tokens":5}},"timings":{"prompt_ms":1.5}}`,
		`{"choices":[{"delta":{"content":""},"logprobs":{"content":[{"token":"}","bytes":[125]}]}}],"usage":null,"nested":{"a":[{"b":[]}]}}`,
	} {
		var got chunk
		if err := parseChunk([]byte(text), &got); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		want, ok := reference([]byte(text))
		if !ok {
			t.Fatalf("%s: reference rejects it", text)
		}
		if got.text != want.text || !bytes.Equal(got.finish, want.finish) || got.usage.prompt != want.usage.prompt || got.usage.completion != want.usage.completion {
			t.Errorf("%s: got %+v, want %+v", text, got, want)
		}
	}
}

func TestParseChunkRejectsBrokenStructure(t *testing.T) {
	for _, text := range []string{
		`hello`, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{a:1}`, `{"a" 1}`, `["a"]`, `"a"`, `1`,
		`{"a":"`, `{"a":"\"`, `{"choices":[`, `{"choices":[{}`, `{"choices":[{}]`, `{"choices":[1]}`, `{"a":}`, `{"a":]}`, `{} x`,
	} {
		if err := parseChunk([]byte(text), new(chunk)); err == nil {
			t.Errorf("%s: got no error, want it refused", text)
		}
	}
}

// FuzzParseChunk holds the walker against encoding/json: whatever that accepts
// the walker accepts with the same meaning, and it never panics.
func FuzzParseChunk(f *testing.F) {
	for _, s := range []string{
		`{"choices":[{"index":0,"delta":{"content":"hello \"x\" \\"},"finish_reason":null}]}`,
		`{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}},"timings":{"prompt_ms":1}}`,
		`{"error":{"message":"no"}}`, `{"object":"error","message":"m"}`, `{"a":[{"b":"}"}],"c":[[]]}`, `{"choices":null,"usage":[]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var got chunk
		err := parseChunk(b, &got)
		want, ok := reference(b)
		if !ok {
			return // the walker checks structure only
		}
		var top struct{ Choices []map[string]any }
		if json.Unmarshal(b, &top) != nil {
			return // choices of another kind: refused by the walker
		}
		if bytes.Contains(b, []byte(`\`)) || duplicateNames(b) {
			return // escaped names are unknown to it, and of two fields both count
		}
		if err != nil {
			t.Fatalf("%q: got %v, want it accepted", b, err)
		}
		if got.usage.prompt != want.usage.prompt && want.usage.prompt >= 0 && want.usage.prompt < 1e9 {
			t.Errorf("%q: prompt tokens: got %d, want %d", b, got.usage.prompt, want.usage.prompt)
		}
		if !bytes.Equal(got.finish, want.finish) {
			t.Errorf("%q: finish reason: got %q, want %q", b, got.finish, want.finish)
		}
	})
}

// duplicateNames reports whether an object anywhere in b has a name twice.
func duplicateNames(b []byte) bool {
	d := json.NewDecoder(bytes.NewReader(b))
	var names []map[string]bool
	var key []bool
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		switch v := token.(type) {
		case json.Delim:
			switch v {
			case '{', '[':
				if n := len(key); n > 0 {
					key[n-1] = true
				}
				names = append(names, map[string]bool{})
				key = append(key, v == '{')
				if v == '[' {
					names[len(names)-1] = nil
				}
			default:
				names, key = names[:len(names)-1], key[:len(key)-1]
			}
			continue
		}
		n := len(names)
		if n == 0 || names[n-1] == nil {
			continue
		}
		if s, ok := token.(string); ok && key[n-1] {
			if names[n-1][s] {
				return true
			}
			names[n-1][s] = true
			key[n-1] = false
		} else {
			key[n-1] = true
		}
	}
}

// FuzzScanner reads arbitrary bytes in two splits: never a panic, and the same
// record from both.
func FuzzScanner(f *testing.F) {
	for _, s := range []string{role + hello + world + finish + usage + done, "data: x\r\n\r\n", ":\n\ndata:{}\n\n", "error: {}\n\n", "data: {\ndata: }\n\n"} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		r1, _, err1 := scan(bytes.NewReader(b), false)
		r2, _, err2 := scan(&pieces{string(b), int(size)%50 + 1}, false)
		if (err1 == nil) != (err2 == nil) || len(r1.TokenAt) != len(r2.TokenAt) || r1.OutputTokens != r2.OutputTokens {
			t.Errorf("%q: whole: %d events, %d tokens, %v; in pieces: %d, %d, %v", b, len(r1.TokenAt), r1.OutputTokens, err1, len(r2.TokenAt), r2.OutputTokens, err2)
		}
	})
}
