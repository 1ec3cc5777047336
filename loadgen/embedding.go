package loadgen

import (
	"bytes"
	"fmt"
	"io"
	"time"
)

// An answer of embeddings is read as it comes, and its numbers, which nobody looks at,
// are dropped. wholeLimit is the largest that is read: 1,000 embeddings of 4,096 numbers
// are below it. restLimit bounds what is left without the numbers.
const (
	wholeLimit = 128 << 20
	restLimit  = 1 << 20
)

// readWhole reads an answer that is one JSON object, as an embedding is.
func (s *scanner) readWhole(body io.Reader, arrived func() time.Duration, r *Record) error {
	rest := numberless{out: s.joined[:0]}
	for read := 0; ; {
		n, err := body.Read(s.buf)
		rest.take(s.buf[:n])
		s.joined = rest.out
		switch read += n; {
		case read > wholeLimit:
			return fmt.Errorf("answer larger than %d MiB", wholeLimit>>20)
		case len(rest.out) > restLimit:
			return fmt.Errorf("answer with more than %d MiB beside its embeddings", restLimit>>20)
		case err == nil:
			continue
		}
		s.atEnd = err == io.EOF
		arrived()
		if !s.atEnd {
			return err
		}
		break
	}
	data := bytes.TrimSpace(rest.out)
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
