package loadgen

import "slices"

// spread shares total tokens among events when only the total is known: one
// each; a surplus first for the end-of-sequence token, which has no text, on
// the last event of an answer that stopped by itself; the rest by length of
// text, largest remainder first. With fewer tokens than events (a character
// split over two) the last events get none.
func spread(counts, lengths []int32, total int, finish string) {
	if len(counts) == 0 {
		return
	}
	surplus := total - len(counts)
	for i := range counts {
		counts[i] = 1
		if i >= total {
			counts[i] = 0
		}
	}
	if surplus > 0 && finish == "stop" {
		counts[len(counts)-1]++
		surplus--
	}
	if surplus <= 0 {
		return
	}
	var sum int64
	for _, n := range lengths {
		sum += int64(n)
	}
	if sum == 0 {
		counts[len(counts)-1] += int32(surplus)
		return
	}
	order := make([]int, len(counts))
	rest := surplus
	for i, n := range lengths {
		order[i] = i
		share := int64(surplus) * int64(n) / sum
		counts[i] += int32(share)
		rest -= int(share)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		ra := int64(surplus) * int64(lengths[a]) % sum
		rb := int64(surplus) * int64(lengths[b]) % sum
		switch {
		case ra > rb:
			return -1
		case ra < rb:
			return 1
		}
		return 0
	})
	for _, i := range order[:rest] {
		counts[i]++
	}
}
