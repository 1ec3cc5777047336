package engine

import "context"

// Ollama is Ollama.
const Ollama = "ollama"

func ollama() kind {
	return kind{
		name:      Ollama,
		owners:    []string{"library"},
		recognize: func(ctx context.Context, e peer) bool { return e.ollamaVersion(ctx) != "" },
		identify: func(ctx context.Context, e peer, id *Identity) {
			id.Version = e.ollamaVersion(ctx)
			id.ContextTokens = e.ollamaContext(ctx, id.Model)
		},
		profile: Profile{Kind: Ollama, metrics: "/metrics", salt: true},
	}
}

func (e peer) ollamaVersion(ctx context.Context) string {
	var answer struct {
		Version string `json:"version"`
	}
	if e.getJSON(ctx, "/api/version", &answer) != nil {
		return ""
	}
	return answer.Version
}

// ollamaContext is that of the model as it is loaded, 0 if it is not: longer
// prompts are cut, not refused.
func (e peer) ollamaContext(ctx context.Context, model string) int {
	var loaded struct {
		Models []struct {
			Name    string `json:"name"`
			Context int    `json:"context_length"`
		} `json:"models"`
	}
	if e.getJSON(ctx, "/api/ps", &loaded) != nil {
		return 0
	}
	for _, m := range loaded.Models {
		if m.Name == model {
			return m.Context
		}
	}
	return 0
}
