package datasets

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Conversation is one element of a ShareGPT file.
type Conversation struct {
	Index int    // position in the file
	ID    string // the file's own id, or its position where it has none
	// System is a system prompt that stands beside the turns.
	System string
	Turns  []Turn
	// Repaired reports that the text held what strict JSON forbids: invalid
	// UTF-8, a lone surrogate (both read as U+FFFD) or a name twice in an
	// object (the last counts, as in Python).
	Repaired bool
}

// Conversations reads a ShareGPT file, a JSON array of objects or one object
// after another, with the turns under "conversations", "conversation" or
// "messages", or a JSON array of lists of turns, one element at a time. Its memory
// is that of the longest element. The sequence ends after the first error.
func Conversations(r io.Reader) iter.Seq2[Conversation, error] {
	return func(yield func(Conversation, error) bool) {
		e := newElements(r)
		for {
			raw, offset, err := e.next()
			if err == io.EOF {
				return
			}
			var c Conversation
			if err == nil {
				c, err = decodeConversation(raw, e.count-1, offset)
			}
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// element is the JSON form of a conversation.
type element struct {
	ID             identity   `json:"id"`
	ConversationID identity   `json:"conversation_id"`
	System         systemText `json:"system"`
	SystemPrompt   systemText `json:"system_prompt"`
	Conversations  []Turn     `json:"conversations"`
	Conversation   []Turn     `json:"conversation"`
	Messages       []Turn     `json:"messages"`
}

// systemText is a system prompt beside the turns. Other things go by the same
// name in some files, which are none.
type systemText string

func (s *systemText) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() != '"' {
		return d.SkipValue()
	}
	t, err := d.ReadToken()
	if err == nil {
		*s = systemText(t.String())
	}
	return err
}

// identity is an id that may be a string or a number.
type identity string

func (id *identity) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	t, err := d.ReadToken()
	if err != nil {
		return err
	}
	switch t.Kind() {
	case '"', '0':
		*id = identity(t.String())
	case 'n':
		*id = ""
	default:
		return errors.New("an id is a string or a number")
	}
	return nil
}

// lenient lets through what a scraped corpus holds and Python accepts.
func lenient() json.Options {
	return json.JoinOptions(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
}

// decodeConversation decodes the element at index of the array, which stands at
// offset in the file.
func decodeConversation(raw []byte, index int, offset int64) (Conversation, error) {
	var e element
	var into any = &e
	if raw[0] == '[' { // the turns alone
		into = &e.Conversations
	}
	repaired := false
	if err := json.Unmarshal(raw, into); err != nil {
		// Strict first: what only the lenient reading takes was repaired.
		e, repaired = element{}, true
		if err := json.Unmarshal(raw, into, lenient()); err != nil {
			return Conversation{}, elementError(err, index, offset)
		}
	}
	c := Conversation{
		Index: index, Turns: e.Conversations, Repaired: repaired,
		ID:     string(cmp.Or(e.ID, e.ConversationID, identity(strconv.Itoa(index)))),
		System: string(cmp.Or(e.System, e.SystemPrompt)),
	}
	if c.Turns == nil {
		c.Turns = e.Conversation
	}
	if c.Turns == nil {
		c.Turns = e.Messages
	}
	return c, nil
}

// elementError says in one line what is wrong with an element and where.
func elementError(err error, index int, offset int64) error {
	if syntax := (*jsontext.SyntacticError)(nil); errors.As(err, &syntax) {
		return &positionError{offset + syntax.ByteOffset, fmt.Errorf("element %d: %w", index, syntax.Err)}
	}
	if semantic := (*json.SemanticError)(nil); errors.As(err, &semantic) {
		return &positionError{offset + semantic.ByteOffset, fmt.Errorf("element %d: %w", index, describeSemantic(semantic))}
	}
	return &positionError{offset, fmt.Errorf("element %d: %w", index, err)}
}

// describeSemantic puts a value of the wrong kind in plain words.
func describeSemantic(err *json.SemanticError) error {
	where := "value"
	if err.JSONPointer != "" {
		where = string(err.JSONPointer[1:])
	}
	want := "another kind"
	if err.GoType != nil {
		switch err.GoType.Kind() {
		case reflect.String:
			want = "a string"
		case reflect.Slice:
			want = "an array"
		case reflect.Struct:
			want = "an object"
		case reflect.Int, reflect.Int64, reflect.Uint64:
			want = "a whole number"
		case reflect.Float64:
			want = "a number"
		}
	}
	if err.JSONKind == 0 || err.JSONKind == '0' && err.Err != nil {
		return fmt.Errorf("%s: %w", where, cmp.Or(err.Err, error(err)))
	}
	return fmt.Errorf("%s: found %s, want %s", where, kindName(err.JSONKind), want)
}

// kindName is a JSON kind with its article.
func kindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '0':
		return "a number"
	}
	return quoted(byte(k))
}

// turnsOnly is an element of which nothing but the numbers of turns is decoded.
type turnsOnly struct {
	Conversations []struct{} `json:"conversations"`
	Conversation  []struct{} `json:"conversation"`
}

// turnCount returns the number of turns of an element and checks the syntax of
// the whole of it on the way. alternative allows "conversation" where there is
// no "conversations".
func turnCount(raw []byte, index int, offset int64, alternative bool) (int, error) {
	var e turnsOnly
	if err := json.Unmarshal(raw, &e, lenient()); err != nil {
		return 0, elementError(err, index, offset)
	}
	if e.Conversations == nil && alternative {
		return len(e.Conversation), nil
	}
	return len(e.Conversations), nil
}
