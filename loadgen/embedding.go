package loadgen

import (
	"bytes"
	"fmt"
	"io"
	"time"
)

// wholeLimit is the largest answer that is read whole: 1,000 embeddings of 4,096
// numbers are below it.
const wholeLimit = 128 << 20

// readWhole reads an answer that is one JSON object, as an embedding is.
func (s *scanner) readWhole(body io.Reader, arrived func() time.Duration, r *Record) error {
	for {
		if s.end == len(s.buf) {
			if len(s.buf) >= wholeLimit {
				return fmt.Errorf("answer larger than %d MiB", wholeLimit>>20)
			}
			s.buf = append(s.buf, make([]byte, len(s.buf))...)
		}
		n, err := body.Read(s.buf[s.end:])
		s.end += n
		if err == nil {
			continue
		}
		s.atEnd = err == io.EOF
		arrived()
		if !s.atEnd {
			return err
		}
		break
	}
	data := bytes.TrimSpace(s.buf[:s.end])
	if looksLikeHTML(data) {
		return fmt.Errorf("%s instead of embeddings: is the endpoint the API's address?", pageSummary(data))
	}
	c := &s.chunk
	if err := parseChunk(data, c); err != nil {
		return fmt.Errorf("answer is not the JSON it should be: %s", excerpt(data))
	}
	if c.failure != nil {
		return streamError{serverMessage(c.failure)}
	}
	if !c.data {
		return fmt.Errorf("answer without embeddings: %s", excerpt(data))
	}
	s.usage = c.usage
	s.usage.completion, s.usage.total, s.usage.reasoning = 0, Unknown, Unknown // nothing is decoded
	var doubts []string
	r.PromptTokens, r.OutputTokens, r.CachedTokens, _, doubts = s.usage.judge(s.asked, came{})
	r.Flags = append(r.Flags, doubts...)
	if r.PromptTokens == Unknown {
		r.Flags = append(r.Flags, FlagNoUsage)
	}
	return nil
}
