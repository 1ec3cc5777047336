package loadgen

import (
	"bytes"
	"errors"
	"fmt"
)

// errCut is a stream that ended before the answer was complete.
var errCut = errors.New("stream cut before finish_reason and usage")

// cut is errCut with what the server sent that is no event of an answer: its own
// words, where they have not the form of an error in a stream.
func (s *scanner) cut() error {
	if len(s.stray) == 0 {
		return errCut
	}
	if wholeAnswer(s.stray) {
		return fmt.Errorf("%w; the server sent a whole answer instead of a stream", errCut)
	}
	return fmt.Errorf("%w; the server sent: %s", errCut, serverMessage(s.stray))
}

// wholeAnswer reports whether what came, which may be cut, is an answer in one JSON
// object. Its text is not for messages and tables.
func wholeAnswer(b []byte) bool {
	b = bytes.TrimSpace(b)
	return len(b) > 0 && b[0] == '{' && (bytes.Contains(b, []byte(`"choices"`)) || bytes.Contains(b, []byte(`"output"`)))
}

// strayLimit is how much is kept of what is no event, in bytes.
const strayLimit = 4 << 10

// note keeps a line that is no field of a stream.
func (s *scanner) note(line []byte) {
	if room := strayLimit - len(s.stray); room > 0 {
		if len(s.stray) > 0 {
			s.stray = append(s.stray, '\n')
		}
		s.stray = append(s.stray, line[:min(len(line), room)]...)
	}
	s.late = true
}

// noteEvent keeps an event of an unknown kind, in place of an earlier one.
func (s *scanner) noteEvent(data []byte) {
	s.stray = s.stray[:0]
	s.note(data)
}
