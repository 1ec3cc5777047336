package lca

import "math"

// histogram counts draws in bins as fine as the leading 10 bits of a float's
// fraction, so that a quantile of any number of draws is right to 0.1 % in
// bounded memory: 4 KiB for each factor of two that the draws span. The zero
// value is empty.
type histogram struct {
	negative, positive bins
	zeros, never       int64 // never is +Inf
	n                  int64
	sum                float64
}

const (
	fine     = 10             // bits of the fraction that choose a bin
	fraction = 52 - fine      // bits that a bin leaves out
	perPage  = 1 << fine      // bins of one power of two
	pages    = 1 << (63 - 52) // powers of two of a float
)

// bins are counters by the leading bits of a positive float, a page a power of
// two, made when first needed.
type bins struct{ page [pages]*[perPage]uint32 }

func (b *bins) add(v float64) {
	i := math.Float64bits(v) >> fraction
	p := &b.page[i/perPage]
	if *p == nil {
		*p = new([perPage]uint32)
	}
	(*p)[i%perPage]++
}

// each calls f with every bin that has draws, from the smallest up or from the
// largest down, until f wants no more.
func (b *bins) each(down bool, f func(bin int, count float64) bool) {
	for k := range pages {
		if down {
			k = pages - 1 - k
		}
		if b.page[k] == nil {
			continue
		}
		for i := range perPage {
			if down {
				i = perPage - 1 - i
			}
			if c := b.page[k][i]; c > 0 && !f(k*perPage+i, float64(c)) {
				return
			}
		}
	}
}

func (h *histogram) add(v float64) {
	h.n++
	switch {
	case math.IsInf(v, 0) || math.IsNaN(v):
		h.never++
		return
	case v == 0:
		h.zeros++
	case v > 0:
		h.positive.add(v)
	default:
		h.negative.add(-v)
	}
	h.sum += v
}

// mean of the draws that are finite.
func (h *histogram) mean() float64 {
	if n := h.n - h.never; n > 0 {
		return h.sum / float64(n)
	}
	return math.Inf(1)
}

// quantile is the value below which the fraction p of the draws lies, linear
// within its bin.
func (h *histogram) quantile(p float64) float64 {
	left, found, q := p*float64(h.n), false, math.Inf(1)
	search := func(b *bins, sign float64) {
		b.each(sign < 0, func(bin int, count float64) bool {
			if found = left <= count; found {
				part := left / count
				if sign < 0 {
					part = 1 - part
				}
				q = sign * inBin(bin, part)
				return false
			}
			left -= count
			return true
		})
	}
	search(&h.negative, -1)
	switch {
	case found:
		return q
	case h.zeros > 0 && left <= float64(h.zeros):
		return 0
	}
	left -= float64(h.zeros)
	search(&h.positive, 1)
	return q
}

// inBin is the value at a part of a bin.
func inBin(bin int, part float64) float64 {
	low, high := math.Float64frombits(uint64(bin)<<fraction), math.Float64frombits(uint64(bin+1)<<fraction)
	return low + part*(high-low)
}
