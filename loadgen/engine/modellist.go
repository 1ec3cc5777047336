package engine

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"
)

// modelList is the answer of /v1/models with the additions that servers make.
type modelList struct {
	Data []listedModel
}

// UnmarshalJSON takes OpenAI's object with the models under data, and the bare list
// that Together sends.
func (l *modelList) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("[")) {
		return json.Unmarshal(b, &l.Data)
	}
	var object struct {
		Data []listedModel `json:"data"`
	}
	err := json.Unmarshal(b, &object)
	l.Data = object.Data
	return err
}

type listedModel struct {
	ID      string `json:"id"`
	OwnedBy string `json:"owned_by"`
	Parent  string `json:"parent"` // vLLM: the base of a LoRA adapter
	// The longest prompt and output together, by the names that servers use:
	// vLLM and SGLang; OpenRouter and Together; Mistral; Groq.
	MaxLen           tokens `json:"max_model_len"`
	ContextLength    tokens `json:"context_length"`
	MaxContextLength tokens `json:"max_context_length"`
	ContextWindow    tokens `json:"context_window"`
	// llama.cpp's size of the model (tools/server of llama.cpp); any shape in the
	// lists of others.
	Meta json.RawMessage `json:"meta"`
}

// tokens is a number of tokens in any form of a number, 0 if it is none: a list is
// not lost for what is only nice to know.
type tokens int

// UnmarshalJSON takes 4096, 4096.0, 4.096e3 and "4096".
func (t *tokens) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseFloat(string(bytes.Trim(b, `"`)), 64)
	if *t = 0; err == nil && n >= 1 && n < 1e12 {
		*t = tokens(n)
	}
	return nil
}

// size is the number of the model's weights and what they take, 0 if the list
// does not tell.
func (m listedModel) size() (parameters, bytes int64) {
	var meta struct {
		Parameters int64 `json:"n_params"`
		Bytes      int64 `json:"size"`
	}
	if json.Unmarshal(m.Meta, &meta) != nil || meta.Parameters <= 0 || meta.Bytes <= 0 {
		return 0, 0
	}
	return meta.Parameters, meta.Bytes
}

func (m listedModel) context() int {
	return int(cmp.Or(m.MaxLen, m.ContextLength, m.MaxContextLength, m.ContextWindow))
}
