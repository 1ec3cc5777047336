package datasets

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// written is what a writer makes of requests.
func written(t testing.TB, format func(w *bytes.Buffer) Writer, requests ...Request) string {
	t.Helper()
	var b bytes.Buffer
	w := format(&b)
	for _, r := range requests {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func lineWriterOn(b *bytes.Buffer) Writer      { return NewLineWriter(b) }
func selectionWriterOn(b *bytes.Buffer) Writer { return NewSelectionWriter(b) }
func shareGPTWriterOn(b *bytes.Buffer) Writer  { return NewShareGPTWriter(b) }

// The line that other tools read, to the byte.
func TestSelectionLine(t *testing.T) {
	got := written(t, selectionWriterOn,
		Request{Index: 7, Conversation: "QWJhYvA_0", PromptTokens: 12, OutputTokens: 34, Prompt: "a <b> & \"c\"\né", Completion: "not printed", At: noTime},
		Request{Index: 8, Conversation: "x", PromptTokens: Unknown, OutputTokens: Unknown, Prompt: "p", At: time.Second})
	want := `{"index":7,"conversation":"QWJhYvA_0","prompt_tokens":12,"output_tokens":34,"prompt":"a <b> & \"c\"\né"}` + "\n" +
		`{"index":8,"conversation":"x","prompt_tokens":null,"output_tokens":null,"prompt":"p"}` + "\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// requestsGen draws traces as readers make them: turns of a conversation follow
// each other, times on all or on none.
func requestsGen(t *rapid.T) []Request {
	timed := rapid.Bool().Draw(t, "timed")
	text := rapid.StringMatching(`[a-z][a-zé"\\\n]{0,9}( [a-z😀]{1,5}){0,3}`)
	var all []Request
	at := time.Duration(0)
	for i := range rapid.IntRange(1, 4).Draw(t, "conversations") {
		id := string(rune('a'+i)) + rapid.String().Draw(t, "id")
		for turn := range rapid.IntRange(1, 3).Draw(t, "turns") {
			r := Request{
				Index: i, Conversation: id, Turn: turn, At: noTime,
				Prompt: text.Draw(t, "prompt"), Completion: rapid.OneOf(rapid.Just(""), text).Draw(t, "completion"),
				PromptTokens: rapid.IntRange(Unknown, 99).Draw(t, "prompt tokens"), OutputTokens: rapid.IntRange(1, 99).Draw(t, "output tokens"),
			}
			if rapid.Bool().Draw(t, "no target") {
				r.OutputTokens = Unknown
			}
			if timed {
				at += time.Duration(rapid.Int64Range(0, 1e12).Draw(t, "gap"))
				r.At = at
			}
			all = append(all, r)
		}
	}
	return all
}

// What convert writes as lines is read back as it was.
func TestLinesRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := requestsGen(rt)
		text := written(t, lineWriterOn, want...)
		var got []Request
		tr := Trace{Dropped: map[string]int{}}
		c := collector{t: &tr, sink: func(r Request) error { got = append(got, r); return nil }}
		if err := c.read(t.Context(), "jsonl", strings.NewReader(text)); err != nil {
			rt.Fatalf("%v in\n%s", err, text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("(-written +read)\n%s", diff)
		}
		if a, b := (Trace{Requests: want}).Hash(), (Trace{Requests: got}).Hash(); a != b {
			rt.Fatalf("hash %s became %s", a, b)
		}
	})
}

// What convert writes as ShareGPT, its own reader and the standard library read
// as the same conversations.
func TestShareGPTRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := requestsGen(rt)
		for i := range want { // what the format has no place for
			want[i].At, want[i].PromptTokens, want[i].OutputTokens = noTime, Unknown, Unknown
		}
		// Roles that stop alternating end a conversation when it is read.
		for i := range want {
			if want[i].Completion == "" {
				want[i].Completion = "answer"
			}
		}
		text := written(t, shareGPTWriterOn, want...)
		if !json.Valid([]byte(text)) {
			rt.Fatalf("got invalid JSON:\n%s", text)
		}
		var got []Request
		tr := Trace{Dropped: map[string]int{}}
		c := collector{t: &tr, o: Options{MultiTurn: true}, sink: func(r Request) error { got = append(got, r); return nil }}
		if err := c.read(t.Context(), "sharegpt", strings.NewReader(text)); err != nil {
			rt.Fatalf("%v in\n%s", err, text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("(-written +read)\n%s", diff)
		}
	})
}

// A trace without answers gets generated ones of the length that it asks for,
// so that the tools that want two turns take it.
func TestShareGPTAnswersStandIn(t *testing.T) {
	text := written(t, shareGPTWriterOn,
		Request{Conversation: "0", Prompt: "p q r s", OutputTokens: 40}, Request{Index: 1, Conversation: "1", Prompt: "p", OutputTokens: Unknown})
	all, err := readAll(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || len(all[0].Turns) != 2 || countWords(all[0].Turns[1].Value) != 40 {
		t.Errorf("got %+v, want a first conversation with an answer of 40 words", all)
	}
	if len(all[1].Turns) != 1 {
		t.Errorf("got %+v, want no answer where no length is known", all[1])
	}
}

func TestEmptyShareGPT(t *testing.T) {
	if got := strings.TrimSpace(written(t, shareGPTWriterOn)); got != "[]" {
		t.Errorf("got %q, want []", got)
	}
}
