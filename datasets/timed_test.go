package datasets

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// arrivalsOf keeps what a schedule needs.
type arrival struct {
	Index          int
	At             time.Duration
	Prompt, Output int
}

func arrivalsOf(t Trace) (all []arrival) {
	for _, r := range t.Requests {
		all = append(all, arrival{r.Index, r.At, r.PromptTokens, r.OutputTokens})
	}
	return all
}

const (
	azureHeader = "TIMESTAMP,ContextTokens,GeneratedTokens"
	burstHeader = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type"
)

func TestTimedTraces(t *testing.T) {
	for _, tt := range []struct {
		why, format string
		lines       []string
		want        []arrival
		dropped     map[string]int
		warning     string
	}{
		{"Azure 2023: seven digits, no zone", "azure",
			[]string{azureHeader, "2023-11-16 18:17:03.9799600,4808,10", "2023-11-16 18:17:04.0319600,3180,8"},
			[]arrival{{0, 0, 4808, 10}, {1, 52 * time.Millisecond, 3180, 8}}, nil, ""},
		{"Azure 2024: six digits and an offset, or no fraction", "azure",
			[]string{azureHeader, "2024-05-10 00:00:00.009930+00:00,2162,5", "2024-05-10 00:00:01+00:00,1,2"},
			[]arrival{{0, 0, 2162, 5}, {1, 990070 * time.Microsecond, 1, 2}}, nil, ""},
		{"Azure 2025 has another column in between", "azure",
			[]string{"TIMESTAMP,NumImages,ContextTokens,GeneratedTokens", "2024-10-15 00:00:00.5,3,7,8"},
			[]arrival{{0, 0, 7, 8}}, nil, ""},
		{"midnight is no obstacle", "azure",
			[]string{azureHeader, "2023-12-31 23:59:59.5,1,1", "2024-01-01 00:00:00.5,1,1"},
			[]arrival{{0, 0, 1, 1}, {1, time.Second, 1, 1}}, nil, ""},
		{"a row without tokens is dropped and keeps its position", "azure",
			[]string{azureHeader, "2023-11-16 18:17:03,0,10", "2023-11-16 18:17:04,5,8"},
			[]arrival{{1, time.Second, 5, 8}}, map[string]int{"no prompt tokens": 1}, ""},
		{"rows out of order wait for the one before", "azure",
			[]string{azureHeader, "2023-11-16 18:17:03,1,1", "2023-11-16 18:17:05,1,1", "2023-11-16 18:17:04,1,1"},
			[]arrival{{0, 0, 1, 1}, {1, 2 * time.Second, 1, 1}, {2, 2 * time.Second, 1, 1}}, nil, "1 row is earlier"},
		{"BurstGPT: whole seconds; no response means that it failed", "burstgpt",
			[]string{burstHeader, "5,ChatGPT,472,18,490,Conversation log", "45,GPT-4,1087,0,1087,API log", "118,ChatGPT,417,276,693,Conversation log"},
			[]arrival{{0, 0, 472, 18}, {2, 113 * time.Second, 417, 276}}, map[string]int{"no output tokens (the request failed)": 1}, ""},
		{"BurstGPT's newer columns, fractions, another order", "burstgpt",
			[]string{"Session ID,Elapsed time,Response tokens,Request tokens,Timestamp", "s,1.5,2,3,0.25", "s,1.5,4,5,1.75"},
			[]arrival{{0, 0, 3, 2}, {1, 1500 * time.Millisecond, 5, 4}}, nil, ""},
		{"quoted fields, CRLF and a byte order mark", "burstgpt",
			[]string{"\ufeffTimestamp,Request tokens,\"Response tokens\"\r", "\"1\",2,3\r"},
			[]arrival{{0, 0, 2, 3}}, nil, ""},
		{"Mooncake: milliseconds, from the first row's", "mooncake",
			[]string{`{"timestamp": 3000, "input_length": 600, "output_length": 5, "hash_ids": [0, 9]}`, "", `{"timestamp":3027,"input_length":3,"output_length":7}`},
			[]arrival{{0, 0, 600, 5}, {1, 27 * time.Millisecond, 3, 7}}, nil, ""},
		{"Alibaba's lines have a chat_id: seconds, and 16 tokens a hash id", "mooncake",
			[]string{`{"chat_id":1,"parent_chat_id":-1,"timestamp":0.5,"input_length":33,"output_length":5,"type":"text","turn":1,"hash_ids":[0,1,2]}`, `{"chat_id":2,"timestamp":60.5,"input_length":32,"output_length":7,"hash_ids":[0,9]}`},
			[]arrival{{0, 0, 33, 5}, {1, time.Minute, 32, 7}}, nil, "a hash id stands for 16 tokens and times are in units of 1s"},
		{"JSON lines: lengths without text", "jsonl",
			[]string{`{"at_ns":5,"prompt_tokens":3,"output_tokens":7}`, `{"at_ns":9,"prompt_tokens":2,"output_tokens":1}`},
			[]arrival{{0, 5, 3, 7}, {1, 9, 2, 1}}, nil, ""},
	} {
		got, err := Open(t.Context(), tt.format+":"+scratch(t, "trace", strings.Join(tt.lines, "\n")+"\n"), Options{})
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		if diff := cmp.Diff(tt.want, arrivalsOf(got)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.why, diff)
		}
		for reason, want := range tt.dropped {
			if got.Dropped[reason] != want {
				t.Errorf("%s: dropped %v, want %d for %q", tt.why, got.Dropped, want, reason)
			}
		}
		if all := strings.Join(got.Warnings, "\n"); !strings.Contains(all, tt.warning) {
			t.Errorf("%s: got warnings %q, want one with %q", tt.why, all, tt.warning)
		}
		for _, r := range got.Requests {
			if words := len(strings.Fields(r.Prompt)); words != r.PromptTokens {
				t.Errorf("%s: prompt %d has %d words, want %d", tt.why, r.Index, words, r.PromptTokens)
			}
		}
		if all := strings.Join(got.Warnings, "\n"); !strings.Contains(all, "prompts are generated") {
			t.Errorf("%s: got warnings %q, want one about generated prompts", tt.why, all)
		}
	}
}

