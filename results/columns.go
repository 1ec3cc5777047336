package results

import (
	"fmt"

	"cfubench/attribution"
	"cfubench/loadgen"
	"cfubench/results/arrowfile"
)

// ReadColumns reads what attribution needs of requests.arrow, in the order of
// the requests' numbers, with the table's schema metadata. It makes no records
// and keeps no token times, so a long table costs 60 bytes a request. A
// request without a count from the server has the tokens that arrived.
func ReadColumns(path string) (attribution.Columns, map[string]string, error) {
	var out attribution.Columns
	var meta map[string]string
	opened := func(r *arrowfile.Reader) error { meta = r.Metadata(); return nil }
	for batch, err := range batches(path, "requests", opened) {
		if err != nil {
			return out, nil, err
		}
		c, err := requestColumnsOf(batch)
		if err != nil {
			return out, nil, fmt.Errorf("read table %s: %w", path, err)
		}
		for i := range int(batch.NumRows()) {
			out.Append(c.attributed(i))
		}
	}
	out.SortByID()
	return out, meta, nil
}

// attributed is what attribution needs of row i.
func (c *requestColumns) attributed(i int) attribution.Request {
	r := attribution.Request{
		ID: c.request.Value(i), Sent: timeAt(c.sent, i), FirstToken: timeAt(c.first, i), LastToken: timeAt(c.last, i), Done: timeAt(c.done, i),
		PromptTokens: countAt(c.prompt, i), OutputTokens: countAt(c.output, i), CachedTokens: countAt(c.cached, i),
		ServerPrefill: timeAt(c.serverPrefill, i), ServerDecode: timeAt(c.serverDecode, i), Failed: textAt(c.failure, i) != "",
	}
	if r.OutputTokens < 0 {
		_, counts := c.tokens(i)
		r.OutputTokens = arrived(counts)
	}
	return r
}

// AttributionRequest is what attribution needs of a record, as ReadColumns
// reads it from the table.
func AttributionRequest(r loadgen.Record) attribution.Request {
	out := attribution.Request{
		ID: int64(r.Request), Sent: r.Sent, FirstToken: r.FirstToken, LastToken: r.LastToken, Done: r.Done,
		PromptTokens: r.PromptTokens, OutputTokens: r.OutputTokens, CachedTokens: r.CachedTokens,
		ServerPrefill: r.ServerPrefill, ServerDecode: r.ServerDecode, Failed: !r.OK(),
	}
	if r.OutputTokens < 0 {
		out.OutputTokens = arrived(r.TokenCount)
	}
	return out
}

// arrived is the number of tokens in all events.
func arrived(counts []int32) int {
	n := 0
	for _, c := range counts {
		n += int(c)
	}
	return n
}
