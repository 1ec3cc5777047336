package loadgen

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	openai "github.com/sashabaranov/go-openai"
)

// reserved are the body fields that the client writes for each request; an
// extra field of the same name would be sent twice.
var reserved = []string{"model", "messages", "prompt", "max_tokens", "stream"}

// extraFields returns the fields that go-openai's request types cannot carry
// (temperature 0 is dropped by its omitempty), as JSON to be spliced before
// the closing brace: `,"a":1,"b":2}`.
func extraFields(o Options) ([]byte, error) {
	fields := map[string]any{
		"temperature":    0,
		"stream_options": map[string]any{"include_usage": true},
	}
	if o.IgnoreEOS {
		fields["ignore_eos"] = true
	}
	for name, value := range o.ExtraBody {
		if slices.Contains(reserved, name) || name == "min_tokens" && o.MinTokens {
			return nil, fmt.Errorf("extra body field %q: it is set for each request; leave it out", name)
		}
		fields[name] = value
	}
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value, err := json.Marshal(fields[name])
		if err != nil {
			return nil, fmt.Errorf("extra body field %q: %w", name, err)
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, fmt.Errorf("extra body field %q: %w", name, err)
		}
		b.WriteByte(',')
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// fieldsFor is what is spliced into a request for so many tokens.
func (c *Client) fieldsFor(maxTokens int) []byte {
	if !c.options.MinTokens || maxTokens <= 0 {
		return c.extra
	}
	return append(fmt.Appendf(nil, `,"min_tokens":%d`, maxTokens), c.extra...)
}

// splice puts extra in place of the closing brace of a request's JSON body.
func splice(req *http.Request, extra []byte) error {
	if req.ContentLength < 0 {
		return errors.New("request body of unknown length")
	}
	body := make([]byte, req.ContentLength, req.ContentLength+int64(len(extra)))
	if _, err := io.ReadFull(req.Body, body); err != nil {
		return err
	}
	body = bytes.TrimRight(body, " \n")
	if len(body) < 2 || body[len(body)-1] != '}' {
		return errors.New("request body is not a JSON object")
	}
	body = append(body[:len(body)-1], extra...)
	req.Body = io.NopCloser(bytes.NewReader(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.ContentLength = int64(len(body))
	// An idle connection that the server closed under the request is worth a
	// second connection; the nil header tells the transport so and is not sent.
	// The record is flagged.
	req.Header["Idempotency-Key"] = nil
	return nil
}

// chatRequest is the call as go-openai's chat request.
func (c *Client) chatRequest(call Call) openai.ChatCompletionRequest {
	messages := make([]openai.ChatCompletionMessage, 0, len(call.History)+1)
	for _, m := range call.History {
		messages = append(messages, openai.ChatCompletionMessage{Role: m.Role, Content: m.Content})
	}
	messages = append(messages, openai.ChatCompletionMessage{Role: "user", Content: call.Request.Prompt})
	messages[0].Content = c.salted(messages[0].Content)
	request := openai.ChatCompletionRequest{Model: c.options.Model, Messages: messages}
	//lint:ignore SA1019 max_tokens is the field that every engine understands
	request.MaxTokens = call.MaxTokens
	return request
}

// completionRequest is the call as go-openai's completion request; a history
// comes before the prompt, a line a message.
func (c *Client) completionRequest(call Call) openai.CompletionRequest {
	prompt := call.Request.Prompt
	if len(call.History) > 0 {
		var b strings.Builder
		for _, m := range call.History {
			b.WriteString(m.Content)
			b.WriteByte('\n')
		}
		b.WriteString(prompt)
		prompt = b.String()
	}
	return openai.CompletionRequest{Model: c.options.Model, Prompt: c.salted(prompt), MaxTokens: call.MaxTokens}
}

// salted puts the run's salt before the first text of a conversation.
func (c *Client) salted(text string) string {
	if c.options.Salt == "" {
		return text
	}
	return c.options.Salt + " " + text
}