// Bad files give one line: file, line, what is wrong and what was expected.
func TestBadTraceFiles(t *testing.T) {
	azureRow := "2023-11-16 18:17:03.9799600,4808,10"
	for _, tt := range []struct{ why, format, text, want string }{
		{"an empty CSV file", "azure", "", "FILE: file is empty, want an Azure trace with columns TIMESTAMP, ContextTokens, GeneratedTokens"},
		{"a header and no rows", "azure", azureHeader + "\n", "FILE: no request can be made of it (it holds none)"},
		{"another CSV file", "azure", "a,b\n1,2\n", `FILE:1: no column "TIMESTAMP": an Azure trace has columns TIMESTAMP, ContextTokens, GeneratedTokens, this file has a, b`},
		{"BurstGPT taken for Azure", "azure", burstHeader + "\n", `FILE:1: no column "TIMESTAMP": an Azure trace has columns`},
		{"a bad time", "azure", azureHeader + "\n" + azureRow + "\nyesterday,1,2\n", `FILE:3: column TIMESTAMP: "yesterday" is not a time like 2023-11-16 18:17:03.9799600`},
		{"a bad count", "azure", azureHeader + "\n" + azureRow[:28] + "x,10\n", `FILE:2: column ContextTokens: "x" is not a number of tokens`},
		{"a negative count", "azure", azureHeader + "\n" + azureRow[:28] + "7,-1\n", `FILE:2: column GeneratedTokens: "-1" is not a number of tokens`},
		{"a count beyond sense", "azure", azureHeader + "\n" + azureRow[:28] + "9999999999,1\n", `FILE:2: column ContextTokens: "9999999999" is not a number of tokens`},
		{"a row too short", "azure", azureHeader + "\n" + azureRow + "\n1,2\n", "FILE:3: wrong number of fields"},
		{"a stray quote", "azure", azureHeader + "\n2023\"-11-16 18:17:03,4808,10\n", `FILE:2: bare " in non-quoted-field`},
		{"bad seconds", "burstgpt", burstHeader + "\nInf,m,1,2,3,l\n", `FILE:2: column Timestamp: "Inf" is not a number of seconds`},
		{"JSON lines taken for Mooncake", "mooncake", `{"prompt":"x"}`, "FILE:1: timestamp is missing: a Mooncake trace has timestamp (ms), input_length and output_length"},
		{"a negative length", "mooncake", `{"timestamp":0,"input_length":-1,"output_length":1}`, "FILE:1: input_length -1 is not a number of tokens"},
		{"a negative time", "mooncake", `{"timestamp":-5,"input_length":1,"output_length":1}`, "FILE:1: timestamp -5 is not a number of milliseconds"},
		{"a length that is text", "mooncake", "\n" + `{"timestamp":0,"input_length":"9","output_length":1}`, "FILE:2: input_length: found a string, want a whole number"},
		{"blocks of 16 taken for blocks of 512", "mooncake", `{"timestamp":0,"input_length":640,"output_length":1,"hash_ids":[` + strings.Repeat("7,", 39) + `8]}`,
			"FILE:1: 40 hash ids for 640 tokens do not fit Mooncake's blocks of 512: the trace is of another make; if an id stands for 16 tokens say so with --hash-block"},
		{"fewer hash ids than the length has blocks", "mooncake", `{"timestamp":0,"input_length":2000,"output_length":1,"hash_ids":[1]}`, "FILE:1: 1 hash id for 2000 tokens do not fit"},
		{"Alibaba's lines with blocks of 512", "mooncake", `{"chat_id":1,"timestamp":0,"input_length":1000,"output_length":1,"hash_ids":[1,2]}`, "FILE:1: 2 hash ids for 1000 tokens do not fit Alibaba's blocks of 16"},
		{"fractions where Mooncake has whole milliseconds", "mooncake", `{"timestamp":0.25,"input_length":20,"output_length":1}`, "FILE:1: timestamp 0.25 has a fraction and Mooncake's are whole milliseconds"},
		{"a conversation taken for a request", "jsonl", `{"conversations":[]}`, "FILE:1: neither prompt nor prompt_tokens: a line needs the text or its length: the line is a conversation, which sharegpt:FILE reads"},
		{"a whole request taken for a prompt", "jsonl", `{"messages":[]}`, "FILE:1: neither prompt nor prompt_tokens: a line needs the text or its length: the line is a whole request, which openai:FILE reads"},
		{"a kind without a body", "jsonl", `{"prompt":"x","kind":"chat"}`, "FILE:1: a kind without a body"},
		{"a CSV record without an end", "azure", azureHeader + "\n" + strings.Repeat("x", maxRecord+9000), "FILE:2: record is longer than 1 MiB"},
		{"a header without an end", "burstgpt", strings.Repeat("\x00", maxRecord+9000), "FILE:1: record is longer than 1 MiB"},
		{"a quote that is never closed", "azure", azureHeader + "\n\"" + strings.Repeat("x\n", maxRecord), "FILE:2: record is longer than 1 MiB"},
		{"an empty Mooncake file", "mooncake", "\n\n", "FILE: file is empty, want one JSON object a line"},
		{"an array taken for lines", "jsonl", "[\n{}]", "FILE:1: line starts with an array, want one JSON object a line"},
		{"a line cut short", "jsonl", `{"prompt":"x","output_tokens":5}` + "\n" + `{"prompt":"x`, "FILE:2: column 13: unexpected EOF"},
		{"neither text nor length", "jsonl", "{}", "FILE:1: neither prompt nor prompt_tokens: a line needs the text or its length"},
		{"an empty prompt", "jsonl", `{"prompt":" "}`, "FILE:1: prompt is empty"},
		{"no output tokens to ask for", "jsonl", `{"prompt":"x","output_tokens":0}`, "FILE:1: output_tokens 0 is not a number of tokens to ask for"},
		{"a negative arrival", "jsonl", `{"prompt":"x","at_ns":-1}`, "FILE:1: at_ns -1 is negative"},
		{"a negative turn", "jsonl", `{"prompt":"x","turn":-1}`, "FILE:1: turn -1 is negative"},
		{"times on some lines only", "jsonl", `{"prompt":"x","at_ns":1}` + "\n" + `{"prompt":"x"}`, "FILE:2: at_ns must be on every line or on none"},
	} {
		file := scratch(t, "bad", tt.text)
		_, err := Open(t.Context(), tt.format+":"+file, Options{})
		if err == nil {
			t.Errorf("%s: got no error, want %q", tt.why, tt.want)
			continue
		}
		got := strings.ReplaceAll(err.Error(), file, "FILE")
		if !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s:\n got %q\nwant %q", tt.why, got, tt.want)
		}
		if strings.Contains(got, "\n") {
			t.Errorf("%s: got %q, want one line", tt.why, got)
		}
	}
}

