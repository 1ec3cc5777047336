package replay

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Kinds of arrivals of a group.
const (
	ArrivalsStatic    = "static"    // all at once
	ArrivalsStaggered = "staggered" // spread out so that they overlap
)

// Lengths of a group's requests, in words and tokens: half of the prompts and
// half of the answers are short.
var (
	shortPrompt, longPrompt = [2]int{8, 24}, [2]int{64, 144}
	shortOutput, longOutput = [2]int{4, 10}, [2]int{16, 48}
)

// commonWords are words of one token each in most vocabularies.
const commonWords = "the river ran past a stone house and on to the sea while people of the town went out by boat each day with food for those who live far from land"

// planned is one request of a group before it is sent.
type planned struct {
	prompt string
	shared float64 // the part of its words that is the group's prefix
	output int
	offset time.Duration
}

// planGroup draws a group: every mix of short and long turns up, behind the words
// that all prompts of the group begin with.
func (c Config) planGroup(rng *rand.Rand, arrivals string) []planned {
	within := func(r [2]int) int { return r[0] + rng.IntN(r[1]-r[0]+1) }
	words := strings.Fields(commonWords)
	draw := func(n int) []string {
		text := make([]string, n)
		for k := range text {
			text[k] = words[rng.IntN(len(words))]
		}
		return text
	}
	shared := draw(c.SharedPrefix)
	group := make([]planned, c.Size)
	for i := range group {
		prompt, output := shortPrompt, shortOutput
		if rng.IntN(2) == 1 {
			prompt = longPrompt
		}
		if rng.IntN(2) == 1 {
			output = longOutput
		}
		text := slices.Concat(shared, draw(within(prompt)))
		group[i] = planned{prompt: strings.Join(text, " "), shared: float64(len(shared)) / float64(len(text)), output: within(output)}
		if arrivals == ArrivalsStaggered {
			group[i].offset = time.Duration(rng.Int64N(int64(c.Size) * int64(staggerStep)))
		}
	}
	return group
}

// staggerStep is the mean time between the arrivals of a staggered group: less
// than a request takes, so that they overlap.
const staggerStep = 150 * time.Millisecond
