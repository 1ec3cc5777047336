package loadgen

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"cfubench/internal/secret"
)

// Sizes of the read buffer: the first holds a few events, the last is what an
// event may grow to (a chunk with log probabilities of a whole vocabulary).
const (
	firstBuffer = 4 << 10
	lastBuffer  = 8 << 20
	keptBuffer  = 64 << 10 // a larger one is not kept for the next stream
)

// errLarge is an event that is not worth its memory.
var errLarge = fmt.Errorf("event larger than %d MiB", lastBuffer>>20)

// longestReason bounds the finish reason of a record, in bytes.
const longestReason = 64

// eventLimit is how many token-bearing events a stream may have whose request
// asked for so many tokens, 0 for any number. Reasoning may come on top of what
// was asked for; a stream without an end must not fill the memory.
func eventLimit(tokens int) int {
	if tokens <= 0 {
		return 1 << 20
	}
	return 16<<10 + 16*min(tokens, 1<<20)
}

// scanner takes a server-sent event stream apart (WHATWG HTML, "Server-sent
// events") and fills a Record. It allocates nothing per event once its buffers
// have grown. A scanner reads one stream at a time and is reused.
type scanner struct {
	buf        []byte
	start, end int // unread bytes
	searched   int // bytes from start on that hold no line end
	skipLF     bool
	firstLine  bool

	data   []byte // the data of the event so far: in buf, or in joined if saved
	lines  int    // data lines of the event so far
	failed bool   // the event is named error
	saved  bool
	joined []byte // storage for data of several lines or reads

	// stray is what came that is no event of an answer: lines that are no fields
	// of a stream, as of a bare JSON error, or the last event of an unknown kind.
	stray []byte
	late  bool // it came after the last text

	done      bool          // [DONE] was seen
	atEnd     bool          // the body was read to its end
	usage     tokenUsage    // as far as it was reported
	last      bool          // a usage came on its own, after the text
	began     bool          // an event had a part of an answer: text, a choice or a finish reason
	counted   time.Duration // of the last event that said something new of the answer
	moved     bool          // such an event came since the wait for the end began
	mute      int           // events without text, before the finish reason
	continued bool          // a usage came with text
	reported  int           // completion tokens reported before the current event
	parts     int           // sum of the completion tokens reported with text
	still     int           // reports with text that were no higher than the one before
	fell      bool          // one was lower: they are no running total
	evidence  time.Duration
	spoke     choiceSet // choices that have text
	ended     choiceSet // choices that have a finish reason
	named     bool      // the answer's model is known
	after     bool      // text came after the finish reason
	strange   bool      // text came in a field that is not known
	limit     int       // of token-bearing events
	chars     int       // characters of text
	wait      *endWait  // for the end of a complete answer, nil for ever
	asked     asked
	secrets   *secret.Redactor // hides what nobody may see

	lengths  []int32 // text bytes of each token-bearing event
	thinking []bool  // whether it was reasoning alone
	usages   []int32 // completion tokens reported so far, Unknown where none were
	silent   []silence
	arrivals []arrival // of both, see allot
	keepText bool
	text     []byte // the answer's text in JSON form
	timings  []byte
	chunk    chunk
}

// reset prepares for the next stream, keeping the buffers.
func (s *scanner) reset() {
	buf := s.buf
	if buf == nil || len(buf) > keptBuffer {
		buf = make([]byte, firstBuffer)
	}
	joined, text := s.joined, s.text
	if cap(joined) > keptBuffer {
		joined = nil
	}
	if cap(text) > keptBuffer {
		text = nil
	}
	lengths, thinking, usages, silent, arrivals := s.lengths, s.thinking, s.usages, s.silent, s.arrivals
	if cap(lengths) > keptBuffer || cap(silent) > keptBuffer {
		lengths, thinking, usages, silent, arrivals = nil, nil, nil, nil, nil
	}
	*s = scanner{
		stray: s.stray[:0], buf: buf, firstLine: true, evidence: Never, counted: Never, usage: unknownUsage(), limit: eventLimit(0), asked: asked{prompt: Unknown},
		joined: joined[:0], lengths: lengths[:0], thinking: thinking[:0], usages: usages[:0], silent: silent[:0], arrivals: arrivals[:0], text: text[:0], timings: s.timings[:0],
		chunk: chunk{content: s.chunk.content[:0]},
	}
}

