package datasets

import (
	_ "embed"
	"math/rand/v2"
	"strings"
	"sync"
)

// vocabularyText is 256 common English words, one a line: each is one token,
// with the space before it, in the vocabularies of GPT-2 and its successors.
//
//go:embed vocabulary.txt
var vocabularyText string

// vocabulary is the words as they are joined, one for each value of a byte.
var vocabulary = sync.OnceValue(func() *[256]string {
	var words [256]string
	copy(words[:], strings.Fields(vocabularyText))
	return &words
})

// appendWords appends count words to text, with a space before each but the
// first of an empty text. They depend on the two keys only, and a shorter count
// gives the beginning of a longer one: a key names an endless text.
func appendWords(text []byte, count int, stream, id uint64) []byte {
	words := vocabulary()
	random := rand.NewPCG(stream, id)
	for i := 0; i < count; {
		eight := random.Uint64() // one byte a word
		for range min(8, count-i) {
			if len(text) > 0 {
				text = append(text, ' ')
			}
			text = append(text, words[byte(eight)]...)
			eight >>= 8
			i++
		}
	}
	return text
}

// The streams of generated text.
const (
	promptStream = 1 << 32 // one prompt for each row; the seed is added
	blockStream  = 1       // one block for each Mooncake hash id
	answerStream = 2       // one answer for each row
)

// generated returns a prompt of count words for row index of a trace. No two
// rows share a beginning, so no prefix cache can answer for them.
func generated(seed int64, index, count int) string {
	return string(appendWords(nil, count, promptStream+uint64(seed), uint64(index)))
}
