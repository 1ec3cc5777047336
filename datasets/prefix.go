package datasets

import (
	"cmp"
	"maps"
	"slices"
)

// Prefix says which earlier request of a trace has the longest beginning in common
// with a request, and how much of this request's text that is.
type Prefix struct {
	Of    int32   // position of the earlier request, -1 for none
	Share float32 // of the request's text, in bytes, 0 to 1
}

// leastPrefix is the shortest beginning, in bytes, that counts: servers keep
// prompts in blocks of tokens, and a few words are less than one.
const leastPrefix = 32

// Prefixes compares the texts of the requests of reqs that stand at the positions
// at, in ascending order: those that begin a conversation, for what a later turn
// begins with is known. The text of a request is its system turn and its prompt;
// requests of different kinds have nothing in common. The earlier request of each
// is among them too.
func Prefixes(reqs []Request, at []int) []Prefix {
	out := make([]Prefix, len(at))
	for k := range out {
		out[k].Of = -1
	}
	order := beginAlike(reqs, at)
	system := systemRanks(reqs, at, order)
	slices.SortFunc(order, func(a, b int32) int {
		x, y := &reqs[at[a]], &reqs[at[b]]
		if c := cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(system[a], system[b])); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(x.Prompt, y.Prompt), cmp.Compare(a, b))
	})
	// In this order what two have in common is the least that neighbours between
	// them have. So the longest is with the nearest earlier request on either side.
	link := func(order []int32) {
		type earlier struct {
			k      int32
			common int // with the one below it
		}
		var stack []earlier // ascending positions
		for n, k := range order {
			r, shared := &reqs[at[k]], 0
			if n > 0 {
				shared = common(&reqs[at[order[n-1]]], r)
			}
			for len(stack) > 0 && stack[len(stack)-1].k > k {
				shared = min(shared, stack[len(stack)-1].common)
				stack = stack[:len(stack)-1]
			}
			if share := float32(shared) / float32(textLength(r)); len(stack) > 0 && shared >= leastPrefix && share > out[k].Share {
				out[k] = Prefix{int32(at[stack[len(stack)-1].k]), share}
			}
			stack = append(stack, earlier{k, shared})
		}
	}
	link(order)
	slices.Reverse(order)
	link(order)
	return out
}

// beginAlike returns those of at, by their place in it, whose first bytes are those of
// another.
func beginAlike(reqs []Request, at []int) []int32 {
	type beginning [leastPrefix]byte
	begin := func(r *Request) (b beginning, ok bool) {
		n := copy(b[:], r.System)
		n += copy(b[n:], r.Prompt)
		return b, n == leastPrefix
	}
	const several = -2
	first := make(map[beginning]int32) // the one that has it, or several
	for k, i := range at {
		if b, ok := begin(&reqs[i]); ok {
			if _, known := first[b]; known {
				first[b] = several
			} else {
				first[b] = int32(k)
			}
		}
	}
	var alike []int32
	for k, i := range at {
		if b, ok := begin(&reqs[i]); ok && first[b] == several {
			alike = append(alike, int32(k))
		}
	}
	return alike
}

// systemRanks numbers the system turns of the requests in order, in their order:
// there are few of them, and they are long.
func systemRanks(reqs []Request, at []int, order []int32) []int32 {
	known := make(map[string]int)
	for _, k := range order {
		known[reqs[at[k]].System] = 0
	}
	for rank, system := range slices.Sorted(maps.Keys(known)) {
		known[system] = rank
	}
	ranks := make([]int32, len(at))
	for _, k := range order {
		ranks[k] = int32(known[reqs[at[k]].System])
	}
	return ranks
}

// textLength is that of a request's text.
func textLength(r *Request) int { return len(r.System) + len(r.Prompt) }

// common is the length of what two texts begin with. A system turn ends where the
// prompt begins: what follows has nothing in common unless all of it is the same.
func common(a, b *Request) int {
	switch {
	case a.Kind != b.Kind:
		return 0
	case a.System != b.System:
		return commonText(a.System, b.System)
	}
	return len(a.System) + commonText(a.Prompt, b.Prompt)
}

// commonText is the length of the bytes that two texts begin with.
func commonText(a, b string) int {
	n := min(len(a), len(b))
	// The comparison of long texts is much faster than a loop over their bytes.
	const piece = 64
	i := 0
	for i+piece <= n && a[i:i+piece] == b[i:i+piece] {
		i += piece
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}
