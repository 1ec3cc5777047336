package datasets

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// readAll collects a reader's conversations up to the first error.
func readAll(r io.Reader) (all []Conversation, err error) {
	for c, err := range Conversations(r) {
		if err != nil {
			return all, err
		}
		all = append(all, c)
	}
	return all, nil
}

func TestConversations(t *testing.T) {
	hi := []Turn{{From: "human", Value: "hi"}, {From: "gpt", Value: "hello"}}
	for _, tt := range []struct {
		why, text string
		want      []Conversation
	}{
		{"the usual form",
			`[{"id":"a","conversations":[{"from":"human","value":"hi"},{"from":"gpt","value":"hello"}]}]`,
			[]Conversation{{Index: 0, ID: "a", Turns: hi}}},
		{"the other key",
			`[{"id":"a","conversation":[{"from":"human","value":"hi"},{"from":"gpt","value":"hello"}]}]`,
			[]Conversation{{Index: 0, ID: "a", Turns: hi}}},
		{"no id: the position; a number; null",
			`[{"conversations":[]},{"id":7,"conversations":[]},{"id":null,"conversations":[]}]`,
			[]Conversation{{Index: 0, ID: "0", Turns: []Turn{}}, {Index: 1, ID: "7", Turns: []Turn{}}, {Index: 2, ID: "2", Turns: []Turn{}}}},
		{"members that nobody asked for",
			`[{"model":{"a":[1,{"b":"]}"}]},"id":"a","conversations":[{"from":"human","value":"hi","lang":"en"},{"from":"gpt","value":"hello"}],"x":null}]`,
			[]Conversation{{Index: 0, ID: "a", Turns: hi}}},
		{"brackets, quotes and backslashes in text",
			`[{"id":"]","conversations":[{"from":"human","value":"}]\"\\\\\",[{"}]}]`,
			[]Conversation{{Index: 0, ID: "]", Turns: []Turn{{From: "human", Value: `}]"\\",[{`}}}}},
		{"escapes and surrogate pairs",
			`[{"id":"a","conversations":[{"from":"human","value":"caf\u00e9 \ud83d\ude00\n"}]}]`,
			[]Conversation{{Index: 0, ID: "a", Turns: []Turn{{From: "human", Value: "café 😀\n"}}}}},
		{"a lone surrogate, which Python lets pass, is replaced and reported",
			`[{"id":"a","conversations":[{"from":"human","value":"x\ud83dy"}]}]`,
			[]Conversation{{Index: 0, ID: "a", Turns: []Turn{{From: "human", Value: "x\uFFFDy"}}, Repaired: true}}},
		{"invalid UTF-8 likewise",
			"[{\"id\":\"a\",\"conversations\":[{\"from\":\"human\",\"value\":\"x\xffy\"}]}]",
			[]Conversation{{Index: 0, ID: "a", Turns: []Turn{{From: "human", Value: "x\uFFFDy"}}, Repaired: true}}},
		{"a name twice: the last counts, as in Python",
			`[{"id":"a","id":"b","conversations":[{"from":"human","value":"no"}],"conversations":[{"from":"human","value":"hi"},{"from":"gpt","value":"hello"}]}]`,
			[]Conversation{{Index: 0, ID: "b", Turns: hi, Repaired: true}}},
		{"a byte order mark and space around everything",
			"\ufeff \n[ \t{\"id\":\"a\",\"conversations\":[]}\r\n , {\"id\":\"b\",\"conversations\":[]} ] \n",
			[]Conversation{{Index: 0, ID: "a", Turns: []Turn{}}, {Index: 1, ID: "b", Turns: []Turn{}}}},
		{"an empty array", "[]", nil},
	} {
		for name, r := range map[string]io.Reader{
			"whole":            strings.NewReader(tt.text),
			"a byte at a time": iotest.OneByteReader(strings.NewReader(tt.text)),
			"data with EOF":    iotest.DataErrReader(strings.NewReader(tt.text)),
		} {
			got, err := readAll(r)
			if err != nil {
				t.Errorf("%s, %s: %v", tt.why, name, err)
				continue
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s, %s: (-want +got)\n%s", tt.why, name, diff)
			}
		}
	}
}

