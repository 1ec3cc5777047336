package loadgen

// tokenUsage is what servers count of one request, each figure Unknown where nobody
// told it. Servers differ in names and places, and in what they count together.
type tokenUsage struct {
	prompt, completion, total int
	// cached are the prompt tokens that were not computed, reasoning the output
	// tokens that are no answer.
	cached, reasoning int
	// apart are prompt tokens that a server of Anthropic's habit counts beside
	// input_tokens: read from its cache, and written to it.
	apart int
	// shortInput says that the prompt's count came as input_tokens.
	shortInput bool
}

func unknownUsage() tokenUsage {
	return tokenUsage{prompt: Unknown, completion: Unknown, total: Unknown, cached: Unknown, reasoning: Unknown}
}

// read takes the members of a usage object.
func (u *tokenUsage) read(w *walker) {
	if !w.opens('{') {
		return
	}
	for w.member() {
		switch string(w.key) {
		case "prompt_tokens", "promptTokenCount", "inputTokens": // the last Bedrock's
			u.prompt, u.shortInput = w.count(u.prompt), false
		case "input_tokens": // Responses, Anthropic
			if u.prompt == Unknown || u.shortInput {
				u.prompt, u.shortInput = w.count(u.prompt), true
			} else {
				w.value()
			}
		case "completion_tokens", "output_tokens", "generated_tokens", "candidatesTokenCount", "outputTokens":
			u.completion = max(u.completion, w.count(Unknown))
		case "total_tokens", "totalTokenCount", "totalTokens":
			u.total = max(u.total, w.count(Unknown))
		case "reasoning_tokens", "thoughtsTokenCount":
			u.reasoning = max(u.reasoning, w.count(Unknown))
		case "cached_tokens", "num_cached_tokens", "prompt_cache_hit_tokens", "cachedContentTokenCount", "cacheReadInputTokens":
			u.cached = max(u.cached, w.count(Unknown)) // Moonshot, Mistral, DeepSeek, Gemini
		case "cache_read_input_tokens": // Anthropic, and LiteLLM beside prompt_tokens
			n := w.count(Unknown)
			u.cached = max(u.cached, n)
			u.apart += max(0, n)
		case "cache_creation_input_tokens":
			u.apart += max(0, w.count(0))
		case "prompt_tokens_details", "prompt_token_details", "input_tokens_details", "completion_tokens_details", "output_tokens_details":
			u.details(w)
		default:
			w.value()
		}
	}
}

// details reads what a figure is made of.
func (u *tokenUsage) details(w *walker) {
	if !w.opens('{') {
		return
	}
	for w.member() {
		switch string(w.key) {
		case "cached_tokens":
			u.cached = max(u.cached, w.count(Unknown))
		case "reasoning_tokens":
			u.reasoning = max(u.reasoning, w.count(Unknown))
		default:
			w.value()
		}
	}
}

// known reports whether any figure was told.
func (u *tokenUsage) known() bool { return u.prompt != Unknown || u.completion != Unknown }

// add takes a later report of the same request: counts of tokens only rise, so
// zeros after a real figure, as some proxies send, change nothing.
func (u *tokenUsage) add(v tokenUsage) {
	u.prompt = max(u.prompt, v.prompt)
	u.completion = max(u.completion, v.completion)
	u.total = max(u.total, v.total)
	u.cached = max(u.cached, v.cached)
	u.reasoning = max(u.reasoning, v.reasoning)
	u.apart = max(u.apart, v.apart)
	u.shortInput = u.shortInput || v.shortInput
}

// Bounds on what is believed. No server makes more output tokens in one answer
// than mostTokens; hidden text, such as a chat template or a gateway's own system
// prompt, is below hiddenPrompt tokens.
const (
	mostTokens   = 1 << 24
	hiddenOutput = 1 << 20
	hiddenPrompt = 1 << 16
)

// A token is a few bytes of text. Of a usage that makes it more than bytesAToken
// on average some tokens are missing; so they are of one that makes it more than
// charsAToken and has less than a token for two events, as if a proxy had cut the
// text into letters. An answer may have markOnly tokens more than bytes: ends of
// turns and marks of tools, which have no text.
const (
	bytesAToken = 12
	charsAToken = 6
	markOnly    = 16
)

