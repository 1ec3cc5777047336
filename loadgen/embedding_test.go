package loadgen

import (
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestNumberless: of the list of embeddings only its brackets are left, however the
// answer is cut.
func TestNumberless(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"numbers", `{"data":[{"embedding":[0.1,[2]]},{}],"usage":{"prompt_tokens":8}}`, `{"data":[],"usage":{"prompt_tokens":8}}`},
		{"base64, with brackets and quotes in it", `{"a":1, "data" : ["]\"}", "x\\"] ,"b":[3]}`, `{"a":1, "data" : [] ,"b":[3]}`},
		{"data further down is another", `{"x":{"data":[1,2]},"y":[{"data":[3]}]}`, `{"x":{"data":[1,2]},"y":[{"data":[3]}]}`},
		{"data that is no list", `{"data":{"k":[1]},"data":"[","n":[2]}`, `{"data":{"k":[1]},"data":"[","n":[2]}`},
		{"data as a value", `{"object":"data","n":[2]}`, `{"object":"data","n":[2]}`},
		{"half a list", `{"data":[[0.1,`, `{"data":[`},
		{"no JSON", `]]}":[`, `]]}":[`},
	} {
		for size := 1; size <= len(tt.text); size++ {
			var j numberless
			for at := 0; at < len(tt.text); at += size {
				j.take([]byte(tt.text[at:min(at+size, len(tt.text))]))
			}
			if string(j.out) != tt.want {
				t.Errorf("%s, in pieces of %d: got %s, want %s", tt.name, size, j.out, tt.want)
				break
			}
		}
	}
}

// unending repeats a text after a first one.
type unending struct {
	first, text string
	at          int
}

func (e *unending) Read(b []byte) (int, error) {
	if e.first != "" {
		n := copy(b, e.first)
		e.first = e.first[n:]
		return n, nil
	}
	n := copy(b, e.text[e.at:])
	e.at = (e.at + n) % len(e.text)
	return n, nil
}

// TestEndlessEmbeddings: an answer without end is cut, and takes no memory until then.
func TestEndlessEmbeddings(t *testing.T) {
	for _, tt := range []struct {
		name string
		body io.Reader
		want string
	}{
		{"of numbers", &unending{first: `{"data":[{"embedding":[`, text: "0.123,"}, "larger than 128 MiB"},
		{"of something else", &unending{first: `{"model":"`, text: "mmmm"}, "more than 1 MiB beside its embeddings"},
	} {
		s := new(scanner)
		s.reset()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := s.readWhole(tt.body, func() time.Duration { return 0 }, &Record{})
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
			t.Errorf("%s: took %d MB of memory, want a few", tt.name, took>>20)
		}
	}
}
