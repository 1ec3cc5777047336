package attribution

import (
	"cmp"
	"fmt"
	"maps"
	"math"
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
		return fmt.Sprintf("nothing is shared among the users of the cache: who computed the %.0f cached tokens is not known, none is from a prompt of this run that begins alike", s.Cached)
	}
	known := fmt.Sprintf("%d requests pay their part of %.0f cached prompt tokens that prompts of this run computed", s.Users, s.Known)
	if other := s.Cached - s.Known; other >= 0.5 {
		known += fmt.Sprintf("; who computed the other %.0f is not known, and nobody pays for them", other)
	}
	return known
}

// Prefix says which earlier request's prompt a prompt begins with, as its row among
// the requests, -1 for none, and for how many tokens: at most all of that prompt.
type Prefix struct {
	Of     int32
	Tokens float64
}

// ShareCache makes the users of cached prompt tokens pay their part of the one
// computation that filled the cache: a token of a prefix that one request
// computed and n others took from the cache costs each of them 1/(n+1) of it.
// Without it the request that computed a token pays for it alone, and those that
// found it cached pay nothing.
//
// prefixes has one of each request; of one that is not of an earlier row nothing
// is known. Prompts that begin alike, such as the turns of a conversation or
// conversations under one system prompt, are a tree. In the order of their
// computation, a request takes the first CachedTokens of its prompt from those
// that computed them last, and computes the rest. Cached tokens that no request
// is known to have computed cost nobody anything. Only what the server says was
// cached counts; nothing is inferred from how fast an answer came.
//
// Conventions that divide the run's energy as a whole (step, token) go by it.
// Those that divide an instant or a busy period have nobody else to charge for
// what was computed in it.
func (c *Columns) ShareCache(prefixes []Prefix) SharedCache {
	var out SharedCache
	if c.Cached == nil {
		return out
	}
	c.Moved = make([]float32, c.Len())
	cache := c.newPromptCache(prefixes)
	trees := make(map[int32][]int32) // by the row of their root
	for i := range c.Len() {
		if c.Sent[i] < 0 || c.refused(i) {
			continue
		}
		out.Cached += min(float64(c.Cached[i]), c.context(i))
		trees[cache.root[i]] = append(trees[cache.root[i]], int32(i))
	}
	for _, rows := range trees {
		if len(rows) == 1 {
			continue
		}
		c.byComputation(rows)
		clear(cache.parts)
		for _, i := range rows {
			if known := cache.read(i); known > 0 {
				out.Known += known
				out.Users++
			}
		}
		for _, row := range slices.Sorted(maps.Keys(cache.parts)) { // sums that come out the same each time
			for _, s := range cache.parts[row] {
				cache.settle(s)
			}
		}
	}
	return out
}

// byComputation puts requests in the order in which their prompts were computed:
// that of sending, but of those that were waiting for their first token
// together, the ones that found less of the prompt cached come first, as the
// others found what they computed.
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

// promptCache is what a server's prefix cache holds of the prompts of a tree, and
// who computed and who used it.
type promptCache struct {
	columns *Columns
	// of and begin are where a request's own part of its prompt begins: behind those
	// tokens of the prompt of row of, -1 for none. root is the first of its tree.
	of, root []int32
	begin    []float64
	// parts are what was computed of each request's own part of its prompt, which
	// begins where its prefix ends: in the order of tokens, without a gap.
	parts map[int32][]extent
}

// extent is a part of a prompt, between two tokens, that one request computed, or
// somebody else if owner is negative, and that others took from the cache.
type extent struct {
	from, to float64
	owner    int32
	users    []int32
}

// piece is the part of a prompt, between two tokens, that is in a request's own part.
type piece struct {
	row      int32
	from, to float64
}

// newPromptCache is the cache before any prompt was read.
func (c *Columns) newPromptCache(prefixes []Prefix) *promptCache {
	n := c.Len()
	p := &promptCache{columns: c, of: make([]int32, n), root: make([]int32, n), begin: make([]float64, n), parts: make(map[int32][]extent)}
	for i, prefix := range prefixes {
		of, begin := prefix.Of, 0.0
		if of < 0 || int(of) >= i {
			of = -1
		} else {
			// Whole tokens: parts that end a hair apart would be extents of their own.
			begin = math.Round(min(prefix.Tokens, c.context(i), c.context(int(of))))
		}
		// What is in the prefix of the other one, too, is of the one before it.
		for of >= 0 && begin <= p.begin[of] {
			of = p.of[of]
		}
		p.of[i], p.begin[i], p.root[i] = of, begin, int32(i)
		if of < 0 {
			p.begin[i] = 0
		} else {
			p.root[i] = p.root[of]
		}
	}
	return p
}

// path is what a request's prompt consists of, from its first token on.
func (p *promptCache) path(i int32) []piece {
	var path []piece
	for to := p.columns.context(int(i)); i >= 0; i = p.of[i] {
		if from := p.begin[i]; from < to {
			path = append(path, piece{i, from, to})
			to = from
		}
	}
	slices.Reverse(path)
	return path
}

// read takes the cached tokens of a request's prompt from those that computed them,
// and computes the others. It returns how many it took of whom it is known.
func (p *promptCache) read(i int32) (known float64) {
	cached := min(float64(p.columns.Cached[i]), p.columns.context(int(i)))
	for _, part := range p.path(i) {
		hit := min(max(cached, part.from), part.to) // cached up to here
		list, kept := cut(p.parts[part.row], hit)
		for k := range kept {
			list[k].users = append(list[k].users, i)
			if list[k].owner >= 0 {
				known += list[k].to - list[k].from
			}
		}
		if end := endOf(list, part.from); end < hit { // computed by nobody that is known
			list, kept = append(list, extent{from: end, to: hit, owner: -1}), kept+1
		}
		if hit < part.to {
			var again int
			list, again = cut(list, part.to)
			for _, s := range list[kept:again] {
				p.settle(s)
			}
			list = slices.Replace(list, kept, again, extent{from: hit, to: part.to, owner: i})
		}
		p.parts[part.row] = list
	}
	return known
}

// endOf is the token up to which a list of extents goes, from if it is empty.
func endOf(list []extent, from float64) float64 {
	if len(list) == 0 {
		return from
	}
	return list[len(list)-1].to
}

// cut makes an extent end at token at if one goes beyond it, and returns the number
// of those before it.
func cut(list []extent, at float64) ([]extent, int) {
	for k := range list {
		switch {
		case list[k].from >= at:
			return list, k
		case list[k].to > at:
			rest := extent{at, list[k].to, list[k].owner, slices.Clone(list[k].users)}
			list[k].to = at
			return slices.Insert(list, k+1, rest), k + 1
		}
	}
	return list, len(list)
}

// settle charges the users of an extent their part of it.
func (p *promptCache) settle(s extent) {
	if len(s.users) == 0 || s.owner < 0 {
		return
	}
	each := float32((s.to - s.from) / float64(len(s.users)+1))
	for _, u := range s.users {
		p.columns.Moved[u] += each
	}
	p.columns.Moved[s.owner] -= each * float32(len(s.users))
}
