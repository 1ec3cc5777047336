package runfolder

import (
	"slices"
	"time"

	"cfubench/loadgen"
)

// Key says which cell a row belongs to. Its columns are in every table of a
// cell, so that tables of several cells and runs can be put together without
// taking paths apart.
type Key struct {
	Cell   string
	Batch  int
	Load   string // Load.String
	Repeat int
	Label  string
}

// Key is the key of the cell's rows.
func (c Cell) Key() Key {
	return Key{Cell: c.ID, Batch: c.Batch, Load: c.Load.String(), Repeat: c.Repeat, Label: c.Label}
}

func keyColumns() []column[Key] {
	return []column[Key]{
		code("cell", func(k *Key) *string { return &k.Cell }),
		count("batch", "requests", false, 0, func(k *Key) *int { return &k.Batch }),
		code("load", func(k *Key) *string { return &k.Load }),
		count("repeat", unitCount, false, 0, func(k *Key) *int { return &k.Repeat }),
		code("label", func(k *Key) *string { return &k.Label }),
	}
}

// Request is a row of requests.arrow: one request.
type Request struct {
	Key
	loadgen.Record
}

// Requests is the table of requests.arrow.
func Requests() Table[Request] {
	type R = Request
	unknown := loadgen.Unknown
	return Table[R]{name: "requests", columns: slices.Concat(
		in(func(r *R) *Key { return &r.Key }, keyColumns()),
		[]column[R]{
			whole("request", unitCount, nil, func(r *R) *int { return &r.Record.Request }),
			code("kind", func(r *R) *string { return &r.Kind }),
			text("conversation", false, func(r *R) *string { return &r.Conversation }),
			count("turn", unitCount, false, 0, func(r *R) *int { return &r.Turn }),
			moment("due_ns", func(r *R) *time.Duration { return &r.Due }),
			moment("sent_ns", func(r *R) *time.Duration { return &r.Sent }),
			moment("first_token_ns", func(r *R) *time.Duration { return &r.FirstToken }),
			moment("last_token_ns", func(r *R) *time.Duration { return &r.LastToken }),
			moment("done_ns", func(r *R) *time.Duration { return &r.Done }),
			tokens("prompt_tokens", func(r *R) *int { return &r.PromptTokens }),
			tokens("output_tokens", func(r *R) *int { return &r.OutputTokens }),
			tokens("reasoning_tokens", func(r *R) *int { return &r.ReasoningTokens }),
			tokens("cached_tokens", func(r *R) *int { return &r.CachedTokens }),
			tokens("target_output_tokens", func(r *R) *int { return &r.TargetOutputTokens }),
			moments("token_ns", func(r *R) *[]time.Duration { return &r.TokenAt }),
			counts("token_count", "tokens", func(r *R) *[]int32 { return &r.TokenCount }),
			text("finish_reason", true, func(r *R) *string { return &r.FinishReason }),
			text("answered_model", true, func(r *R) *string { return &r.AnsweredModel }),
			count("status", unitCount, true, 0, func(r *R) *int { return &r.Status }),
			text("error", true, func(r *R) *string { return &r.Err }),
			boolean("connection_reused", func(r *R) *bool { return &r.ConnectionReused }),
			moment("server_prefill_ns", func(r *R) *time.Duration { return &r.ServerPrefill }),
			moment("server_decode_ns", func(r *R) *time.Duration { return &r.ServerDecode }),
			whole("prefix_of", unitCount, &unknown, func(r *R) *int { return &r.PrefixOf }),
			number("prefix_share", unitCount, false, 0, func(r *R) *float64 { return &r.PrefixShare }),
			flags("flags", func(r *R) *[]string { return &r.Flags }),
		}), own: own, bytes: held, doubt: func(r *R) { r.Record.Doubt() }}
}

// own gives the request lists of its own, which outlive the next row.
func own(r *Request) {
	r.TokenAt, r.TokenCount = slices.Clone(r.TokenAt), slices.Clone(r.TokenCount)
}

// held is about how much memory a request holds.
func held(r Request) int { return 600 + 12*len(r.TokenAt) }
