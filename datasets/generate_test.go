package datasets

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// corpus writes a ShareGPT-shaped file, the same for the same seed: layout as
// the public dumps have it (two spaces of indent, one long line a turn), about
// half of the conversations with much that needs unescaping, odd elements
// sprinkled in: no turns, one turn, a model that speaks first, empty answers,
// system turns, prompts of one word and of thousands.
type corpus struct {
	seed          uint64
	conversations int
	// bytes, if not 0, ends the file at the first conversation after as many.
	bytes int64
	// plain leaves out what only a lenient reader takes.
	plain bool
}

func (c corpus) write(w io.Writer) (conversations int, err error) {
	random := rand.New(rand.NewPCG(c.seed, 7))
	b := bufio.NewWriterSize(w, 64<<10)
	fmt.Fprint(b, "[")
	written := int64(0)
	var line []byte
	n := 0
	for ; c.bytes == 0 && n < c.conversations || c.bytes > 0 && written < c.bytes; n++ {
		line = line[:0]
		if n > 0 {
			line = append(line, ',')
		}
		line = c.element(line, random, n)
		written += int64(len(line))
		b.Write(line)
	}
	fmt.Fprint(b, "\n]\n")
	return n, b.Flush()
}

func (c corpus) element(to []byte, random *rand.Rand, n int) []byte {
	key := "conversations"
	if random.IntN(40) == 0 {
		key = "conversation" // only SGLang looks for it
	}
	to = fmt.Appendf(to, "\n  {\n    \"id\": \"conv%05d_%d\",\n    %q: [", n, random.IntN(3), key)
	turns := 2 + 2*random.IntN(4)
	switch random.IntN(25) {
	case 0:
		turns = 0
	case 1:
		turns = 1
	case 2:
		turns = 3
	}
	escaped := random.IntN(2) == 0
	first := 0
	if random.IntN(30) == 0 {
		first = 1 // the model speaks first
	}
	for i := range turns {
		if i > 0 {
			to = append(to, ',')
		}
		from := []string{"human", "gpt"}[(i+first)%2]
		if i == 0 && random.IntN(60) == 0 {
			from = "system"
		}
		to = fmt.Appendf(to, "\n      {\n        \"from\": %q,\n        \"value\": \"", from)
		to = c.text(to, random, length(random, i%2), escaped)
		to = append(to, "\"\n      }"...)
	}
	if turns > 0 {
		to = append(to, "\n    "...)
	}
	return append(to, "]\n  }"...)
}

// length is roughly log-uniform: many short prompts, some beyond every rule.
func length(random *rand.Rand, party int) int {
	if random.IntN(50) == 0 {
		return random.IntN(3)
	}
	if party == 0 {
		return 1 << random.IntN(12) * (4 + random.IntN(4)) / 4
	}
	return 1 << random.IntN(11) * (4 + random.IntN(4)) / 4
}

func (c corpus) text(to []byte, random *rand.Rand, words int, escaped bool) []byte {
	for i := range words {
		if i > 0 {
			to = append(to, ' ')
		}
		if !escaped || random.IntN(4) > 0 {
			to = append(to, vocabulary()[random.IntN(256)]...)
			continue
		}
		switch odd := random.IntN(8); {
		case odd == 0:
			to = append(to, `\"quoted\\\"`...)
		case odd == 1:
			to = append(to, `line\nbreak\ttab`...)
		case odd == 2:
			to = append(to, `\u4f60\u597d`...)
		case odd == 3:
			to = append(to, `\ud83d\ude00`...)
		case odd == 4:
			to = append(to, "naïve日本"...)
		case odd == 5 && !c.plain && random.IntN(400) == 0:
			to = append(to, `lone\ud83d`...)
		default:
			to = append(to, `caf\u00e9`...)
		}
	}
	return to
}

// file writes the corpus to a temporary file and returns its path.
func (c corpus) file(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sharegpt.json")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.write(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// scratch writes text to a temporary file and returns its path.
func scratch(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestVocabularyIsWhatTheTextsAreMadeOf(t *testing.T) {
	seen := map[string]bool{}
	for i, w := range vocabulary() {
		if w == "" || strings.TrimSpace(w) != w || !utf8.ValidString(w) || seen[w] {
			t.Errorf("word %d: got %q, want a word that was not there before", i, w)
		}
		seen[w] = true
	}
	if got := len(strings.Fields(vocabularyText)); got != 256 {
		t.Errorf("got %d words, want one for each value of a byte", got)
	}
	for _, encoding := range []string{"cl100k_base", "o200k_base", "r50k_base"} {
		tokenizer, err := Tiktoken(encoding)
		if err != nil {
			t.Fatal(err)
		}
		text := string(appendWords(nil, 2000, 1, 2))
		got, err := tokenizer.Count(t.Context(), []string{text})
		if err != nil {
			t.Fatal(err)
		}
		if got[0] != 2000 {
			t.Errorf("%s: 2000 generated words are %d tokens, want 2000", encoding, got[0])
		}
	}
}
