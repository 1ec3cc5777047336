package datasets

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ShareGPT files as people have them: every form gives the same request.
func TestShareGPTAsItIsFound(t *testing.T) {
	type asked struct{ System, Prompt, Completion string }
	plain := []asked{{"", "q", "a"}}
	withSystem := []asked{{"s", "q", "a"}}
	for _, tt := range []struct {
		why, text string
		want      []asked
	}{
		{"an array of from and value", `[{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}]`, plain},
		{"one object a line", `{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}` + "\n" +
			`{"conversations":[{"from":"human","value":"q"}]}` + "\n", append(plain, asked{"", "q", ""})},
		{"one object over several lines", "{\n \"conversations\": [{\"from\":\"human\",\"value\":\"q\"},\n {\"from\":\"gpt\",\"value\":\"a\"}]\n}", plain},
		{"lists of turns without an object around them", `[[{"from":"human","value":"q"},{"from":"gpt","value":"a"}],[]]`, plain},
		{"role and content", `[{"conversations":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}]`, plain},
		{"role and content under messages", `[{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}]`, plain},
		{"role and value, from and content", `[{"conversation":[{"role":"user","value":"q"},{"from":"assistant","content":"a"}]}]`, plain},
		{"text under text, a speaker", `[{"conversations":[{"speaker":"human","text":"q"},{"speaker":"bot","text":"a"}]}]`, plain},
		{"capital roles", `[{"conversations":[{"from":"Human","value":"q"},{"from":"Assistant","value":"a"}]}]`, plain},
		{"both spellings in one turn: from and value win, wherever they stand",
			`[{"conversations":[{"content":"no","role":"assistant","value":"q","from":"human"},{"from":"gpt","value":"a","role":"user","content":"no"}]}]`, plain},
		{"a null value beside the text", `[{"conversations":[{"from":"human","value":null,"text":"q"},{"from":"gpt","value":null,"markdown":"a"}]}]`, plain},
		{"a content of parts", `[{"messages":[{"role":"user","content":[{"type":"text","text":"q"}]},{"role":"assistant","content":["a"]}]}]`, plain},
		{"a system turn", `[{"conversations":[{"from":"system","value":"s"},{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}]`, withSystem},
		{"a developer turn", `[{"messages":[{"role":"developer","content":"s"},{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}]`, withSystem},
		{"a system prompt beside the turns", `[{"system":"s","conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}]`, withSystem},
		{"under its other name", `[{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}],"system_prompt":"s"}]`, withSystem},
		{"the same one beside and inside is sent once", `[{"system":"s","conversations":[{"from":"system","value":"s"},{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}]`, withSystem},
		{"two different ones are both sent", `[{"system":"s","conversations":[{"from":"system","value":"t"},{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}]`, []asked{{"s\n\nt", "q", "a"}}},
		{"a system member that is no text is none", `[{"system":{"model":"x"},"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}]`, plain},
		{"turns without a party alternate after the system's", `[{"conversations":[{"from":"system","value":"s"},{"value":"q"},{"value":"a"}]}]`, withSystem},
		{"a call of a tool is no answer", `[{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{}]}]}]`, []asked{{"", "q", ""}}},
	} {
		trace, err := Open(t.Context(), "sharegpt:"+scratch(t, "x.json", tt.text), Options{})
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		var got []asked
		for _, r := range trace.Requests {
			got = append(got, asked{r.System, r.Prompt, r.Completion})
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.why, diff)
		}
	}
}

// A file that is no text is told by its first bytes, and what to do with it.
func TestPackedFiles(t *testing.T) {
	for _, tt := range []struct{ why, spec, text, want string }{
		{"gzip", "sharegpt", "\x1f\x8b\x08\x00", "compressed by gzip: unpack it first"},
		{"gzip of lines", "jsonl", "\x1f\x8b\x08\x00", "compressed by gzip: unpack it first"},
		{"gzip of a CSV", "azure", "\x1f\x8b\x08\x00", "compressed by gzip: unpack it first"},
		{"Parquet", "sharegpt", "PAR1\x15\x04", "a Parquet table: write its rows as JSON lines first"},
		{"UTF-16", "sharegpt", "\xff\xfe[\x00", "UTF-16: write it as UTF-8 first"},
	} {
		_, err := Open(t.Context(), tt.spec+":"+scratch(t, "x", tt.text), Options{})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.why, err, tt.want)
		}
	}
}

