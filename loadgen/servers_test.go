package loadgen

import (
	"os"
	"strings"
	"testing"
)

// Streams in the shape that servers send them, typed over from what they answer
// and document, without the members that nobody reads. docs/engines.md has a line
// for each.
func TestServersAnswers(t *testing.T) {
	table, err := os.ReadFile("../docs/engines.md")
	if err != nil {
		t.Fatal(err)
	}
	type want struct {
		prompt, output, cached, reasoning int
		text, finish, err                 string
	}
	const none = Unknown
	seen := map[string]bool{}
	for _, tt := range []struct {
		server, says, stream string
		want                 want
	}{
		{"vLLM", "an answer with the usage so far in each event",
			`data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":{"prompt_tokens":21,"total_tokens":21,"completion_tokens":0}}` + "\n\n" +
				`data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"reasoning":"hm"},"finish_reason":null}],"usage":{"prompt_tokens":21,"total_tokens":23,"completion_tokens":2}}` + "\n\n" +
				`data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Rhine"},"finish_reason":"stop","stop_reason":null}],"usage":{"prompt_tokens":21,"total_tokens":25,"completion_tokens":4}}` + "\n\n" +
				`data: {"object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":21,"total_tokens":25,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":16}}}` + "\n\n" + done,
			want{21, 4, 16, 2, "Rhine", "stop", ""}},
		{"vLLM", "an abort of the engine",
			delta(`"content":"Rh"`) + finished("abort") + total(`"prompt_tokens":21,"total_tokens":22,"completion_tokens":1`) + done,
			want{21, 1, none, none, "", "abort", "finish_reason abort"}},
		{"SGLang", "an answer with cached tokens",
			`data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning_content":null,"tool_calls":null},"logprobs":null,"finish_reason":null,"matched_stop":null}],"usage":null}` + "\n\n" +
				`data: {"choices":[{"index":0,"delta":{"role":null,"content":"Rhine","reasoning_content":null,"tool_calls":null},"finish_reason":null,"matched_stop":null}],"usage":null}` + "\n\n" +
				`data: {"choices":[{"index":0,"delta":{"role":null,"content":null},"finish_reason":"length","matched_stop":null}],"usage":null}` + "\n\n" +
				`data: {"choices":[],"usage":{"prompt_tokens":12,"total_tokens":13,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":2},"reasoning_tokens":0}}` + "\n\n" + done,
			want{12, 1, 2, 0, "Rhine", "length", ""}},
		{"llama.cpp", "an answer with timings",
			`data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1}` + "\n\n" +
				`data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"Rhine"}}],"created":1}` + "\n\n" +
				`data: {"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"created":1}` + "\n\n" +
				`data: {"choices":[],"usage":{"completion_tokens":2,"prompt_tokens":31,"total_tokens":33,"prompt_tokens_details":{"cached_tokens":0}},"timings":{"cache_n":0,"prompt_n":31,"prompt_ms":110.5,"predicted_n":2,"predicted_ms":7.1}}` + "\n\n" + done,
			want{31, 2, 0, none, "Rhine", "stop", ""}},
		{"llama.cpp", "an error of older builds, in a field of its own",
			delta(`"content":"Rh"`) + `error: {"code":500,"message":"context is full","type":"server_error"}` + "\n\n",
			want{none, none, none, none, "", "", "context is full"}},
		{"Ollama", "an answer of a reasoning model",
			`data: {"system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":"hm"},"finish_reason":null}]}` + "\n\n" +
				`data: {"system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"Rhine"},"finish_reason":null}]}` + "\n\n" +
				`data: {"system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop"}]}` + "\n\n" +
				`data: {"system_fingerprint":"fp_ollama","choices":[],"usage":{"prompt_tokens":14,"completion_tokens":2,"total_tokens":16}}` + "\n\n" + done,
			want{14, 2, none, 1, "Rhine", "stop", ""}},
		{"LM Studio", "an error by the event's name",
			delta(`"content":"Rh"`) + "event: error\ndata: {\"error\":{\"message\":\"The model has crashed\"},\"message\":\"The model has crashed\"}\n\n",
			want{none, none, none, none, "", "", "The model has crashed"}},
		{"LM Studio", "an answer that counts its reasoning",
			delta(`"reasoning_content":"hm"`) + delta(`"content":"Rhine"`) + finished("stop") + total(`"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,"completion_tokens_details":{"reasoning_tokens":1}`) + done,
			want{9, 2, none, 1, "Rhine", "stop", ""}},
		{"TGI", "an answer between keep-alives",
			": \n\n" + `data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"Rhine"},"logprobs":null,"finish_reason":null}],"usage":null}` + "\n\n" +
				`data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":"length"}],"usage":null}` + "\n\n" +
				`data: {"object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":8,"completion_tokens":2,"total_tokens":10}}` + "\n\n" + done,
			want{8, 2, none, none, "Rhine", "length", ""}},
		{"TGI", "an error that is bare words",
			delta(`"content":"Rh"`) + `data: {"error":"Request failed during generation: out of memory","error_type":"generation"}` + "\n\n",
			want{none, none, none, none, "", "", "Request failed during generation: out of memory"}},
		{"TensorRT-LLM", "an answer",
			`data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"","tool_calls":[]},"logprobs":null,"finish_reason":null,"stop_reason":null}],"usage":null}` + "\n\n" +
				`data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":null,"content":"Rhine","tool_calls":[]},"finish_reason":"length","stop_reason":null}],"usage":null}` + "\n\n" +
				`data: {"object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":8,"total_tokens":9,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":4}}}` + "\n\n" + done,
			want{8, 1, 4, none, "Rhine", "length", ""}},
		{"OpenAI", "an answer with hidden reasoning",
			`data: {"object":"chat.completion.chunk","service_tier":"default","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"usage":null,"obfuscation":"xY9"}` + "\n\n" +
				`data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Rhine"},"finish_reason":null}],"usage":null,"obfuscation":"aB"}` + "\n\n" +
				`data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null,"obfuscation":""}` + "\n\n" +
				`data: {"object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":75,"total_tokens":85,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":64,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}` + "\n\n" + done,
			want{10, 75, 0, 64, "Rhine", "stop", ""}},
		{"OpenAI", "an error in mid-stream",
			delta(`"content":"Rh"`) + `data: {"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}}` + "\n\n",
			want{none, none, none, none, "", "", "The server had an error"}},
		{"Azure", "an answer behind the filter's report",
			`data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}}]}` + "\n\n" +
				`data: {"choices":[{"content_filter_results":{},"delta":{"content":"","refusal":null,"role":"assistant"},"finish_reason":null,"index":0,"logprobs":null}]}` + "\n\n" +
				`data: {"choices":[{"content_filter_results":{},"delta":{"content":"Rhine"},"finish_reason":null,"index":0,"logprobs":null}]}` + "\n\n" +
				`data: {"choices":[{"content_filter_results":{},"delta":{},"finish_reason":"content_filter","index":0,"logprobs":null}]}` + "\n\n" + total(`"completion_tokens":1,"prompt_tokens":11,"total_tokens":12`) + done,
			want{11, 1, none, none, "Rhine", "content_filter", ""}},
		{"Mistral", "an answer in typed parts",
			`data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}` + "\n\n" +
				`data: {"choices":[{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]},"finish_reason":null}]}` + "\n\n" +
				`data: {"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"Rhine"}]},"finish_reason":null}]}` + "\n\n" +
				`data: {"choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":16,"total_tokens":20,"completion_tokens":4,"num_cached_tokens":8}}` + "\n\n" + done,
			want{16, 4, 8, 1, "Rhine", "stop", ""}},
		{"DeepSeek", "an answer with its cache's hits and misses",
			": keep-alive\n\n" + delta(`"content":null,"reasoning_content":"hm"`) + delta(`"content":"Rhine","reasoning_content":null`) +
				`data: {"choices":[{"index":0,"delta":{"content":"","reasoning_content":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":16,"completion_tokens":3,"total_tokens":19,"completion_tokens_details":{"reasoning_tokens":1},"prompt_cache_hit_tokens":12,"prompt_cache_miss_tokens":4}}` + "\n\n" + done,
			want{16, 3, 12, 1, "Rhine", "stop", ""}},
		{"DeepSeek", "an answer that was given up",
			delta(`"content":"Rh"`) + finished("insufficient_system_resource") + done,
			want{none, none, none, none, "", "insufficient_system_resource", "insufficient_system_resource"}},
		{"Moonshot", "a usage in the choice",
			delta(`"content":"Rhine"`) + `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":13,"completion_tokens":2,"total_tokens":15,"cached_tokens":8}}]}` + "\n\n" + done,
			want{13, 2, 8, none, "Rhine", "stop", ""}},
		{"MiniMax", "reasoning as details, and a status of each event",
			delta(`"role":"assistant","content":"","reasoning_details":[{"type":"reasoning.text","id":"r1","format":"MiniMax-response-v1","index":0,"text":"hm"}]`) + delta(`"content":"Rhine"`) +
				`data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"total_tokens":45,"total_characters":0,"prompt_tokens":42,"completion_tokens":3,"completion_tokens_details":{"reasoning_tokens":1}},"base_resp":{"status_code":0,"status_msg":""}}` + "\n\n" + done,
			want{42, 3, none, 1, "Rhine", "stop", ""}},
		{"MiniMax", "an error by its status",
			`data: {"choices":null,"base_resp":{"status_code":1002,"status_msg":"rate limit"}}` + "\n\n",
			want{none, none, none, none, "", "", "rate limit"}},
		{"xAI", "reasoning beside the completion",
			delta(`"reasoning_content":"hm"`) + delta(`"content":"Rhine"`) + finished("stop") + total(`"prompt_tokens":32,"completion_tokens":1,"total_tokens":137,"prompt_tokens_details":{"text_tokens":32,"audio_tokens":0,"image_tokens":0,"cached_tokens":6},"completion_tokens_details":{"reasoning_tokens":104,"audio_tokens":0},"num_sources_used":0`) + done,
			want{32, 105, 6, 104, "Rhine", "stop", ""}},
		{"OpenRouter", "an answer after comments, its reasoning told twice",
			": OPENROUTER PROCESSING\n\n" + delta(`"role":"assistant","content":"","reasoning":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm","format":"unknown","index":0}]`) + delta(`"role":"assistant","content":"Rhine"`) +
				`data: {"provider":"p","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop","native_finish_reason":"stop"}]}` + "\n\n" +
				`data: {"provider":"p","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":{"prompt_tokens":19,"completion_tokens":4,"total_tokens":23,"cost":0.000002,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":2}}}` + "\n\n" + done,
			want{19, 4, 0, 2, "Rhine", "stop", ""}},
		{"OpenRouter", "an error of the provider",
			delta(`"content":"Rh"`) + `data: {"id":"g","provider":"p","error":{"code":502,"message":"Provider disconnected"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}` + "\n\n",
			want{none, none, none, none, "", "", "Provider disconnected"}},
		{"Together", "an answer that is text and delta at once",
			`data: {"object":"chat.completion.chunk","choices":[{"index":0,"text":"Rhine","logprobs":null,"finish_reason":null,"seed":null,"delta":{"token_id":3,"role":"assistant","content":"Rhine","tool_calls":null}}],"usage":null}` + "\n\n" +
				`data: {"object":"chat.completion.chunk","choices":[{"index":0,"text":"","finish_reason":"stop","delta":{"token_id":1,"role":"assistant","content":"","tool_calls":null}}],"usage":{"prompt_tokens":6,"completion_tokens":2,"total_tokens":8,"cached_tokens":0}}` + "\n\n" + done,
			want{6, 2, 0, none, "Rhine", "stop", ""}},
		{"LiteLLM", "a cache's tokens under two names",
			delta(`"content":"Rhine"`) + finished("stop") + total(`"completion_tokens":2,"prompt_tokens":40,"total_tokens":42,"completion_tokens_details":null,"prompt_tokens_details":{"audio_tokens":null,"cached_tokens":30},"cache_creation_input_tokens":0,"cache_read_input_tokens":30`) + done,
			want{40, 2, 30, none, "Rhine", "stop", ""}},
		{"LiteLLM", "an error whose code is a text",
			delta(`"content":"Rh"`) + `data: {"error": {"message": "litellm.APIConnectionError: gone", "type": "None", "param": "None", "code": "500"}}` + "\n\n",
			want{none, none, none, none, "", "", "litellm.APIConnectionError: gone"}},
		{"Groq", "a usage one level down",
			delta(`"content":"Rhine"`) + `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"req_1","usage":{"queue_time":0.01,"prompt_tokens":5,"prompt_time":0.001,"completion_tokens":2,"completion_time":0.002,"total_tokens":7}}}` + "\n\n" + done,
			want{5, 2, none, none, "Rhine", "stop", ""}},
	} {
		t.Run(tt.server+": "+tt.says, func(t *testing.T) {
			r, text, err := scanAsked(strings.NewReader(tt.stream), true, asked{body: 200, text: 40, prompt: Unknown})
			got := want{r.PromptTokens, r.OutputTokens, r.CachedTokens, r.ReasoningTokens, text, r.FinishReason, ""}
			if err != nil {
				got.err, got.text = tt.want.err, ""
				if tt.want.err == "" || !strings.Contains(err.Error(), tt.want.err) {
					got.err = err.Error()
				}
			}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if err == nil && strings.Contains(strings.Join(r.Flags, " "), "usage") {
				t.Errorf("flags: got %v, want no doubt about the usage", r.Flags)
			}
		})
		seen[tt.server] = true
	}
	for server := range seen {
		if !strings.Contains(string(table), "| "+server+" |") {
			t.Errorf("docs/engines.md has no line for %s in its table of answers", server)
		}
	}
}
