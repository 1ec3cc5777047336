// Package mersenne reproduces, bit for bit, the parts of CPython's module
// random that benchmark tools select their requests with: the Mersenne Twister
// MT19937 seeded by random.seed(int), getrandbits, shuffle and choice.
//
// It is for replaying other tools' choices and for nothing else: it is neither
// fast nor unpredictable.
//
// Sources: Matsumoto and Nishimura, "Mersenne Twister", ACM TOMACS 8(1), 1998,
// with their 2002 seeding by array; CPython's Lib/random.py and
// Modules/_randommodule.c for how Python draws from it (3.2 to 3.14 agree).
package mersenne

import "math/bits"

const (
	words  = 624 // state size in 32-bit words
	middle = 397 // distance of the word that each new one is twisted with

	upperMask = 0x80000000
	lowerMask = 0x7fffffff
	matrix    = 0x9908b0df
)

// Random is one generator. The zero value is not seeded; use New. It is not
// safe for concurrent use.
type Random struct {
	state [words]uint32
	next  int // position of the next unused word; words when all are used
}

// New returns a generator in the state that random.seed(seed) leaves. Like
// CPython it seeds with the absolute value, so seeds n and -n are one.
func New(seed int64) *Random {
	magnitude := uint64(seed)
	if seed < 0 {
		magnitude = -magnitude
	}
	key := []uint32{uint32(magnitude)}
	if high := uint32(magnitude >> 32); high != 0 {
		key = append(key, high)
	}
	r := &Random{}
	r.seedByArray(key)
	return r
}

// seedBy fills the state from one word (the authors' init_genrand).
func (r *Random) seedBy(s uint32) {
	r.state[0] = s
	for i := 1; i < words; i++ {
		r.state[i] = 1812433253*(r.state[i-1]^r.state[i-1]>>30) + uint32(i)
	}
	r.next = words
}

// seedByArray fills the state from a key of any length (the authors'
// init_by_array).
func (r *Random) seedByArray(key []uint32) {
	r.seedBy(19650218)
	i, j := 1, 0
	advance := func() {
		if i++; i >= words {
			r.state[0] = r.state[words-1]
			i = 1
		}
	}
	for range max(words, len(key)) {
		r.state[i] = (r.state[i] ^ (r.state[i-1]^r.state[i-1]>>30)*1664525) + key[j] + uint32(j)
		if j++; j >= len(key) {
			j = 0
		}
		advance()
	}
	for range words - 1 {
		r.state[i] = (r.state[i] ^ (r.state[i-1]^r.state[i-1]>>30)*1566083941) - uint32(i)
		advance()
	}
	r.state[0] = 0x80000000
}

// Uint32 returns the next 32 random bits, which is getrandbits(32).
func (r *Random) Uint32() uint32 {
	if r.next >= words {
		r.twist()
	}
	y := r.state[r.next]
	r.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// twist makes the next words of the state from the present ones.
func (r *Random) twist() {
	for i := range words {
		y := r.state[i]&upperMask | r.state[(i+1)%words]&lowerMask
		r.state[i] = r.state[(i+middle)%words] ^ y>>1 ^ y&1*matrix
	}
	r.next = 0
}

// Bits returns getrandbits(k) for k from 0 to 64: CPython takes whole words,
// least significant first, and drops the low bits of the last one.
func (r *Random) Bits(k int) uint64 {
	switch {
	case k <= 0:
		return 0
	case k <= 32:
		return uint64(r.Uint32() >> (32 - k))
	}
	low := uint64(r.Uint32())
	return low | uint64(r.Uint32()>>(64-k))<<32
}

// Below returns a number in [0, n) by CPython's _randbelow: as many bits as n
// has, drawn again while they are not below n. That is also the index which
// random.choice takes from a sequence of length n. n must be positive.
func (r *Random) Below(n int) int {
	k := bits.Len64(uint64(n))
	for {
		if v := r.Bits(k); v < uint64(n) {
			return int(v)
		}
	}
}

// Shuffle permutes n elements as random.shuffle does: from the last element
// down, each swapped with one at or before it.
func (r *Random) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, r.Below(i+1))
	}
}
