package datasets

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// batchLine is a line of OpenAI's batch files: a body with its name and path
// (platform.openai.com/docs/guides/batch).
type batchLine struct {
	CustomID string         `json:"custom_id"`
	URL      string         `json:"url"`
	Body     jsontext.Value `json:"body"`
}

// wholeLine is a line in either form: a batch line, or a bare body, which has
// no member of these names.
type wholeLine struct {
	batchLine
	raw jsontext.Value
}

func (w *wholeLine) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	raw, err := d.ReadValue()
	if err != nil {
		return err
	}
	if raw.Kind() != '{' {
		return errors.New("not an object")
	}
	*w = wholeLine{raw: raw.Clone()}
	return json.Unmarshal(w.raw, &w.batchLine, lenient())
}

// openAI reads OpenAI-compatible request bodies, one a line, bare or as in batch
// files. Each is one request; the body is kept as it is.
func openAI(r io.Reader, o Options, found *oddities) iter.Seq2[[]candidate, error] {
	return func(yield func([]candidate, error) bool) {
		position := 0
		for line, res := range objects[wholeLine](r) {
			err := res.err
			var c candidate
			if err == nil {
				c, err = res.value.candidate(position, o.Kind)
				if err != nil {
					err = &lineError{line, err}
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			position++
			if res.repaired {
				found.repaired++
			}
			if !yield([]candidate{c}, nil) {
				return
			}
		}
	}
}

// candidate makes the request of a line.
func (w wholeLine) candidate(position int, hint string) (candidate, error) {
	body, name, stated := w.raw, strconv.Itoa(position), ""
	if w.Body != nil {
		body = w.Body
		if w.CustomID != "" {
			name = w.CustomID
		}
		if w.URL != "" {
			if stated = kindOfURL(w.URL); stated == "" {
				return candidate{}, fmt.Errorf("url %q: want one that ends in /chat/completions, /completions, /embeddings or /responses", shorten(w.URL))
			}
		}
	}
	c, err := wholeRequest(body, stated, hint)
	c.Index, c.Conversation = position, name
	return c, err
}

// kindOfURL returns the kind of request that a path takes, "" for none of ours.
func kindOfURL(url string) string {
	path, _, _ := strings.Cut(strings.TrimRight(url, "/"), "?")
	for _, end := range []struct{ path, kind string }{
		{"/chat/completions", KindChat}, {"/completions", KindCompletions},
		{"/embeddings", KindEmbeddings}, {"/responses", KindResponses},
	} {
		if strings.HasSuffix(path, end.path) {
			return end.kind
		}
	}
	return ""
}

// wholeBody is what is looked at in a body.
type wholeBody struct {
	Messages     []message      `json:"messages"`
	Prompt       inputs         `json:"prompt"`
	Input        inputs         `json:"input"`
	Instructions string         `json:"instructions"`
	Tools        jsontext.Value `json:"tools"`

	MaxCompletionTokens *float64 `json:"max_completion_tokens"`
	MaxTokens           *float64 `json:"max_tokens"`
	MaxOutputTokens     *float64 `json:"max_output_tokens"`

	// Members by which a body with an input is told apart.
	EncodingFormat jsontext.Value `json:"encoding_format"`
	Dimensions     jsontext.Value `json:"dimensions"`
	Stream         jsontext.Value `json:"stream"`
	Reasoning      jsontext.Value `json:"reasoning"`
	Text           jsontext.Value `json:"text"`
	Temperature    jsontext.Value `json:"temperature"`
}

// message is a turn of a whole chat request.
type message struct {
	Content   content        `json:"content"`
	ToolCalls jsontext.Value `json:"tool_calls"`
}

// wholeRequest makes the request of a body. stated is the kind that the line
// says it is, hint the one of a body that leaves it open; both may be "".
func wholeRequest(body jsontext.Value, stated, hint string) (candidate, error) {
	c := candidate{Request: Request{At: noTime, PromptTokens: Unknown, OutputTokens: Unknown, Body: body}}
	var b wholeBody
	if body.Kind() != '{' {
		return c, fmt.Errorf("body: found %s, want an object", kindName(body.Kind()))
	}
	if err := json.Unmarshal(body, &b, lenient()); err != nil {
		return c, fmt.Errorf("body: %w", objectError(err, body))
	}
	var err error
	if c.Kind, err = b.kind(stated, hint); err != nil {
		return c, err
	}
	text, others, tokens := b.text(c.Kind)
	c.Prompt = text
	switch {
	case len(others) > 0 || tokens > 0 && text != "":
		// What an image comes to in tokens is the model's secret.
		c.partial = true
	case tokens > 0:
		c.PromptTokens = tokens
	case spaces(text):
		return c, errors.New("body: it has nothing to read: no text, no tokens, no parts")
	}
	c.OutputTokens, err = b.limit(c.Kind)
	return c, err
}

// kind tells what a body asks for by its members.
func (b wholeBody) kind(stated, hint string) (string, error) {
	embeddings := b.EncodingFormat != nil || b.Dimensions != nil || b.Input.list && !b.Input.items
	responses := b.Input.items || b.Instructions != "" || b.MaxOutputTokens != nil || b.Tools != nil ||
		b.Stream != nil || b.Reasoning != nil || b.Text != nil || b.Temperature != nil
	takesInput := func(kind string) bool { return kind == KindEmbeddings || kind == KindResponses }
	found := ""
	switch {
	case len(b.Messages) > 0:
		found = KindChat
	case b.Prompt.given:
		found = KindCompletions
	case !b.Input.given:
		return "", errors.New("body: it has neither messages (chat), prompt (completions) nor input (embeddings, responses)")
	case takesInput(stated):
		found = stated
	case embeddings && !responses:
		found = KindEmbeddings
	case responses && !embeddings:
		found = KindResponses
	case takesInput(hint):
		found = hint
	default:
		return "", errors.New("body: it has an input alone, which embeddings and responses both take: give --api, or lines with a url")
	}
	if stated != "" && stated != found {
		return "", fmt.Errorf("body: the line says that it is for %s, and its members are those of %s", stated, found)
	}
	return found, nil
}

// text is all of a body that the model reads as text, the types of parts that
// are no text, and the number of tokens that are given as such.
func (b wholeBody) text(kind string) (text string, others []string, tokens int) {
	var parts []string
	switch kind {
	case KindChat:
		for _, m := range b.Messages {
			parts = append(parts, m.Content.text)
			others = append(others, m.Content.others...)
			if m.ToolCalls.Kind() == '[' {
				parts = append(parts, string(m.ToolCalls))
			}
		}
	case KindCompletions:
		parts, tokens = b.Prompt.texts, b.Prompt.tokens
	default:
		parts, others, tokens = append(parts, b.Instructions), b.Input.others, b.Input.tokens
		parts = append(parts, b.Input.texts...)
	}
	if b.Tools.Kind() == '[' {
		parts = append(parts, string(b.Tools)) // a template shows them to the model
	}
	var held []string
	for _, p := range parts {
		if p != "" {
			held = append(held, p)
		}
	}
	return strings.Join(held, "\n"), others, tokens
}

// limit is the output target that a body states.
func (b wholeBody) limit(kind string) (int, error) {
	var stated *float64
	name := limitNames[kind]
	switch kind {
	case KindEmbeddings:
		return 0, nil
	case KindResponses:
		stated = b.MaxOutputTokens
	case KindChat:
		if stated = b.MaxCompletionTokens; stated != nil {
			name = "max_completion_tokens"
			break
		}
		fallthrough
	default:
		stated = b.MaxTokens
	}
	if stated == nil {
		return Unknown, nil
	}
	if n := int(*stated); *stated == float64(n) && n >= 1 && n <= maxCount {
		return n, nil
	}
	return 0, fmt.Errorf("%s %v is not a number of tokens to ask for", name, *stated)
}

// limitNames are the members that bound an answer.
var limitNames = map[string]string{
	KindChat: "max_tokens", KindCompletions: "max_tokens", KindResponses: "max_output_tokens",
}

// withLimit returns a body that asks for n output tokens and is otherwise the
// same, byte for byte.
func withLimit(body jsontext.Value, kind string, n int) jsontext.Value {
	number := strconv.Itoa(n)
	d := jsontext.NewDecoder(strings.NewReader(string(body)), lenient())
	if _, err := d.ReadToken(); err != nil {
		return body
	}
	var out []byte
	from, found := int64(0), false
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return body
		}
		key := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return body
		}
		if key != limitNames[kind] && (kind != KindChat || key != "max_completion_tokens") || value.Kind() != '0' {
			continue
		}
		end := d.InputOffset()
		out = append(append(out, body[from:end-int64(len(value))]...), number...)
		from, found = end, true
	}
	end := d.InputOffset() // of the last value
	if !found {
		out = append(out, body[:end]...)
		if end > 1 {
			out = append(out, ',')
		}
		out = append(out, `"`+limitNames[kind]+`":`+number...)
		from = end
	}
	return append(out, body[from:]...)
}

