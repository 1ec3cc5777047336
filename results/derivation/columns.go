package derivation

import (
	"context"
	"time"

	"cfubench/attribution"
	"cfubench/loadgen"
	"cfubench/results/runfolder"
)

// ReadColumns reads what attribution needs of requests.arrow, in the order of
// the requests' numbers, with the table's schema metadata. It keeps no token
// times, so a long table costs 60 bytes a request: they are streamed from the
// table when they are needed. A request without a count from the server has the
// tokens that arrived. The end of ctx ends the reading, also the later one of token
// times, with its cause.
func ReadColumns(ctx context.Context, path string) (attribution.Columns, map[string]string, error) {
	var out attribution.Columns
	table := runfolder.Requests()
	var meta map[string]string
	for r, err := range table.ScanWith(ctx, path, func(m map[string]string) error { meta = m; return nil }) {
		if err != nil {
			return out, nil, err
		}
		out.Append(AttributionRequest(r.Record))
	}
	out.SortByID()
	out.Tokens = func(yield func(id int64, at []time.Duration, count []int32) bool) error {
		for r, err := range table.Scan(ctx, path) {
			if err != nil {
				return err
			}
			if !yield(int64(r.Record.Request), r.TokenAt, r.TokenCount) {
				return nil
			}
		}
		return nil
	}
	return out, meta, nil
}

// AttributionRequest is what attribution needs of a record, whose token times it
// shares.
func AttributionRequest(r loadgen.Record) attribution.Request {
	return attribution.Request{
		ID: int64(r.Request), Sent: r.Sent, FirstToken: r.FirstToken, LastToken: r.LastToken, Done: r.Done,
		PromptTokens: r.PromptTokens, OutputTokens: max(0, r.Tokens()), CachedTokens: r.CachedTokens,
		Tokens: r.TokenAt, TokenCounts: r.TokenCount,
		ServerPrefill: r.ServerPrefill, ServerDecode: r.ServerDecode, Failed: !r.OK(), Refused: refused(r),
	}
}

// refused reports whether the server computed nothing for a request: it answered
// with an error status instead of a stream, or there was no answer to compute.
func refused(r loadgen.Record) bool {
	return !r.OK() && (r.Status >= 400 || r.Sent == loadgen.Never)
}