// Equal hash ids from the start make equal beginnings, 512 words a block, and
// where they part the texts part.
func TestMooncakePromptsShareWhatTheirHashesShare(t *testing.T) {
	file := scratch(t, "trace.jsonl", strings.Join([]string{
		`{"timestamp":0,"input_length":1300,"output_length":1,"hash_ids":[0,7,8]}`,
		`{"timestamp":0,"input_length":1100,"output_length":1,"hash_ids":[0,7,9]}`,
		`{"timestamp":0,"input_length":700,"output_length":1,"hash_ids":[0,7]}`,
		`{"timestamp":0,"input_length":700,"output_length":1,"hash_ids":[5,7]}`,
		`{"timestamp":0,"input_length":700,"output_length":1,"hash_ids":[0]}`,
		`{"timestamp":0,"input_length":700,"output_length":1,"hash_ids":[0]}`,
	}, "\n"))
	trace, err := Open(t.Context(), "mooncake:"+file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		why        string
		a, b, want int
	}{
		{"two blocks in common, the third not", 0, 1, 1024},
		{"the last block is the beginning of its text", 0, 2, 700},
		{"another first block, nothing in common", 0, 3, 0},
		{"what hashes do not cover is the row's own", 4, 5, 512},
		{"and not the block that others have there", 4, 2, 512},
	} {
		a, b := strings.Fields(trace.Requests[tt.a].Prompt), strings.Fields(trace.Requests[tt.b].Prompt)
		same := 0
		for same < min(len(a), len(b)) && a[same] == b[same] {
			same++
		}
		// A word may agree by chance, 1 in 256.
		if same < tt.want || same > tt.want+3 {
			t.Errorf("%s: %d words in common, want %d", tt.why, same, tt.want)
		}
	}
}

