package derivation

import (
	"cmp"
	"context"
	"slices"

	"cfubench/attribution"
	"cfubench/results/runfolder"
)

// conversations gives each request of reqs, whose table is at path, the number
// of the conversation that it is a turn of, -1 where it has no other turn: a turn's
// prompt begins with the prompts of those before it. A turn that does not follow
// the last one of its conversation's name begins another one, as when a trace is
// sent again.
func conversations(ctx context.Context, path string, reqs attribution.Columns) ([]int32, error) {
	type turn struct {
		request int64
		turn    int
	}
	turns := map[string][]turn{}
	for r, err := range runfolder.Requests().Scan(ctx, path) {
		if err != nil {
			return nil, err
		}
		if r.Conversation != "" {
			turns[r.Conversation] = append(turns[r.Conversation], turn{int64(r.Record.Request), r.Turn})
		}
	}
	groups := make([]int32, reqs.Len())
	for i := range groups {
		groups[i] = -1
	}
	number := int32(0)
	for _, all := range turns {
		slices.SortFunc(all, func(a, b turn) int { return cmp.Compare(a.request, b.request) })
		for from := 0; from < len(all); {
			to := from + 1
			for to < len(all) && all[to].turn > all[to-1].turn {
				to++
			}
			if to-from > 1 {
				for _, t := range all[from:to] {
					if i, ok := slices.BinarySearch(reqs.ID, t.request); ok {
						groups[i] = number
					}
				}
				number++
			}
			from = to
		}
	}
	return groups, nil
}

// shareCache shares the cost of cached prompts among their users if share is so,
// and says in the table's metadata who pays.
func (e *Attributed) shareCache(ctx context.Context, share attribution.CacheShare, meta map[string]string, path string, reqs *attribution.Columns) error {
	meta["cache_share"] = string(cmp.Or(share, attribution.CacheOwner))
	if share != attribution.CacheUsers {
		meta["note.cache_share"] = "the request that computed a prompt pays for it alone"
		return nil
	}
	groups, err := conversations(ctx, path, *reqs)
	if err != nil {
		return err
	}
	came := reqs.ShareCache(groups)
	e.CacheShare, meta["note.cache_share"] = &came, came.String()
	return nil
}
