package attribution

import (
	"cmp"
	"slices"
)

// ShareCache makes the users of cached prompt tokens pay their part of the one
// computation that filled the cache: a token of a prefix that one request
// computed and n others took from the cache costs each of them 1/(n+1) of it.
// Without it the request that computed a token pays for it alone, and those that
// found it cached pay nothing.
//
// group says which requests can share a prefix (those of a conversation, or of
// one system prompt). Within a group, in the order of sending, a request takes
// the first CachedTokens of its prompt from those that computed them last, and
// computes the rest. Cached tokens that no request of the group computed cost
// nobody anything: they are from before the run. Only what the server says was
// cached counts; nothing is inferred from how fast an answer came.
func (c *Columns) ShareCache(group func(i int) string) {
	if c.Cached == nil {
		return
	}
	members := make(map[string][]int32)
	for i := range c.Len() {
		if c.Sent[i] >= 0 && !c.refused(i) {
			g := group(i)
			members[g] = append(members[g], int32(i))
		}
	}
	c.Moved = make([]float32, c.Len())
	for _, rows := range members {
		slices.SortStableFunc(rows, func(a, b int32) int { return cmp.Compare(c.Sent[a], c.Sent[b]) })
		c.shareWithin(rows)
	}
}

// prefix is a stretch of a cached prompt, up to token end.
type prefix struct {
	end   float64
	owner int32
	users []int32
}

// shareWithin moves the cost of prefixes among the requests of a group.
func (c *Columns) shareWithin(rows []int32) {
	var cache []prefix // in the order of tokens, without a gap
	settle := func(p prefix, length float64) {
		if len(p.users) == 0 || p.owner < 0 {
			return
		}
		each := float32(length / float64(len(p.users)+1))
		for _, u := range p.users {
			c.Moved[u] += each
		}
		c.Moved[p.owner] -= each * float32(len(p.users))
	}
	for _, i := range rows {
		cached := min(float64(c.Cached[i]), c.context(int(i)))
		from, k := 0.0, 0
		for ; k < len(cache) && cache[k].end <= cached; k++ {
			cache[k].users = append(cache[k].users, i)
			from = cache[k].end
		}
		if k < len(cache) && from < cached { // it ends within a stretch
			rest := prefix{cache[k].end, cache[k].owner, slices.Clone(cache[k].users)}
			cache[k].end = cached
			cache[k].users = append(cache[k].users, i)
			k++
			cache = slices.Insert(cache, k, rest)
			from = cached
		}
		for j, at := k, from; j < len(cache); j++ { // computed again by i
			settle(cache[j], cache[j].end-at)
			at = cache[j].end
		}
		cache = cache[:k]
		if from < cached {
			cache = append(cache, prefix{end: cached, owner: -1})
		}
		if whole := c.context(int(i)); whole > cached {
			cache = append(cache, prefix{end: whole, owner: i})
		}
	}
	at := 0.0
	for _, p := range cache {
		settle(p, p.end-at)
		at = p.end
	}
}
