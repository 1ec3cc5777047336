package datasets

import (
	"fmt"
	"io"
	"iter"
	"strings"
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
				t.drop(reason)
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
	repaired, irregular int
}

// warn puts the counts on the trace.
func (n oddities) warn(t *Trace) {
	if n.repaired > 0 {
		t.warnf("%s invalid UTF-8, a lone surrogate or a name twice in an object: "+
			"the text was read as U+FFFD there and the last of the names counts", plural(n.repaired, "element held", "elements held"))
	}
	if n.irregular > 0 {
		t.warnf("%s cut where human and model turns stop alternating or one is empty or no text", plural(n.irregular, "conversation was", "conversations were"))
	}
}

// role is the party of a turn.
type role int

const (
	human role = iota
	model
	system
	other
)

// roleOf reads who a turn is by; where a file does not say, turns alternate
// from a human one. position counts from the first turn that is no system's.
func roleOf(t Turn, position int) role {
	switch strings.ToLower(strings.TrimSpace(t.From)) {
	case "human", "user", "prompter":
		return human
	case "gpt", "assistant", "chatgpt", "bing", "bard", "claude", "gemini", "model", "bot", "ai", "llm":
		return model
	case "system", "developer":
		return system
	case "":
		return role(position % 2)
	}
	return other
}

// requests returns the requests that a conversation makes, or why it makes none.
func (c Conversation) requests(multiTurn bool, n *oddities) (requests []candidate, reason string) {
	if len(c.Turns) == 0 {
		return nil, "no turns under conversations, conversation or messages"
	}
	instructions := c.System
	expected, position := human, 0
	for _, turn := range c.Turns {
		r := roleOf(turn, position)
		if r == system && len(requests) == 0 {
			if turn.Value != instructions { // some files have it in both places
				instructions = joined(instructions, turn.Value)
			}
			continue
		}
		position++
		if len(requests) == 0 {
			if r == model {
				continue // a greeting before the first question
			}
			if reason := turn.unfit(r); reason != "" {
				return nil, reason
			}
		}
		if !multiTurn && len(requests) > 0 && (r == human || expected == human) {
			break
		}
		if r != expected || len(requests) > 0 && (len(turn.Parts) > 0 || r == human && spaces(turn.Value) || r == model && turn.Textless) {
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
	if len(requests) == 0 {
		return nil, "no human turn"
	}
	for i := range requests {
		requests[i].System = instructions
	}
	return requests, ""
}

// unfit says why a turn cannot be the first request of a conversation.
func (t Turn) unfit(r role) string {
	switch {
	case r == other:
		return fmt.Sprintf("a turn by %q, which is neither the user nor the model, before the first question", clip(shorten(t.From), 20))
	case len(t.Parts) > 0:
		return fmt.Sprintf("the question has parts that are no text (%q); openai:FILE replays whole requests", clip(shorten(t.Parts[0]), 20))
	case t.Textless:
		return "no text in the question: no member " + strings.Join(textNames, ", ")
	case spaces(t.Value):
		return "empty prompt"
	}
	return ""
}

// joined puts two system prompts one after the other.
func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "\n\n" + b
}
