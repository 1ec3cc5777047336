package datasets

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWordsAreThoseOfStringsFields(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.OneOf(
			rapid.String(),
			rapid.StringMatching("[aé \t\n\r\v\f\u00a0\u2003\u3000\u0085]{0,40}"),
			rapid.Just("a\xffb \xff"),
		).Draw(rt, "text")
		got, err := Words().Count(t.Context(), []string{text, "one two"})
		if err != nil {
			rt.Fatal(err)
		}
		if want := []int{len(strings.Fields(text)), 2}; !slices.Equal(got, want) {
			rt.Fatalf("%q: got %v, want %v", text, got, want)
		}
	})
}

// The vocabularies are those that OpenAI publishes: the hashes are the expected_hash
// of each in tiktoken 0.14.0 (tiktoken_ext/openai_public.py).
func TestVocabulariesAreOpenAIs(t *testing.T) {
	for name, want := range map[string]string{
		"cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
		"o200k_base":  "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
		"p50k_base":   "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
		"r50k_base":   "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
	} {
		tokens, err := carriedVocabulary(name)
		if err != nil {
			t.Fatal(err)
		}
		published := sha256.New()
		for rank, token := range tokens {
			if token != "" {
				fmt.Fprintf(published, "%s %d\n", base64.StdEncoding.EncodeToString([]byte(token)), rank)
			}
		}
		if got := fmt.Sprintf("%x", published.Sum(nil)); got != want {
			t.Errorf("%s: sha256 %s, want %s", name, got, want)
		}
	}
	if _, err := carriedVocabulary("gpt2"); err == nil {
		t.Error("gpt2: got a vocabulary that is not carried")
	}
}

// The counts are those of OpenAI's own tiktoken 0.14.0 (encode_ordinary).
func TestTiktokenCountsAreOpenAIs(t *testing.T) {
	texts := []string{
		"hello world",
		"  naïve café — 12345 days\n\n\tdon't SHOUT",
		"你好，世界 😀",
		"<|endoftext|> is text",
		"def f(x):\n    return x**2  # square\n",
		strings.Repeat("a", 100),
	}
	for encoding, want := range map[string][]int{
		"cl100k_base": {2, 15, 7, 9, 13, 13},
		"o200k_base":  {2, 15, 4, 9, 13, 13},
		"p50k_base":   {2, 13, 13, 9, 15, 25},
		"p50k_edit":   {2, 13, 13, 9, 15, 25},
		"r50k_base":   {2, 13, 13, 9, 17, 25},
	} {
		tokenizer, err := Tiktoken(encoding)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tokenizer.Count(t.Context(), texts)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", encoding, got, want)
		}
	}
}

func TestTiktokenNames(t *testing.T) {
	_, err := Tiktoken("gpt-4")
	if err == nil || !strings.Contains(err.Error(), "want one of cl100k_base, o200k_base") {
		t.Errorf("got %v, want the names there are", err)
	}
}

func ExampleTiktoken() {
	tokenizer, err := Tiktoken("cl100k_base")
	if err != nil {
		fmt.Println(err)
		return
	}
	counts, err := tokenizer.Count(context.Background(), []string{"Energy per request", "joule"})
	fmt.Println(tokenizer.Name(), counts, err)
	// Output: tiktoken:cl100k_base [3 3] <nil>
}