// No two rows of a trace begin alike, or a prefix cache would answer for them;
// the same seed gives the same texts, another one others.
func TestGeneratedPromptsAreDistinctAndReproducible(t *testing.T) {
	lines := []string{azureHeader}
	for i := range 300 {
		lines = append(lines, fmt.Sprintf("2023-11-16 18:17:%02d,40,5", i/6))
	}
	file := scratch(t, "trace.csv", strings.Join(lines, "\n"))
	open := func(seed int64) Trace {
		trace, err := Open(t.Context(), "azure:"+file, Options{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return trace
	}
	a, again, other := open(1), open(1), open(2)
	if a.Hash() != again.Hash() {
		t.Error("the same seed gave another trace")
	}
	if a.Hash() == other.Hash() {
		t.Error("another seed gave the same trace")
	}
	seen := map[string]bool{}
	for _, r := range append(a.Requests, other.Requests...) {
		begin := strings.Join(strings.Fields(r.Prompt)[:8], " ")
		if seen[begin] {
			t.Errorf("two prompts begin with %q", begin)
		}
		seen[begin] = true
	}
}

// A shorter text is the beginning of a longer one of the same key.
func TestWordsOfAKeyAreOneEndlessText(t *testing.T) {
	long := string(appendWords(nil, 1000, 3, 4))
	for _, n := range []int{0, 1, 7, 8, 9, 999} {
		if short := string(appendWords(nil, n, 3, 4)); !strings.HasPrefix(long, short) || len(strings.Fields(short)) != n {
			t.Errorf("%d words: got %q, want the beginning of the longer text", n, short)
		}
	}
}

// FuzzTraces feeds lines to the line-based formats: no panic, one-line errors,
// arrivals that never go back and prompts as long as they should be.
func FuzzTraces(f *testing.F) {
	for _, seed := range [][2]string{
		{"azure", azureHeader + "\n2023-11-16 18:17:03.9799600,48,10\n"},
		{"azure", azureHeader + "\r\n2024-05-10 00:00:00+00:00,48,10\r\n"},
		{"burstgpt", burstHeader + "\n5,ChatGPT,472,18,490,Conversation log\n4.5,x,1,1,1,\n"},
		{"mooncake", `{"timestamp":0,"input_length":600,"output_length":5,"hash_ids":[0,9]}`},
		{"jsonl", `{"prompt":"x","completion":"y","conversation":"c","turn":1,"output_tokens":5,"at_ns":3}`},
		{"jsonl", `{"prompt_tokens":3}` + "\n" + `{"prompt":"\ud83d"}`},
		{"mooncake", `{"chat_id":1,"timestamp":0.5,"input_length":33,"output_length":5,"hash_ids":[0,1,2]}`},
		{"openai", `{"custom_id":"a","url":"/v1/chat/completions","body":{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"max_tokens":4}}`},
		{"openai", `{"prompt":[[1,2],[3]],"max_tokens":4}` + "\n" + `{"input":["a","b"]}`},
		{"openai", `{"input":[{"role":"user","content":"a"}],"max_output_tokens":4}`},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, format, text string) {
		switch format {
		case "azure", "burstgpt", "mooncake", "openai", "jsonl":
		default:
			return
		}
		tr := Trace{Dropped: map[string]int{}}
		last := time.Duration(0)
		c := collector{t: &tr, o: Options{MaxPromptTokens: 1000, MaxOutputTokens: 3}, sink: func(r Request) error {
			if r.Body != nil && r.OutputTokens > 0 {
				again, err := wholeRequest(r.Body, r.Kind, "")
				if err != nil || again.OutputTokens != r.OutputTokens {
					t.Fatalf("a body asks for %d tokens (%v), want %d: %s", again.OutputTokens, err, r.OutputTokens, r.Body)
				}
			}
			if r.At >= 0 && r.At < last {
				t.Fatalf("request %d arrives at %v, before the one before it", r.Index, r.At)
			}
			last = max(last, r.At)
			if format != "jsonl" && format != "openai" && len(strings.Fields(r.Prompt)) != r.PromptTokens {
				t.Fatalf("prompt %d has not %d words", r.Index, r.PromptTokens)
			}
			return nil
		}}
		r := strings.NewReader(text)
		if err := c.read(t.Context(), format, r); err != nil {
			if msg := inFile("f", r, err).Error(); strings.Contains(msg, "\n") {
				t.Fatalf("got %q, want one line", msg)
			}
		}
	})
}