// asked is what a usage is compared with.
type asked struct {
	body   int // bytes of the request
	text   int // bytes of its prompt, history included
	prompt int // tokens that the trace states for the prompt, Unknown if it does not
	limit  int // tokens asked for, 0 for the server's own limit
	model  string
}

// came is the text of an answer.
type came struct {
	events int // that carried text
	bytes  int // of text
	chars  int // of text
	// What the usages said that came with the text, if any did: the sum of their
	// completion tokens, how many were no higher than the one before, and whether
	// one was lower: they are no running total then.
	parts, still int
	fell         bool
}

// exceeds reports whether the text has more than so many tokens, or the reports
// that came with it are those of its parts: one was lower than the one before, or
// all were the same and too few.
func (c came) exceeds(output int) bool {
	switch long := c.chars > charsAToken*output; {
	case c.fell:
		return output < c.parts
	case c.still > 0 && c.parts == (c.still+1)*output:
		return long || output < c.events
	default:
		return long && 2*output < c.events
	}
}

// beside are the prompt tokens that stand beside the prompt's count, as the total
// says: those read from a cache, which some gateways take out of it.
func (u tokenUsage) beside() int {
	if u.shortInput || u.prompt == Unknown || u.completion == Unknown || u.total == Unknown {
		return 0
	}
	rest := u.total - u.prompt - u.completion
	if rest > 0 && rest != u.reasoning && (rest == u.cached || rest == u.apart) {
		return rest
	}
	return 0
}

// judge turns what a server counted into the figures of a record, and names
// what cannot be. A figure that cannot be is Unknown afterwards.
func (u tokenUsage) judge(a asked, c came) (prompt, output, cached, reasoning int, doubts []string) {
	doubt := func(flag string) {
		for _, have := range doubts {
			if have == flag {
				return
			}
		}
		doubts = append(doubts, flag)
	}
	u.prompt += u.beside()
	prompt, cached, reasoning = u.prompt, u.cached, u.reasoning
	if u.shortInput && prompt != Unknown {
		prompt += u.apart
	}
	output = u.output(a, c, doubt)
	visible := output - max(0, reasoning)
	switch {
	case output == Unknown:
	case output == 0 && c.events > 0, c.exceeds(output):
		// Zeros, or a part: the text has more.
		doubt(FlagUsageText)
		output = Unknown
	case output > mostTokens, visible > max(c.bytes, c.events) && visible > max(a.limit, 0) && (a.limit > 0 || visible > hiddenOutput):
		doubt(FlagImplausible)
		output = Unknown
	case c.events > 0 && visible > c.bytes+markOnly && output != a.limit:
		doubt(FlagUsageMore)
	}
	switch {
	case prompt == 0 && a.text > 0 && output == Unknown: // zeros all over
		prompt = Unknown
	case prompt == 0 && a.text > 0:
		doubt(FlagImplausible)
		prompt = Unknown
	case prompt > a.body+hiddenPrompt:
		doubt(FlagImplausible)
		prompt = Unknown
	}
	if cached != Unknown && (prompt == Unknown || cached > prompt) {
		if cached > 0 {
			doubt(FlagImplausible)
		}
		cached = Unknown
	}
	if reasoning != Unknown && (output == Unknown || reasoning > output) {
		if reasoning > 0 && output != Unknown {
			doubt(FlagImplausible)
		}
		reasoning = Unknown
	}
	return prompt, output, cached, reasoning, doubts
}

// output is the number of tokens that were decoded. Some servers leave the
// reasoning out of the completion's count (xAI, Gemini): then the total, or the
// reasoning's own count, says so.
func (u tokenUsage) output(a asked, c came, doubt func(string)) int {
	if u.completion == Unknown {
		if u.prompt > 0 && u.total > u.prompt {
			return u.total - u.prompt
		}
		return Unknown
	}
	if u.total > 0 && u.prompt != Unknown {
		switch rest := u.total - u.prompt; {
		case rest == u.completion:
			return u.completion
		case u.reasoning > 0 && rest == u.completion+u.reasoning:
			return rest
		case rest > u.completion && u.completion > 0 && rest <= max(a.limit, c.bytes, c.events):
			doubt(FlagUsageTotal) // tokens that no other figure has
			return rest
		case u.completion > 0 && rest != 0 || rest < 0:
			doubt(FlagUsageTotal)
		}
	}
	if u.reasoning > u.completion && u.completion > 0 {
		return u.completion + u.reasoning // it cannot be a part of it
	}
	return u.completion
}