// inputs is a prompt or an input: a text, several, tokens, or the items of a
// responses request.
type inputs struct {
	given, list, items bool
	texts              []string
	others             []string
	tokens             int // given as numbers
}

func (in *inputs) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*in = inputs{}
	switch d.PeekKind() {
	case 'n':
		return d.SkipValue()
	case '"':
		t, err := d.ReadToken()
		if err == nil {
			in.given, in.texts = true, []string{t.String()}
		}
		return err
	case '[':
		in.given, in.list = true, true
		if _, err := d.ReadToken(); err != nil {
			return err
		}
		for d.PeekKind() != ']' {
			if err := in.entry(d); err != nil {
				return err
			}
		}
		_, err := d.ReadToken()
		return err
	}
	return json.UnmarshalDecode(d, &in.texts) // the error says what was found
}

// entry reads one entry of a list.
func (in *inputs) entry(d *jsontext.Decoder) error {
	switch d.PeekKind() {
	case '0':
		in.tokens++
		return d.SkipValue()
	case '[': // a list of token lists
		var tokens []float64
		err := json.UnmarshalDecode(d, &tokens)
		in.tokens += len(tokens)
		return err
	case '{':
		in.items = true
		var item struct {
			Type      string  `json:"type"`
			Content   content `json:"content"`
			Arguments string  `json:"arguments"`
			Output    content `json:"output"`
		}
		if err := json.UnmarshalDecode(d, &item); err != nil {
			return err
		}
		in.texts = append(in.texts, item.Content.text, item.Arguments, item.Output.text)
		in.others = append(append(in.others, item.Content.others...), item.Output.others...)
		return nil
	}
	var text string
	err := json.UnmarshalDecode(d, &text)
	in.texts = append(in.texts, text)
	return err
}
