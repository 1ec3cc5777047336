package loadgen

import "slices"

// Doubt looks at a record that others may have written for what cannot be. A count that
// none can have, or of more cached tokens than prompt tokens, is Unknown from then on,
// with FlagImplausible. Times are kept, with FlagTimes: nobody knows which is wrong.
func (r *Record) Doubt() {
	for _, n := range []*int{&r.PromptTokens, &r.OutputTokens, &r.ReasoningTokens, &r.CachedTokens} {
		if *n < 0 && *n != Unknown {
			*n = Unknown
			r.flag(FlagImplausible)
		}
	}
	if r.PromptTokens != Unknown && r.CachedTokens > r.PromptTokens {
		r.CachedTokens = Unknown
		r.flag(FlagImplausible)
	}
	if r.Sent != Never && r.Done != Never && r.Sent > r.Done || r.FirstToken != Never && r.LastToken != Never && r.FirstToken > r.LastToken {
		r.flag(FlagTimes)
	}
}

// flag adds a flag that is not there yet, to a list of its own.
func (r *Record) flag(name string) {
	if !slices.Contains(r.Flags, name) {
		r.Flags = append(slices.Clip(r.Flags), name)
	}
}
