package derivation

import (
	"cmp"
	"context"
	"math"
	"slices"

	"cfubench/attribution"
	"cfubench/results/runfolder"
)

// prefixes gives each request of reqs, whose table is at path, the earlier one that
// its prompt begins with. A turn's prompt begins with the one before it; the first
// prompt of a conversation as far as the run found that it begins like another. A
// turn that does not follow the last one of its conversation's name begins another
// one, as when a trace is sent again.
func prefixes(ctx context.Context, path string, reqs attribution.Columns) ([]attribution.Prefix, error) {
	out := make([]attribution.Prefix, reqs.Len())
	for i := range out {
		out[i].Of = -1
	}
	row := func(request int64) (int32, bool) {
		i, ok := slices.BinarySearch(reqs.ID, request)
		return int32(i), ok
	}
	type turn struct {
		row  int32
		turn int
	}
	turns := map[string][]turn{}
	for r, err := range runfolder.Requests().Scan(ctx, path) {
		if err != nil {
			return nil, err
		}
		i, ok := row(int64(r.Record.Request))
		if !ok {
			continue
		}
		if r.Conversation != "" {
			turns[r.Conversation] = append(turns[r.Conversation], turn{i, r.Turn})
		}
		if of, ok := row(int64(r.PrefixOf)); ok && r.PrefixShare > 0 {
			out[i] = attribution.Prefix{Of: of, Tokens: r.PrefixShare * float64(r.PromptTokens)}
		}
	}
	for _, all := range turns {
		slices.SortFunc(all, func(a, b turn) int { return cmp.Compare(a.row, b.row) })
		for k := 1; k < len(all); k++ {
			if all[k].turn > all[k-1].turn {
				out[all[k].row] = attribution.Prefix{Of: all[k-1].row, Tokens: math.Inf(1)} // all of it
			}
		}
	}
	return out, nil
}

// shareCache shares the cost of cached prompts among their users if share is so,
// and says in the table's metadata who pays.
func (e *Attributed) shareCache(ctx context.Context, share attribution.CacheShare, meta map[string]string, path string, reqs *attribution.Columns) error {
	meta["cache_share"] = string(cmp.Or(share, attribution.CacheOwner))
	if share != attribution.CacheUsers {
		meta["note.cache_share"] = "the request that computed a prompt pays for it alone"
		return nil
	}
	begin, err := prefixes(ctx, path, *reqs)
	if err != nil {
		return err
	}
	came := reqs.ShareCache(begin)
	e.CacheShare, meta["note.cache_share"] = &came, came.String()
	return nil
}
