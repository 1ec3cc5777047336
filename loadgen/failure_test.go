package loadgen

import (
	"strings"
	"testing"
)

// What a server says of a failure is told in its words, without the texts of requests and
// answers that it repeats.
func TestWhatAServerSays(t *testing.T) {
	for _, row := range []struct{ why, body, want string }{
		{"OpenAI's error", `{"error":{"message":"no such model","type":"invalid"}}`, "no such model"},
		{"FastAPI's one line", `{"detail":"Not Found"}`, "Not Found"},
		{"FastAPI's list, without the input that it repeats", `{"detail":[{"type":"missing","loc":["body","messages",0,"role"],"msg":"Field required","input":{"content":"my secret diary"}}]}`,
			"body.messages.0.role: Field required"},
		{"a list of something else is quoted", `[{"a":1}]`, `"[{\"a\":1}]"`},
		{"nothing", ``, "no message"},
	} {
		if got := serverMessage([]byte(row.body)); got != row.want {
			t.Errorf("%s: got %s, want %s", row.why, got, row.want)
		}
	}
	s := new(scanner)
	s.note([]byte(`{"id":"x","object":"chat.completion","choices":[{"message":{"content":"The Elbe."}}]}`))
	if got := s.cut().Error(); strings.Contains(got, "Elbe") || !strings.Contains(got, "a whole answer instead of a stream") {
		t.Errorf("a whole answer in place of a stream: got %s", got)
	}
}
