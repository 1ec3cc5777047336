package loadgen

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"
	"time"
)

// settle completes the record's counts and the server's own times.
func (s *scanner) settle(r *Record) {
	s.readTimings(r)
	// Each of several choices may be as long as was asked for.
	if n := bits.OnesCount64(uint64(s.spoke | s.ended)); n > 1 {
		r.TargetOutputTokens *= n
		s.asked.limit *= n
	}
	text := came{events: len(r.TokenAt), chars: s.chars, still: s.still, parts: s.parts, fell: s.fell}
	for _, n := range s.lengths {
		text.bytes += int(n)
	}
	var doubts []string
	r.PromptTokens, r.OutputTokens, r.CachedTokens, r.ReasoningTokens, doubts = s.usage.judge(s.asked, text)
	r.Flags = append(r.Flags, doubts...)
	if text.events == 0 && r.OutputTokens > 0 && s.evidence != Never {
		r.Flags = append(r.Flags, FlagNoText) // special tokens only
	}
	if r.PromptTokens == Unknown && r.OutputTokens != Unknown && !slices.Contains(doubts, FlagImplausible) {
		r.Flags = append(r.Flags, FlagNoPrompt)
	}
	if r.OutputTokens == Unknown {
		if r.FinishReason != "" || s.done {
			r.Flags = append(r.Flags, FlagNoUsage)
		}
	} else {
		s.allot(r)
	}
	if r.ReasoningTokens == Unknown {
		s.countReasoning(r)
	}
	if r.AnsweredModel != "" {
		r.Flags = append(r.Flags, FlagOtherModel)
	}
	if s.strange {
		r.Flags = append(r.Flags, FlagStrange)
	}
	if s.after {
		r.Flags = append(r.Flags, FlagAfterFinish)
	}
	if named([]byte(r.FinishReason), filterReasons) {
		r.Flags = append(r.Flags, FlagFiltered)
	}
}

// countReasoning takes the tokens of the events that were reasoning alone, where
// the server streams its reasoning and does not count it.
func (s *scanner) countReasoning(r *Record) {
	n, some := 0, false
	for i, thinks := range s.thinking {
		if thinks {
			n += int(r.TokenCount[i])
			some = true
		}
	}
	if some {
		r.ReasoningTokens = n
	}
}

// readTimings reads llama.cpp's own times, and its counts where there is no
// usage beside them.
func (s *scanner) readTimings(r *Record) {
	if len(s.timings) == 0 {
		return
	}
	var t struct {
		Prompt    *float64 `json:"prompt_ms"`
		Predicted *float64 `json:"predicted_ms"`
		Computed  *int     `json:"prompt_n"`
		Cached    int      `json:"cache_n"`
		Output    *int     `json:"predicted_n"`
	}
	if json.Unmarshal(s.timings, &t) != nil {
		return
	}
	r.ServerPrefill, r.ServerDecode = milliseconds(t.Prompt), milliseconds(t.Predicted)
	if t.Computed != nil && t.Output != nil && !s.usage.known() && *t.Computed >= 0 && t.Cached >= 0 && *t.Output >= 0 {
		s.usage.prompt, s.usage.completion, s.usage.cached = *t.Computed+t.Cached, *t.Output, t.Cached
	}
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
