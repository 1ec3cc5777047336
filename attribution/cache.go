package attribution

import (
	"cmp"
	"fmt"
	"slices"
)

// CacheShare says who pays for a prompt prefix that was computed once and that
// others found in the server's cache. An empty one is CacheOwner.
type CacheShare string

// Ways to pay for a cached prefix.
const (
	CacheOwner CacheShare = "owner" // the request that computed it, alone
	CacheUsers CacheShare = "users" // everyone who used it, the same each
)

// ParseCacheShare reads who pays.
func ParseCacheShare(text string) (CacheShare, error) {
	switch s := CacheShare(text); s {
	case CacheOwner, CacheUsers:
		return s, nil
	}
	return "", fmt.Errorf("%q: want %s or %s", text, CacheOwner, CacheUsers)
}

// SharedCache is what sharing the cost of cached prompts among their users came
// to, in prompt tokens.
type SharedCache struct {
	// Cached are those that the server reports as cached, Known those of them
	// that another request of the run is known to have computed.
	Cached float64 `json:"cached_tokens"`
	Known  float64 `json:"shared_tokens"`
	// Users are the requests that pay for a part of what another one computed.
	Users int `json:"users"`
}

// String says it in one line, and why nothing is shared where nothing is.
func (s SharedCache) String() string {
	switch {
	case s.Cached == 0:
		return "nothing is shared among the users of the cache: the server reports no cached tokens"
	case s.Known == 0:
		return fmt.Sprintf("nothing is shared among the users of the cache: who computed the %.0f cached tokens is not known, none is from an earlier prompt of its own conversation", s.Cached)
	}
	return fmt.Sprintf("%d requests pay their part of %.0f cached prompt tokens that earlier prompts of their conversations computed; who computed the other %.0f is not known, and nobody pays for them",
		s.Users, s.Known, s.Cached-s.Known)
}

// ShareCache makes the users of cached prompt tokens pay their part of the one
// computation that filled the cache: a token of a prefix that one request
// computed and n others took from the cache costs each of them 1/(n+1) of it.
// Without it the request that computed a token pays for it alone, and those that
// found it cached pay nothing.
//
// groups has a number for each request: those of the same number are known to
// begin with the same prompt, as far as their prompts go, such as the turns of a
// conversation; a negative one shares with nobody. Within a group, in the order
// of their computation, a request takes the first CachedTokens of its prompt from those
// that computed them last, and computes the rest. Cached tokens that no request
// of the group computed cost nobody anything. Only what the server says was
// cached counts; nothing is inferred from how fast an answer came.
//
// Conventions that divide the run's energy as a whole (step, token) go by it.
// Those that divide an instant or a busy period have nobody else to charge for
// what was computed in it.
func (c *Columns) ShareCache(groups []int32) SharedCache {
	var out SharedCache
	if c.Cached == nil {
		return out
	}
	members := make(map[int32][]int32)
	for i := range c.Len() {
		if c.Sent[i] < 0 || c.refused(i) {
			continue
		}
		out.Cached += min(float64(c.Cached[i]), c.context(i))
		if groups[i] >= 0 {
			members[groups[i]] = append(members[groups[i]], int32(i))
		}
	}
	c.Moved = make([]float32, c.Len())
	for _, rows := range members {
		c.byComputation(rows)
		known, users := c.shareWithin(rows)
		out.Known += known
		out.Users += users
	}
	return out
}

// byComputation puts the requests of a group in the order in which their prompts
// were computed: that of sending, but of those that were waiting for their first
// token together, the ones that found less of the prompt cached come first, as
// the others found what they computed.
func (c *Columns) byComputation(rows []int32) {
	slices.SortStableFunc(rows, func(a, b int32) int { return cmp.Compare(c.Sent[a], c.Sent[b]) })
	for k, i := range rows {
		first := k
		for j := k + 1; j < len(rows) && c.Sent[rows[j]] < c.First[i]; j++ {
			if c.Cached[rows[j]] < c.Cached[rows[first]] {
				first = j
			}
		}
		if first > k {
			earlier := rows[first]
			copy(rows[k+1:first+1], rows[k:first])
			rows[k] = earlier
		}
	}
}

// prefix is a stretch of a cached prompt, up to token end.
type prefix struct {
	end   float64
	owner int32
	users []int32
}

// shareWithin moves the cost of prefixes among the requests of a group. It
// returns the cached tokens that one of them had computed, and the number of
// those that took some.
func (c *Columns) shareWithin(rows []int32) (known float64, users int) {
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
		before := known
		take := func(p *prefix, to float64) {
			p.users = append(p.users, i)
			if p.owner >= 0 {
				known += to - from
			}
			from = to
		}
		for ; k < len(cache) && cache[k].end <= cached; k++ {
			take(&cache[k], cache[k].end)
		}
		if k < len(cache) && from < cached { // it ends within a stretch
			rest := prefix{cache[k].end, cache[k].owner, slices.Clone(cache[k].users)}
			cache[k].end = cached
			take(&cache[k], cached)
			k++
			cache = slices.Insert(cache, k, rest)
		}
		if known > before {
			users++
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
	return known, users
}
