package datasets

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"cfubench/internal/atomicfile"
)

// Writer writes the requests of a trace in one of the formats. Close ends the
// file, without closing what is under it.
type Writer interface {
	Write(Request) error
	Close() error
}

// Format makes a writer of requests in one format to w.
type Format = func(w io.Writer) Writer

// FormatOf is the format of a name, jsonl or sharegpt; false if there is none.
func FormatOf(name string) (Format, bool) {
	switch name {
	case "jsonl":
		return NewLineWriter, true
	case "sharegpt":
		return NewShareGPTWriter, true
	}
	return nil, false
}

// CopyTo is Copy to the file at path, or to out if there is none. The file appears under
// its name only when it is complete.
func CopyTo(ctx context.Context, spec string, o Options, path string, out io.Writer, format Format) (t Trace, err error) {
	if path == "" {
		return Copy(ctx, spec, o, out, format)
	}
	var failed error // in its own words
	err = atomicfile.Stream(path, func(w io.Writer) error {
		t, failed = Copy(ctx, spec, o, w, format)
		return failed
	})
	return t, cmp.Or(failed, err)
}

// Copy writes the requests of a trace to out in the format of a writer, one after the
// other, and returns what was dropped of the trace and the doubts about it.
func Copy(ctx context.Context, spec string, o Options, out io.Writer, format Format) (Trace, error) {
	buffered := bufio.NewWriterSize(out, 64<<10)
	w := format(buffered)
	t, err := Each(ctx, spec, o, w.Write)
	if err != nil {
		return t, errors.Join(err, buffered.Flush())
	}
	if err := errors.Join(w.Close(), buffered.Flush()); err != nil {
		return t, fmt.Errorf("write requests: %w", err)
	}
	return t, nil
}

// NewLineWriter writes one JSON object a line: see Line.
func NewLineWriter(w io.Writer) Writer { return lineWriter{w} }

type lineWriter struct{ w io.Writer }

func (l lineWriter) Write(r Request) error { return writeLine(l.w, LineOf(r)) }
func (l lineWriter) Close() error          { return nil }

// Selected is the line that `cfu datasets select` prints for a request. Counts
// that nobody made are null.
type Selected struct {
	Index        int    `json:"index"`
	Conversation string `json:"conversation"`
	Turn         int    `json:"turn,omitzero"`
	PromptTokens *int   `json:"prompt_tokens"`
	OutputTokens *int   `json:"output_tokens"`
	Prompt       string `json:"prompt"`

	System string         `json:"system,omitzero"`
	Kind   string         `json:"kind,omitzero"`
	Body   jsontext.Value `json:"body,omitzero"`
}

// NewSelectionWriter writes one Selected a line.
func NewSelectionWriter(w io.Writer) Writer { return selectionWriter{w} }

type selectionWriter struct{ w io.Writer }

func (s selectionWriter) Write(r Request) error {
	l := LineOf(r)
	return writeLine(s.w, Selected{r.Index, r.Conversation, r.Turn, l.PromptTokens, l.OutputTokens, r.Prompt, r.System, r.Kind, r.Body})
}
func (s selectionWriter) Close() error { return nil }

func writeLine(w io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// NewShareGPTWriter writes a ShareGPT array. Requests of one conversation that
// follow each other with rising turns become one element. Where a trace has the
// length of an answer but no answer, as many generated words stand in for it,
// since the tools that read the format want two turns. Arrival times have no
// place in it.
func NewShareGPTWriter(w io.Writer) Writer {
	return &shareGPTWriter{e: jsontext.NewEncoder(w, jsontext.SpaceAfterComma(true))}
}

type shareGPTWriter struct {
	e       *jsontext.Encoder
	begun   bool
	element writtenElement
	turn    int // of the last request in element
}

type writtenElement struct {
	ID            string `json:"id"`
	Conversations []Turn `json:"conversations"`
}

func (s *shareGPTWriter) Write(r Request) error {
	if err := s.begin(); err != nil {
		return err
	}
	if s.element.Conversations != nil && (r.Conversation != s.element.ID || r.Turn <= s.turn) {
		if err := s.flush(); err != nil {
			return err
		}
	}
	if r.Body != nil {
		return fmt.Errorf("request %d is a whole request, which ShareGPT has no place for: convert it to jsonl", r.Index)
	}
	if s.element.Conversations == nil && r.System != "" {
		s.element.Conversations = append(s.element.Conversations, Turn{From: "system", Value: r.System})
	}
	answer := r.Completion
	if answer == "" && r.OutputTokens > 0 {
		answer = string(appendWords(nil, r.OutputTokens, answerStream, uint64(r.Index)))
	}
	s.element.ID, s.turn = r.Conversation, r.Turn
	s.element.Conversations = append(s.element.Conversations, Turn{From: "human", Value: r.Prompt})
	if answer != "" {
		s.element.Conversations = append(s.element.Conversations, Turn{From: "gpt", Value: answer})
	}
	return nil
}

func (s *shareGPTWriter) Close() error {
	if err := s.begin(); err != nil {
		return err
	}
	if s.element.Conversations != nil {
		if err := s.flush(); err != nil {
			return err
		}
	}
	return s.e.WriteToken(jsontext.EndArray)
}

func (s *shareGPTWriter) begin() error {
	if s.begun {
		return nil
	}
	s.begun = true
	return s.e.WriteToken(jsontext.BeginArray)
}

func (s *shareGPTWriter) flush() error {
	err := json.MarshalEncode(s.e, s.element)
	s.element.Conversations = nil
	return err
}

var (
	_ Writer = lineWriter{}
	_ Writer = selectionWriter{}
	_ Writer = (*shareGPTWriter)(nil)
)