// Bad files give one line: file, line, column, what is wrong.
func TestBadShareGPTFiles(t *testing.T) {
	const ok = `{"id":"a","conversations":[{"from":"human","value":"a b c d"},{"from":"gpt","value":"a b c d"}]}`
	for _, tt := range []struct{ why, text, want string }{
		{"empty", "", "FILE: file is empty, want conversations: a JSON array of them or one a line"},
		{"only space", " \n\t", "FILE: file is empty, want conversations: a JSON array of them or one a line"},
		{"an object", `{"a":1}`, "FILE: no request can be made of it (dropped: 1 no turns under conversations, conversation or messages)"},
		{"text", "hello", `FILE:1:1: not ShareGPT: want conversations, a JSON array of them or one a line, found "h"`},
		{"a string", ` "x"`, `FILE:1:2: not ShareGPT: want conversations, a JSON array of them or one a line, found a string`},
		{"an empty array", "[]", "FILE: no request can be made of it (it holds none)"},
		{"numbers in the array", "[\n1]", `FILE:2:1: element 0 starts with "1", want an object`},
		{"strings in the array", "[" + ok + `,"x"]`, `FILE:1:99: element 1 starts with a string, want an object`},
		{"cut after an element", "[" + ok, "FILE:1:98: file ends inside the array, after 1 whole element: it is cut short"},
		{"cut after a comma", "[" + ok + ",\n", "FILE:2:1: file ends inside the array, after 1 whole element: it is cut short"},
		{"cut in a string", "[\n" + ok + ",\n" + `{"id":"b`, "FILE:3:9: file ends inside the array, after 1 whole element: it is cut short"},
		{"no comma", "[" + ok + " " + ok + "]", `FILE:1:99: want ',' or ']' after element 0, found an object`},
		{"a comma too many", "[" + ok + ",]", `FILE:1:99: element 1 starts with "]", want an object`},
		{"more after the array", "[" + ok + "]\n[", `FILE:2:1: an array after the end of the array`},
		{"a missing colon", "[" + ok + ",\n{\"id\" 3}]", `FILE:2:7: element 1: invalid character '3' after object name (expecting ':')`},
		{"a bare word", "[" + ok + ",\n{\"id\":nope}]", `FILE:2:8: element 1: invalid character 'o' in literal null (expecting 'u')`},
		{"brackets that do not match", "[" + ok + ",\n{\"x\":[}}]", `FILE:2:7: element 1: invalid character '}' at start of value`},
		{"turns are no array", "[" + ok + ",\n{\"conversations\":{}}]", `FILE:2:18: element 1: conversations: found an object, want an array`},
		{"a text is a number", "[" + ok + ",\n{\"conversations\":[{\"from\":\"human\",\"value\":17}]}]", `FILE:2:43: element 1: conversations/0/value: found a number, want a string`},
		{"an id is an array", "[" + ok + ",\n{\"id\":[],\"conversations\":[]}]", `FILE:2:7: element 1: id: `},
		{"no turns anywhere", `[{"id":"a"},{"messages":[]}]`, "FILE: no request can be made of it (dropped: 2 no turns under conversations, conversation or messages)"},
	} {
		file := scratch(t, "bad.json", tt.text)
		_, err := Open(t.Context(), "sharegpt:"+file, Options{})
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

// The first pass of the exact selections finds what is wrong with an element
// too, also in those it would not take.
func TestExactSelectionChecksTheWholeFile(t *testing.T) {
	file := scratch(t, "bad.json", `[{"conversations":[]},`+"\n"+`{"conversations":[{"value":"\q"}]}]`)
	for _, rule := range []string{VLLM, SGLang} {
		_, err := Open(t.Context(), "sharegpt:"+file, Options{Select: rule, Tokenizer: Words()})
		if err == nil || !strings.HasPrefix(err.Error(), file+":2:29: element 1: ") {
			t.Errorf("%s: got %v, want the place of the bad escape", rule, err)
		}
	}
}

// The reader that cuts elements and the standard library agree on whatever a
// file may hold, wherever reads end.
func TestConversationsAreThoseOfEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type turn struct{ From, Value string }
		var want [][]turn
		for range rapid.IntRange(0, 5).Draw(t, "conversations") {
			turns := []turn{}
			for range rapid.IntRange(0, 3).Draw(t, "turns") {
				turns = append(turns, turn{rapid.String().Draw(t, "from"), rapid.String().Draw(t, "value")})
			}
			want = append(want, turns)
		}
		type obj map[string]any
		var doc []obj
		for _, turns := range want {
			var list []obj
			for _, u := range turns {
				list = append(list, obj{"from": u.From, "value": u.Value})
			}
			doc = append(doc, obj{"extra": rapid.String().Draw(t, "extra"), "conversations": list})
		}
		raw, err := json.MarshalIndent(doc, "", rapid.SampledFrom([]string{"", "  "}).Draw(t, "indent"))
		if err != nil {
			t.Fatal(err)
		}
		if doc == nil {
			raw = []byte("[]")
		}
		got, err := readAll(iotest.HalfReader(strings.NewReader(string(raw))))
		if err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
		if len(got) != len(want) {
			t.Fatalf("got %d conversations, want %d", len(got), len(want))
		}
		for i, c := range got {
			if len(c.Turns) != len(want[i]) {
				t.Fatalf("conversation %d: got %d turns, want %d", i, len(c.Turns), len(want[i]))
			}
			for j, u := range c.Turns {
				if u.From != want[i][j].From || u.Value != want[i][j].Value {
					t.Fatalf("conversation %d turn %d: got %+v, want %q", i, j, u, want[i][j])
				}
			}
		}
	})
}

