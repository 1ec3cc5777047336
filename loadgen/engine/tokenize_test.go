package engine

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// tokenizing is a server whose /tokenize counts characters, answering in the
// shape of a kind.
func tokenizing(t *testing.T, shape string, most *atomic.Int64) string {
	t.Helper()
	var now atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/models" {
			io.WriteString(w, vllmModels)
			return
		}
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer now.Add(-1)
		time.Sleep(time.Millisecond)
		var body struct{ Content, Prompt, Model string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Content != body.Prompt || body.Model != "olmo2" {
			t.Errorf("asked for %+v (%v), want one text under both names and the model", body, err)
		}
		tokens, _ := json.Marshal(make([]int, len(body.Content)))
		fmt.Fprintf(w, shape, tokens, len(body.Content))
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestTokenizer(t *testing.T) {
	for _, tt := range []struct{ name, shape string }{
		{"llama.cpp answers with the tokens", `{"tokens":%[1]s}`},
		{"vLLM and SGLang with their count, too", `{"count":%[2]d,"max_model_len":2048,"tokens":%[1]s,"token_strs":null}`},
		{"the count is enough", `{"count":%[2]d}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var most atomic.Int64
			tok, err := NewTokenizer(nil, tokenizing(t, tt.shape, &most)+"/v1", "")
			if err != nil {
				t.Fatal(err)
			}
			if tok.Name() != "endpoint" {
				t.Errorf("Name is %q, want endpoint", tok.Name())
			}
			texts, want := make([]string, 100), make([]int, 100)
			for i := range texts {
				texts[i], want[i] = strings.Repeat("x", i), i
			}
			got, err := tok.Count(t.Context(), texts)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("Count: %v, %v, want 0 to 99", got, err)
			}
			if most.Load() > tokenizeConcurrency {
				t.Errorf("%d requests at once, want at most %d", most.Load(), tokenizeConcurrency)
			}
		})
	}
}

func TestTokenizerFails(t *testing.T) {
	models := map[string]string{"/v1/models": vllmModels}
	for _, tt := range []struct{ name, url, want string }{
		{"a server without /tokenize", fake(t, models), "choose --tokenizer"},
		{"a server without models", fake(t, map[string]string{"/v1/models": `{"data":[]}`}), "no model"},
		{"an answer without tokens", tokenizing(t, `{"tocken":%s,"n":%d}`, new(atomic.Int64)), "neither tokens nor their count"},
		{"an answer that is no JSON", tokenizing(t, `%s/%d`, new(atomic.Int64)), "/tokenize"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tok, err := NewTokenizer(nil, tt.url, "")
			if err != nil {
				t.Fatal(err)
			}
			if n, err := tok.Count(t.Context(), []string{"a", "b", "c"}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Count: %v, %v, want an error with %q", n, err, tt.want)
			}
		})
	}
	if _, err := NewTokenizer(nil, "8000", ""); err == nil {
		t.Error("NewTokenizer takes 8000 for an address")
	}
}
