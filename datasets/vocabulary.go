package datasets

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/base64"
	"fmt"
	"io"
	"path"
	"strconv"
)

// vocabularyFiles are OpenAI's vocabularies as it publishes them
// (openaipublic.blob.core.windows.net/encodings), each with gzip: as they are they
// were a sixth of the binary. r50k_base is the first part of p50k_base.
//
//go:embed vocabularies/*.gz
var vocabularyFiles embed.FS

// r50kTokens is the number of tokens of r50k_base.
const r50kTokens = 50256

// carriedVocabularies reads vocabularies from the binary for the tokenizer library,
// whose own default fetches them over the network.
type carriedVocabularies struct{}

// LoadTiktokenBpe is the vocabulary of an address: the rank of each token.
func (carriedVocabularies) LoadTiktokenBpe(address string) (map[string]int, error) {
	text, err := carriedVocabulary(path.Base(address))
	if err != nil {
		return nil, err
	}
	ranks := map[string]int{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		code, digits, _ := bytes.Cut(lines.Bytes(), []byte(" "))
		token, err := base64.StdEncoding.AppendDecode(nil, code)
		if err != nil {
			return nil, fmt.Errorf("vocabulary %s: %w", address, err)
		}
		rank, err := strconv.Atoi(string(digits))
		if err != nil {
			return nil, fmt.Errorf("vocabulary %s: %w", address, err)
		}
		ranks[string(token)] = rank
	}
	return ranks, nil
}

// carriedVocabulary is a vocabulary as it was published, by its file's name: a line
// for each token, in base64, with its rank.
func carriedVocabulary(file string) ([]byte, error) {
	from := file
	if file == "r50k_base.tiktoken" {
		from = "p50k_base.tiktoken"
	}
	packed, err := vocabularyFiles.Open("vocabularies/" + from + ".gz")
	if err != nil {
		return nil, fmt.Errorf("vocabulary %s: %w", file, err)
	}
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		return nil, fmt.Errorf("vocabulary %s: %w", file, err)
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		return nil, fmt.Errorf("vocabulary %s: %w", file, err)
	}
	if from != file {
		text = firstLines(text, r50kTokens)
	}
	return text, nil
}

// firstLines are the first n lines of text.
func firstLines(text []byte, n int) []byte {
	end := 0
	for range n {
		i := bytes.IndexByte(text[end:], '\n')
		if i < 0 {
			return text
		}
		end += i + 1
	}
	return text[:end]
}
