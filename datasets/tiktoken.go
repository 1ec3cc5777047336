package datasets

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pkoukk/tiktoken-go"
)

// encodings lists the vocabularies that the binary carries.
func encodings() []string {
	return []string{
		tiktoken.MODEL_CL100K_BASE, tiktoken.MODEL_O200K_BASE,
		tiktoken.MODEL_P50K_BASE, tiktoken.MODEL_P50K_EDIT, tiktoken.MODEL_R50K_BASE,
	}
}

// useCarried makes the library read its vocabularies from the binary.
var useCarried = sync.OnceFunc(func() { tiktoken.SetBpeLoader(carriedVocabularies{}) })

// Tiktoken returns the tokenizer of an OpenAI vocabulary, "cl100k_base" for
// one. It needs no network. Text that spells a special token is counted as
// text, and no special tokens are added.
//
// It is exact for OpenAI's models only. For others it is an estimate, as they
// are for it.
func Tiktoken(encoding string) (Tokenizer, error) {
	if !slices.Contains(encodings(), encoding) {
		return nil, fmt.Errorf("tiktoken encoding %q: want one of %s", encoding, strings.Join(encodings(), ", "))
	}
	useCarried()
	t, err := tiktoken.GetEncoding(encoding)
	if err != nil {
		return nil, fmt.Errorf("tiktoken encoding %q: %w", encoding, err)
	}
	return bytePairs{encoding, t}, nil
}

type bytePairs struct {
	encoding string
	encoder  *tiktoken.Tiktoken
}

func (b bytePairs) Name() string { return "tiktoken:" + b.encoding }

func (b bytePairs) Count(ctx context.Context, texts []string) ([]int, error) {
	counts := make([]int, len(texts))
	for i, t := range texts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		counts[i] = len(b.encoder.EncodeOrdinary(t))
	}
	return counts, nil
}

var _ Tokenizer = bytePairs{}
