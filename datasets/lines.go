package datasets

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// objects yields the objects of a file with one JSON object a line, decoded
// into T, with their line numbers. Blank lines are skipped.
func objects[T any](r io.Reader) iter.Seq2[int, result[T]] {
	return func(yield func(int, result[T]) bool) {
		scanner := bufio.NewScanner(r)
		scanner.Buffer(make([]byte, 0, readSize), maxElement)
		line, empty := 0, true
		for scanner.Scan() {
			line++
			raw := scanner.Bytes()
			if line == 1 {
				raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
			}
			raw = bytes.TrimSpace(raw)
			if len(raw) == 0 {
				continue
			}
			empty = false
			var res result[T]
			if err := json.Unmarshal(raw, &res.value); err != nil {
				res.value, res.repaired = *new(T), true
				if err := json.Unmarshal(raw, &res.value, lenient()); err != nil {
					res.err = &lineError{line, objectError(err, raw)}
				}
			}
			if !yield(line, res) || res.err != nil {
				return
			}
		}
		err := scanner.Err()
		switch {
		case errors.Is(err, bufio.ErrTooLong):
			err = &lineError{line + 1, fmt.Errorf("line is longer than %d MiB", maxElement>>20)}
		case err == nil && empty:
			err = errors.New("file is empty, want one JSON object a line")
		}
		if err != nil {
			yield(line+1, result[T]{err: err})
		}
	}
}

type result[T any] struct {
	value    T
	repaired bool
	err      error
}

// objectError says what is wrong with a line.
func objectError(err error, raw []byte) error {
	if raw[0] != '{' {
		return fmt.Errorf("line starts with %s, want one JSON object a line", quoted(raw[0]))
	}
	if syntax := (*jsontext.SyntacticError)(nil); errors.As(err, &syntax) {
		return fmt.Errorf("column %d: %w", syntax.ByteOffset+1, syntax.Err)
	}
	if semantic := (*json.SemanticError)(nil); errors.As(err, &semantic) {
		return describeSemantic(semantic)
	}
	return err
}

// Line is the form of a request in the plain JSON-lines format, which convert
// writes and "jsonl:FILE" reads; select prints a part of it. A line without a
// prompt gets a generated one of prompt_tokens words. Members that are not
// listed are ignored.
type Line struct {
	Index        *int    `json:"index,omitzero"`        // position in the file it came from
	Conversation *string `json:"conversation,omitzero"` // the line's position if absent
	Turn         int     `json:"turn,omitzero"`
	AtNS         *int64  `json:"at_ns,omitzero"` // arrival since the trace began
	PromptTokens *int    `json:"prompt_tokens,omitzero"`
	OutputTokens *int    `json:"output_tokens,omitzero"` // tokens to ask for
	System       string  `json:"system,omitzero"`
	Prompt       *string `json:"prompt,omitzero"`
	Completion   string  `json:"completion,omitzero"`

	Kind string         `json:"kind,omitzero"`
	Body jsontext.Value `json:"body,omitzero"` // a whole request instead of a prompt
}

// foundLine is a line as it is found: members of other formats are only looked
// for to say which it is.
type foundLine struct {
	Line
	Conversations jsontext.Value `json:"conversations"`
	Messages      jsontext.Value `json:"messages"`
	URL           jsontext.Value `json:"url"`
}

// looksLike says what a line without a prompt may be instead.
func (f foundLine) looksLike() string {
	switch {
	case f.Conversations != nil:
		return ": the line is a conversation, which sharegpt:FILE reads"
	case f.Messages != nil || f.URL != nil:
		return ": the line is a whole request, which openai:FILE reads (or sharegpt:FILE, for the first question alone)"
	}
	return ""
}

