package datasets

import (
	"context"
	"fmt"
	"io"
	"iter"

	"cfubench/datasets/mersenne"
)

// The limits of vLLM's is_valid_sequence (vllm/benchmarks/datasets/utils.py)
// and of SGLang's sample_sharegpt_requests
// (sglang/benchmark/datasets/sharegpt.py), neither configurable there.
const (
	vllmMin        = 4    // least tokens of a prompt and of an output
	vllmPromptMax  = 1024 // most tokens of a prompt
	vllmTotalMax   = 2048 // most tokens of a prompt and its output
	sglangMin      = 2    // least tokens of a prompt and of an output
	sglangFixedMin = 4    // least --sharegpt-output-len
)

// rule rejects a request by its lengths: it returns why, or "" to keep it.
type rule func(prompt, output int) string

// exactRule returns the length rule of a selection, nil for First.
func exactRule(o Options) rule {
	switch o.Select {
	case VLLM:
		return func(prompt, output int) string {
			switch {
			case prompt < vllmMin:
				return fmt.Sprintf("prompt under %d tokens", vllmMin)
			case output < vllmMin && o.OutputTokens == 0:
				return fmt.Sprintf("output under %d tokens", vllmMin)
			case prompt > vllmPromptMax:
				return fmt.Sprintf("prompt over %d tokens", vllmPromptMax)
			case prompt+output > vllmTotalMax:
				return fmt.Sprintf("prompt and output over %d tokens", vllmTotalMax)
			}
			return ""
		}
	case SGLang:
		return func(prompt, output int) string {
			switch {
			case prompt < sglangMin:
				return fmt.Sprintf("prompt under %d tokens", sglangMin)
			case output < sglangMin:
				return fmt.Sprintf("output under %d tokens", sglangMin)
			case o.ContextTokens > 0 && prompt+output > o.ContextTokens:
				return fmt.Sprintf("prompt and output over %d tokens", o.ContextTokens)
			}
			return ""
		}
	}
	return nil
}

// place is where an eligible conversation stands in the file. The exact
// selections keep one for each, 16 bytes, instead of the text.
type place struct {
	offset int64
	length int32
	index  int32
}

// shuffled returns the places of the conversations that an exact selection
// looks at, in its order: those with two turns or more, shuffled as Python's
// random.shuffle would after random.seed(o.Seed).
func shuffled(ctx context.Context, t *Trace, r io.Reader, o Options) ([]place, error) {
	var places []place
	e := newElements(r)
	for {
		raw, offset, err := e.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		index := e.count - 1
		if index%1024 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		turns, err := turnCount(raw, index, offset, o.Select == SGLang)
		if err != nil {
			return nil, err
		}
		if turns < 2 {
			t.drop("fewer than two turns")
			continue
		}
		places = append(places, place{offset, int32(len(raw)), int32(index)})
	}
	mersenne.New(o.Seed).Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
	return places, nil
}

// exact yields the first two turns of the conversations at places as requests,
// whoever spoke them: neither tool looks.
func exact(r io.ReaderAt, places []place, repaired *int) iter.Seq2[[]candidate, error] {
	return func(yield func([]candidate, error) bool) {
		var buf []byte
		for _, p := range places {
			buf = append(buf[:0], make([]byte, p.length)...)
			if _, err := r.ReadAt(buf, p.offset); err != nil {
				yield(nil, fmt.Errorf("read conversation %d again at byte %d: %w", p.index, p.offset, err))
				return
			}
			c, err := decodeConversation(buf, int(p.index), p.offset)
			if err == nil && len(c.Turns) < 2 {
				err = &positionError{p.offset, fmt.Errorf("element %d changed while it was read", p.index)}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if c.Repaired {
				*repaired++
			}
			if !yield([]candidate{{Request: Request{
				Index: c.Index, Conversation: c.ID, At: noTime,
				Prompt: c.Turns[0].Value, Completion: c.Turns[1].Value,
				PromptTokens: Unknown, OutputTokens: Unknown,
			}}}, nil) {
				return
			}
		}
	}
}

// oversample repeats requests until there are o.NumRequests, as vLLM does:
// random.seed(seed) again, then random.choice among the accepted ones.
func oversample(t *Trace, o Options) {
	if o.Select != VLLM {
		return
	}
	accepted := len(t.Requests)
	if accepted == 0 || accepted >= o.NumRequests || o.NoOversample {
		return
	}
	random := mersenne.New(o.Seed)
	for range o.NumRequests - accepted {
		t.Requests = append(t.Requests, t.Requests[random.Below(accepted)])
	}
	t.warnf("only %s the rules of %s: %d of the %d requests are repeats",
		plural(accepted, "conversation passes", "conversations pass"), o.Select, o.NumRequests-accepted, o.NumRequests)
}
