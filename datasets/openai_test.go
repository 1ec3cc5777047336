package datasets

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWholeRequests(t *testing.T) {
	type whole struct {
		Kind, Name, Text, Body string
		Prompt, Output         int
	}
	chat := `{"model":"m","messages":[{"role":"system","content":"be brief"},{"role":"user","content":[{"type":"text","text":"what is this?"}]}],"temperature":0.25,"max_completion_tokens":9}`
	image := `{"messages":[{"role":"user","content":[{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}],"max_tokens":5}`
	tools := `{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"c"}]},{"role":"tool","content":"r"}],"tools":[{"type":"function"}]}`
	for _, tt := range []struct {
		why, line string
		o         Options
		want      whole
	}{
		{"a bare chat body, kept to the byte", chat, Options{}, whole{KindChat, "0", "be brief\nwhat is this?", chat, 5, 9}},
		{"a line of a batch file", `{"custom_id":"r1","method":"POST","url":"/v1/chat/completions","body":` + chat + `}`, Options{},
			whole{KindChat, "r1", "be brief\nwhat is this?", chat, 5, 9}},
		{"the length of a prompt with an image is the server's to say", image, Options{}, whole{KindChat, "0", "see", image, Unknown, 5}},
		{"tools and calls are read by the model too", tools, Options{}, whole{KindChat, "0", "q\n[{\"id\":\"c\"}]\nr\n[{\"type\":\"function\"}]", tools, 4, Unknown}},
		{"a completion", `{"prompt":"a b","max_tokens":3}`, Options{}, whole{KindCompletions, "0", "a b", `{"prompt":"a b","max_tokens":3}`, 2, 3}},
		{"a prompt of token numbers is as long as they are", `{"prompt":[5,6,7]}`, Options{}, whole{KindCompletions, "0", "", `{"prompt":[5,6,7]}`, 3, Unknown}},
		{"several texts are embeddings: no output", `{"input":["a b","c"]}`, Options{}, whole{KindEmbeddings, "0", "a b\nc", `{"input":["a b","c"]}`, 3, 0}},
		{"an input with an encoding is an embedding", `{"input":"a","encoding_format":"float"}`, Options{}, whole{KindEmbeddings, "0", "a", `{"input":"a","encoding_format":"float"}`, 1, 0}},
		{"an input of items is a response", `{"input":[{"role":"user","content":[{"type":"input_text","text":"a"}]}],"instructions":"b","max_output_tokens":4}`, Options{},
			whole{KindResponses, "0", "b\na", `{"input":[{"role":"user","content":[{"type":"input_text","text":"a"}]}],"instructions":"b","max_output_tokens":4}`, 2, 4}},
		{"an input alone is what the path says", `{"url":"/v1/responses","body":{"input":"a"}}`, Options{}, whole{KindResponses, "0", "a", `{"input":"a"}`, 1, Unknown}},
		{"or what the run asks for", `{"input":"a"}`, Options{Kind: KindEmbeddings}, whole{KindEmbeddings, "0", "a", `{"input":"a"}`, 1, 0}},
		{"an override is written into the body, and nothing else is touched", `{"max_tokens": 9, "x":[1, 2],"prompt":"a","n":1}`, Options{OutputTokens: 4},
			whole{KindCompletions, "0", "a", `{"max_tokens": 4, "x":[1, 2],"prompt":"a","n":1}`, 1, 4}},
		{"and added where the body has none", `{"prompt":"a" }`, Options{OutputTokens: 4}, whole{KindCompletions, "0", "a", `{"prompt":"a","max_tokens":4 }`, 1, 4}},
		{"both names of it", `{"messages":[{"role":"user","content":"a"}],"max_tokens":9,"max_completion_tokens":8}`, Options{MaxOutputTokens: 3},
			whole{KindChat, "0", "a", `{"messages":[{"role":"user","content":"a"}],"max_tokens":3,"max_completion_tokens":3}`, 1, 3}},
		{"a limit that is not reached changes nothing", `{"prompt":"a","max_tokens":2}`, Options{MaxOutputTokens: 3}, whole{KindCompletions, "0", "a", `{"prompt":"a","max_tokens":2}`, 1, 2}},
	} {
		tt.o.Tokenizer = Words()
		trace, err := Open(t.Context(), "openai:"+scratch(t, "x.jsonl", tt.line+"\n"), tt.o)
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		r := trace.Requests[0]
		if diff := cmp.Diff(tt.want, whole{r.Kind, r.Conversation, r.Prompt, string(r.Body), r.PromptTokens, r.OutputTokens}); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.why, diff)
		}
		// The plain format carries it on, but for space between tokens.
		again, err := Open(t.Context(), "jsonl:"+scratch(t, "y.jsonl", written(t, lineWriterOn, r)), Options{Tokenizer: Words()})
		if err != nil {
			t.Errorf("%s, as a line: %v", tt.why, err)
			continue
		}
		if err := r.Body.Compact(); err != nil {
			t.Fatal(err)
		}
		if trace.Requests[0].Body = r.Body; again.Hash() != trace.Hash() {
			t.Errorf("%s: as a line it is %+v, want %+v", tt.why, again.Requests[0], r)
		}
	}
}

