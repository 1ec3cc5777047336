package loadgen

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// Sizes of the read buffer: the first holds a few events, the last is what an
// event may grow to (a chunk with log probabilities of a whole vocabulary).
const (
	firstBuffer = 4 << 10
	lastBuffer  = 8 << 20
	keptBuffer  = 64 << 10 // a larger one is not kept for the next stream
)

// errCut is a stream that ended before the answer was complete.
var errCut = errors.New("stream cut before finish_reason and usage")

// scanner takes a server-sent event stream apart (WHATWG HTML, "Server-sent
// events") and fills a Record. It allocates nothing per event once its buffers
// have grown. A scanner reads one stream at a time and is reused.
type scanner struct {
	buf        []byte
	start, end int // unread bytes
	searched   int // bytes from start on that hold no line end
	skipLF     bool
	firstLine  bool

	data      []byte // the data of the event so far: in buf, or in joined if saved
	lines     int    // data lines of the event so far
	saved     bool
	joined    []byte // storage for data of several lines or reads
	done      bool   // [DONE] was seen
	atEnd     bool   // the body was read to its end
	continued bool   // usage came with the text, event by event
	reported  int    // completion tokens reported before the current event
	evidence  time.Duration

	lengths  []int32 // text bytes of each token-bearing event
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
	*s = scanner{
		buf: buf, firstLine: true, evidence: Never,
		joined: s.joined[:0], lengths: s.lengths[:0], text: s.text[:0], timings: s.timings[:0],
	}
}

// read reads body until [DONE], its end or an error. arrived says when the
// bytes last read reached the connection. The record is filled as far as the
// stream got, whatever the result.
func (s *scanner) read(body io.Reader, arrived func() time.Duration, r *Record, events *atomic.Int64) error {
	before := 0
	for {
		if s.end == len(s.buf) && !s.grow() {
			return fmt.Errorf("event larger than %d MiB", lastBuffer>>20)
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
		if events != nil && len(r.TokenAt) > before {
			events.Add(int64(len(r.TokenAt) - before))
			before = len(r.TokenAt)
		}
		if s.done || err != nil {
			return s.finish(err, at, r)
		}
		s.compact()
	}
}

// finish decides whether the stream was complete.
func (s *scanner) finish(err error, at time.Duration, r *Record) error {
	complete := r.FinishReason != "" || r.OutputTokens != Unknown
	if !s.done && s.lines > 0 {
		// A last event without its blank line counts only if it is whole.
		if e := s.dispatch(at, r); e != nil && !errors.Is(e, errMalformed) {
			s.settle(r)
			return e
		}
		complete = r.FinishReason != "" || r.OutputTokens != Unknown
	}
	s.settle(r)
	switch {
	case s.done && complete:
		return nil
	case err == nil || errors.Is(err, io.EOF):
		if complete {
			return nil
		}
		return errCut
	case r.OutputTokens != Unknown:
		// Everything had arrived but the end mark.
		r.Flags = append(r.Flags, FlagNoEnd)
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errCut
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
			s.joined = append(s.joined, '\n')
			s.joined = append(s.joined, value...)
			s.data = s.joined
		}
		s.lines++
	case "error": // llama.cpp before 2025
		return streamFailure(value)
	}
	return nil // comments (no name), event, id, retry
}

// dispatch handles one whole event.
func (s *scanner) dispatch(at time.Duration, r *Record) error {
	data := bytes.TrimSpace(s.data)
	s.data, s.lines, s.saved = nil, 0, false
	if len(data) == 0 {
		return nil
	}
	if string(data) == "[DONE]" {
		s.done = true
		return nil
	}
	c := &s.chunk
	if err := parseChunk(data, c); err != nil {
		return fmt.Errorf("%w: %s", err, excerpt(data))
	}
	if c.failure != nil {
		return streamFailure(c.failure)
	}
	if c.finish != nil {
		r.FinishReason = string(c.finish)
	}
	if c.text > 0 {
		r.TokenAt = append(r.TokenAt, at)
		s.lengths = append(s.lengths, int32(min(c.text, 1<<30)))
		tokens := 0
		if c.completion != Unknown {
			s.continued = true
			tokens = max(0, c.completion-s.reported)
			s.reported = max(s.reported, c.completion)
		}
		r.TokenCount = append(r.TokenCount, int32(tokens))
	}
	if s.keepText {
		s.text = append(s.text, c.content...)
	}
	if c.completion != Unknown {
		r.OutputTokens = c.completion
	}
	if c.prompt != Unknown {
		r.PromptTokens = c.prompt
	}
	if c.cached != Unknown {
		r.CachedTokens = c.cached
	}
	if c.timings != nil {
		s.timings = append(s.timings[:0], c.timings...)
	}
	if c.finish != nil || c.completion > 0 {
		if s.evidence == Never {
			s.evidence = at
		}
	}
	return nil
}

// settle completes the record's counts and the server's own times.
func (s *scanner) settle(r *Record) {
	if len(r.TokenAt) == 0 && r.OutputTokens > 0 && s.evidence != Never {
		// Tokens without text (special tokens only): the first sign of them.
		r.TokenAt = append(r.TokenAt, s.evidence)
		r.TokenCount = append(r.TokenCount, 0)
		s.lengths = append(s.lengths, 0)
		r.Flags = append(r.Flags, FlagNoText)
	}
	if r.OutputTokens == Unknown {
		if r.FinishReason != "" {
			r.Flags = append(r.Flags, FlagNoUsage)
		}
		for i := range r.TokenCount {
			r.TokenCount[i] = 1
		}
	} else if !s.continued || !topUp(r.TokenCount, r.OutputTokens) {
		spread(r.TokenCount, s.lengths, r.OutputTokens, r.FinishReason)
	}
	if len(s.timings) == 0 {
		return
	}
	var t struct {
		Prompt    *float64 `json:"prompt_ms"`
		Predicted *float64 `json:"predicted_ms"`
	}
	if json.Unmarshal(s.timings, &t) != nil {
		return
	}
	r.ServerPrefill, r.ServerDecode = milliseconds(t.Prompt), milliseconds(t.Predicted)
}

// milliseconds is a duration reported in ms, Never if it is absent or absurd.
func milliseconds(ms *float64) time.Duration {
	if ms == nil || !(*ms >= 0 && *ms < 1e12) {
		return Never
	}
	return time.Duration(*ms * float64(time.Millisecond))
}

// answer decodes the text that keepText collected. Escapes are decoded over
// the whole text, since a surrogate pair may be split between events.
func (s *scanner) answer() (string, error) {
	quoted := make([]byte, 0, len(s.text)+2)
	quoted = append(quoted, '"')
	quoted = append(quoted, s.text...)
	quoted = append(quoted, '"')
	var text string
	if err := json.Unmarshal(quoted, &text); err != nil {
		return "", fmt.Errorf("decode the answer's text: %w", err)
	}
	return text, nil
}
