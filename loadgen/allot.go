package loadgen

import (
	"slices"
	"time"
)

// silence is an event of an answer without text: of a character that is not complete,
// a mark, a keep-alive, or the answer's end.
type silence struct {
	at     time.Duration
	before int // events with text before it
	usage  int // completion tokens so far, Unknown where it reports none
	end    bool
}

// arrival is an event of an answer, with text or without.
type arrival struct {
	at                time.Duration
	length            int32 // of its text
	usage             int32 // completion tokens so far, Unknown where none were reported
	count             int32 // tokens that it stands for
	text, end, thinks bool  // it has text, ends the answer, is reasoning alone
}

// mostWithoutText is how many tokens may come before the first text without being
// hidden reasoning: marks, and bytes of a character.
const mostWithoutText = 8

// allot shares the server's total among the events. Each report of a running usage
// says how many tokens the events since the one before brought; without any, or where
// reports leave many texts without a token and are no running usage, the total is that
// of all events. An event without text has tokens only where a running usage, or as
// many tokens as there are events, says so. Reasoning that the server counted and did
// not send was decoded before the first text.
func (s *scanner) allot(r *Record) {
	all := s.inOrder(r)
	hidden, runs := byReports(all, r.OutputTokens, r.FinishReason)
	streamed := slices.Contains(s.thinking, true)
	first := slices.IndexFunc(all, func(a arrival) bool { return a.text })
	known := max(0, r.ReasoningTokens)
	switch {
	case streamed:
		hidden = 0
	case !runs || known > 0 && first >= 0 && upTo(all, first) > known:
		hidden = known
	}
	switch {
	case !runs && first < 0:
		all, hidden = all[:0], 0
		if s.evidence != Never && r.OutputTokens > 0 { // the first sign of tokens
			all = append(all, arrival{at: s.evidence, count: int32(r.OutputTokens)})
		}
	case !runs:
		for i := range all {
			all[i].count = 0
		}
		give(all, r.OutputTokens-hidden, r.FinishReason)
		all[first].count += int32(hidden)
	}
	late := !streamed && first >= 0 && upTo(all, first-1) > mostWithoutText
	if late && hidden == 0 && r.ReasoningTokens == Unknown {
		hidden = upTo(all, first-1)
	}
	if hidden > 0 || late {
		all[first].count = int32(upTo(all, first))
		for i := range first {
			all[i].count = 0
		}
	}
	if hidden > 0 {
		r.Flags = append(r.Flags, FlagHidden)
		if r.ReasoningTokens == Unknown {
			r.ReasoningTokens = hidden
		}
	}
	r.TokenAt, r.TokenCount, s.thinking = r.TokenAt[:0], r.TokenCount[:0], s.thinking[:0]
	for _, a := range all {
		if a.text || a.count > 0 {
			r.TokenAt, r.TokenCount, s.thinking = append(r.TokenAt, a.at), append(r.TokenCount, a.count), append(s.thinking, a.thinks)
		}
	}
}

// inOrder are the answer's events. One without text is of what comes after it.
func (s *scanner) inOrder(r *Record) []arrival {
	all := s.arrivals[:0]
	k := 0
	for i := 0; i <= len(r.TokenAt); i++ {
		thinks := i < len(s.thinking) && s.thinking[i] || i == len(s.thinking) && i > 0 && s.thinking[i-1]
		for ; k < len(s.silent) && s.silent[k].before == i; k++ {
			q := s.silent[k]
			all = append(all, arrival{at: q.at, usage: int32(min(q.usage, 1<<30)), end: q.end, thinks: thinks})
		}
		if i < len(r.TokenAt) {
			all = append(all, arrival{at: r.TokenAt[i], length: s.lengths[i], usage: s.usages[i], text: true, thinks: thinks})
		}
	}
	s.arrivals = all
	return all
}

// byReports shares total by the reports of a running usage, and reports false if there
// is none. hidden are the tokens that were counted before the first text and are too
// many to belong to it.
func byReports(all []arrival, total int, finish string) (hidden int, runs bool) {
	last, from, reports := 0, 0, 0
	for i, a := range all {
		if int(a.usage) > last {
			how := ""
			if a.end || i == len(all)-1 {
				how = finish
			}
			give(all[from:i+1], int(a.usage)-last, how)
			last, from, reports = int(a.usage), i+1, reports+1
		}
	}
	rest := total - last
	if reports < 2 || rest < 0 {
		return 0, false
	}
	tail := all[from:]
	hasText := slices.ContainsFunc(tail, func(a arrival) bool { return a.text })
	switch {
	case rest == 0:
	case hasText || len(tail) > 0 && rest > 1:
		give(tail, rest, finish)
	default: // an end of sequence, or nothing that it could have come with
		all[max(from-1, 0)].count += int32(rest)
	}
	texts, without := 0, 0
	for _, a := range all {
		if a.text {
			texts++
			if a.count == 0 {
				without++
			}
		}
	}
	if total >= texts && without > 1+texts/10 {
		return 0, false
	}
	first := slices.IndexFunc(all, func(a arrival) bool { return a.text })
	if first < 0 {
		return 0, true
	}
	if all[first].count == 0 { // reports that are one ahead
		for i := first - 1; i >= 0; i-- {
			if all[i].count > 0 {
				all[first].count, all[i].count = all[i].count, 0
				break
			}
		}
	}
	if before := upTo(all, first-1); before > mostWithoutText {
		return before, true
	}
	if n := int(all[first].count) - 1; n > mostWithoutText && n >= int(all[first].length) {
		return n, true
	}
	return 0, true
}

// upTo is how many tokens the events up to and with i stand for.
func upTo(all []arrival, i int) int {
	sum := 0
	for _, a := range all[:i+1] {
		sum += int(a.count)
	}
	return sum
}

// give shares n tokens among events: one for each, with text or without, where that is
// as many; else among those with text, or to the last where none has any.
func give(events []arrival, n int, finish string) {
	texts, plain, ends := 0, 0, 0
	for _, a := range events {
		switch {
		case a.text:
			texts++
		case a.end:
			ends++
		default:
			plain++
		}
	}
	switch {
	case texts == 0:
		events[len(events)-1].count = int32(n)
		return
	case len(events) == 1:
		events[0].count = int32(n)
		return
	case plain > 0 && (n == texts+plain || n == texts+plain+ends):
		for i, a := range events {
			if !a.end || n == texts+plain+ends {
				events[i].count = 1
			}
		}
		return
	}
	counts, lengths := make([]int32, 0, texts), make([]int32, 0, texts)
	for _, a := range events {
		if a.text {
			counts, lengths = append(counts, 0), append(lengths, a.length)
		}
	}
	spread(counts, lengths, n, finish)
	for i := range events {
		if events[i].text {
			events[i].count, counts = counts[0], counts[1:]
		}
	}
}