func TestLinesThatAreNoWholeRequest(t *testing.T) {
	for _, tt := range []struct{ why, line, want string }{
		{"nothing that a request has", `{"id":"x"}`, "FILE:1: body: it has neither messages (chat), prompt (completions) nor input (embeddings, responses)"},
		{"an input alone", `{"input":"a"}`, "FILE:1: body: it has an input alone, which embeddings and responses both take: give --api, or lines with a url"},
		{"another path", `{"url":"/v1/images/generations","body":{"prompt":"a"}}`, `FILE:1: url "/v1/images/generations": want one that ends in`},
		{"a path of another kind", `{"url":"/v1/chat/completions","body":{"prompt":"a"}}`, "FILE:1: body: the line says that it is for chat, and its members are those of completions"},
		{"a body that is text", `{"url":"/v1/completions","body":"x"}`, "FILE:1: body: found a string, want an object"},
		{"messages that are text", `{"messages":"x"}`, "FILE:1: body: messages: found a string, want an array"},
		{"an empty message", `{"messages":[{"role":"user","content":""}]}`, "FILE:1: body: it has nothing to read"},
		{"half a token", `{"prompt":"a","max_tokens":1.5}`, "FILE:1: max_tokens 1.5 is not a number of tokens to ask for"},
		{"no tokens at all", `{"prompt":"a","max_tokens":0}`, "FILE:1: max_tokens 0 is not a number of tokens to ask for"},
		{"a line cut short", `{"messages":[{"role":"user"`, "FILE:1: column 28: unexpected EOF"},
		{"an array", `[]`, "FILE:1: line starts with an array, want one JSON object a line"},
	} {
		file := scratch(t, "x.jsonl", tt.line)
		_, err := Open(t.Context(), "openai:"+file, Options{})
		if err == nil || !strings.HasPrefix(strings.ReplaceAll(err.Error(), file, "FILE"), tt.want) {
			t.Errorf("%s:\n got %v\nwant %s", tt.why, err, tt.want)
		}
	}
}

// What does not fit the server's context is left out before it is sent, and
// how many were is on the trace.
func TestRequestsThatDoNotFitTheContext(t *testing.T) {
	line := func(prompt, output int) string {
		return fmt.Sprintf(`{"prompt":%q,"prompt_tokens":%d,"output_tokens":%d}`, strings.Repeat("w ", prompt), prompt, output) + "\n"
	}
	fits := 1000 - templateTokens - turnTokens
	file := "jsonl:" + scratch(t, "x.jsonl", line(fits-10, 10)+line(fits-10, 11)+line(10, fits-10)+line(2000, 1))
	trace, err := Open(t.Context(), file, Options{FitContext: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if got := []int{len(trace.Requests), trace.Dropped["prompt and answer over the server's context of 1000 tokens"]}; !cmp.Equal(got, []int{2, 2}) {
		t.Errorf("got %d requests and %d left out, want 2 and 2 (%v)", got[0], got[1], trace.Dropped)
	}

	spec := turns(t, "human: "+strings.Repeat("a ", 300), "gpt: "+strings.Repeat("b ", 300), "human: "+strings.Repeat("c ", 300), "gpt: d")
	trace, err = Open(t.Context(), spec, Options{MultiTurn: true, FitContext: 800, Tokenizer: Words()})
	if err != nil {
		t.Fatal(err)
	}
	if len(trace.Requests) != 1 || !strings.Contains(strings.Join(trace.Warnings, "\n"), "1 conversation ends early") {
		t.Errorf("with history: got %d turns and %q, want 1 and a warning", len(trace.Requests), trace.Warnings)
	}

	trace, err = Open(t.Context(), turns(t, "human: "+strings.Repeat("a ", 100)), Options{FitContext: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(trace.Warnings, "\n"), "compared 1 request with the server's context of 1000 tokens by an estimate") {
		t.Errorf("uncounted: got %q, want a warning about the estimate", trace.Warnings)
	}
}

func TestTotals(t *testing.T) {
	spec := turns(t, "human: a b", "gpt: c d e", "human: f", "gpt: g", "human: h")
	for _, tt := range []struct {
		why  string
		o    Options
		want Totals
	}{
		{"histories are read again with each turn; the last has no answer to measure", Options{MultiTurn: true, Tokenizer: Words()},
			Totals{Requests: 3, Prompt: 2 + 6 + 8, Output: 4, OutputUnknown: 1}},
		{"nobody counted", Options{}, Totals{Requests: 1, PromptUnknown: 1, OutputUnknown: 1}},
		{"an override makes every output known", Options{OutputTokens: 7}, Totals{Requests: 1, PromptUnknown: 1, Output: 7}},
	} {
		trace, err := Open(t.Context(), spec, tt.o)
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		if diff := cmp.Diff(tt.want, trace.Totals()); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.why, diff)
		}
	}
}