// LineOf returns the JSON line of a request.
func LineOf(r Request) Line {
	l := Line{Index: &r.Index, Conversation: &r.Conversation, Turn: r.Turn, System: r.System, Completion: r.Completion, Kind: r.Kind, Body: r.Body}
	if r.Body == nil {
		l.Prompt = &r.Prompt
	}
	if r.At >= 0 {
		at := int64(r.At)
		l.AtNS = &at
	}
	if r.PromptTokens != Unknown {
		l.PromptTokens = &r.PromptTokens
	}
	if r.OutputTokens != Unknown {
		l.OutputTokens = &r.OutputTokens
	}
	return l
}

// jsonLines reads the plain format. Lines of one conversation that follow each
// other with rising turns are one candidate, so that limits see their history.
func jsonLines(r io.Reader, o Options, times *arrivals, found *oddities) iter.Seq2[[]candidate, error] {
	return func(yield func([]candidate, error) bool) {
		var group []candidate
		position, allTimed := 0, false
		for line, res := range objects[foundLine](r) {
			err := res.err
			var c candidate
			if err == nil {
				c, err = res.value.candidate(line, position, o.Seed, times)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if timed := c.At >= 0; position > 0 && timed != allTimed {
				yield(nil, &lineError{line, errors.New("at_ns must be on every line or on none")})
				return
			} else {
				allTimed = timed
			}
			position++
			if res.repaired {
				found.repaired++
			}
			if n := len(group); n > 0 && (c.Conversation != group[0].Conversation || c.Turn <= group[n-1].Turn) {
				if !yield(group, nil) {
					return
				}
				group = nil
			}
			group = append(group, c)
		}
		if len(group) > 0 {
			yield(group, nil)
		}
	}
}

// candidate makes the request of a line at position among the lines.
func (l foundLine) candidate(line, position int, seed int64, times *arrivals) (candidate, error) {
	fail := func(format string, args ...any) (candidate, error) {
		return candidate{}, &lineError{line, fmt.Errorf(format, args...)}
	}
	c := candidate{Request: Request{
		Index: position, Conversation: strconv.Itoa(position), Turn: l.Turn, At: noTime,
		PromptTokens: Unknown, OutputTokens: Unknown, System: l.System, Completion: l.Completion,
	}}
	if l.Body != nil && l.URL == nil {
		whole, err := wholeRequest(l.Body, l.Kind, "")
		if err != nil {
			return fail("%w", err)
		}
		whole.Index, whole.Conversation = c.Index, c.Conversation
		c = whole
	} else if l.Kind != "" {
		return fail("a kind without a body: a prompt is sent as the run's --api has it")
	}
	if c.Turn = l.Turn; l.Turn < 0 {
		return fail("turn %d is negative", l.Turn)
	}
	if l.Index != nil {
		c.Index = *l.Index
	}
	if l.Conversation != nil {
		c.Conversation = *l.Conversation
	}
	if l.AtNS != nil {
		if *l.AtNS < 0 {
			return fail("at_ns %d is negative", *l.AtNS)
		}
		c.At = times.at(time.Duration(*l.AtNS))
	}
	if l.PromptTokens != nil {
		if c.PromptTokens = *l.PromptTokens; c.PromptTokens < 0 || c.PromptTokens > maxCount {
			return fail("prompt_tokens %d is not a number of tokens", c.PromptTokens)
		}
	}
	if l.OutputTokens != nil && c.Body == nil { // a body states its own
		if c.OutputTokens = *l.OutputTokens; c.OutputTokens < 1 || c.OutputTokens > maxCount {
			return fail("output_tokens %d is not a number of tokens to ask for", c.OutputTokens)
		}
	}
	switch {
	case c.Body != nil:
	case l.Prompt != nil && !spaces(*l.Prompt):
		c.Prompt = *l.Prompt
	case l.Prompt != nil:
		return fail("prompt is empty")
	case c.PromptTokens > 0:
		c.text = func() string { return generated(seed, position, c.PromptTokens) }
	default:
		return fail("neither prompt nor prompt_tokens: a line needs the text or its length%s", l.looksLike())
	}
	return c, nil
}