// An element that fills the buffer many times over is found whole and the next
// one after it, at the positions where they stand.
func TestElementsLargerThanTheBuffer(t *testing.T) {
	long := strings.Repeat(`x\"`, readSize)
	text := fmt.Sprintf(`[{"id":"%s","conversations":[]}, {"id":"b"}]`, long)
	e := newElements(strings.NewReader(text))
	for i, want := range []int{1, len(text) - len(`{"id":"b"}]`)} {
		raw, offset, err := e.next()
		if err != nil {
			t.Fatal(err)
		}
		if int(offset) != want || text[want:want+len(raw)] != string(raw) {
			t.Errorf("element %d: got %d bytes at %d, want those at %d", i, len(raw), offset, want)
		}
	}
	for range 2 {
		if _, _, err := e.next(); err != io.EOF {
			t.Errorf("after the last: got %v, want EOF", err)
		}
	}
}

// However long the file, what is held of it is its longest conversation and a
// read's worth.
func TestMemoryIsThatOfTheLongestConversation(t *testing.T) {
	r, w := io.Pipe()
	go func() {
		_, err := corpus{seed: 4, bytes: 24e6}.write(w)
		w.CloseWithError(err)
	}()
	e := newElements(r)
	longest, read := 0, 0
	for {
		raw, _, err := e.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		longest, read = max(longest, len(raw)), read+len(raw)
	}
	if read < 20e6 {
		t.Fatalf("got %d bytes of conversations, want over 20 million", read)
	}
	if got, limit := cap(e.buf), 2*longest+2*readSize; got > limit {
		t.Errorf("buffer grew to %d bytes, want at most %d with conversations up to %d", got, limit, longest)
	}
}

// endless is a file of one string that never ends.
type endless struct{ begun bool }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	if !e.begun {
		e.begun = true
		return copy(p, `[{"id":"`), nil
	}
	return len(p), nil
}

func TestElementThatNeverEnds(t *testing.T) {
	_, err := readAll(&endless{})
	if err == nil || !strings.Contains(err.Error(), "longer than 32 MiB") {
		t.Errorf("got %v, want an error about the length", err)
	}
}

func TestReadErrorIsPassedOn(t *testing.T) {
	_, err := readAll(io.MultiReader(strings.NewReader(`[{"id":"a`), iotest.ErrReader(os.ErrDeadlineExceeded)))
	if err != os.ErrDeadlineExceeded {
		t.Errorf("got %v, want %v", err, os.ErrDeadlineExceeded)
	}
}

// FuzzShareGPT feeds files to the readers: no panic, every element that is cut
// is where it says, and what the standard library takes is taken.
func FuzzShareGPT(f *testing.F) {
	for _, seed := range []string{
		"", "[]", "[{}]", `[{"id":"a","conversations":[{"from":"human","value":"hi"},{"from":"gpt","value":"\ud83d"}]}]`,
		`[{"conversation":[]},{"id":1}]`, "\ufeff[{\"a\":\"\\\\\"}]", `[{"a":[1,{"b":"]"}]}] x`, `[{"id":"a"`, "[{\xff}]", `[{"a":"\"}]`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e := newElements(iotest.OneByteReader(strings.NewReader(text)))
		for {
			raw, offset, err := e.next()
			if err != nil {
				break
			}
			if text[offset:int(offset)+len(raw)] != string(raw) {
				t.Fatalf("element at %d is not the text there", offset)
			}
		}
		got, err := readAll(strings.NewReader(text))
		var want []struct{ ID any }
		if json.Unmarshal([]byte(text), &want) == nil && err == nil && len(got) != len(want) {
			t.Fatalf("got %d elements, want %d", len(got), len(want))
		}
		for _, rule := range []string{First, VLLM} {
			tr := Trace{Dropped: map[string]int{}}
			c := collector{t: &tr, o: Options{Select: rule, Tokenizer: Words()}, sink: func(Request) error { return nil }}
			err := c.read(t.Context(), "sharegpt", strings.NewReader(text))
			if err != nil {
				if msg := inFile("f", strings.NewReader(text), err).Error(); strings.Contains(msg, "\n") {
					t.Fatalf("got %q, want one line", msg)
				}
			}
		}
	})
}
