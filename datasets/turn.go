package datasets

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Turn is what one party said: From is "human", "gpt", "system", … as the file
// spells it.
type Turn struct {
	From  string `json:"from"`
	Value string `json:"value"`
	// Parts names what the turn has beside text ("image_url", "input_audio"):
	// a prompt made of its text alone would not be the same one.
	Parts []string `json:"-"`
	// Textless reports a turn without any member that holds text.
	Textless bool `json:"-"`
}

// The names under which files have the party and the text, the strongest first.
var (
	partyNames = []string{"from", "role", "speaker"}
	textNames  = []string{"value", "content", "text", "markdown"}
)

// UnmarshalJSONFrom reads {"from", "value"} as ShareGPT has it, {"role",
// "content"} as OpenAI does, and mixtures. A content may be a list of parts.
func (t *Turn) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*t = Turn{Textless: true}
	if d.PeekKind() != '{' {
		// The decoder's own error says what was found and what was wanted.
		return json.UnmarshalDecode(d, &struct{}{})
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	party, text := len(partyNames), len(textNames)
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		key := name.String()
		if i := slices.Index(partyNames, key); i >= 0 && d.PeekKind() == '"' {
			who, err := d.ReadToken()
			if err != nil {
				return err
			}
			// A name twice: the last counts, as in Python.
			if i <= party {
				party, t.From = i, who.String()
			}
			continue
		}
		i := slices.Index(textNames, key)
		if i < 0 || d.PeekKind() == 'n' {
			if err := d.SkipValue(); err != nil {
				return err
			}
			continue
		}
		var c content
		if err := json.UnmarshalDecode(d, &c); err != nil {
			return err
		}
		if i <= text {
			text, t.Textless = i, false
			t.Value, t.Parts = c.text, c.others
		}
	}
	_, err := d.ReadToken()
	return err
}

// content is the text of a message: a string, or a list of typed parts of which
// some may be no text.
type content struct {
	text   string
	others []string // types of the parts that are no text
}

func (c *content) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*c = content{}
	switch d.PeekKind() {
	case 'n':
		return d.SkipValue()
	case '[':
		var parts []contentPart
		if err := json.UnmarshalDecode(d, &parts); err != nil {
			return err
		}
		var b strings.Builder
		for _, p := range parts {
			if p.other != "" {
				c.others = append(c.others, p.other)
				continue
			}
			b.WriteString(p.text)
		}
		c.text = b.String()
		return nil
	}
	return json.UnmarshalDecode(d, &c.text)
}

// contentPart is a part of a content: a plain string or a typed object.
type contentPart struct{ text, other string }

func (p *contentPart) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*p = contentPart{}
	if d.PeekKind() != '{' {
		return json.UnmarshalDecode(d, &p.text)
	}
	var typed struct {
		Type    string         `json:"type"`
		Text    jsontext.Value `json:"text"`
		Refusal string         `json:"refusal"`
	}
	if err := json.UnmarshalDecode(d, &typed); err != nil {
		return err
	}
	switch typed.Type {
	case "text", "input_text", "output_text", "":
		if typed.Text.Kind() == '"' {
			return json.Unmarshal(typed.Text, &p.text, lenient())
		}
	case "refusal":
		p.text = typed.Refusal
		return nil
	}
	if p.other = typed.Type; p.other == "" {
		p.other = "a part without a type"
	}
	return nil
}
