package engine

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProfiles(t *testing.T) {
	usage := map[string]any{"stream_options": map[string]any{"include_usage": true, "continuous_usage_stats": true}}
	for _, tt := range []struct {
		name, kind string
		body       map[string]any
		salt       bool
		field      string
	}{
		{"llama.cpp computes every prompt in full when told so, and needs no salt", LlamaCpp, map[string]any{"cache_prompt": false}, false, ""},
		{"vLLM keeps runs apart by a field", VLLM, usage, true, "cache_salt"},
		{"SGLang, too", SGLang, usage, true, "cache_salt"},
		{"TensorRT-LLM would refuse a field that it does not know", TensorRTLLM, map[string]any{}, true, ""},
		{"what is not known gets nothing that it might refuse", OpenAI, map[string]any{}, true, ""},
		{"a kind that nobody has heard of is treated as OpenAI", "brand-new", map[string]any{}, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := ProfileFor(tt.kind)
			if diff := cmp.Diff(tt.body, p.ExtraBody()); diff != "" {
				t.Errorf("ExtraBody (-want +got):\n%s", diff)
			}
			if p.NeedsSalt() != tt.salt || p.SaltField != tt.field {
				t.Errorf("salt: needs %v in field %q, want %v in %q", p.NeedsSalt(), p.SaltField, tt.salt, tt.field)
			}
			// One caller's changes are not another's.
			body := p.ExtraBody()
			body["model"] = "changed"
			if inner, ok := body["stream_options"].(map[string]any); ok {
				inner["include_usage"] = false
			}
			if diff := cmp.Diff(tt.body, ProfileFor(tt.kind).ExtraBody()); diff != "" {
				t.Errorf("ExtraBody after a caller changed its own (-want +got):\n%s", diff)
			}
		})
	}
}

// A salt that is not heeded would let one run's prompts be served from the cache
// of another's.
func TestSaltFieldByVersion(t *testing.T) {
	for _, tt := range []struct{ name, kind, version, want string }{
		{"SGLang that keeps salts apart", SGLang, "0.5.23", "cache_salt"},
		{"the first that does", SGLang, "0.5.11", "cache_salt"},
		{"a later series", SGLang, "0.6.0rc1", "cache_salt"},
		{"the last that accepts the field and ignores it", SGLang, "0.5.10.post1", ""},
		{"a version that is not told", SGLang, "", ""},
		{"a version that is no number", SGLang, "main", ""},
		{"vLLM of any version", VLLM, "", "cache_salt"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := Identity{Kind: tt.kind, Version: tt.version}.Profile()
			if p.SaltField != tt.want || !p.NeedsSalt() {
				t.Errorf("%s %q: salt field %q, needs one %v, want %q and true", tt.kind, tt.version, p.SaltField, p.NeedsSalt(), tt.want)
			}
		})
	}
}

func TestResetPrefixCache(t *testing.T) {
	for _, tt := range []struct {
		name, kind, path string
		status           int
		answer           string
		is               error
		want             string // part of the error, "" for none
	}{
		{"vLLM", VLLM, "/reset_prefix_cache", 200, `{"success":true}`, nil, ""},
		{"vLLM that is busy", VLLM, "/reset_prefix_cache", 200, `{"success":false}`, nil, "still running"},
		{"vLLM without development mode", VLLM, "/reset_prefix_cache", 404, `{"detail":"Not Found"}`, ErrNoReset, "no way"},
		{"SGLang", SGLang, "/flush_cache?timeout=2", 200, "Cache flushed.\nPlease check backend logs for more details. (When there are running or waiting requests, the operation will not be performed.)\n", nil, ""},
		{"SGLang that is busy", SGLang, "/flush_cache?timeout=2", 400, "Flush cache failed.\n", nil, "HTTP 400"},
		{"llama.cpp has no such thing, and needs none", LlamaCpp, "", 0, "", ErrNoReset, "no way"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := false
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = r.Method == http.MethodPost && r.URL.RequestURI() == tt.path
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.answer)
			}))
			defer srv.Close()
			err := ProfileFor(tt.kind).ResetPrefixCache(t.Context(), nil, srv.URL+"/v1", "")
			if asked != (tt.path != "") {
				t.Errorf("POST %q was asked: %v", tt.path, asked)
			}
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("ResetPrefixCache: %v, want success", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("ResetPrefixCache: %v, want an error with %q", err, tt.want)
			case tt.is != nil && !errors.Is(err, tt.is):
				t.Errorf("ResetPrefixCache: %v, want %v", err, tt.is)
			}
		})
	}
}

func TestCommandFor(t *testing.T) {
	for _, tt := range []struct {
		name, spec string
		want       []string // words of the line, as the shell splits it
	}{
		{"vLLM", "vllm:allenai/OLMo-2-1124-7B", []string{"vllm", "serve", "allenai/OLMo-2-1124-7B", "--max-num-seqs", "8"}},
		{"SGLang", "sglang:qwen", []string{"--model-path", "qwen", "--max-running-requests", "8"}},
		{"llama.cpp, a file with a space and a quote", "llama.cpp:/models/it's one.gguf", []string{"--model", "/models/it's one.gguf", "--parallel", "8"}},
		{"a command stays as it is", "serve --host 127.0.0.1:{port} -b {batch}", []string{"serve", "127.0.0.1:99", "-b", "8"}},
		{"a command with a colon in its first word, too", "./a:b {port} {batch}", []string{"./a:b", "99", "8"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			line, err := Launch{Command: tt.spec, Batch: 8}.expand(99)
			if err != nil {
				t.Fatal(err)
			}
			// What the shell makes of it, with a program that prints its words
			// in the server's place.
			line = strings.TrimPrefix(line, "VLLM_SERVER_DEV_MODE=1 ")
			out, err := exec.Command("sh", "-c", `printf '%s\n' `+line).Output()
			if err != nil {
				t.Fatal(err)
			}
			words := strings.Split(strings.TrimSpace(string(out)), "\n")
			for _, w := range tt.want {
				if !slices.Contains(words, w) {
					t.Errorf("%q gives %q, want %q among them", tt.spec, words, w)
				}
			}
			if strings.Contains(line, "{") {
				t.Errorf("a placeholder is left in %q", line)
			}
		})
	}
}