// read reads body until [DONE], its end or an error. arrived says when the
// bytes last read reached the connection. The record is filled as far as the
// stream got, whatever the result.
func (s *scanner) read(body io.Reader, arrived func() time.Duration, r *Record, events func(n int)) error {
	before, signed := 0, false
	for {
		if s.end == len(s.buf) && !s.grow() {
			s.settle(r)
			return errLarge
		}
		n, err := body.Read(s.buf[s.end:])
		s.end += n
		s.atEnd = err == io.EOF
		at := arrived()
		for !s.done {
			line, ok := s.line()
			if !ok {
				break
			}
			if err := s.take(line, at, r); err != nil {
				s.settle(r)
				return err
			}
		}
		if n := len(r.TokenAt) - before; events != nil && (n > 0 || !signed && (len(s.silent) > 0 || s.evidence != Never)) {
			events(n)
			before, signed = len(r.TokenAt), true
		}
		if s.done || err != nil {
			return s.finish(err, at, r)
		}
		if s.wait != nil && s.moved && s.complete() {
			s.moved = false
			s.wait.begin(s.usage.completion != Unknown)
		}
		s.compact()
	}
}

// complete reports whether each choice that has text has its finish reason.
func (s *scanner) complete() bool { return s.ended != 0 && s.spoke&^s.ended == 0 }

// finish decides whether the stream was complete.
func (s *scanner) finish(err error, at time.Duration, r *Record) error {
	// A last event without its blank line, or line without its end, counts only if it
	// is whole.
	if rest := s.buf[s.start:s.end]; !s.done && len(rest) > 0 && errors.Is(err, io.EOF) {
		s.start = s.end
		if e := s.take(rest, at, r); e != nil {
			s.settle(r)
			return e
		}
	}
	if !s.done && s.lines > 0 {
		if e := s.dispatch(at, r); e != nil && !errors.Is(e, errMalformed) {
			s.settle(r)
			return e
		}
	}
	finished := r.FinishReason != "" || s.last && s.began
	s.settle(r)
	switch {
	case failed([]byte(r.FinishReason)):
		return streamError{"it ended the answer with finish_reason " + r.FinishReason}
	case s.done && !finished && s.began && len(r.TokenAt) > 0 && !s.late:
		r.Flags = append(r.Flags, FlagNoFinish)
		return nil
	case err == nil || errors.Is(err, io.EOF):
		if finished {
			return nil
		}
		return s.cut()
	case s.wait != nil && s.wait.gaveUp.Load():
		r.Flags = append(r.Flags, FlagNoEnd)
		return nil
	case s.last && s.began || r.FinishReason != "" && s.usage.completion != Unknown:
		// Everything had arrived but the end mark.
		r.Flags = append(r.Flags, FlagNoEnd)
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return s.cut()
	}
	return err
}

// grow doubles the buffer, or reports that it may not.
func (s *scanner) grow() bool {
	if s.start > 0 {
		s.compact()
		return true
	}
	if len(s.buf) >= lastBuffer {
		return false
	}
	buf := make([]byte, 2*len(s.buf))
	copy(buf, s.buf[:s.end])
	s.buf = buf
	return true
}

// compact moves the unread bytes to the front. An event that is waiting for
// its blank line is saved first.
func (s *scanner) compact() {
	s.save()
	copy(s.buf, s.buf[s.start:s.end])
	s.end -= s.start
	s.start = 0
}

// save moves the data of the event so far out of the read buffer.
func (s *scanner) save() {
	if s.lines == 0 || s.saved {
		return
	}
	s.joined = append(s.joined[:0], s.data...)
	s.data = s.joined
	s.saved = true
}

