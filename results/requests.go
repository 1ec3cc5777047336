package results

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"cfubench/loadgen"
	"cfubench/results/arrowfile"
)

// requestFields are the columns of requests.arrow, in order. Flags is not in
// the first contract: it keeps the client's doubts about a row.
func requestFields() []arrow.Field {
	ns, tokens := arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Int32
	return []arrow.Field{
		field("request", ns, unitCount, false),
		field("conversation", arrow.BinaryTypes.String, unitNone, false),
		field("turn", tokens, unitCount, false),
		field("due_ns", ns, "ns", true),
		field("sent_ns", ns, "ns", true),
		field("first_token_ns", ns, "ns", true),
		field("last_token_ns", ns, "ns", true),
		field("done_ns", ns, "ns", true),
		field("prompt_tokens", tokens, "tokens", true),
		field("output_tokens", tokens, "tokens", true),
		field("cached_tokens", tokens, "tokens", true),
		field("target_output_tokens", tokens, "tokens", true),
		field("token_ns", arrow.ListOf(ns), "ns", false),
		field("token_count", arrow.ListOf(tokens), "tokens", false),
		field("finish_reason", arrow.BinaryTypes.String, unitNone, true),
		field("status", tokens, unitCount, true),
		field("error", arrow.BinaryTypes.String, unitNone, true),
		field("connection_reused", arrow.FixedWidthTypes.Boolean, unitNone, false),
		field("server_prefill_ns", ns, "ns", true),
		field("server_decode_ns", ns, "ns", true),
		field("flags", arrow.BinaryTypes.String, unitNone, false),
	}
}

// RequestsWriter writes requests.arrow.
type RequestsWriter struct {
	tableWriter
	request, due, sent, first, last, done, serverPrefill, serverDecode *array.Int64Builder
	turn, prompt, output, cached, target, status                       *array.Int32Builder
	conversation, finish, failure, flags                               *array.StringBuilder
	tokenAt, tokenCount                                                *array.ListBuilder
	reused                                                             *array.BooleanBuilder
	atV                                                                *array.Int64Builder
	countV                                                             *array.Int32Builder
}

// NewRequestsWriter starts requests.arrow at path with the run constants meta.
func NewRequestsWriter(path string, meta map[string]string) (*RequestsWriter, error) {
	t, err := newTableWriter(path, "requests", requestFields(), meta)
	if err != nil {
		return nil, err
	}
	w := &RequestsWriter{tableWriter: t}
	i64 := func(i int) *array.Int64Builder { return t.builder.Field(i).(*array.Int64Builder) }
	i32 := func(i int) *array.Int32Builder { return t.builder.Field(i).(*array.Int32Builder) }
	text := func(i int) *array.StringBuilder { return t.builder.Field(i).(*array.StringBuilder) }
	w.request, w.conversation, w.turn = i64(0), text(1), i32(2)
	w.due, w.sent, w.first, w.last, w.done = i64(3), i64(4), i64(5), i64(6), i64(7)
	w.prompt, w.output, w.cached, w.target = i32(8), i32(9), i32(10), i32(11)
	w.tokenAt, w.tokenCount = t.builder.Field(12).(*array.ListBuilder), t.builder.Field(13).(*array.ListBuilder)
	w.atV, w.countV = w.tokenAt.ValueBuilder().(*array.Int64Builder), w.tokenCount.ValueBuilder().(*array.Int32Builder)
	w.finish, w.status, w.failure = text(14), i32(15), text(16)
	w.reused = t.builder.Field(17).(*array.BooleanBuilder)
	w.serverPrefill, w.serverDecode, w.flags = i64(18), i64(19), text(20)
	return w, nil
}

// Write appends the records as one batch, which is in the file when Write
// returns.
func (w *RequestsWriter) Write(records []loadgen.Record) error {
	for _, r := range records {
		w.request.Append(int64(r.Request))
		w.conversation.Append(valid(r.Conversation))
		w.turn.Append(int32(r.Turn))
		appendTime(w.due, r.Due)
		appendTime(w.sent, r.Sent)
		appendTime(w.first, r.FirstToken)
		appendTime(w.last, r.LastToken)
		appendTime(w.done, r.Done)
		appendCount(w.prompt, r.PromptTokens)
		appendCount(w.output, r.OutputTokens)
		appendCount(w.cached, r.CachedTokens)
		appendCount(w.target, r.TargetOutputTokens)
		w.tokenAt.Append(true)
		for _, at := range r.TokenAt {
			w.atV.Append(int64(at))
		}
		w.tokenCount.Append(true)
		w.countV.AppendValues(r.TokenCount, nil)
		appendText(w.finish, r.FinishReason)
		if r.Status == 0 {
			w.status.AppendNull()
		} else {
			w.status.Append(int32(r.Status))
		}
		appendText(w.failure, r.Err)
		w.reused.Append(r.ConnectionReused)
		appendTime(w.serverPrefill, r.ServerPrefill)
		appendTime(w.serverDecode, r.ServerDecode)
		w.flags.Append(joinFlags(r.Flags))
	}
	return w.flush()
}

// Close completes the file and gives it its final name.
func (w *RequestsWriter) Close() error { return w.close() }

func appendTime(b *array.Int64Builder, t time.Duration) {
	if t < 0 {
		b.AppendNull()
		return
	}
	b.Append(int64(t))
}

func appendCount(b *array.Int32Builder, n int) {
	if n < 0 {
		b.AppendNull()
		return
	}
	b.Append(int32(n))
}

func appendText(b *array.StringBuilder, s string) {
	if s == "" {
		b.AppendNull()
		return
	}
	b.Append(valid(s))
}

