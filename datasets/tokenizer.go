package datasets

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Tokenizer counts tokens. Selections that depend on lengths record its Name.
type Tokenizer interface {
	// Name is what the Trace records: "words", "tiktoken:cl100k_base", …
	Name() string
	// Count returns the number of tokens of each text, in order. It may be
	// called with many texts at a time, never by two goroutines at once.
	Count(ctx context.Context, texts []string) ([]int, error)
}

// Words returns the tokenizer that counts white-space separated words: for
// tests and estimates. English text has about 1.3 tokens a word.
func Words() Tokenizer { return words{} }

type words struct{}

func (words) Name() string { return "words" }

func (words) Count(ctx context.Context, texts []string) ([]int, error) {
	counts := make([]int, len(texts))
	for i, t := range texts {
		counts[i] = countWords(t)
	}
	return counts, ctx.Err()
}

// countWords is len(strings.Fields(text)) without making the fields.
func countWords(text string) int {
	n, inside := 0, false
	for i := 0; i < len(text); {
		space, size := false, 1
		if b := text[i]; b < utf8.RuneSelf {
			space = b == ' ' || '\t' <= b && b <= '\r'
		} else {
			var r rune
			r, size = utf8.DecodeRuneInString(text[i:])
			space = unicode.IsSpace(r)
		}
		if !space && !inside {
			n++
		}
		inside = !space
		i += size
	}
	return n
}

var _ Tokenizer = words{}

// spaces reports whether a text has nothing but white space.
func spaces(text string) bool { return strings.TrimSpace(text) == "" }
