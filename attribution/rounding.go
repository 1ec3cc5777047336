package attribution

import "math"

// rounding turns non-negative real shares into whole quanta that sum to a
// given total, by largest remainders: every share gets its whole part, and the
// quanta left go one each to the largest fractions, ties to the lower index.
// It is kept as a rule and not as a second array, so that ten million shares
// need no copy.
type rounding struct {
	base    int64  // quanta that everybody gets beside
	cut     uint64 // fractions above get one quantum more
	tieEnd  int    // so do those equal to cut, below this index
	nothing bool   // no share is above zero
}

// newRounding makes the rule for n shares and their total. Shares that are zero
// or less get nothing. It takes six passes over the shares and no memory.
func newRounding(n int, share func(i int) float64, total int64) rounding {
	left, takers := total, int64(0)
	for i := range n {
		if x := share(i); x > 0 {
			left -= int64(math.Floor(x))
			takers++
		}
	}
	if takers == 0 {
		return rounding{nothing: true}
	}
	r := rounding{base: floorDiv(left, takers)}
	left -= r.base * takers // 0 <= left < takers
	// Select the left-th largest key, 16 bits at a time.
	var prefix uint64
	need := left
	var counts [1 << 16]int64
	for shift := 48; shift >= 0; shift -= 16 {
		clear(counts[:])
		mask := ^uint64(0) << (shift + 16)
		for i := range n {
			if x := share(i); x > 0 {
				if k := fraction(x); k&mask == prefix {
					counts[k>>shift&0xffff]++
				}
			}
		}
		digit := 0xffff
		for ; digit > 0 && counts[digit] <= need; digit-- {
			need -= counts[digit]
		}
		prefix |= uint64(digit) << shift
	}
	r.cut = prefix
	// need of those at the cut itself are served, from the lowest index.
	for i := 0; i < n && need > 0; i++ {
		if x := share(i); x > 0 && fraction(x) == r.cut {
			need--
			r.tieEnd = i + 1
		}
	}
	return r
}

// of returns share x of index i in whole quanta.
func (r rounding) of(i int, x float64) int64 {
	if !(x > 0) || r.nothing {
		return 0
	}
	q := int64(math.Floor(x)) + r.base
	if f := fraction(x); f > r.cut || f == r.cut && i < r.tieEnd {
		q++
	}
	return q
}

// fraction is the fractional part of x as a 63-bit integer.
func fraction(x float64) uint64 {
	return uint64((x - math.Floor(x)) * (1 << 63))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
