package datasets

import (
	"bytes"
	"fmt"
	"path"
	"strings"
)

// r50kTokens is the number of tokens of r50k_base.
const r50kTokens = 50256

// lengthsEnd is the byte after the lengths of a packed vocabulary.
const lengthsEnd = 255

// carriedVocabularies reads vocabularies from the binary for the tokenizer library,
// whose own default fetches them over the network.
type carriedVocabularies struct{}

// LoadTiktokenBpe is the vocabulary of an address: the rank of each token.
func (carriedVocabularies) LoadTiktokenBpe(address string) (map[string]int, error) {
	tokens, err := carriedVocabulary(strings.TrimSuffix(path.Base(address), ".tiktoken"))
	if err != nil {
		return nil, fmt.Errorf("vocabulary %s: %w", address, err)
	}
	ranks := make(map[string]int, len(tokens))
	for rank, token := range tokens {
		if token != "" {
			ranks[token] = rank
		}
	}
	return ranks, nil
}

// carriedVocabulary is a vocabulary by its name: the tokens by rank, "" where a
// rank has none. r50k_base is the first part of p50k_base.
func carriedVocabulary(name string) ([]string, error) {
	from := name
	if name == "r50k_base" {
		from = "p50k_base"
	}
	packed, err := carried("vocabularies/" + from)
	if err != nil {
		return nil, err
	}
	lengths, text, _ := bytes.Cut(packed, []byte{lengthsEnd})
	if from != name {
		lengths = lengths[:min(r50kTokens, len(lengths))]
	}
	tokens := make([]string, len(lengths))
	for rank, n := range lengths {
		if int(n) > len(text) {
			return nil, fmt.Errorf("token %d is cut off", rank)
		}
		tokens[rank], text = string(text[:n]), text[n:]
	}
	return tokens, nil
}
