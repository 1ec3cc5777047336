package engine

import (
	"context"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// kind is all that has to be known of one make of server. To add one: a file
// like the others with a function that returns it, its line in kinds, and its
// column in docs/engines.md.
type kind struct {
	// name is the Identity's Kind.
	name string
	// owners are what its model list gives as owned_by.
	owners []string
	// recognize tells it where the list names no owner that is known, as behind
	// some proxies, by a path that only this kind has; nil if there is none.
	recognize func(context.Context, peer) bool
	// identify fills in what the model list does not tell; nil if it cannot.
	identify func(context.Context, peer, *Identity)
	// profile is how to load it fairly.
	profile Profile
	// prefix is that of the names of its metrics' families, figures what they
	// mean, and adjust what no figure can say.
	prefix  string
	figures []figure
	adjust  func(map[string]*dto.MetricFamily, *Sample)
	// launch is the line of its preset, %s for the model; "" if there is none.
	launch string
}

// kinds lists the makes that are known; the last is any other that speaks the
// protocol.
func kinds() []kind {
	return []kind{llamaCpp(), vllm(), sglang(), tensorRTLLM(), tgi(), ollama(), lmStudio(), openAI()}
}

// kindOf is the kind of a name, that of OpenAI if the name is not known.
func kindOf(name string) kind {
	all := kinds()
	for _, k := range all {
		if k.name == name {
			return k
		}
	}
	return all[len(all)-1]
}

// recognize goes by the owner that the model list names, and where it names none
// that is known by what only one kind answers.
func (e peer) recognize(ctx context.Context, owner string) kind {
	all := kinds()
	for _, k := range all {
		for _, o := range k.owners {
			if strings.EqualFold(o, owner) {
				return k
			}
		}
	}
	for _, k := range all {
		if k.recognize != nil && k.recognize(ctx, e) {
			return k
		}
	}
	return all[len(all)-1]
}

// version reads /version, which vLLM and TensorRT-LLM have.
func (e peer) version(ctx context.Context) string {
	var answer struct {
		Version string `json:"version"`
	}
	if e.getJSON(ctx, "/version", &answer) != nil {
		return ""
	}
	return answer.Version
}