// line returns the next line without its end: LF, CRLF or CR.
func (s *scanner) line() ([]byte, bool) {
	if s.skipLF && s.start < s.end {
		if s.buf[s.start] == '\n' {
			s.start++
		}
		s.skipLF = false
	}
	from := s.start + s.searched
	end := -1
	width := 1
	limit := s.end
	if n := bytes.IndexByte(s.buf[from:s.end], '\n'); n >= 0 {
		end = from + n
		limit = end
	}
	if n := bytes.IndexByte(s.buf[from:limit], '\r'); n >= 0 {
		end = from + n
		switch {
		case end+1 == s.end:
			s.skipLF = true
		case s.buf[end+1] == '\n':
			width = 2
		}
	}
	if end < 0 {
		s.searched = s.end - s.start
		return nil, false
	}
	line := s.buf[s.start:end]
	s.start = end + width
	s.searched = 0
	if s.firstLine {
		s.firstLine = false
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	return line, true
}

// take handles one line of the stream.
func (s *scanner) take(line []byte, at time.Duration, r *Record) error {
	if len(line) == 0 {
		if s.lines == 0 {
			s.failed = false
			return nil
		}
		return s.dispatch(at, r)
	}
	name, value := line, []byte(nil)
	if i := bytes.IndexByte(line, ':'); i >= 0 {
		name, value = line[:i], line[i+1:]
		if len(value) > 0 && value[0] == ' ' {
			value = value[1:]
		}
	}
	switch string(name) {
	case "data":
		if s.lines == 0 {
			s.data = value
		} else {
			s.save()
			if len(s.joined)+len(value) > lastBuffer {
				return errLarge
			}
			s.joined = append(s.joined, '\n')
			s.joined = append(s.joined, value...)
			s.data = s.joined
		}
		s.lines++
	case "event":
		s.failed = string(value) == "error"
	case "error": // llama.cpp before 2025
		return streamFailure(value)
	case "", "id", "retry": // no name: a comment
	default:
		s.note(line)
	}
	return nil
}

// dispatch handles one whole event.
func (s *scanner) dispatch(at time.Duration, r *Record) error {
	data := bytes.TrimSpace(s.data)
	failure := s.failed
	s.data, s.lines, s.saved, s.failed = nil, 0, false, false
	if len(data) == 0 {
		return nil
	}
	if string(data) == "[DONE]" {
		s.done = true
		return nil
	}
	if failure {
		return streamFailure(data)
	}
	c := &s.chunk
	if data[0] != '{' && data[0] != '[' { // bare words: a keep-alive, or why it ends
		s.noteEvent(data)
		return nil
	}
	if err := parseChunk(data, c); err != nil {
		return fmt.Errorf("%w: %s", err, excerpt(data))
	}
	if c.failure != nil {
		return streamFailure(c.failure)
	}
	if !c.known {
		s.noteEvent(data)
	}
	s.answered(r)
	if len(r.TokenAt) == 0 {
		c.whole()
	}
	if err := s.says(at, r); err != nil {
		return err
	}
	s.after = s.after || s.ended&c.spoke != 0
	s.spoke |= c.spoke
	s.ended |= c.ended
	switch opens := c.role && len(r.TokenAt)+len(s.silent) == 0; {
	case c.text > 0:
		if err := s.token(at, r); err != nil {
			return err
		}
	case c.choices > 0 && !opens && len(s.silent) < s.limit:
		s.silent = append(s.silent, silence{at, len(r.TokenAt), c.usage.completion, c.finish != nil})
	}
	if c.finish != nil {
		r.FinishReason = s.reason(c.finish)
	}
	s.usage.add(c.usage)
	s.last = s.last && c.text == 0 || c.usage.completion > 0 && c.choices == 0 && c.text == 0
	if c.timings != nil {
		s.timings = append(s.timings[:0], c.timings...)
	}
	if s.evidence == Never && (c.finish != nil || c.usage.completion > 0) {
		s.evidence = at
	}
	s.done = s.done || c.end
	return nil
}

// says notes whether the event says something new of the answer. What says nothing may
// come as often as a token may.
func (s *scanner) says(at time.Duration, r *Record) error {
	c := &s.chunk
	s.began = s.began || c.choices > 0 || c.text > 0 || c.finish != nil
	fresh := c.text > 0 || c.ended&^s.ended != 0 || c.usage.completion != Unknown && s.usage.completion == Unknown
	if s.counted == Never || fresh {
		s.counted, s.moved = at, true
	}
	if c.text > 0 || s.complete() {
		return nil
	}
	if s.mute++; s.mute > s.limit {
		return fmt.Errorf("the server sent more than %d events without text where %s asked for: cut here", s.limit, tokensAsked(r.TargetOutputTokens))
	}
	return nil
}

// token notes an event that carries text.
func (s *scanner) token(at time.Duration, r *Record) error {
	c := &s.chunk
	if len(r.TokenAt) >= s.limit {
		return fmt.Errorf("the server sent more than %d events with text where %s asked for: cut here", s.limit, tokensAsked(r.TargetOutputTokens))
	}
	s.late = false
	s.strange = s.strange || c.strange
	s.chars += c.chars
	r.TokenAt = append(r.TokenAt, at)
	s.lengths = append(s.lengths, int32(min(c.text, 1<<30)))
	s.thinking = append(s.thinking, c.reasoning == c.text)
	s.usages = append(s.usages, int32(min(c.usage.completion, 1<<30)))
	if c.usage.completion != Unknown {
		if s.continued && c.usage.completion <= s.reported {
			s.still++
		}
		s.fell = s.fell || 0 < c.usage.completion && c.usage.completion < s.reported
		s.parts += c.usage.completion
		s.continued = true
		s.reported = max(s.reported, c.usage.completion)
	}
	r.TokenCount = append(r.TokenCount, 1)
	if !s.keepText {
		return nil
	}
	for _, piece := range c.content {
		if len(s.text)+len(piece) > lastBuffer {
			return fmt.Errorf("answer larger than %d MiB", lastBuffer>>20)
		}
		s.text = append(s.text, piece...)
	}
	return nil
}

func tokensAsked(n int) string {
	if n <= 0 {
		return "no number of tokens was"
	}
	return fmt.Sprintf("%d tokens were", n)
}

// reason is a finish reason fit for a record.
func (s *scanner) reason(raw []byte) string {
	switch string(raw) {
	case "stop": // without an allocation
		return "stop"
	case "length":
		return "length"
	}
	return s.secrets.Line(string(raw[:min(len(raw), 4<<10)]), longestReason)
}