// valid makes s the UTF-8 that the column type promises: a server's error text
// may be anything.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// ScanRequests yields the rows of requests.arrow as they are read. Memory stays
// at one batch.
func ScanRequests(path string) iter.Seq2[loadgen.Record, error] {
	return scanRequests(path, nil)
}

func scanRequests(path string, opened func(*arrowfile.Reader) error) iter.Seq2[loadgen.Record, error] {
	return func(yield func(loadgen.Record, error) bool) {
		for batch, err := range batches(path, "requests", opened) {
			if err != nil {
				yield(loadgen.Record{}, err)
				return
			}
			c, err := requestColumnsOf(batch)
			if err != nil {
				yield(loadgen.Record{}, fmt.Errorf("read table %s: %w", path, err))
				return
			}
			for i := range int(batch.NumRows()) {
				if !yield(c.record(i), nil) {
					return
				}
			}
		}
	}
}

// ReadRequests reads the whole of requests.arrow with its schema metadata.
// Large tables are better scanned.
func ReadRequests(path string) ([]loadgen.Record, map[string]string, error) {
	var meta map[string]string
	var records []loadgen.Record
	for r, err := range scanRequests(path, func(r *arrowfile.Reader) error { meta = r.Metadata(); return nil }) {
		if err != nil {
			return nil, nil, err
		}
		records = append(records, r)
	}
	return records, meta, nil
}

// requestColumns are the columns of one batch of requests.arrow.
type requestColumns struct {
	request, due, sent, first, last, done, serverPrefill, serverDecode *array.Int64
	turn, prompt, output, cached, target, status                       *array.Int32
	conversation, finish, failure, flags                               *array.String
	tokenAt, tokenCount                                                *array.List
	reused                                                             *array.Boolean
	at                                                                 []int64
	count                                                              []int32
}

func requestColumnsOf(batch arrow.RecordBatch) (requestColumns, error) {
	c := &columns{batch: batch}
	i64 := func(name string) *array.Int64 { return column[*array.Int64](c, name, false) }
	i32 := func(name string) *array.Int32 { return column[*array.Int32](c, name, false) }
	text := func(name string) *array.String { return column[*array.String](c, name, false) }
	r := requestColumns{
		request: i64("request"), due: i64("due_ns"), sent: i64("sent_ns"), first: i64("first_token_ns"),
		last: i64("last_token_ns"), done: i64("done_ns"),
		serverPrefill: i64("server_prefill_ns"), serverDecode: i64("server_decode_ns"),
		turn: i32("turn"), prompt: i32("prompt_tokens"), output: i32("output_tokens"), cached: i32("cached_tokens"),
		target: i32("target_output_tokens"), status: i32("status"),
		conversation: text("conversation"), finish: text("finish_reason"), failure: text("error"),
		flags:   column[*array.String](c, "flags", true),
		tokenAt: column[*array.List](c, "token_ns", false), tokenCount: column[*array.List](c, "token_count", false),
		reused: column[*array.Boolean](c, "connection_reused", false),
	}
	if c.err != nil {
		return r, c.err
	}
	at, ok := r.tokenAt.ListValues().(*array.Int64)
	if !ok {
		return r, fmt.Errorf("column %q does not list int64", "token_ns")
	}
	count, ok := r.tokenCount.ListValues().(*array.Int32)
	if !ok {
		return r, fmt.Errorf("column %q does not list int32", "token_count")
	}
	r.at, r.count = at.Int64Values(), count.Int32Values()
	return r, nil
}

// record is row i, with slices of its own.
func (c *requestColumns) record(i int) loadgen.Record {
	r := loadgen.Record{
		Request: int(c.request.Value(i)), Conversation: c.conversation.Value(i), Turn: int(c.turn.Value(i)),
		Due: timeAt(c.due, i), Sent: timeAt(c.sent, i), FirstToken: timeAt(c.first, i), LastToken: timeAt(c.last, i), Done: timeAt(c.done, i),
		PromptTokens: countAt(c.prompt, i), OutputTokens: countAt(c.output, i), CachedTokens: countAt(c.cached, i),
		TargetOutputTokens: countAt(c.target, i),
		FinishReason:       textAt(c.finish, i), Status: max(0, countAt(c.status, i)), Err: textAt(c.failure, i),
		ConnectionReused: c.reused.Value(i),
		ServerPrefill:    timeAt(c.serverPrefill, i), ServerDecode: timeAt(c.serverDecode, i),
	}
	if c.flags != nil {
		r.Flags = splitFlags(c.flags.Value(i))
	}
	ats, counts := c.tokens(i)
	if len(ats) > 0 {
		r.TokenAt = make([]time.Duration, len(ats))
		for j, at := range ats {
			r.TokenAt[j] = time.Duration(at)
		}
		r.TokenCount = append([]int32(nil), counts...)
	}
	return r
}

// tokens are the arrivals and token counts of row i, in the batch's memory.
func (c *requestColumns) tokens(i int) (at []int64, count []int32) {
	start, end := c.tokenAt.ValueOffsets(i)
	at = c.at[start:end]
	start, end = c.tokenCount.ValueOffsets(i)
	return at, c.count[start:end]
}

func timeAt(a *array.Int64, i int) time.Duration {
	if a.IsNull(i) {
		return loadgen.Never
	}
	return time.Duration(a.Value(i))
}

func countAt(a *array.Int32, i int) int {
	if a.IsNull(i) {
		return loadgen.Unknown
	}
	return int(a.Value(i))
}

func textAt(a *array.String, i int) string {
	if a.IsNull(i) {
		return ""
	}
	return a.Value(i)
}
