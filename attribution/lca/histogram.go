package lca

import "math"

// histogram counts draws in bins as fine as the leading 10 bits of a float's
// fraction, so that a quantile of any number of draws is right to 0.1 % in
// bounded memory: 4 KiB for each factor of two in which there are draws. The zero
// value is empty.
type histogram struct {
	negative, positive bins
	zeros, never       int64 // never is +Inf
	n                  int64
	sum                float64
}

const (
	fine     = 10        // bits of the fraction that choose a bin
	fraction = 52 - fine // bits that a bin leaves out
	perPage  = 1 << fine // bins of one power of two
)

// bins are counters by the leading bits of a positive float, a page a power of
// two, made when first needed. The zero value is empty.
type bins struct {
	first int     // the power of two of pages[0]
	pages []*page // nil where no draw fell yet
}

// page counts the draws within one power of two: all of them, and by bin.
type page struct {
	n   int64
	bin [perPage]uint32
}

func (b *bins) add(v float64) {
	i := int(math.Float64bits(v) >> fraction)
	k := i/perPage - b.first
	if k < 0 || k >= len(b.pages) || b.pages[k] == nil {
		k = b.open(i / perPage)
	}
	p := b.pages[k]
	p.n++
	p.bin[i%perPage]++
}

// open makes the page of a power of two and gives its place.
func (b *bins) open(power int) int {
	switch k := power - b.first; {
	case len(b.pages) == 0:
		b.first, b.pages = power, append(b.pages, nil)
	case k < 0:
		b.first, b.pages = power, append(make([]*page, -k), b.pages...)
	case k >= len(b.pages):
		b.pages = append(b.pages, make([]*page, k+1-len(b.pages))...)
	}
	k := power - b.first
	b.pages[k] = new(page)
	return k
}

// reset empties the counters. Pages that had a draw stay: the next draws are likely
// to be of their size.
func (b *bins) reset() {
	for k, p := range b.pages {
		if p != nil && p.n > 0 {
			*p = page{}
		} else {
			b.pages[k] = nil
		}
	}
}

// find goes through the bins with draws, from the smallest up or from the largest
// down, to the one in which the draws so far exceed left, and gives the part of it
// that does; false, with what is left, where there are too few draws.
func (b *bins) find(down bool, left float64) (bin int, part, rest float64, found bool) {
	for k := range b.pages {
		if down {
			k = len(b.pages) - 1 - k
		}
		p := b.pages[k]
		if p == nil {
			continue
		}
		if n := float64(p.n); left > n {
			left -= n
			continue
		}
		for i := range perPage {
			if down {
				i = perPage - 1 - i
			}
			count := float64(p.bin[i])
			if count == 0 {
				continue
			}
			if left <= count {
				return (b.first+k)*perPage + i, left / count, 0, true
			}
			left -= count
		}
	}
	return 0, 0, left, false
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

// addAll adds several draws.
func (h *histogram) addAll(draws []float64) {
	for _, v := range draws {
		h.add(v)
	}
}

// mean of the draws that are finite.
func (h *histogram) mean() float64 {
	if n := h.n - h.never; n > 0 {
		return h.sum / float64(n)
	}
	return math.Inf(1)
}

// reset empties the histogram, which keeps its memory.
func (h *histogram) reset() {
	h.negative.reset()
	h.positive.reset()
	*h = histogram{negative: h.negative, positive: h.positive}
}

// quantile is the value below which the fraction p of the draws lies, linear
// within its bin.
func (h *histogram) quantile(p float64) float64 {
	bin, part, left, found := h.negative.find(true, p*float64(h.n))
	if found {
		return -inBin(bin, 1-part)
	}
	if h.zeros > 0 && left <= float64(h.zeros) {
		return 0
	}
	left -= float64(h.zeros)
	if bin, part, _, found = h.positive.find(false, left); found {
		return inBin(bin, part)
	}
	return math.Inf(1)
}

// inBin is the value at a part of a bin.
func inBin(bin int, part float64) float64 {
	low, high := math.Float64frombits(uint64(bin)<<fraction), math.Float64frombits(uint64(bin+1)<<fraction)
	return low + part*(high-low)
}
