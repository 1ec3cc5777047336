package loadgen

import "cfubench/datasets"

// session is one conversation to be held: its turns in order, as positions in
// the run's requests.
type session struct{ turns []int }

// sessions groups a trace into conversations, in the order of their first
// requests. A turn that does not follow its conversation's last one starts a
// session of its own, as when a selection has drawn a conversation twice.
func sessions(reqs []datasets.Request) []session {
	var out []session
	open := make(map[string]int) // conversation → its session in out
	for i, r := range reqs {
		if k, ok := open[r.Conversation]; ok && r.Conversation != "" {
			last := out[k].turns[len(out[k].turns)-1]
			if r.Turn > reqs[last].Turn {
				out[k].turns = append(out[k].turns, i)
				continue
			}
		}
		open[r.Conversation] = len(out)
		out = append(out, session{turns: []int{i}})
	}
	return out
}

// Prefixes compares the first prompts of the conversations of a trace, in the order
// in which a run starts them.
func Prefixes(reqs []datasets.Request) []datasets.Prefix {
	var first []int
	for _, s := range sessions(reqs) {
		first = append(first, s.turns[0])
	}
	return datasets.Prefixes(reqs, first)
}

// History says where a conversation's earlier answers come from.
type History string

// Histories.
const (
	HistoryAnswers History = "answers" // what the server said in this run
	HistoryTrace   History = "trace"   // what the trace says
)
