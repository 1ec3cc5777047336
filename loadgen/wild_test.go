package loadgen

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// delta is an event with one choice's delta, total one with a usage alone.
func delta(members string) string {
	return `data: {"choices":[{"index":0,"delta":{` + members + `},"finish_reason":null}]}` + "\n\n"
}

func total(members string) string {
	return `data: {"choices":[],"usage":{` + members + `}}` + "\n\n"
}

func finished(reason string) string {
	return `data: {"choices":[{"index":0,"delta":{},"finish_reason":"` + reason + `"}]}` + "\n\n"
}

// each is an event with text for each count of tokens, which it reports.
func each(tokens ...int) string {
	s := ""
	for _, n := range tokens {
		s += fmt.Sprintf(`data: {"choices":[{"index":0,"delta":{"content":" some words of text here"}}],"usage":{"prompt_tokens":7,"completion_tokens":%d}}`, n) + "\n\n"
	}
	return s
}

// words is so many deltas of content, each a word of three bytes.
func words(n int) string { return strings.Repeat(delta(`"content":" ab"`), n) }

// Answers as they are found in the wild: what each makes of the record.
func TestAnswersInTheWild(t *testing.T) {
	for _, tt := range []struct {
		name, stream                        string
		limit                               int // tokens asked for
		output, input, cached, reasoning, n int // n: events with text
		text, finish, err                   string
		flags                               []string
	}{
		// A: a usage is compared with the text and with itself.
		{name: "a usage of zeros for a text is no usage",
			stream: words(4) + finished("stop") + total(`"prompt_tokens":0,"completion_tokens":0,"total_tokens":0`) + done,
			output: Unknown, input: Unknown, cached: Unknown, reasoning: Unknown, n: 4, text: " ab ab ab ab", finish: "stop", flags: []string{FlagUsageText, FlagNoUsage}},
		{name: "zeros after the real figures change nothing",
			stream: words(2) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":2`) + total(`"prompt_tokens":0,"completion_tokens":0`) + done,
			output: 2, input: 7, cached: Unknown, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop"},
		{name: "a usage of the last part of an answer has too few tokens for its text",
			stream: strings.Repeat(delta(`"content":" some words more"`), 10) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":1`) + done,
			output: Unknown, input: 7, cached: Unknown, reasoning: Unknown, n: 10, text: strings.Repeat(" some words more", 10), finish: "stop", flags: []string{FlagUsageText, FlagNoUsage}},
		{name: "a proxy that sends letters has fewer tokens than events, and is right",
			stream: strings.Repeat(delta(`"content":"x"`), 20) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":5`) + done,
			output: 5, input: 7, cached: Unknown, reasoning: Unknown, n: 20, text: strings.Repeat("x", 20), finish: "stop"},
		{name: "letters written as escapes are letters",
			stream: strings.Repeat(delta(`"content":"\u0436\u0436"`), 20) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":9`) + done,
			output: 9, input: 7, cached: Unknown, reasoning: Unknown, n: 20, text: strings.Repeat("жж", 20), finish: "stop"},
		{name: "reasoning outside of completion_tokens is decoded all the same: the total has it",
			stream: strings.Repeat(delta(`"reasoning_content":" hm"`), 5) + words(2) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":2,"total_tokens":14,"completion_tokens_details":{"reasoning_tokens":5}`) + done,
			output: 7, input: 7, cached: Unknown, reasoning: 5, n: 7, text: " ab ab", finish: "stop"},
		{name: "more reasoning than completion is outside of it, without a total too",
			stream: strings.Repeat(delta(`"reasoning_content":" hm"`), 5) + words(2) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":2,"completion_tokens_details":{"reasoning_tokens":5}`) + done,
			output: 7, input: 7, cached: Unknown, reasoning: 5, n: 7, text: " ab ab", finish: "stop"},
		{name: "a total with tokens that no other figure has is a doubt",
			stream: strings.Repeat(delta(`"reasoning":" hm"`), 5) + words(2) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":2,"total_tokens":14`) + done,
			output: 7, input: 7, cached: Unknown, reasoning: 5, n: 7, text: " ab ab", finish: "stop", flags: []string{FlagUsageTotal}},
		{name: "a total that is too small is one, too",
			stream: words(2) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":2,"total_tokens":3`) + done,
			output: 2, input: 7, cached: Unknown, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop", flags: []string{FlagUsageTotal}},
		{name: "prompt and total alone tell the output",
			stream: words(2) + finished("stop") + total(`"prompt_tokens":7,"total_tokens":9`) + done,
			output: 2, input: 7, cached: Unknown, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop"},
		{name: "hidden reasoning within completion_tokens has no text, is believed, and came before the first text",
			stream: words(2) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":502,"total_tokens":509,"completion_tokens_details":{"reasoning_tokens":500}`) + done, limit: 1000,
			output: 502, input: 7, cached: Unknown, reasoning: 500, n: 2, text: " ab ab", finish: "stop", flags: []string{FlagHidden}},
		{name: "text in a field that nobody knows is reasoning, and has its times",
			stream: strings.Repeat(delta(`"thoughts":" hm"`), 5) + words(2) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":7`) + done,
			output: 7, input: 7, cached: Unknown, reasoning: 5, n: 7, text: " ab ab", finish: "stop", flags: []string{FlagStrange}},
		{name: "words about the text are none",
			stream: strings.Repeat(delta(`"content":" ab","channel":"final","phase":"answer"`), 2) + delta(`"channel":"final","content":""`) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":2`) + done,
			output: 2, input: 7, cached: Unknown, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop"},
		{name: "reasoning in a provider's own field, and a custom tool's input",
			stream: strings.Repeat(delta(`"provider_specific_fields":{"reasoning_content":" hm"}`), 3) + delta(`"tool_calls":[{"index":0,"custom":{"input":"go"}}]`) + finished("tool_calls") + total(`"prompt_tokens":7,"completion_tokens":4`) + done,
			output: 4, input: 7, cached: Unknown, reasoning: 3, n: 4, text: "", finish: "tool_calls"},
		{name: "a usage in the choice",
			stream: words(2) + `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9,"cached_tokens":4}}]}` + "\n\n" + done,
			output: 2, input: 7, cached: 4, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop"},
		{name: "more cached tokens than the prompt has cannot be",
			stream: words(2) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":999}`) + done,
			output: 2, input: 7, cached: Unknown, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop", flags: []string{FlagImplausible}},
		{name: "tokens far beyond what was asked for, without a text for them, cannot be",
			stream: words(2) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":900000`) + done, limit: 16,
			output: Unknown, input: 7, cached: Unknown, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop", flags: []string{FlagImplausible, FlagNoUsage}},
		{name: "a prompt of a thousand million tokens cannot be",
			stream: words(2) + finished("stop") + total(`"prompt_tokens":999999999,"completion_tokens":2`) + done,
			output: 2, input: Unknown, cached: Unknown, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop", flags: []string{FlagImplausible}},
		{name: "a usage of no number is none",
			stream: words(2) + finished("stop") + total(`"prompt_tokens":-1,"completion_tokens":"2","total_tokens":2.5`) + done,
			output: Unknown, input: Unknown, cached: Unknown, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop", flags: []string{FlagNoUsage}},
		{name: "llama.cpp's timings have the counts where the usage is missing",
			stream: words(2) + `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"timings":{"cache_n":3,"prompt_n":4,"prompt_ms":1.0,"predicted_n":2,"predicted_ms":2.0}}` + "\n\n" + done,
			output: 2, input: 7, cached: 3, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop"},
		{name: "tokens read from the cache stand beside input_tokens, and are of the prompt",
			stream: words(2) + finished("stop") + total(`"input_tokens":7,"output_tokens":2,"cache_read_input_tokens":30,"cache_creation_input_tokens":3`) + done,
			output: 2, input: 40, cached: 30, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop"},

		{name: "reports with the text that fall are those of parts, and no running total",
			stream: each(6, 5, 7, 6, 5) + finished("stop") + done,
			output: Unknown, input: 7, cached: Unknown, reasoning: Unknown, n: 5, text: strings.Repeat(" some words of text here", 5), finish: "stop", flags: []string{FlagUsageText, FlagNoUsage}},
		{name: "parts whose sum comes at the end are no doubt",
			stream: each(6, 5, 7, 6, 5) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":29`) + done,
			output: 29, input: 7, cached: Unknown, reasoning: Unknown, n: 5, text: strings.Repeat(" some words of text here", 5), finish: "stop"},
		{name: "reports that never rise and are too few for their text are those of parts",
			stream: each(2, 2, 2) + finished("stop") + done,
			output: Unknown, input: 7, cached: Unknown, reasoning: Unknown, n: 3, text: strings.Repeat(" some words of text here", 3), finish: "stop", flags: []string{FlagUsageText, FlagNoUsage}},
		{name: "the whole answer's count with every event is its count",
			stream: each(15, 15, 15) + finished("stop") + done,
			output: 15, input: 7, cached: Unknown, reasoning: Unknown, n: 3, text: strings.Repeat(" some words of text here", 3), finish: "stop"},
		{name: "reasoning that no figure counts, of short words",
			stream: strings.Repeat(delta(`"reasoning_content":" hm"`), 10) + words(5) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":5,"total_tokens":12`) + done,
			output: Unknown, input: 7, cached: Unknown, reasoning: 10, n: 15, text: strings.Repeat(" ab", 5), finish: "stop", flags: []string{FlagUsageText, FlagNoUsage}},
		{name: "a sum of running totals is more than the text can have, within what was asked for",
			stream: words(10) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":55`) + done, limit: 100,
			output: 55, input: 7, cached: Unknown, reasoning: Unknown, n: 10, text: strings.Repeat(" ab", 10), finish: "stop", flags: []string{FlagUsageMore}},
		{name: "three tokens a character, written as escapes",
			stream: strings.Repeat(delta(`"content":"\u9c7b\u9f98\u9760\u9f49"`), 10) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":120`) + done, limit: 90,
			output: 120, input: 7, cached: Unknown, reasoning: Unknown, n: 10, text: strings.Repeat("鱻龘靠齉", 10), finish: "stop"},
		{name: "as many tokens as were asked for are believed without a text for them",
			stream: words(10) + finished("length") + total(`"prompt_tokens":7,"completion_tokens":100`) + done, limit: 100,
			output: 100, input: 7, cached: Unknown, reasoning: Unknown, n: 10, text: strings.Repeat(" ab", 10), finish: "length"},
		{name: "cached tokens that were taken out of the prompt's count: the total has them",
			stream: words(2) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":2,"total_tokens":39,"prompt_tokens_details":{"cached_tokens":30}`) + done,
			output: 2, input: 37, cached: 30, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop"},
		{name: "a usage of numbers with a point",
			stream: words(2) + finished("stop") + total(`"prompt_tokens":7.0,"completion_tokens":2.00,"total_tokens":9.`) + done,
			output: 2, input: 7, cached: Unknown, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop"},
		{name: "a usage without the prompt",
			stream: words(2) + finished("stop") + total(`"completion_tokens":2`) + done,
			output: 2, input: Unknown, cached: Unknown, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop", flags: []string{FlagNoPrompt}},
		{name: "names of Bedrock's own API",
			stream: words(2) + finished("stop") + total(`"inputTokens":7,"outputTokens":2,"totalTokens":9,"cacheReadInputTokens":3`) + done,
			output: 2, input: 7, cached: 3, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop"},

		// C: text under other names and in other shapes.
		{name: "reasoning as a list of details",
			stream: delta(`"content":"","reasoning_details":[{"type":"reasoning.text","index":0,"text":" hm"}]`) + words(1) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":2`) + done,
			output: 2, input: 7, cached: Unknown, reasoning: 1, n: 2, text: " ab", finish: "stop"},
		{name: "encrypted reasoning is no text",
			stream: delta(`"content":"","reasoning_details":[{"type":"reasoning.encrypted","data":"xxxxxxxxxxxx"}]`) + words(2) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":2`) + done,
			output: 2, input: 7, cached: Unknown, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop"},
		{name: "content as a list of parts: thinking is no answer",
			stream: delta(`"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]`) + delta(`"content":[{"type":"text","text":"The "},{"type":"text","text":"Elbe."}]`) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":3`) + done,
			output: 3, input: 7, cached: Unknown, reasoning: 1, n: 2, text: "The Elbe.", finish: "stop"},
		{name: "content as one object",
			stream: delta(`"content":{"type":"text","text":"hi"}`) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":1`) + done,
			output: 1, input: 7, cached: Unknown, reasoning: Unknown, n: 1, text: "hi", finish: "stop"},
		{name: "an empty list of parts is no token",
			stream: delta(`"content":[]`) + delta(`"content":[{"type":"text","text":""}]`) + words(1) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":1`) + done,
			output: 1, input: 7, cached: Unknown, reasoning: Unknown, n: 1, text: " ab", finish: "stop"},
		{name: "several choices: all are tokens, the first is the answer",
			stream: `data: {"choices":[{"index":1,"delta":{"content":"no"}},{"index":0,"delta":{"content":"yes"}}]}` + "\n\n" + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":2`) + done,
			output: 2, input: 7, cached: Unknown, reasoning: Unknown, n: 1, text: "yes", finish: "stop"},
		{name: "several choices: each may be as long as was asked for",
			stream: strings.Repeat(`data: {"choices":[{"index":1,"delta":{"content":" ab"}},{"index":0,"delta":{"content":" ab"}}]}`+"\n\n", 3) + finished("length") + total(`"prompt_tokens":7,"completion_tokens":40`) + done, limit: 20,
			output: 40, input: 7, cached: Unknown, reasoning: Unknown, n: 3, text: " ab ab ab", finish: "length"},
		{name: "a message in place of deltas",
			stream: `data: {"choices":[{"index":0,"message":{"role":"assistant","content":"all at once"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3}}` + "\n\n" + done,
			output: 3, input: 7, cached: Unknown, reasoning: Unknown, n: 1, text: "all at once", finish: "stop"},
		{name: "a message after the deltas says the same again",
			stream: words(2) + `data: {"choices":[{"index":0,"message":{"role":"assistant","content":" ab ab"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":2}}` + "\n\n" + done,
			output: 2, input: 7, cached: Unknown, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop"},

		// D: what ends a stream, and how.
		{name: "an answer that the engine aborted is a failure",
			stream: words(2) + finished("abort") + total(`"prompt_tokens":7,"completion_tokens":2`) + done,
			output: 2, input: 7, cached: Unknown, reasoning: Unknown, n: 2, finish: "abort", err: "finish_reason abort"},
		{name: "so is one with an error for a reason",
			stream: words(2) + finished("error") + done, output: Unknown, input: Unknown, cached: Unknown, reasoning: Unknown, n: 2, finish: "error", err: "finish_reason error"},
		{name: "and one for which the resources did not do",
			stream: words(2) + finished("insufficient_system_resource") + done, output: Unknown, input: Unknown, cached: Unknown, reasoning: Unknown, n: 2, finish: "insufficient_system_resource", err: "insufficient_system_resource"},
		{name: "a finish reason that is an object",
			stream: words(2) + `data: {"choices":[{"index":0,"delta":{},"finish_reason":{"type":"abort","message":"client gone"}}]}` + "\n\n" + done, output: Unknown, input: Unknown, cached: Unknown, reasoning: Unknown, n: 2, finish: "abort", err: "finish_reason abort"},
		{name: "of several choices one that was aborted is enough",
			stream: words(2) + `data: {"choices":[{"index":0,"delta":{},"finish_reason":"abort"},{"index":1,"delta":{},"finish_reason":"stop"}]}` + "\n\n" + done, output: Unknown, input: Unknown, cached: Unknown, reasoning: Unknown, n: 2, finish: "abort", err: "finish_reason abort"},
		{name: "an answer that the filter ended came, and is flagged",
			stream: words(2) + finished("content_filter") + total(`"prompt_tokens":7,"completion_tokens":2`) + done,
			output: 2, input: 7, cached: Unknown, reasoning: Unknown, n: 2, text: " ab ab", finish: "content_filter", flags: []string{FlagFiltered}},
		{name: "text after the finish reason counts, and is flagged",
			stream: words(1) + finished("stop") + words(1) + total(`"prompt_tokens":7,"completion_tokens":2`) + done,
			output: 2, input: 7, cached: Unknown, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop", flags: []string{FlagAfterFinish}},
		{name: "an end mark without a finish reason ends an answer, and is flagged",
			stream: words(2) + done,
			output: Unknown, input: Unknown, cached: Unknown, reasoning: Unknown, n: 2, text: " ab ab", flags: []string{FlagNoUsage, FlagNoFinish}},
		{name: "a usage with every event does not make a cut stream whole",
			stream: `data: {"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":7,"completion_tokens":1}}` + "\n\n" + `data: {"choices":[{"delta":{"content":"b"}}],"usage":{"prompt_tokens":7,"completion_tokens":2}}` + "\n\n",
			output: 2, input: 7, cached: Unknown, reasoning: Unknown, n: 2, err: "stream cut"},

		{name: "a null that is written as a text is no finish reason",
			stream: strings.ReplaceAll(words(2), "null", `"null"`),
			output: Unknown, input: Unknown, cached: Unknown, reasoning: Unknown, n: 2, err: "stream cut"},
		{name: "one choice may finish while another speaks",
			stream: words(1) + finished("stop") + `data: {"choices":[{"index":1,"delta":{"content":"no"}}]}` + "\n\n" + `data: {"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}` + "\n\n" + total(`"prompt_tokens":7,"completion_tokens":2`) + done,
			output: 2, input: 7, cached: Unknown, reasoning: Unknown, n: 2, text: " ab", finish: "stop"},
		{name: "a filter by another name",
			stream: words(2) + finished("SAFETY") + total(`"prompt_tokens":7,"completion_tokens":2`) + done,
			output: 2, input: 7, cached: Unknown, reasoning: Unknown, n: 2, text: " ab ab", finish: "SAFETY", flags: []string{FlagFiltered}},
		{name: "an end mark between quotes",
			stream: words(2) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":2`) + "data: \"[DONE]\"\n\n",
			output: 2, input: 7, cached: Unknown, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop"},
		{name: "bare words between the events keep the connection alive",
			stream: "data: keep-alive\n\n" + words(2) + "data: ping\n\n" + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":2`) + done,
			output: 2, input: 7, cached: Unknown, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop"},
		{name: "an error member that says that there is none",
			stream: `data: {"error":false,"choices":[{"index":0,"delta":{"content":" ab"}}]}` + "\n\n" + `data: {"error":{},"choices":[null]}` + "\n\n" + `data: {"error":"","choices":[{"index":0,"delta":{"content":" ab"}}]}` + "\n\n" + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":2`) + done,
			output: 2, input: 7, cached: Unknown, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop"},

		// E: the server's own words.
		{name: "an error without the form of an event",
			stream: `{"error":{"code":400,"message":"the request exceeds the context"}}`,
			output: Unknown, input: Unknown, cached: Unknown, reasoning: Unknown, err: "the server sent: the request exceeds the context"},
		{name: "a last event without any end of line",
			stream: words(2) + finished("stop") + `data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}}`,
			output: 2, input: 7, cached: Unknown, reasoning: Unknown, n: 2, text: " ab ab", finish: "stop"},
		{name: "a web page as an event stream",
			stream: "<html>\n<head><title>502 Bad Gateway</title></head>\n</html>\n",
			output: Unknown, input: Unknown, cached: Unknown, reasoning: Unknown, err: "502 Bad Gateway"},
		{name: "an error in a form that nobody knows",
			stream: `data: {"success":false,"errors":[{"code":7009,"message":"upstream is gone"}]}` + "\n\n" + done,
			output: Unknown, input: Unknown, cached: Unknown, reasoning: Unknown, err: "upstream is gone"},
		{name: "one such after some text, in place of a finish reason",
			stream: words(2) + `data: {"fault":{"faultstring":"spike arrest"}}` + "\n\n" + done,
			output: Unknown, input: Unknown, cached: Unknown, reasoning: Unknown, n: 2, err: "spike arrest"},
		{name: "bare words in place of a finish reason",
			stream: words(2) + "data: error: out of memory\n\n" + done,
			output: Unknown, input: Unknown, cached: Unknown, reasoning: Unknown, n: 2, err: "out of memory"},
		{name: "an event named error, with a message",
			stream: words(1) + "event: error\ndata: {\"message\":\"CUDA out of memory\",\"code\":500}\n\n" + done,
			output: Unknown, input: Unknown, cached: Unknown, reasoning: Unknown, n: 1, err: "CUDA out of memory"},
		{name: "an event named error, with bare words",
			stream: words(1) + "event: error\ndata: worker died\n\n" + done,
			output: Unknown, input: Unknown, cached: Unknown, reasoning: Unknown, n: 1, err: "worker died"},
		{name: "the name holds for one event alone",
			stream: "event: error\n\n" + words(1) + finished("stop") + total(`"prompt_tokens":7,"completion_tokens":1`) + done,
			output: 1, input: 7, cached: Unknown, reasoning: Unknown, n: 1, text: " ab", finish: "stop"},
		{name: "a web framework's detail",
			stream: words(1) + `data: {"detail":"engine loop is not running"}` + "\n\n" + done,
			output: Unknown, input: Unknown, cached: Unknown, reasoning: Unknown, n: 1, err: "engine loop is not running"},
		{name: "a message and a code in place of an answer",
			stream: words(1) + `data: {"code":500,"message":"out of memory"}` + "\n\n" + done,
			output: Unknown, input: Unknown, cached: Unknown, reasoning: Unknown, n: 1, err: "out of memory"},
		{name: "an error in the choice",
			stream: words(1) + `data: {"choices":[{"index":0,"delta":{},"error":{"message":"provider is gone"},"finish_reason":"error"}]}` + "\n\n" + done,
			output: Unknown, input: Unknown, cached: Unknown, reasoning: Unknown, n: 1, err: "provider is gone"},

		// The Responses API.
		{name: "an answer of the Responses API",
			stream: "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"status\":\"in_progress\",\"error\":null,\"usage\":null}}\n\n" +
				"event: response.reasoning_summary_text.delta\ndata: {\"type\":\"response.reasoning_summary_text.delta\",\"delta\":\"hm\"}\n\n" +
				"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"The \"}\n\n" +
				"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"Elbe.\"}\n\n" +
				"event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\",\"text\":\"The Elbe.\"}\n\n" +
				"event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"error\":null,\"incomplete_details\":null,\"usage\":{\"input_tokens\":7,\"input_tokens_details\":{\"cached_tokens\":2},\"output_tokens\":4,\"output_tokens_details\":{\"reasoning_tokens\":1},\"total_tokens\":11}}}\n\n",
			output: 4, input: 7, cached: 2, reasoning: 1, n: 3, text: "The Elbe.", finish: "stop"},
		{name: "one that its length ended",
			stream: "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"x\"}\n\n" +
				"event: response.incomplete\ndata: {\"type\":\"response.incomplete\",\"response\":{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"usage\":{\"input_tokens\":7,\"output_tokens\":1,\"total_tokens\":8}}}\n\n",
			output: 1, input: 7, cached: Unknown, reasoning: Unknown, n: 1, text: "x", finish: "length"},
		{name: "one that failed",
			stream: "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"the model fell over\"}}}\n\n",
			output: Unknown, input: Unknown, cached: Unknown, reasoning: Unknown, err: "the model fell over"},
		{name: "an error event of its own kind",
			stream: "event: error\ndata: {\"type\":\"error\",\"code\":\"rate_limit\",\"message\":\"slow down\"}\n\n",
			output: Unknown, input: Unknown, cached: Unknown, reasoning: Unknown, err: "slow down"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, text, err := scanAsked(strings.NewReader(tt.stream), true, asked{body: 100, text: 20, prompt: Unknown, limit: tt.limit})
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Fatalf("error: got %v, want %q", err, tt.err)
			}
			got := []int{r.OutputTokens, r.PromptTokens, r.CachedTokens, r.ReasoningTokens, len(r.TokenAt)}
			if want := []int{tt.output, tt.input, tt.cached, tt.reasoning, tt.n}; !slices.Equal(got, want) {
				t.Errorf("output, prompt, cached, reasoning tokens and events: got %v, want %v", got, want)
			}
			if r.FinishReason != tt.finish || err == nil && text != tt.text {
				t.Errorf("got finish %q and text %q, want %q and %q", r.FinishReason, text, tt.finish, tt.text)
			}
			if err == nil {
				if diff := cmp.Diff(tt.flags, r.Flags); diff != "" {
					t.Errorf("flags (-want +got):\n%s", diff)
				}
			}
		})
	}
}
