package datasets

import (
	"io"
	"iter"
)

// first yields the requests of each conversation in file order: of its first
// human turn, or with multiTurn of every one.
func first(r io.Reader, multiTurn bool, t *Trace, n *oddities) iter.Seq2[[]candidate, error] {
	return func(yield func([]candidate, error) bool) {
		for c, err := range Conversations(r) {
			if err != nil {
				yield(nil, err)
				return
			}
			if c.Repaired {
				n.repaired++
			}
			requests, reason := c.requests(multiTurn, n)
			if reason != "" {
				t.Dropped[reason]++
				continue
			}
			if !yield(requests, nil) {
				return
			}
		}
	}
}

// oddities counts what was found in conversations that were kept all the same.
type oddities struct {
	repaired, system, irregular int
}

// warn puts the counts on the trace.
func (n oddities) warn(t *Trace) {
	if n.repaired > 0 {
		t.warnf("%s invalid UTF-8, a lone surrogate or a name twice in an object: "+
			"the text was read as U+FFFD there and the last of the names counts", plural(n.repaired, "element held", "elements held"))
	}
	if n.system > 0 {
		t.warnf("%s a system turn, which is not sent", plural(n.system, "conversation has", "conversations have"))
	}
	if n.irregular > 0 {
		t.warnf("%s cut where human and model turns stop alternating or one is empty", plural(n.irregular, "conversation was", "conversations were"))
	}
}

// role is the party of a turn.
type role int

const (
	human role = iota
	model
	other
)

// roleOf reads "from"; where a file has none, turns alternate from a human one.
func roleOf(t Turn, position int) role {
	switch t.From {
	case "human", "user":
		return human
	case "gpt", "assistant", "chatgpt", "bing", "bard", "claude", "model":
		return model
	case "":
		return role(position % 2)
	}
	return other
}

// requests returns the requests that a conversation makes, or why it makes none.
func (c Conversation) requests(multiTurn bool, n *oddities) (requests []candidate, reason string) {
	if len(c.Turns) == 0 {
		return nil, "no turns"
	}
	expected, system := human, false
	for position, turn := range c.Turns {
		r := roleOf(turn, position)
		if r == other {
			system = true
			continue
		}
		if r == model && len(requests) == 0 {
			continue // a greeting before the first question
		}
		if !multiTurn && len(requests) > 0 && (r == human || expected == human) {
			break
		}
		if r != expected || r == human && len(requests) > 0 && spaces(turn.Value) {
			n.irregular++
			break
		}
		if r == model {
			requests[len(requests)-1].Completion = turn.Value
			expected = human
			continue
		}
		requests = append(requests, candidate{Request: Request{
			Index: c.Index, Conversation: c.ID, Turn: len(requests), At: noTime,
			Prompt: turn.Value, PromptTokens: Unknown, OutputTokens: Unknown,
		}})
		expected = model
	}
	if system {
		n.system++
	}
	if len(requests) == 0 {
		return nil, "no human turn"
	}
	if spaces(requests[0].Prompt) {
		return nil, "empty prompt"
	}
	return requests, ""
}