// Each drop says why in terms of what the file has.
func TestReasonsForADrop(t *testing.T) {
	for _, tt := range []struct{ why, element, want string }{
		{"turns under another name", `{"dialog":[{"from":"human","value":"q"}]}`, "no turns under conversations, conversation or messages"},
		{"text under another name", `{"conversations":[{"from":"human","utterance":"q"}]}`, "no text in the question: no member value, content, text, markdown"},
		{"only space", `{"conversations":[{"from":"human","value":" \n"}]}`, "empty prompt"},
		{"an image", `{"messages":[{"role":"user","content":[{"type":"text","text":"what is this?"},{"type":"image_url","image_url":{"url":"data:"}}]}]}`,
			`the question has parts that are no text ("image_url"); openai:FILE replays whole requests`},
		{"a party that nobody knows", `{"conversations":[{"from":"narrator","value":"q"}]}`, `a turn by "narrator", which is neither the user nor the model, before the first question`},
		{"only answers", `{"conversations":[{"from":"gpt","value":"a"}]}`, "no human turn"},
	} {
		ok := `{"conversations":[{"from":"human","value":"q"}]}`
		trace, err := Open(t.Context(), "sharegpt:"+scratch(t, "x.jsonl", tt.element+"\n"+ok), Options{})
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		if len(trace.Requests) != 1 || trace.Dropped[tt.want] != 1 {
			t.Errorf("%s: got %d requests and drops %v, want 1 and %q", tt.why, len(trace.Requests), trace.Dropped, tt.want)
		}
	}
}

// A file that quotes a new party in each conversation does not fill the record.
func TestReasonsAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range 3 * maxReasons {
		b.WriteString(`{"conversations":[{"from":"` + strings.Repeat("x", 1+i%18) + string(rune('a'+i%26)) + `","value":"q"}]}` + "\n")
	}
	b.WriteString(`{"conversations":[{"from":"human","value":"q"}]}`)
	trace, err := Open(t.Context(), "sharegpt:"+scratch(t, "x.jsonl", b.String()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, n := range trace.Dropped {
		sum += n
	}
	if len(trace.Dropped) > maxReasons+1 || sum != 3*maxReasons {
		t.Errorf("got %d reasons for %d drops, want at most %d for %d", len(trace.Dropped), sum, maxReasons+1, 3*maxReasons)
	}
}

// The system prompt of a conversation goes with each of its turns, and both
// formats keep it.
func TestSystemPromptsAreKept(t *testing.T) {
	spec := "sharegpt:" + scratch(t, "x.json", `[{"id":"c","conversations":[{"from":"system","value":"be brief"},{"from":"human","value":"a b c"},{"from":"gpt","value":"d"},{"from":"human","value":"e"},{"from":"gpt","value":"f"}]}]`)
	want, err := Open(t.Context(), spec, Options{MultiTurn: true, Tokenizer: Words()})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range want.Requests {
		if r.System != "be brief" || r.SystemTokens != 2 {
			t.Errorf("turn %d: got system %q of %d tokens, want it of 2", r.Turn, r.System, r.SystemTokens)
		}
	}
	if diff := cmp.Diff([]int{5, 7}, want.Contexts()); diff != "" {
		t.Errorf("contexts: (-want +got)\n%s", diff)
	}
	for format, text := range map[string]string{
		"jsonl": written(t, lineWriterOn, want.Requests...), "sharegpt": written(t, shareGPTWriterOn, want.Requests...),
	} {
		got, err := Open(t.Context(), format+":"+scratch(t, "y", text), Options{MultiTurn: format == "sharegpt", Tokenizer: Words()})
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		if got.Hash() != want.Hash() {
			t.Errorf("%s: got %+v, want %+v", format, got.Requests, want.Requests)
		}
	}
}
